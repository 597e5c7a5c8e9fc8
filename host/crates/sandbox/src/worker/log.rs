//! The log of a call: passes the lines within the budget to the parent, and counts the other lines.

use std::io;

use super::serve::Parent;
use crate::bindings::Level;
use crate::protocol::{LogBudget, LogLevel, Message};
use crate::text;

/// The remaining log budget of a call.
pub(super) struct CallLog {
    budget: LogBudget,
    parent: Parent,
    dropped_lines: u64,
    /// Kept even if the line was dropped: after a panic, no other information exists.
    last_error: Option<String>,
}

/// The start of a line of the plugin.
pub(super) struct LineStart {
    text: String,
    /// True if the line has no more text.
    is_whole: bool,
}

/// Maximum length of a panic message repeated in a failure, in bytes.
const LAST_ERROR_BYTES: usize = 1024;

impl CallLog {
    pub(super) fn new(budget: LogBudget, parent: Parent) -> Self {
        Self { budget, parent, dropped_lines: 0, last_error: None }
    }

    pub(super) fn dropped_lines(&self) -> u64 {
        self.dropped_lines
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }

    /// Returns true if a line of the level is used. An error is used even without remaining lines, because the log
    /// keeps the last error.
    pub(super) fn accepts(&self, level: LogLevel) -> bool {
        self.budget.lines > 0 || level == LogLevel::Error
    }

    /// Counts a line that was dropped unread.
    pub(super) fn drop_line(&mut self) {
        self.dropped_lines += 1;
    }

    /// Copies the part of a line that the log can use. A line longer than the remaining budget is dropped whole, but
    /// the start may be a panic message.
    pub(super) fn start_of(&self, line: &str) -> LineStart {
        let end = line.floor_char_boundary(self.budget.bytes.max(LAST_ERROR_BYTES));
        LineStart { text: line[..end].to_owned(), is_whole: end == line.len() }
    }

    /// Passes a whole line within the budget to the parent, and drops any other line.
    pub(super) fn write(&mut self, level: LogLevel, line: LineStart) -> io::Result<()> {
        let LineStart { text, is_whole } = line;
        let text = text::single_line(text);
        if is_whole && self.budget.lines > 0 && text.len() <= self.budget.bytes {
            self.budget.lines -= 1;
            self.budget.bytes -= text.len();
            self.parent.send(&Message::Log { level, line: text.clone() })?;
        } else {
            self.drop_line();
        }
        if level == LogLevel::Error {
            // `truncated` marks only its own cut.
            let text = if is_whole { text } else { text + "…" };
            self.last_error = Some(text::truncated(text, LAST_ERROR_BYTES));
        }
        Ok(())
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
