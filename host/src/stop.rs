//! SIGTERM and SIGINT: the run ends after the step that it is at. A second one ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

static ASKED: AtomicBool = AtomicBool::new(false);
static WAITING: Notify = Notify::const_new();

/// Listens from now on; until then a signal ends the process as it would any other.
///
/// # Errors
/// The system takes no handler.
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
        }
    });
    Ok(())
}

/// Whether the process was asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Comes back once it is.
pub(crate) async fn when_asked() {
    let notified = WAITING.notified();
    tokio::pin!(notified);
    // Enabled before the flag is looked at, so that no signal falls between.
    notified.as_mut().enable();
    if !asked() {
        notified.await;
    }
}
