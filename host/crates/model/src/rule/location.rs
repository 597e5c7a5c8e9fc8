//! The location of a rule in a file, for messages.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The file of a rule, and the lines of keys.
#[derive(Debug, Clone, Default)]
pub struct RuleLocation {
    pub file: PathBuf,
    pub line: usize,
    pub detector: usize,
    pub history_days: usize,
    /// Lines by JSON pointer; "" is the whole table.
    pub(super) settings: BTreeMap<String, usize>,
}

impl RuleLocation {
    /// Returns the line for a detector's JSON pointer into the settings, or the line of the nearest enclosing table.
    pub fn settings(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            match self.settings.get(pointer) {
                Some(line) => return *line,
                None if pointer.is_empty() => return self.line,
                None => pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent),
            }
        }
    }
}
