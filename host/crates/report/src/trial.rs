//! Trials: rules on series, for the page to evaluate again with other settings.

use jiff::civil::Date;
use model::series::{Names, SeriesKey};

/// A daily rule on a series, with the verdicts of the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub rule: String,
    pub key: SeriesKey,
    pub names: Names,
    /// The digest of the detector.
    pub detector: String,
    /// JSON that the detector accepts.
    pub settings: String,
    /// Maximum number of days in a fit.
    pub history_days: u16,
    /// Days after which a lasting change is the new level.
    pub accept_after_days: u16,
    /// The day of the first value.
    pub first: Date,
    /// Start of the first day, in Unix seconds.
    pub start: i64,
    /// Offset of the time zone of the bill, in seconds.
    pub utc_offset: i32,
    /// The value of each day; NaN if not known.
    pub values: Vec<f64>,
    /// The verdict of the host on each day, with the settings of the rule.
    pub verdicts: Vec<Option<TrialVerdict>>,
}

/// A verdict of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialVerdict {
    /// A score of 1 or more is anomalous.
    pub score: f64,
    pub expected: f64,
    /// Possibly infinite.
    pub lower: f64,
    /// Possibly infinite.
    pub upper: f64,
    pub reason: String,
}

/// The detector of trials.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialDetector {
    pub name: String,
    pub version: String,
    /// JSON Schema.
    pub settings_schema: String,
    /// The core module, or the reason why the detector does not run in a page.
    pub module: Result<Vec<u8>, String>,
}
