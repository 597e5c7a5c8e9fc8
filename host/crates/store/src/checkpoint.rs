//! The checkpoints of a job, and failpoints (rehearsed crashes) at checkpoints.
//!
//! `COSTWARDEN_FAILPOINT=kill:STEP[:N]` kills the process at the Nth arrival at a checkpoint. `pause:STEP[:N]` stops the
//! process until SIGCONT, so that a test can cause a failure during the pause.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// The checkpoints of a job, in order. A job over many days reaches most checkpoints once per day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkpoint {
    /// The run record is stored.
    Started,
    /// A raw document was fetched.
    Fetched,
    /// The document is in the archive or in the spool.
    Archived,
    /// One batch of a bulk write is stored; further batches may be missing.
    Writing,
    /// The sums are stored.
    Written,
    /// The anomalies are stored.
    Anomalies,
    /// The incidents are stored.
    Incidents,
    /// All results are stored; no notification is sent yet.
    Stored,
    /// A receiver accepted a notification; the delivery is not recorded yet.
    Delivered,
    /// All due notifications are delivered and recorded.
    Notified,
    /// Some series are trained.
    Training,
    /// All series are trained.
    Trained,
    /// Only the final report is missing.
    Finished,
}

impl Checkpoint {
    const ALL: [Self; 13] = [
        Self::Started,
        Self::Fetched,
        Self::Archived,
        Self::Writing,
        Self::Written,
        Self::Anomalies,
        Self::Incidents,
        Self::Stored,
        Self::Delivered,
        Self::Notified,
        Self::Training,
        Self::Trained,
        Self::Finished,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Fetched => "fetched",
            Self::Archived => "archived",
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Anomalies => "anomalies",
            Self::Incidents => "incidents",
            Self::Stored => "stored",
            Self::Delivered => "delivered",
            Self::Notified => "notified",
            Self::Training => "training",
            Self::Trained => "trained",
            Self::Finished => "finished",
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Checkpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Older versions recorded the progress of a backfill under `days`.
        let text = if text == "days" { "notified" } else { text };
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|step| step.as_str() == text);
        found.ok_or_else(|| format!("step is `{text}`, expected one of {}", names()))
    }
}

/// A failpoint.
#[derive(Debug)]
struct Failpoint {
    signal: Signal,
    step: Checkpoint,
    /// Number of arrivals before the signal.
    passes: AtomicU32,
}

static FAILPOINT: OnceLock<Failpoint> = OnceLock::new();

/// Sets the failpoint, once per process.
///
/// # Errors
/// The text is invalid, or a failpoint is already set.
pub fn set_failpoint(text: &str) -> Result<(), String> {
    let rehearsal = parse(text)?;
    FAILPOINT.set(rehearsal).map_err(|_| "a rehearsal was asked for already".to_owned())
}

fn parse(text: &str) -> Result<Failpoint, String> {
    let mut parts = text.split(':');
    let signal = match parts.next() {
        Some("kill") => Signal::KILL,
        Some("pause") => Signal::STOP,
        _ => return Err(format!("expected kill:STEP[:N] or pause:STEP[:N], found {text:?}")),
    };
    let step = parts.next().unwrap_or_default().parse()?;
    let nth: u32 = parts.next().map_or(Ok(1), |nth| {
        nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(|| format!("expected a count from 1, found {nth:?}"))
    })?;
    match parts.next() {
        Some(rest) => Err(format!("expected nothing after the count, found {rest:?}")),
        None => Ok(Failpoint { signal, step, passes: AtomicU32::new(nth - 1) }),
    }
}

/// Reports the arrival at a checkpoint. Only a matching failpoint has an effect.
pub fn reached(step: Checkpoint) {
    let Some(rehearsal) = FAILPOINT.get().filter(|rehearsal| rehearsal.step == step) else { return };
    let pass = rehearsal.passes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |passes| match passes {
        // The failpoint was used and stays inactive.
        u32::MAX => None,
        passes => Some(passes.wrapping_sub(1)),
    });
    if pass == Ok(0) {
        tracing::warn!(%step, signal = ?rehearsal.signal, "this is a rehearsal");
        // SIGKILL allows no cleanup, like a real crash.
        if let Err(error) = kill_process(getpid(), rehearsal.signal) {
            tracing::error!(%error, "the rehearsal could not be held");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own() {
        for step in Checkpoint::ALL {
            assert_eq!(step.as_str().parse(), Ok(step));
        }
        assert!(Checkpoint::ALL.is_sorted());
        assert_eq!("days".parse(), Ok(Checkpoint::Notified));
        assert!("nowhere".parse::<Checkpoint>().is_err_and(|error| error.contains("expected one of started, fetched")));
    }

    #[test]
    fn a_rehearsal_is_asked_for_in_words() {
        let third = parse("kill:writing:3").expect("valid");
        assert_eq!((third.signal, third.step, third.passes.into_inner()), (Signal::KILL, Checkpoint::Writing, 2));
        let pause = parse("pause:told").expect("valid");
        assert_eq!((pause.signal, pause.step, pause.passes.into_inner()), (Signal::STOP, Checkpoint::Notified, 0));
        for text in ["", "kill", "kill:", "kill:nowhere", "end:told", "kill:told:0", "kill:told:x", "kill:told:1:2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
