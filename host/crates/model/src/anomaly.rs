//! An anomaly: one anomalous point of one series for one rule.
//!
//! The module is pure data. [`crate::incident`] builds incidents from anomalies, and the crate `store` stores anomalies.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::series::{Grain, Names, SeriesKey};

/// The severity set in the operator's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

/// The direction of the deviation from the expected value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Up,
    Down,
}

/// One anomalous point for one rule. The key consists of date, hour, series and rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    pub date: Date,
    /// Hour of the evaluation; `None` for a finished day.
    pub hour: Option<u8>,
    pub series: SeriesKey,
    pub names: Names,
    pub rule: String,
    pub grain: Grain,
    /// SHA-256 of the detector's bytes, in hex.
    pub detector: String,
    pub direction: Direction,
    pub severity: Severity,
    /// Value of the newest point, in the unit of the measure.
    pub observed: f64,
    pub expected: f64,
    /// Lower bound of the usual values; may be minus infinity.
    pub lower: f64,
    /// Upper bound of the usual values; may be infinite.
    pub upper: f64,
    /// At least 1.
    pub score: f64,
    /// Absolute difference of `observed` and `expected`, in the unit of the measure.
    pub impact: f64,
    pub reason: String,
    /// Figures reported by the fit, e.g. `mean` and `std`.
    pub figures: BTreeMap<String, f64>,
    /// Numeric settings of the rule.
    pub numeric_settings: BTreeMap<String, f64>,
    /// Whether the rule is a shadow rule: the anomaly has no incident.
    pub is_shadow: bool,
    /// Id of the incident, after the assignment.
    pub incident: Option<String>,
    /// Id of the planned event that explains the incident, after the assignment.
    pub planned_event: Option<String>,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Returns the word for people.
    pub fn text(self, language: Language) -> &'static str {
        match self {
            Self::Info => language.choose("참고", "info"),
            Self::Warning => language.choose("주의", "warning"),
            Self::Critical => language.choose("심각", "critical"),
        }
    }
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Returns the deviation from the expected value to this side.
    pub(crate) fn deviation(self, observed: f64, expected: f64) -> f64 {
        match self {
            Self::Up => observed - expected,
            Self::Down => expected - observed,
        }
    }
}

impl Anomaly {
    /// Returns the mean for the fields and the log line of the replaced pipeline: the fit's mean, or the expected value
    /// if the fit reports no mean.
    pub fn mean(&self) -> f64 {
        self.figures.get("mean").copied().unwrap_or(self.expected)
    }

    /// Returns the number of standard deviations above the mean; `None` without a positive standard deviation.
    pub fn z_score(&self) -> Option<f64> {
        let std = self.figures.get("std").copied().filter(|std| *std > 0.0)?;
        Some((self.observed - self.mean()) / std)
    }

    /// Returns the ratio of the observed value to the mean; `None` if the mean is 0.
    pub fn deviation_ratio(&self) -> Option<f64> {
        (self.mean() != 0.0).then(|| self.observed / self.mean())
    }
}
