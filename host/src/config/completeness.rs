//! The table `[completeness]`.

use config_file::toml::Section;

/// The thresholds of the completeness check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CompletenessOptions {
    /// Hour of today from which yesterday's bill is late, in billing time.
    pub(crate) expected_by_hour: u8,
    /// Hours without a change in today's total before the bill is stalled, if the totals of other days changed in the
    /// same hours.
    pub(crate) stalled_hours: u8,
    /// Minimum ratio to the usual number of series. A day, or a day so far, with fewer series is incomplete.
    pub(crate) min_series_ratio: f64,
}

impl Default for CompletenessOptions {
    fn default() -> Self {
        Self { expected_by_hour: 12, stalled_hours: 6, min_series_ratio: 0.5 }
    }
}

/// Reads the table `[completeness]`.
pub(crate) fn read(mut section: Section<'_, '_>) -> CompletenessOptions {
    let default = CompletenessOptions::default();
    let expected_by_hour = section.whole("expected_by_hour", 0..=23).map(|hour| hour as u8);
    let stalled_hours = section.whole("stalled_hours", 1..=23).map(|hours| hours as u8);
    let min_series_ratio = section.amount("min_series_ratio");
    if min_series_ratio.is_some_and(|ratio| ratio > 1.0) {
        section.fail("min_series_ratio", "expected a part of the usual, from 0 to 1");
    }
    section.finish();
    CompletenessOptions {
        expected_by_hour: expected_by_hour.unwrap_or(default.expected_by_hour),
        stalled_hours: stalled_hours.unwrap_or(default.stalled_hours),
        min_series_ratio: min_series_ratio.unwrap_or(default.min_series_ratio),
    }
}
