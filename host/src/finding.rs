//! What a rule found: one anomalous point of one series.
//!
//! Pure data. How findings become incidents is in [`crate::episode`], how they are kept in [`crate::store`].

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::series::{Grain, Names, SeriesKey};

/// How much it matters, as the operator's rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Info,
    Warning,
    Critical,
}

/// Which way a series left what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    Up,
    Down,
}

/// One anomalous point, as one rule sees it. Keyed by date, hour, series and rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) date: Date,
    /// The hour of the run that saw it; none for a finished day.
    pub(crate) hour: Option<u8>,
    pub(crate) series: SeriesKey,
    pub(crate) names: Names,
    pub(crate) rule: String,
    pub(crate) grain: Grain,
    /// SHA-256 of the detector's bytes, in hex.
    pub(crate) detector: String,
    pub(crate) direction: Direction,
    pub(crate) severity: Severity,
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// At least 1.
    pub(crate) score: f64,
    /// Money beyond what was expected, never negative.
    pub(crate) impact: f64,
    pub(crate) reason: String,
    /// What the fit told of itself, e.g. `mean` and `std`.
    pub(crate) figures: BTreeMap<String, f64>,
    /// The numbers among the rule's settings.
    pub(crate) threshold: BTreeMap<String, f64>,
    /// The incident that this belongs to, once that is known.
    pub(crate) episode: Option<String>,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl Direction {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl Finding {
    /// The mean that the tutorial's fields and log line speak of: the fit's where it tells one.
    pub(crate) fn mean(&self) -> f64 {
        self.figures.get("mean").copied().unwrap_or(self.expected)
    }

    /// Standard deviations above the mean; none where the fit tells no deviation or none is there.
    pub(crate) fn z_score(&self) -> Option<f64> {
        let std = self.figures.get("std").copied().filter(|std| *std > 0.0)?;
        Some((self.observed - self.mean()) / std)
    }

    /// Observed over mean; none where the mean is 0.
    pub(crate) fn deviation_ratio(&self) -> Option<f64> {
        (self.mean() != 0.0).then(|| self.observed / self.mean())
    }
}
