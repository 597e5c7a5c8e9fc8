//! The import `log`: forwards a plugin's lines to the host's log, sanitized and limited in number and size.

use std::sync::Arc;

use wasmtime::component::{Linker, WasmStr};
use wasmtime::{AsContext, StoreContextMut};

use super::bindings::Level;
use super::session::State;
use super::{Limits, fuel, output};

/// The remaining log budget of a call, or of all individual calls after a failed batch.
pub(super) struct Log {
    plugin: Arc<str>,
    rule: Box<str>,
    lines_left: usize,
    bytes_left: usize,
    dropped: u64,
    /// Kept even if the line was dropped: after a panic, no other information exists.
    last_error: Option<String>,
}

/// Maximum length of a panic message repeated in a failure, in bytes.
const LAST_ERROR_BYTES: usize = 1024;

/// Defines `log.emit` in the linker.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut log = linker.instance("costwarden:detector/log@1.0.0")?;
    log.func_wrap("emit", |store, (level, message): (Level, WasmStr)| emit(store, level, &message))
}

impl Log {
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
    pub(super) fn renew(&mut self, limits: &Limits) {
        (self.lines_left, self.bytes_left) = (limits.log_lines, limits.log_bytes);
    }

    /// Logs a warning if lines were dropped.
    pub(super) fn close(&self) {
        if self.dropped > 0 {
            let (plugin, rule, dropped) = (&*self.plugin, &*self.rule, self.dropped);
            tracing::warn!(
                plugin,
                rule,
                dropped,
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

    fn is_open(&self, level: Level) -> bool {
        // An error is accepted even without remaining lines, because `last_error` keeps it.
        self.lines_left > 0 || matches!(level, Level::Error)
    }

    fn take(&mut self, level: Level, line: &str) {
        let line = output::plain(line.to_owned());
        if self.lines_left == 0 || line.len() > self.bytes_left {
            self.dropped += 1;
        } else {
            self.lines_left -= 1;
            self.bytes_left -= line.len();
            self.tell(level, &line);
        }
        if matches!(level, Level::Error) {
            self.last_error = Some(output::shortened(line, LAST_ERROR_BYTES));
        }
    }

    fn tell(&self, level: Level, line: &str) {
        let (plugin, rule) = (&*self.plugin, &*self.rule);
        match level {
            Level::Debug => tracing::debug!(plugin, rule, "{line}"),
            Level::Info => tracing::info!(plugin, rule, "{line}"),
            Level::Warn => tracing::warn!(plugin, rule, "{line}"),
            Level::Error => tracing::error!(plugin, rule, "{line}"),
        }
    }
}

fn emit(mut store: StoreContextMut<'_, State>, level: Level, message: &WasmStr) -> wasmtime::Result<()> {
    store.data_mut().fuel.charge(fuel::IMPORT)?;
    if !store.data().log.is_open(level) {
        store.data_mut().log.dropped += 1;
        return Ok(());
    }
    let text = message.to_str(store.as_context())?;
    let bytes = text.len() as u64;
    // A line longer than the remaining budget is dropped whole. Its start is copied, because it may be a panic message.
    let longest = store.data().log.bytes_left.max(LAST_ERROR_BYTES) + 1;
    let line = text[..text.floor_char_boundary(longest)].to_owned();
    store.data_mut().fuel.charge(bytes)?;
    store.data_mut().log.take(level, &line);
    Ok(())
}
