//! The log of a call: forwards a plugin's lines to the host's log, sanitized and limited in number and size.

use std::sync::Arc;

use crate::bindings::Level;
use crate::limits::Limits;
use crate::text;

/// The remaining log budget of a call, or of all individual calls after a failed batch.
pub(crate) struct CallLog {
    plugin: Arc<str>,
    rule: Box<str>,
    lines_left: usize,
    bytes_left: usize,
    dropped: u64,
    /// Kept even if the line was dropped: after a panic, no other information exists.
    last_error: Option<String>,
}

/// The start of a line of the plugin.
pub(super) struct LineStart {
    text: String,
    /// True if the line has no more text.
    is_whole: bool,
}

/// The log target of the lines of plugins, for filters.
pub const PLUGIN_LOG_TARGET: &str = "costwarden::plugin";

/// Maximum length of a panic message repeated in a failure, in bytes.
const LAST_ERROR_BYTES: usize = 1024;

impl CallLog {
    pub(super) fn new(limits: &Limits, plugin: Arc<str>, rule: &str) -> Self {
        Self {
            plugin,
            rule: rule.into(),
            lines_left: limits.log_lines,
            bytes_left: limits.log_bytes,
            dropped: 0,
            last_error: None,
        }
    }

    /// Resets the budget to the limits of a single call, shared by all following calls.
    pub(super) fn reset_budget(&mut self, limits: &Limits) {
        self.lines_left = limits.log_lines;
        self.bytes_left = limits.log_bytes;
    }

    /// Logs a warning if lines were dropped.
    pub(crate) fn report_dropped(&self) {
        if self.dropped > 0 {
            tracing::warn!(
                plugin = &*self.plugin,
                rule = &*self.rule,
                dropped = self.dropped,
                "the plugin logs too much: lines were dropped (plugins.limits.log_lines, .log_bytes)"
            );
        }
    }

    /// Returns the log for the next call, without the last error.
    pub(super) fn next_call(self) -> Self {
        Self { last_error: None, ..self }
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.clone()
    }

    /// Returns true if a line of the level is used. An error is used even without remaining lines, because the log
    /// keeps the last error.
    pub(super) fn accepts(&self, level: Level) -> bool {
        self.lines_left > 0 || matches!(level, Level::Error)
    }

    /// Counts a line that was dropped unread.
    pub(super) fn drop_line(&mut self) {
        self.dropped += 1;
    }

    /// Copies the part of a line that the log can use. A line longer than the remaining budget is dropped whole, but
    /// the start may be a panic message.
    pub(super) fn start_of(&self, line: &str) -> LineStart {
        let end = line.floor_char_boundary(self.bytes_left.max(LAST_ERROR_BYTES));
        LineStart { text: line[..end].to_owned(), is_whole: end == line.len() }
    }

    /// Forwards a whole line within the budget, and drops any other line.
    pub(super) fn write(&mut self, level: Level, line: LineStart) {
        let LineStart { text, is_whole } = line;
        let text = text::single_line(text);
        if is_whole && self.lines_left > 0 && text.len() <= self.bytes_left {
            self.lines_left -= 1;
            self.bytes_left -= text.len();
            self.forward(level, &text);
        } else {
            self.drop_line();
        }
        if matches!(level, Level::Error) {
            // `truncated` marks only its own cut.
            let text = if is_whole { text } else { text + "…" };
            self.last_error = Some(text::truncated(text, LAST_ERROR_BYTES));
        }
    }

    fn forward(&self, level: Level, line: &str) {
        let plugin = &*self.plugin;
        let rule = &*self.rule;
        match level {
            Level::Debug => tracing::debug!(target: PLUGIN_LOG_TARGET, plugin, rule, "{line}"),
            Level::Info => tracing::info!(target: PLUGIN_LOG_TARGET, plugin, rule, "{line}"),
            Level::Warn => tracing::warn!(target: PLUGIN_LOG_TARGET, plugin, rule, "{line}"),
            Level::Error => tracing::error!(target: PLUGIN_LOG_TARGET, plugin, rule, "{line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::logged;

    fn log(bytes: usize) -> CallLog {
        CallLog::new(&Limits { log_bytes: bytes, ..Limits::default() }, "watch".into(), "daily")
    }

    fn write(log: &mut CallLog, level: Level, line: &str) -> String {
        let start = log.start_of(line);
        logged(|| log.write(level, start)).1
    }

    #[test]
    fn a_line_within_the_budget_is_logged() {
        let mut log = log(2_000);
        let line = "x".repeat(2_000);
        assert!(write(&mut log, Level::Info, &line).contains(&line));
        assert_eq!((log.bytes_left, log.dropped), (0, 0));
    }

    /// The budget ends inside the last character of the line, so the characters before would fit into the budget.
    #[test]
    fn a_line_beyond_the_budget_is_dropped_whole() {
        for bytes in [1_998, 1_999, 2_000] {
            let mut log = log(bytes);
            let line = format!("{}한", "x".repeat(1_998));
            assert_eq!(write(&mut log, Level::Info, &line), "", "{bytes} bytes");
            assert_eq!((log.bytes_left, log.dropped), (bytes, 1));
        }
    }

    #[test]
    fn the_start_of_a_dropped_error_is_kept() {
        let mut log = log(0);
        assert_eq!(write(&mut log, Level::Error, &format!("{}한", "x".repeat(1_022))), "");
        assert_eq!(log.last_error(), Some(format!("{}…", "x".repeat(1_022))));
        assert_eq!(write(&mut log, Level::Error, "short"), "");
        assert_eq!(log.last_error().as_deref(), Some("short"));
    }
}
