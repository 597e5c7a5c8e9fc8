//! The terminal receiver: standard output, or standard error if standard output has a JSON report.

use std::io::{self, Write};

use super::Receipt;
use crate::line::{TextStyle, line};
use crate::notification::{Level, Notification};

/// The output of terminal receivers: standard output for people, or another stream if standard output has JSON.
#[derive(Debug, Clone, Copy)]
pub enum Terminal {
    Stdout,
    /// A function that writes a line with a level.
    Writer(fn(Level, &str) -> io::Result<()>),
}

#[derive(Debug)]
pub(super) struct TerminalReceiver {
    pub(super) terminal: Terminal,
    pub(super) text_style: TextStyle,
}

impl TerminalReceiver {
    pub(super) fn send(&self, notification: &Notification<'_>) -> io::Result<Receipt> {
        let line = line(notification, self.text_style);
        match self.terminal {
            Terminal::Stdout => write_line(&mut io::stdout().lock(), &line)?,
            Terminal::Writer(write) => write(notification.level(), &line)?,
        }
        Ok(Receipt::default())
    }
}

fn write_line(out: &mut impl Write, line: &str) -> io::Result<()> {
    writeln!(out, "{line}")?;
    out.flush()
}
