//! The cost of an ordinary day: a level of the last two weeks, and a term of the weekday from the last eight weeks.

use jiff::civil::Date;

use super::DailyCosts;
use super::recurring::RecurringCharges;
use crate::median::median;

/// Number of days of the level: two whole weeks.
const LEVEL_DAYS: usize = 14;
/// Number of days of the weekday terms: eight whole weeks.
const WEEKDAY_DAYS: usize = 56;

/// The cost of days without recurring charges.
pub(super) struct Ordinary {
    level: f64,
    /// Differences from the level, from Monday.
    terms: [f64; 7],
}

impl Ordinary {
    /// Returns the costs after the last day; `None` without a known day in the last two weeks.
    ///
    /// The level lies halfway between the mean and the median: the mean counts every spike, the median none.
    pub(super) fn of(series: &DailyCosts<'_>, charges: &RecurringCharges) -> Option<Self> {
        let terms = terms(series, charges);
        let level_start = series.costs.len().saturating_sub(LEVEL_DAYS);
        let levels = known(series, charges, level_start).map(|(day, cost)| cost - terms[weekday(day)]);
        let levels: Vec<f64> = levels.collect();
        if levels.is_empty() {
            return None;
        }
        let mean = levels.iter().sum::<f64>() / levels.len() as f64;
        Some(Self { level: f64::midpoint(mean, median(levels)), terms })
    }

    pub(super) fn expected(&self, day: Date) -> f64 {
        self.level + self.terms[weekday(day)]
    }
}

fn terms(series: &DailyCosts<'_>, charges: &RecurringCharges) -> [f64; 7] {
    let mut by_weekday: [Vec<f64>; 7] = Default::default();
    let start = series.costs.len().saturating_sub(WEEKDAY_DAYS);
    known(series, charges, start).for_each(|(day, cost)| by_weekday[weekday(day)].push(cost));
    let medians = by_weekday.map(median);
    let known: Vec<f64> = medians.into_iter().filter(|median| !median.is_nan()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    medians.map(|median| if median.is_nan() { 0.0 } else { median - mean })
}

/// Returns the known days from an index on, with their costs without recurring charges.
fn known<'s>(
    series: &'s DailyCosts<'_>,
    charges: &'s RecurringCharges,
    start: usize,
) -> impl Iterator<Item = (Date, f64)> + 's {
    let days = series.costs.iter().enumerate().skip(start).filter(|(_, cost)| !cost.is_nan());
    days.map(|(index, cost)| (series.day(index), cost - charges.recurring_excess(index)))
}

/// Returns the index of a weekday, from Monday.
fn weekday(day: Date) -> usize {
    usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0)
}
