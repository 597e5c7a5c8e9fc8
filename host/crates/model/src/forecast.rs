//! The forecast of a cost at the end of the month: the known days, and an expected cost for each remaining day.
//!
//! The expected cost of a day is a level, a term of the weekday, and the charges that recur on the day of the month. The
//! range comes from the errors of the same forecast on earlier days of the series. The module knows no detector and no
//! incident: a change that has just begun enters the level day by day.

mod range;
mod recurring;
mod weekdays;

use jiff::ToSpan as _;
use jiff::civil::Date;

use self::recurring::RecurringCharges;
use self::weekdays::Ordinary;

/// The costs of one series on consecutive days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DailyCosts<'a> {
    pub first: Date,
    /// NaN for a day that is not known.
    pub costs: &'a [f64],
}

/// The forecast of a series for the month of the last day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthForecast {
    /// Last day of the series.
    pub through: Date,
    /// Sum of the known days of the month.
    pub so_far: f64,
    /// Cost of the whole month: `so_far`, and the expected cost of the days that are not known.
    pub month_end: f64,
    /// `None` without enough earlier days to measure errors.
    pub range: Option<ForecastRange>,
    /// Number of days of the month that are not known.
    pub open_days: usize,
}

/// The forecast with the middle 80 % of the errors of earlier forecasts of the series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForecastRange {
    pub lower: f64,
    pub upper: f64,
}

/// Smallest number of known days of a forecast.
pub const MIN_DAYS: usize = 14;

/// Number of days that a forecast needs at most: recurring charges of three months, and earlier forecasts for the range.
pub const FORECAST_DAYS: u16 = 190;

impl DailyCosts<'_> {
    /// Returns the last day; `None` for an empty series.
    fn last(&self) -> Option<Date> {
        let days = i64::try_from(self.costs.len()).ok()?.checked_sub(1)?;
        (days >= 0).then(|| self.first.saturating_add(days.days()))
    }

    fn day(&self, index: usize) -> Date {
        self.first.saturating_add(i64::try_from(index).unwrap_or(i64::MAX).days())
    }

    /// Returns the costs up to an index.
    fn through(&self, index: usize) -> Self {
        Self { first: self.first, costs: &self.costs[..=index] }
    }

    fn known_days(&self) -> usize {
        self.costs.iter().filter(|cost| !cost.is_nan()).count()
    }

    /// Returns the sum of the known days in the month of the last day.
    fn month_so_far(&self, last: Date) -> f64 {
        let days = usize::try_from(last.day()).unwrap_or(1).min(self.costs.len());
        let known = self.costs[self.costs.len() - days..].iter().filter(|cost| !cost.is_nan());
        // The sum of an empty list is -0.0.
        known.sum::<f64>() + 0.0
    }

    /// Returns the days of the month of the last day without a known cost, ascending.
    fn open_days(&self, last: Date) -> Vec<Date> {
        let is_known = |day: Date| {
            let index = usize::try_from((day - self.first).get_days()).ok();
            index.and_then(|index| self.costs.get(index)).is_some_and(|cost| !cost.is_nan())
        };
        let month = last.first_of_month().series(1.day()).take(usize::try_from(last.days_in_month()).unwrap_or(31));
        month.filter(|day| !is_known(*day)).collect()
    }
}

/// Returns the forecast for the month of the last day; `None` with fewer than [`MIN_DAYS`] known days.
pub fn month_end(series: &DailyCosts<'_>) -> Option<MonthForecast> {
    let last = series.last()?;
    let so_far = series.month_so_far(last);
    let open_days = series.open_days(last);
    if open_days.is_empty() {
        let range = Some(ForecastRange { lower: so_far, upper: so_far });
        return Some(MonthForecast { through: last, so_far, month_end: so_far, range, open_days: 0 });
    }
    if series.known_days() < MIN_DAYS {
        return None;
    }
    let charges = RecurringCharges::of(series);
    let expected = rest(series, &charges, &open_days)?;
    let range = range::range(series, &charges, open_days.len()).map(|errors| ForecastRange {
        lower: so_far + (expected + errors.lower.min(0.0)).max(lowest(series)),
        upper: so_far + expected + errors.upper.max(0.0),
    });
    Some(MonthForecast { through: last, so_far, month_end: so_far + expected, range, open_days: open_days.len() })
}

/// Returns the expected cost of the days; `None` without a known recent day.
fn rest(series: &DailyCosts<'_>, charges: &RecurringCharges, days: &[Date]) -> Option<f64> {
    let last = series.last()?;
    let ordinary = Ordinary::of(series, charges)?;
    let recurring = charges.through(last);
    let lowest = lowest(series);
    let cost = |day: &Date| ordinary.expected(*day).max(lowest) + recurring.amount(*day);
    Some(days.iter().map(cost).sum())
}

/// Returns the lowest possible cost: 0 for a series without a credit.
fn lowest(series: &DailyCosts<'_>) -> f64 {
    if series.costs.iter().any(|cost| *cost < 0.0) { f64::NEG_INFINITY } else { 0.0 }
}

#[cfg(test)]
mod tests;
