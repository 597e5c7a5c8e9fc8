//! Failpoints: rehearsed crashes at a checkpoint.
//!
//! `COSTWARDEN_FAILPOINT=kill:CHECKPOINT[:N]` kills the process at the Nth pass of a checkpoint.
//! `pause:CHECKPOINT[:N]` stops the process until SIGCONT, so that a test can cause a failure during the pause.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

use crate::checkpoint::Checkpoint;

/// A failpoint.
#[derive(Debug)]
struct Failpoint {
    signal: Signal,
    checkpoint: Checkpoint,
    /// Number of passes before the signal.
    passes_left: AtomicU32,
}

static FAILPOINT: OnceLock<Failpoint> = OnceLock::new();

/// Sets the failpoint, once per process.
///
/// # Errors
/// The text is invalid, or a failpoint is already set.
pub fn set(text: &str) -> Result<(), String> {
    FAILPOINT.set(parse(text)?).map_err(|_| "this process already has a failpoint".to_owned())
}

/// Passes a checkpoint. Only a matching failpoint has an effect.
pub fn pass(checkpoint: Checkpoint) {
    let Some(failpoint) = FAILPOINT.get().filter(|failpoint| failpoint.checkpoint == checkpoint) else { return };
    let left = failpoint.passes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
        // The failpoint was used and stays inactive.
        u32::MAX => None,
        left => Some(left.wrapping_sub(1)),
    });
    if left == Ok(0) {
        tracing::warn!(%checkpoint, signal = ?failpoint.signal, "failpoint: this process sends a signal to itself");
        // SIGKILL allows no cleanup, like a real crash.
        if let Err(error) = kill_process(getpid(), failpoint.signal) {
            tracing::error!(%error, "the failpoint could not send the signal");
        }
    }
}

fn parse(text: &str) -> Result<Failpoint, String> {
    let mut parts = text.split(':');
    let signal = match parts.next() {
        Some("kill") => Signal::KILL,
        Some("pause") => Signal::STOP,
        _ => return Err(format!("expected kill:CHECKPOINT[:N] or pause:CHECKPOINT[:N], found {text:?}")),
    };
    let checkpoint = parts.next().unwrap_or_default().parse()?;
    let pass: u32 = parts.next().map_or(Ok(1), |pass| {
        pass.parse().ok().filter(|pass| *pass > 0).ok_or_else(|| format!("expected a count from 1, found {pass:?}"))
    })?;
    match parts.next() {
        Some(rest) => Err(format!("expected nothing after the count, found {rest:?}")),
        None => Ok(Failpoint { signal, checkpoint, passes_left: AtomicU32::new(pass - 1) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failpoint_has_a_signal_a_checkpoint_and_a_count() {
        let third = parse("kill:writing:3").expect("valid");
        assert_eq!(
            (third.signal, third.checkpoint, third.passes_left.into_inner()),
            (Signal::KILL, Checkpoint::Writing, 2)
        );
        let pause = parse("pause:notified").expect("valid");
        assert_eq!(
            (pause.signal, pause.checkpoint, pause.passes_left.into_inner()),
            (Signal::STOP, Checkpoint::Notified, 0)
        );
        for text in [
            "",
            "kill",
            "kill:",
            "kill:nowhere",
            "end:notified",
            "kill:notified:0",
            "kill:notified:x",
            "kill:notified:1:2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
