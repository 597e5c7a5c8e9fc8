//! Threads with enough stack for plugins.

use std::thread;

use crate::failure::CallError;

/// Stack of a thread in addition to the WebAssembly stack, in bytes.
pub(crate) const HOST_STACK_BYTES: usize = 1024 * 1024;

/// Runs a closure on a separate thread. A panic becomes a [`CallError::Host`], and the caller's stack is not used.
pub(crate) fn run_on_thread<T: Send>(builder: thread::Builder, run: impl FnOnce() -> T + Send) -> Result<T, CallError> {
    thread::scope(|scope| {
        let thread = builder.spawn_scoped(scope, run).map_err(|error| start_error(&error))?;
        thread.join().map_err(|_| panic_error())
    })
}

/// Returns the error for a thread that the system does not start.
pub(super) fn start_error(error: &std::io::Error) -> CallError {
    CallError::Host(format!("a thread cannot be started: {error}"))
}

/// Returns the error for a thread of the host that panicked.
pub(super) fn panic_error() -> CallError {
    CallError::Host("a thread of the host panicked".to_owned())
}
