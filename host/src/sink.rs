//! Who is told: one line per notice.
//!
//! A sink accepts a line or fails; what was accepted is remembered by [`crate::job`], so that a sink that was down is
//! told at the next run, once.

mod detail;
mod line;
mod stdout;
mod syslog;

use std::io;

use jiff::Timestamp;

pub(crate) use self::line::{Level, Line, Speech, daily_total, of_episode, operational};
use crate::config::{SinkConfig, SinkKind, Words};

/// A way to tell people.
#[derive(Debug)]
pub(crate) struct Sink {
    /// What deliveries are remembered under.
    pub(crate) name: String,
    /// How it is spoken to.
    pub(crate) words: Words,
    kind: Kind,
    /// Lines that it took since it was made, and lines that it did not.
    pub(crate) accepted: u64,
    pub(crate) failed: u64,
}

/// Where lines for the terminal go: beside a run's report for people, or out of the way of one for machines.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Terminal {
    Stdout,
    /// By what says it with its level.
    Beside(fn(Level, &str) -> io::Result<()>),
}

#[derive(Debug)]
enum Kind {
    Terminal(Terminal),
    Syslog(syslog::Syslog),
}

/// Why a sink did not accept a line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    #[error("sink {sink}: cannot write to {target} ({error}); it is told at the next run")]
    Down { sink: String, target: String, error: std::io::Error },
    #[error("sink {sink}: cannot reach {target} ({error}); check that it runs and that this user may write to it")]
    Unreachable { sink: String, target: String, error: std::io::Error },
}

impl Sink {
    pub(crate) fn new(config: &SinkConfig, terminal: Terminal) -> Self {
        let kind = match &config.kind {
            SinkKind::Stdout => Kind::Terminal(terminal),
            SinkKind::Syslog(config) => Kind::Syslog(syslog::Syslog::new(config)),
        };
        Self { name: config.name.clone(), words: config.words, kind, accepted: 0, failed: 0 }
    }

    /// Whether it could be told something, without telling it. False where that cannot be known.
    ///
    /// # Errors
    /// The sink is down.
    pub(crate) fn probe(&mut self) -> Result<bool, SinkError> {
        match &mut self.kind {
            Kind::Terminal(_) => Ok(true),
            Kind::Syslog(syslog) => syslog.probe().map_err(|error| SinkError::Unreachable {
                sink: self.name.clone(),
                target: syslog.target(),
                error,
            }),
        }
    }

    /// Hands over one line; once this is `Ok`, the sink has it.
    ///
    /// # Errors
    /// The sink is down: nothing was told.
    pub(crate) fn tell(&mut self, line: &Line, now: Timestamp) -> Result<(), SinkError> {
        let (told, target) = match &mut self.kind {
            Kind::Terminal(terminal) => (stdout::tell(line, *terminal), "the terminal".to_owned()),
            Kind::Syslog(syslog) => (syslog.tell(line, now), syslog.target()),
        };
        *if told.is_ok() { &mut self.accepted } else { &mut self.failed } += 1;
        told.map_err(|error| SinkError::Down { sink: self.name.clone(), target, error })
    }
}
