//! The start of a worker process: the jail, then the service. The socket to costwarden is standard input, output and
//! error; no other file is open.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::panic;
use std::process::ExitCode;
use std::thread;

use rustix::process::Resource;

use super::serve::serve;
use crate::compile::{AddressSpace, status_bytes};
use crate::jail::{self, Jail, Threads};
use crate::protocol::encode;

/// The options of a worker.
#[derive(Debug, Clone, Copy)]
pub struct WorkerOptions {
    /// Value of [`Limits::stack_bytes`](crate::Limits::stack_bytes).
    pub stack_bytes: usize,
    /// Bytes of data that the process may have beside its data at the start.
    pub data_bytes: u64,
}

/// Stack of the worker in addition to the WebAssembly stack, in bytes.
pub(crate) const HOST_STACK_BYTES: usize = 1024 * 1024;
/// Open files: the socket, and the memory images of the core modules.
const FILES: u64 = 256;
/// Seconds of processor time of a worker. The wall clock of the parent ends a call much earlier.
const CPU_SECONDS: u64 = 3600;

/// Serves the calls of a single plugin for the parent process.
pub fn run_worker(options: WorkerOptions) -> ExitCode {
    // Standard error is the socket: the text of a panic would be a damaged message.
    panic::set_hook(Box::new(|_| {}));
    match serve_in_jail(options, || {}) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Enters the jail, calls `rehearsal` and serves the parent.
pub(crate) fn serve_in_jail(options: WorkerOptions, rehearsal: impl FnOnce() + Send + 'static) -> io::Result<()> {
    jail::close_files()?;
    jail::end_with_parent()?;
    jail::hide_memory()?;
    jail::limit(Resource::Nofile, FILES)?;
    jail::limit(Resource::Cpu, CPU_SECONDS)?;
    // The memory images are files in memory.
    jail::limit(Resource::Fsize, options.data_bytes)?;
    // The allocator has reserved addresses that count as data. The parent watches the use of them.
    jail::limit(Resource::Data, data_bytes().saturating_add(options.data_bytes))?;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(&socket)?;
    rustix::stdio::dup2_stderr(&socket)?;
    let space = AddressSpace::of_this_process();
    let landlock = jail::refuse_files();
    // The thread starts before the process may start no more.
    let thread = thread::Builder::new().name("worker".to_owned()).stack_size(options.stack_bytes + HOST_STACK_BYTES);
    let worker = thread.spawn(move || {
        jail::limit(Resource::Nproc, 0)?;
        let seccomp = jail::refuse_system_calls(Threads::Refused);
        let mut socket = File::from(socket);
        rehearsal();
        io::Write::write_all(&mut socket, &encode(&Jail { landlock, seccomp }, None::<()>)?)?;
        serve(socket, space)
    })?;
    worker.join().map_err(|_| io::Error::other("the worker panicked"))?
}

/// Returns the data of this process, in bytes: writable private addresses.
fn data_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status_bytes(&status, "VmData:").unwrap_or(0)
}
