//! The end of all calls of this process, e.g. after SIGTERM.

use std::sync::atomic::{AtomicBool, Ordering};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Ends the calls and the compilers of all plugins within a moment, whatever the plugins do, and refuses further calls. The results are
/// failures of the host, so the caller must not use them.
pub fn stop_calls() {
    STOPPED.store(true, Ordering::SeqCst);
}

pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}
