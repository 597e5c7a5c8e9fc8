//! The deviation of the forecasts, and the ranges of past amounts.

use costwarden_sdk::stats::{self, MAD_TO_STD};
use level::median;
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::filter::LAST;

/// Number of newest errors in the standard deviation.
const ERROR_DAYS: usize = 28;
/// Number of newest days in the slow level.
const SLOW_DAYS: usize = 56;
/// The shift: number of days in its center, and the days before the last week in its range.
const CENTER_DAYS: usize = 28;
const RANGE_DAYS: usize = 28;
const RANGE_END: usize = 7;

/// The deviation of the forecasts, and the ranges of past amounts without their weekday terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Band {
    /// The standard deviation of a forecast.
    pub(crate) deviation: f64,
    /// The minimum of the standard deviation.
    pub(crate) floor: f64,
    /// The median of the last weeks.
    pub(crate) slow: f64,
    /// `None` for a history below eight weeks.
    pub(crate) shift: Option<Shift>,
}

/// The amounts before a possible shift: their median and their range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shift {
    pub(crate) center: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Band {
    /// The band after days with these absolute errors and amounts without weekday terms, oldest first.
    pub(crate) fn of(settings: &Settings, errors: &[f64], without: &[f64]) -> Self {
        let newest = |values: &[f64], count| median(values[values.len().saturating_sub(count)..].iter().copied());
        let count = without.len();
        let shift = (count >= SLOW_DAYS).then(|| {
            let end = count - RANGE_END;
            let range = &without[end.saturating_sub(RANGE_DAYS)..end];
            let quantile = |p| stats::quantile(&mut range.to_vec(), p).unwrap_or(0.0);
            Shift { center: newest(&without[..count - LAST], CENTER_DAYS), low: quantile(0.1), high: quantile(0.9) }
        });
        let deviation = (MAD_TO_STD * newest(errors, ERROR_DAYS)).max(settings.floor);
        Self { deviation, floor: settings.floor, slow: newest(without, SLOW_DAYS), shift }
    }
}
