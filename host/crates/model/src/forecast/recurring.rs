//! The charges that recur on a day of the month: a fee on the first, a licence on the last day.
//!
//! A charge is a single day far above the four weeks before and above the same weekdays. A charge on one day of each of
//! the last two or three months recurs. The days 1 to 28 count from the start of a month, the last three days from the end.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::DailyCosts;
use crate::median::median;

/// Number of days before a charge that define the usual cost: four whole weeks.
const USUAL_DAYS: usize = 28;
/// Smallest number of known days of a usual cost.
const MIN_USUAL_DAYS: usize = 7;
/// Smallest excess of a charge, as a share of the usual cost.
const MIN_SHARE: f64 = 0.5;
/// Smallest excess of a charge, in median absolute deviations of the usual days.
const MIN_DEVIATIONS: f64 = 5.0;
/// Smallest and largest number of months that must have a charge.
const MONTHS: [usize; 2] = [2, 3];

/// A day of any month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DayOfMonth {
    /// From 0 to 27.
    FromStart(i8),
    /// 0 for the last day, at most 2.
    FromEnd(i8),
}

/// The charges of a series, and the days of the month on which they recur.
pub(super) struct RecurringCharges {
    first: Date,
    /// For each day: the excess of a charge, 0 without a charge, NaN if the day cannot be compared.
    excesses: Vec<f64>,
    /// The comparable days of each day of the month with a charge in several months, by index.
    by_day: Vec<(DayOfMonth, Vec<usize>)>,
    /// Days of the month whose charges recur after the last day.
    recurring_days: Vec<DayOfMonth>,
}

/// The charges that recur after a day, as known on this day.
pub(super) struct Recurring {
    amounts: Vec<(DayOfMonth, f64)>,
}

impl RecurringCharges {
    pub(super) fn of(series: &DailyCosts<'_>) -> Self {
        let excesses: Vec<f64> = (0..series.costs.len()).map(|index| excess(series.costs, index)).collect();
        let mut by_day: BTreeMap<DayOfMonth, Vec<usize>> = BTreeMap::new();
        if excesses.iter().any(|excess| *excess > 0.0) {
            for (index, _) in excesses.iter().enumerate().filter(|(_, excess)| !excess.is_nan()) {
                days_of_month(series.day(index)).for_each(|day| by_day.entry(day).or_default().push(index));
            }
        }
        let charges = |indices: &Vec<usize>| indices.iter().filter(|index| excesses[**index] > 0.0).count();
        by_day.retain(|_, indices| charges(indices) >= MONTHS[0]);
        let by_day = by_day.into_iter().collect();
        let mut charges = Self { first: series.first, excesses, by_day, recurring_days: Vec::new() };
        let recurring = series.last().map(|last| charges.through(last).amounts).unwrap_or_default();
        charges.recurring_days = recurring.into_iter().map(|(day, _)| day).collect();
        charges
    }

    /// Returns the charges that recur, as known on a day of the series.
    pub(super) fn through(&self, last: Date) -> Recurring {
        let known = usize::try_from((last - self.first).get_days() + 1).unwrap_or(0);
        let recurring = self.by_day.iter().filter_map(|(day, indices)| {
            let indices = &indices[..indices.partition_point(|index| *index < known)];
            let newest = &indices[indices.len().saturating_sub(MONTHS[1])..];
            let excesses: Vec<f64> = newest.iter().map(|index| self.excesses[*index]).collect();
            let recurs = excesses.len() >= MONTHS[0] && excesses.iter().all(|excess| *excess > 0.0);
            recurs.then(|| (*day, median(excesses)))
        });
        Recurring { amounts: recurring.collect() }
    }

    /// Returns the part of a day's cost that recurs each month.
    pub(super) fn recurring_excess(&self, index: usize) -> f64 {
        let excess = self.excesses[index];
        if excess.is_nan() || excess <= 0.0 {
            return 0.0;
        }
        let date = self.first.saturating_add(jiff::Span::new().days(i64::try_from(index).unwrap_or(0)));
        if days_of_month(date).any(|day| self.recurring_days.contains(&day)) { excess } else { 0.0 }
    }
}

impl Recurring {
    /// Returns the charge of a day; 0 without a charge.
    pub(super) fn amount(&self, date: Date) -> f64 {
        let is_on = |day: DayOfMonth| days_of_month(date).any(|other| other == day);
        let amounts = self.amounts.iter().filter(|(day, _)| is_on(*day));
        amounts.fold(0.0, |largest, (_, amount)| amount.max(largest))
    }
}

fn days_of_month(date: Date) -> impl Iterator<Item = DayOfMonth> {
    let from_start = date.day() - 1;
    let from_end = date.days_in_month() - date.day();
    let start = (from_start < 28).then_some(DayOfMonth::FromStart(from_start));
    let end = (from_end < 3).then_some(DayOfMonth::FromEnd(from_end));
    start.into_iter().chain(end)
}

/// Returns the excess of a charge of a single day over the days before; 0 without a charge, NaN without a comparison.
fn excess(costs: &[f64], index: usize) -> f64 {
    let cost = costs[index];
    let before = &costs[index.saturating_sub(USUAL_DAYS)..index];
    let known: Vec<f64> = before.iter().copied().filter(|cost| !cost.is_nan()).collect();
    if cost.is_nan() || known.len() < MIN_USUAL_DAYS {
        return f64::NAN;
    }
    let usual = median(known.iter().copied());
    // Most days are ordinary: the rest of the comparison is for the few days above.
    if cost - usual <= MIN_SHARE * usual.abs() {
        return 0.0;
    }
    let deviation = median(known.iter().map(|cost| (cost - usual).abs()));
    // A weekly or fortnightly charge is no charge of the month. The day four weeks before may be the same day of the month.
    let same_weekdays = [7, 14, 21].into_iter().filter_map(|days| costs.get(index.checked_sub(days)?)).copied();
    let excess = cost - same_weekdays.fold(usual, f64::max);
    let goes_on = costs.get(index + 1).is_some_and(|next| *next > cost - excess / 2.0);
    let is_charge = excess > (MIN_SHARE * usual.abs()).max(MIN_DEVIATIONS * deviation) && !goes_on;
    if is_charge { excess } else { 0.0 }
}
