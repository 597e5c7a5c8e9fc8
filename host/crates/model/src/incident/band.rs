//! The opening band of an incident: the fits from before the incident began.
//!
//! The band does not move while the incident lasts, so a detector that adapts to a change cannot end the incident.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// The fit of a rule's detector from before an incident began.
#[derive(Debug, Clone, PartialEq)]
pub struct OpeningBand {
    /// SHA-256 of the detector's bytes, in hex. No detector with a different digest receives the state.
    pub detector: String,
    /// SHA-256 of the settings' JSON, in hex.
    pub settings: String,
    /// The last day in the training data.
    pub through: Date,
    /// The opaque fitted state.
    pub state: Vec<u8>,
    /// Figures reported by the fit, e.g. `mean` and `std`.
    pub figures: BTreeMap<String, f64>,
}

/// The cost of a series before and after a lasting change, per day or per charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Median of the expected values of the opening band.
    pub before: f64,
    /// Median of the last [`LEVEL_DAYS`] finished days with a charge.
    pub after: f64,
    /// Number of days from one charge to the next; 1 for a cost on each day.
    pub interval_days: i32,
}

/// Number of finished days that define the level after a change.
pub const LEVEL_DAYS: usize = 5;

/// Maximum number of finished days at the start and at the end of a possible new level.
pub(super) const TREND_DAYS: usize = 3;
/// Ratio of the medians of the last and the first days from which a cost rises.
pub(super) const RISING: f64 = 1.4;

/// Number of days of a month, for the difference per month.
const DAYS_PER_MONTH: f64 = 30.0;

impl Levels {
    /// Returns the difference per day, or per charge.
    pub fn difference(self) -> f64 {
        self.after - self.before
    }

    /// Returns the difference per month of 30 days.
    pub fn difference_per_month(self) -> f64 {
        self.difference() * DAYS_PER_MONTH / f64::from(self.interval_days)
    }
}
