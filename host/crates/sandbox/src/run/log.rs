//! The log of a call: forwards the lines of a worker to the host's log, within the budget of the call.

use std::sync::Arc;

use crate::limits::Limits;
use crate::protocol::{LogBudget, LogLevel};
use crate::run::subject::CallSubject;
use crate::text;

/// The remaining log budget of a call, or of all individual calls after a failed batch.
pub(crate) struct CallLog {
    source: LogSource,
    left: LogBudget,
    dropped: u64,
}

/// The fields of each line.
pub(super) struct LogSource {
    pub(super) plugin: Arc<str>,
    pub(super) rule: Box<str>,
    pub(super) subject: CallSubject,
}

/// The log target of the lines of plugins, for filters.
pub const PLUGIN_LOG_TARGET: &str = "costwarden::plugin";

impl CallLog {
    pub(super) fn new(limits: &Limits, source: LogSource) -> Self {
        Self { source, left: full_budget(limits), dropped: 0 }
    }

    /// Sets the series and the times of the following calls.
    pub(super) fn set_subject(&mut self, subject: CallSubject) {
        self.source.subject = subject;
    }

    /// Returns the lines and bytes that the next call may log.
    pub(super) fn budget(&self) -> LogBudget {
        self.left
    }

    /// Resets the budget to the limits of a single call, shared by all following calls.
    pub(super) fn reset_budget(&mut self, limits: &Limits) {
        self.left = full_budget(limits);
    }

    /// Counts the lines that a worker dropped.
    pub(super) fn add_dropped(&mut self, lines: u64) {
        self.dropped = self.dropped.saturating_add(lines);
    }

    /// Logs a warning if lines were dropped.
    pub(crate) fn report_dropped(&self) {
        if self.dropped > 0 {
            tracing::warn!(
                plugin = &*self.source.plugin,
                rule = &*self.source.rule,
                dropped = self.dropped,
                "the plugin logs too much: lines were dropped (plugins.limits.log_lines, .log_bytes)"
            );
        }
    }

    /// Forwards a line within the budget, and drops any other line. A worker keeps to the budget, unless a plugin has
    /// taken over the worker.
    pub(super) fn write(&mut self, level: LogLevel, line: String) {
        if self.left.lines == 0 || line.len() > self.left.bytes {
            self.add_dropped(1);
            return;
        }
        self.left.lines -= 1;
        self.left.bytes -= line.len();
        self.forward(level, &text::single_line(line));
    }

    fn forward(&self, level: LogLevel, line: &str) {
        let LogSource { plugin, rule, subject: CallSubject { series, from, to } } = &self.source;
        // A macro, because tracing needs the level as a constant.
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(
                    target: PLUGIN_LOG_TARGET,
                    plugin = &**plugin,
                    rule = &**rule,
                    series,
                    from,
                    to,
                    "{line}"
                )
            };
        }
        match level {
            LogLevel::Debug => say!(debug),
            LogLevel::Info => say!(info),
            LogLevel::Warn => say!(warn),
            LogLevel::Error => say!(error),
        }
    }
}

fn full_budget(limits: &Limits) -> LogBudget {
    LogBudget { lines: limits.log_lines, bytes: limits.log_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::logged;

    #[test]
    fn a_worker_cannot_exceed_the_budget() {
        let limits = Limits { log_lines: 2, log_bytes: 10, ..Limits::default() };
        let source = LogSource { plugin: "watch".into(), rule: "daily".into(), subject: CallSubject::default() };
        let mut log = CallLog::new(&limits, source);
        let mut write = |line: &str| logged(|| log.write(LogLevel::Info, line.to_owned())).1;
        assert!(write("a\u{1b}[2J").contains("a [2J"));
        assert_eq!(write("1234567890"), "", "longer than the rest of the bytes");
        assert!(write("12345").contains("12345"));
        assert_eq!(write(""), "", "beyond the lines");
        assert_eq!(log.dropped, 2);
    }
}
