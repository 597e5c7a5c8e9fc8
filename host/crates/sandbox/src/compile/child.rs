//! The child process of the compiler: sets its limits, reads the plugin from standard input and writes the result to
//! standard output. Does not run the code.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::thread;

use rustix::process::Resource;

use super::engine;
use super::translate::{STACK_BYTES, Translation, translate};
use crate::jail::{self, Jail, Threads};
use crate::limits::Limits;

/// Header of compiled code, or of a component.
pub(super) const COMPILED: &[u8] = b"costwarden compiled a plugin\n";
/// Header of an [`InvalidPlugin`](crate::InvalidPlugin) in JSON.
pub(super) const REFUSED: &[u8] = b"costwarden refuses a plugin\n";

/// The options and limits of compiling.
#[derive(Debug, Clone, Copy)]
pub struct CompileOptions {
    /// Value of [`Limits::stack_bytes`], which affects the code.
    pub stack_bytes: usize,
    /// Bytes of addresses.
    pub address_bytes: u64,
    /// CPU seconds, summed over all cores.
    pub cpu_seconds: u64,
    pub result: Translation,
    /// Compiles nothing if the kernel does not enforce the whole jail.
    pub requires_jail: bool,
}

/// Compiles a plugin for the parent process.
pub fn run_compiler(options: CompileOptions) -> ExitCode {
    match limit_resources(options).and_then(|()| on_large_stack(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Locks this process into its jail and limits the resources to its needs, before the process reads a byte.
fn limit_resources(options: CompileOptions) -> io::Result<()> {
    jail::close_files()?;
    // Not hidden: the parent reads the processor time in `/proc`, also where `/proc` shows only what a debugger may see.
    jail::end_with_parent()?;
    jail::limit(Resource::Fsize, 0)?;
    jail::limit(Resource::Nofile, 16)?;
    // The soft limit sends SIGXCPU. The hard limit kills a process that ignores the signal.
    jail::limit_softly(Resource::Cpu, options.cpu_seconds, options.cpu_seconds.saturating_add(1))?;
    jail::limit(Resource::As, options.address_bytes)?;
    let landlock = jail::refuse_files();
    let jail = Jail { landlock, seccomp: jail::refuse_system_calls(Threads::Allowed) };
    match jail.missing().filter(|_| options.requires_jail) {
        Some(missing) => Err(io::Error::other(missing)),
        None => Ok(()),
    }
}

fn on_large_stack(options: CompileOptions) -> io::Result<()> {
    let thread = thread::Builder::new().name("compiler".to_owned()).stack_size(STACK_BYTES);
    match thread.spawn(move || compile(options))?.join() {
        Ok(result) => result,
        // The panic message is already on standard error.
        Err(_) => Err(io::Error::other("the compiler panicked")),
    }
}

fn compile(options: CompileOptions) -> io::Result<()> {
    let limits = Limits { stack_bytes: options.stack_bytes, ..Limits::default() };
    let engine = engine::compiler_engine(&limits).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let mut out = io::stdout().lock();
    match translate(&engine, &bytes, options.result) {
        Ok(code) => {
            out.write_all(COMPILED)?;
            out.write_all(&code)?;
        }
        Err(invalid) => {
            out.write_all(REFUSED)?;
            serde_json::to_writer(&mut out, &invalid)?;
        }
    }
    out.flush()
}
