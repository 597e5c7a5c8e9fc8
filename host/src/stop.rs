//! SIGTERM and SIGINT: the run ends after the current step, and the calls of detectors end at once. A second signal ends
//! the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

static ASKED: AtomicBool = AtomicBool::new(false);
static WAITING: Notify = Notify::const_new();

/// Installs the signal handlers. Before the call, a signal ends the process in the default way. `code` is the exit code
/// after a second signal.
///
/// # Errors
/// The system refuses a handler.
pub(crate) fn listen(code: u8) -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if ASKED.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(code));
            }
            tracing::warn!("asked to stop: the run ends after this step");
            WAITING.notify_waiters();
            sandbox::stop_calls();
        }
    });
    Ok(())
}

/// Returns whether a stop was requested.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Waits for a stop request.
pub(crate) async fn when_asked() {
    let notified = WAITING.notified();
    tokio::pin!(notified);
    // Enabled before the check of the flag, so that no signal is lost between the two.
    notified.as_mut().enable();
    if !asked() {
        notified.await;
    }
}
