//! The deviation of the forecasts, and the ranges of past amounts.

use costwarden_sdk::robust::{self, MAD_TO_STD};
use level::median;
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::filter::LAST;

/// Number of newest errors in the standard deviation.
const ERROR_DAYS: usize = 28;
/// Number of newest days in the slow level.
const SLOW_DAYS: usize = 56;
/// Number of weeks in a steady growth.
const GROWTH_WEEKS: usize = 8;
const WEEK: usize = 7;
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
            let quantile = |p| robust::quantile(&mut range.to_vec(), p).unwrap_or(0.0);
            let center = newest(&without[..count - LAST], CENTER_DAYS);
            Shift { center, low: quantile(0.1), high: quantile(0.9) }.after(steady_growth(&without[..count - LAST]))
        });
        let deviation = (MAD_TO_STD * newest(errors, ERROR_DAYS)).max(settings.floor);
        Self { deviation, floor: settings.floor, slow: newest(without, SLOW_DAYS), shift }
    }
}

impl Shift {
    /// The shift of amounts that go on growing or falling by a steady factor per week.
    fn after(mut self, factor: f64) -> Self {
        // From the middle of the center to the middle of the newest five days.
        let factor = 1.0 + (factor - 1.0) * ((CENTER_DAYS + LAST) / 2) as f64 / WEEK as f64;
        self.center *= factor;
        match factor > 1.0 {
            true => self.high *= factor,
            false => self.low *= factor,
        }
        self
    }
}

/// The factor per week by which the amounts have grown, or fallen, in each of the last weeks but one; 1 without a steady
/// change.
fn steady_growth(without: &[f64]) -> f64 {
    let newest = &without[without.len().saturating_sub(GROWTH_WEEKS * WEEK)..];
    let weeks: Vec<f64> = newest.rchunks_exact(WEEK).map(|week| median(week.iter().copied())).collect();
    // The newest week is first.
    let mut factors: Vec<f64> = weeks.windows(2).filter(|pair| pair[1] > 0.0).map(|pair| pair[0] / pair[1]).collect();
    if factors.len() + 2 < GROWTH_WEEKS {
        return 1.0;
    }
    factors.sort_unstable_by(f64::total_cmp);
    let (slowest_rise, slowest_fall) = (factors[0], factors[factors.len() - 1]);
    if slowest_rise > 1.0 { slowest_rise } else { slowest_fall.min(1.0) }
}
