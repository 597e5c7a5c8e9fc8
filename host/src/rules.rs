//! What the operator asks for: which detector watches which series, and what is worth telling.

use std::path::PathBuf;

use crate::finding::Severity;
use crate::series::Grain;
use crate::store::Measure;

/// One rule of a rule set, valid in itself.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// `[a-z0-9-]+`, so that it can be a key of documents.
    pub(crate) id: String,
    /// Why it exists, for whoever meets it at night.
    pub(crate) why: String,
    /// The name of a plugin: `<plugins.directory>/<detector>.wasm`.
    pub(crate) detector: String,
    pub(crate) grain: Grain,
    pub(crate) group_by: GroupBy,
    pub(crate) measure: Measure,
    pub(crate) history_days: u16,
    /// Whether a series without a row on a known day counts as 0 or as not known.
    pub(crate) absent: Absent,
    pub(crate) direction: Watch,
    /// In the bill's currency.
    pub(crate) min_impact: f64,
    /// Of what was expected: 0.2 is 20 %.
    pub(crate) min_change: f64,
    pub(crate) severity: Severity,
    /// JSON, handed to the detector as it is.
    pub(crate) settings: String,
    /// Where it was read, for messages.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

/// The dimensions that a rule keeps apart; the others are summed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GroupBy {
    pub(crate) domain: bool,
    pub(crate) project: bool,
    pub(crate) service: bool,
}

/// What a known day without a row for the series means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    Zero,
    Unknown,
}

/// Which deviations a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    Up,
    Down,
    Both,
}
