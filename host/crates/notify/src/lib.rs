//! Receivers of notifications, with one message per notification.
//!
//! A receiver accepts a message or fails. The pipeline stores the deliveries, so a receiver gets a missed message once,
//! at the next run.

mod detail;
mod incident;
mod message;
pub mod options;
mod syslog;
mod terminal;
mod text;

use std::io;

use jiff::Timestamp;

pub use self::incident::incident_message;
pub use self::message::{Level, Message, daily_total_message, operational_message};
pub use self::text::TextOptions;
use crate::options::{ReceiverKind, ReceiverOptions, TextStyle};
use crate::syslog::Syslog;

/// An open receiver.
#[derive(Debug)]
pub struct Receiver {
    /// The key of stored deliveries.
    pub name: String,
    pub text_style: TextStyle,
    channel: Channel,
    /// Number of accepted messages since the receiver was opened.
    pub accepted: u64,
    /// Number of refused messages since the receiver was opened.
    pub failed: u64,
}

/// The output of terminal receivers: standard output for people, or another stream if standard output has JSON.
#[derive(Debug, Clone, Copy)]
pub enum Terminal {
    Stdout,
    /// A function that writes a message with a level.
    Writer(fn(Level, &str) -> io::Result<()>),
}

/// The channel to a receiver, one variant per kind.
#[derive(Debug)]
enum Channel {
    Terminal(Terminal),
    Syslog(Syslog),
}

/// An error of a receiver.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("receiver {receiver}: cannot write to {target}: {error}; the next run sends the notification again")]
    NotWritten { receiver: String, target: String, error: io::Error },
    #[error(
        "receiver {receiver}: cannot reach {target}: {error}; check that the service runs and that this user may write \
         to it"
    )]
    Unreachable { receiver: String, target: String, error: io::Error },
}

impl Receiver {
    pub fn new(config: &ReceiverOptions, terminal: Terminal) -> Self {
        let channel = match &config.kind {
            ReceiverKind::Terminal => Channel::Terminal(terminal),
            ReceiverKind::Syslog(options) => Channel::Syslog(Syslog::new(options)),
        };
        Self { name: config.name.clone(), text_style: config.text_style, channel, accepted: 0, failed: 0 }
    }

    /// Reports whether the receiver is reachable, without sending anything. `false` if the transport cannot confirm.
    ///
    /// # Errors
    /// The receiver is down.
    pub fn probe(&mut self) -> Result<bool, ReceiverError> {
        match &mut self.channel {
            Channel::Terminal(_) => Ok(true),
            Channel::Syslog(syslog) => syslog.probe().map_err(|error| ReceiverError::Unreachable {
                receiver: self.name.clone(),
                target: syslog.target(),
                error,
            }),
        }
    }

    /// Sends a message. `Ok` means the receiver has the message.
    ///
    /// # Errors
    /// The receiver is down: nothing was sent.
    pub fn send(&mut self, message: &Message, now: Timestamp) -> Result<(), ReceiverError> {
        let sent = match &mut self.channel {
            Channel::Terminal(terminal) => terminal::send(message, *terminal),
            Channel::Syslog(syslog) => syslog.send(message, now),
        };
        match sent {
            Ok(()) => {
                self.accepted += 1;
                Ok(())
            }
            Err(error) => {
                self.failed += 1;
                Err(ReceiverError::NotWritten { receiver: self.name.clone(), target: self.target(), error })
            }
        }
    }

    /// Returns the display name of the destination.
    fn target(&self) -> String {
        match &self.channel {
            Channel::Terminal(_) => "the terminal".to_owned(),
            Channel::Syslog(syslog) => syslog.target(),
        }
    }
}
