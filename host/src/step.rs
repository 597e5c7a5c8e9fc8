//! The named steps of a job, and the rehearsal of a death at one of them.
//!
//! `COSTWARDEN_REHEARSE=kill:STEP[:N]` makes the process kill itself when it comes to that step for the Nth time;
//! `pause:STEP[:N]` makes it stop there until it gets SIGCONT, so that something else can be made to fail meanwhile.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

/// What a job has just done, in this order. A job over many days does most of them once a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The run is on record.
    Started,
    /// A raw document came.
    Fetched,
    /// It is in the archive, or in the spool.
    Archived,
    /// One batch of a bulk write is in the store, others may not be.
    Writing,
    /// The sums are in the store.
    Written,
    /// The findings are.
    Findings,
    /// The incidents are.
    Episodes,
    /// All that was found is remembered; nobody was told.
    Remembered,
    /// A sink has accepted a line, which is not marked yet.
    Accepted,
    /// All that was due was told, and marked.
    Told,
    /// Some series are learned.
    Learning,
    /// All are.
    Learned,
    /// There is nothing left but to say so.
    Finished,
}

impl Step {
    const ALL: [Self; 13] = [
        Self::Started,
        Self::Fetched,
        Self::Archived,
        Self::Writing,
        Self::Written,
        Self::Findings,
        Self::Episodes,
        Self::Remembered,
        Self::Accepted,
        Self::Told,
        Self::Learning,
        Self::Learned,
        Self::Finished,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Fetched => "fetched",
            Self::Archived => "archived",
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Findings => "findings",
            Self::Episodes => "episodes",
            Self::Remembered => "remembered",
            Self::Accepted => "accepted",
            Self::Told => "told",
            Self::Learning => "learning",
            Self::Learned => "learned",
            Self::Finished => "finished",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What an older program called a backfill's progress.
        let text = if text == "days" { "told" } else { text };
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|step| step.as_str() == text);
        found.ok_or_else(|| format!("step is `{text}`, expected one of {}", names()))
    }
}

/// What is rehearsed.
#[derive(Debug)]
struct Rehearsal {
    signal: Signal,
    step: Step,
    /// Times that the step is passed before.
    passes: AtomicU32,
}

static REHEARSAL: OnceLock<Rehearsal> = OnceLock::new();

/// Asks for a rehearsal, once in a process.
///
/// # Errors
/// The text asks for nothing that there is.
pub(crate) fn rehearse(text: &str) -> Result<(), String> {
    let rehearsal = parse(text)?;
    REHEARSAL.set(rehearsal).map_err(|_| "a rehearsal was asked for already".to_owned())
}

fn parse(text: &str) -> Result<Rehearsal, String> {
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
        None => Ok(Rehearsal { signal, step, passes: AtomicU32::new(nth - 1) }),
    }
}

/// Says that a step was come to. Nothing happens but in a rehearsal of it.
pub(crate) fn reached(step: Step) {
    let Some(rehearsal) = REHEARSAL.get().filter(|rehearsal| rehearsal.step == step) else { return };
    let pass = rehearsal.passes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |passes| match passes {
        // It has had its effect: never again.
        u32::MAX => None,
        passes => Some(passes.wrapping_sub(1)),
    });
    if pass == Ok(0) {
        tracing::warn!(%step, signal = ?rehearsal.signal, "this is a rehearsal");
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
        for step in Step::ALL {
            assert_eq!(step.as_str().parse(), Ok(step));
        }
        assert!(Step::ALL.is_sorted());
        assert_eq!("days".parse(), Ok(Step::Told));
        assert!("nowhere".parse::<Step>().is_err_and(|error| error.contains("expected one of started, fetched")));
    }

    #[test]
    fn a_rehearsal_is_asked_for_in_words() {
        let third = parse("kill:writing:3").expect("valid");
        assert_eq!((third.signal, third.step, third.passes.into_inner()), (Signal::KILL, Step::Writing, 2));
        let pause = parse("pause:told").expect("valid");
        assert_eq!((pause.signal, pause.step, pause.passes.into_inner()), (Signal::STOP, Step::Told, 0));
        for text in ["", "kill", "kill:", "kill:nowhere", "end:told", "kill:told:0", "kill:told:x", "kill:told:1:2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
