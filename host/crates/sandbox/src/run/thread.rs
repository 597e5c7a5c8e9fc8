//! The stack of a plugin, and the errors of threads.

use crate::failure::CallError;

/// Stack of a thread in addition to the WebAssembly stack, in bytes.
pub(crate) const HOST_STACK_BYTES: usize = 1024 * 1024;

/// Returns the error for a thread that the system does not start.
pub(super) fn start_error(error: &std::io::Error) -> CallError {
    CallError::Host(format!("a thread cannot be started: {error}"))
}

/// Returns the error for a thread of the host that panicked.
pub(super) fn panic_error() -> CallError {
    CallError::Host("a thread of the host panicked".to_owned())
}
