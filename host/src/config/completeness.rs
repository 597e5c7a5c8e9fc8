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
    let expected_by_hour = section
        .key("expected_by_hour", "The hour of today from which the bill of yesterday is late, in time_zone.")
        .whole_or(0..=23, i64::from(default.expected_by_hour));
    let stalled_hours = section
        .key("stalled_hours", "The number of hours without a change of today's total, while other days changed.")
        .whole_or(1..=23, i64::from(default.stalled_hours));
    let min_series_ratio = section
        .key("min_series_ratio", "The smallest number of series, relative to the median of 14 days. 0: no check.")
        .default(default.min_series_ratio)
        .share("a part of the usual, from 0 to 1");
    section.finish();
    CompletenessOptions {
        expected_by_hour: expected_by_hour as u8,
        stalled_hours: stalled_hours as u8,
        min_series_ratio: min_series_ratio.unwrap_or(default.min_series_ratio),
    }
}
