//! The child process of the compiler: sets its limits, reads the plugin from standard input and writes the code to
//! standard output. Does not run the code.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::thread;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

use super::{STACK_BYTES, translated};
use crate::{Limits, engine};

/// Header of compiled code.
pub(super) const COMPILED: &[u8] = b"costwarden compiled a plugin\n";
/// Header of an [`Unfit`](super::Unfit) in JSON.
pub(super) const UNFIT: &[u8] = b"costwarden refuses a plugin\n";

/// The options and limits of compiling.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// Value of [`Limits::stack_bytes`], which affects the code.
    pub stack_bytes: usize,
    /// Value of [`Limits::compile_memory_bytes`].
    pub memory_bytes: u64,
    /// CPU seconds, summed over all cores.
    pub cpu_seconds: u64,
}

/// Compiles a plugin for the parent process.
pub fn serve(order: Order) -> ExitCode {
    match confine(order).and_then(|()| on_large_stack(order)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Limits the resources of this process to its needs, before the process reads a byte.
fn confine(order: Order) -> io::Result<()> {
    let limit = |resource, soft, hard| setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    // Ends this process with its parent. Otherwise nothing would end it after the parent was killed.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nofile, 16, 16)?;
    // The soft limit sends SIGXCPU. The hard limit kills a process that ignores the signal.
    limit(Resource::Cpu, order.cpu_seconds, order.cpu_seconds.saturating_add(1))?;
    limit(Resource::As, order.memory_bytes, order.memory_bytes)?;
    Ok(())
}

fn on_large_stack(order: Order) -> io::Result<()> {
    let thread = thread::Builder::new().name("compiler".to_owned()).stack_size(STACK_BYTES);
    match thread.spawn(move || compile(order))?.join() {
        Ok(result) => result,
        // The panic message is already on standard error.
        Err(_) => Err(io::Error::other("the compiler panicked")),
    }
}

fn compile(order: Order) -> io::Result<()> {
    let limits = Limits { stack_bytes: order.stack_bytes, ..Limits::default() };
    let engine = engine::compiling(&limits).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let mut out = io::stdout().lock();
    match translated(&engine, &bytes) {
        Ok(code) => {
            out.write_all(COMPILED)?;
            out.write_all(&code)?;
        }
        Err(unfit) => {
            out.write_all(UNFIT)?;
            serde_json::to_writer(&mut out, &unfit)?;
        }
    }
    out.flush()
}
