//! Receivers of notifications, with a line per notification.
//!
//! A receiver accepts a line or fails. The pipeline stores accepted lines, so a receiver gets a missed line once, at
//! the next run.

mod detail;
mod line;
pub mod options;
mod stdout;
mod syslog;

use std::io;

use jiff::Timestamp;

pub use self::line::{Level, Line, TextOptions, daily_total, of_incident, operational};
use crate::options::{ReceiverKind, ReceiverOptions, Words};

/// An open receiver.
#[derive(Debug)]
pub struct Receiver {
    /// The key of stored deliveries.
    pub name: String,
    /// The amount of detail in notifications.
    pub words: Words,
    kind: Kind,
    /// Number of lines accepted and refused since the receiver was opened.
    pub accepted: u64,
    pub failed: u64,
}

/// The output of terminal receivers: standard output for people, or another stream if standard output has JSON.
#[derive(Debug, Clone, Copy)]
pub enum Terminal {
    Stdout,
    /// A function for a line with a level.
    Beside(fn(Level, &str) -> io::Result<()>),
}

#[derive(Debug)]
enum Kind {
    Terminal(Terminal),
    Syslog(syslog::Syslog),
}

/// An error of a receiver.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("receiver {receiver}: cannot write to {target} ({error}); it is told at the next run")]
    Down { receiver: String, target: String, error: std::io::Error },
    #[error(
        "receiver {receiver}: cannot reach {target} ({error}); check that it runs and that this user may write to it"
    )]
    Unreachable { receiver: String, target: String, error: std::io::Error },
}

impl Receiver {
    pub fn new(config: &ReceiverOptions, terminal: Terminal) -> Self {
        let kind = match &config.kind {
            ReceiverKind::Stdout => Kind::Terminal(terminal),
            ReceiverKind::Syslog(config) => Kind::Syslog(syslog::Syslog::new(config)),
        };
        Self { name: config.name.clone(), words: config.words, kind, accepted: 0, failed: 0 }
    }

    /// Reports whether the receiver is reachable, without sending anything. `false` if the transport cannot confirm.
    ///
    /// # Errors
    /// The receiver is down.
    pub fn probe(&mut self) -> Result<bool, ReceiverError> {
        match &mut self.kind {
            Kind::Terminal(_) => Ok(true),
            Kind::Syslog(syslog) => syslog.probe().map_err(|error| ReceiverError::Unreachable {
                receiver: self.name.clone(),
                target: syslog.target(),
                error,
            }),
        }
    }

    /// Sends a line. `Ok` means the receiver has the line.
    ///
    /// # Errors
    /// The receiver is down: nothing was sent.
    pub fn tell(&mut self, line: &Line, now: Timestamp) -> Result<(), ReceiverError> {
        let (told, target) = match &mut self.kind {
            Kind::Terminal(terminal) => (stdout::tell(line, *terminal), "the terminal".to_owned()),
            Kind::Syslog(syslog) => (syslog.tell(line, now), syslog.target()),
        };
        *if told.is_ok() { &mut self.accepted } else { &mut self.failed } += 1;
        told.map_err(|error| ReceiverError::Down { receiver: self.name.clone(), target, error })
    }
}
