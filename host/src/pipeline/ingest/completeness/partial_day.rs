//! The completeness of a partial day.

use model::history::Snapshots;
use model::moment::BillingHour;

use super::is_few;
use super::problem::{CompletenessProblem, FewSeries};
use crate::config::CompletenessOptions;

/// Minimum number of earlier days for the comparison. For a standstill, more than half of the earlier days must have
/// moved.
const MIN_PARTIAL_DAYS: usize = 3;

/// Checks a partial day against the same hour of earlier days: far fewer series, or a total that stands still.
/// `snapshots` must contain the hour.
pub(crate) fn withheld_hour(
    snapshots: &Snapshots,
    hour: BillingHour,
    options: &CompletenessOptions,
) -> Option<CompletenessProblem> {
    let today = snapshots.days.binary_search(&hour.date).ok()?;
    let partial_day = PartialDay { snapshots, today, hour, options };
    partial_day.few_series().map(CompletenessProblem::ShortHour).or_else(|| partial_day.standstill())
}

/// A partial day beside earlier days.
struct PartialDay<'a> {
    snapshots: &'a Snapshots,
    /// Index of the partial day.
    today: usize,
    hour: BillingHour,
    options: &'a CompletenessOptions,
}

impl PartialDay<'_> {
    fn few_series(&self) -> Option<FewSeries> {
        let series = self.series_with_cost(self.today);
        let earlier = (0..self.today).map(|day| self.series_with_cost(day));
        let mut sizes: Vec<u64> = earlier.filter(|series| *series > 0).collect();
        sizes.sort_unstable();
        let usual = (sizes.len() >= MIN_PARTIAL_DAYS).then(|| sizes[sizes.len() / 2])?;
        let few = FewSeries { date: self.hour.date, series, usual };
        is_few(series, usual, self.options.min_series_ratio).then_some(few)
    }

    fn standstill(&self) -> Option<CompletenessProblem> {
        let BillingHour { date, hour } = self.hour;
        let today = self.today;
        let now = self.total(today, hour)?;
        // An hour without a run does not end the standstill.
        let is_same = |earlier: &u8| self.total(today, *earlier).is_none_or(|total| total == now);
        let same_hours = (0..hour).rev().take_while(is_same);
        let since = same_hours.filter(|earlier| self.total(today, *earlier).is_some()).last()?;
        if hour - since < self.options.stalled_hours {
            return None;
        }
        let changes: Vec<bool> =
            (0..today).filter_map(|day| Some(self.total(day, since)? != self.total(day, hour)?)).collect();
        let changed_days = changes.iter().filter(|has_changed| **has_changed).count();
        let is_unusual = changes.len() >= MIN_PARTIAL_DAYS && changed_days * 2 > changes.len();
        is_unusual.then_some(CompletenessProblem::Stalled { date, since })
    }

    /// The number of series with cost up to the hour.
    fn series_with_cost(&self, day: usize) -> u64 {
        let hour = usize::from(self.hour.hour);
        self.snapshots.rows.values().filter(|row| row.hours[day][hour] > 0.0).count() as u64
    }

    /// The total of a day up to an hour. `None` without any known amount.
    fn total(&self, day: usize, hour: u8) -> Option<f64> {
        let amounts = self.snapshots.rows.values().map(|row| row.hours[day][usize::from(hour)]);
        amounts.filter(|amount| !amount.is_nan()).fold(None, |sum, amount| Some(sum.unwrap_or(0.0) + amount))
    }
}

#[cfg(test)]
mod tests {
    use model::history::SnapshotRow;
    use model::series::SeriesKey;

    use super::*;

    /// Snapshots of days with `amount` per hour and series up to hour `until`, then no further cost.
    fn snapshots(days: &[(f64, u8)], series: usize) -> Snapshots {
        let row = |_: usize| {
            let hours = days.iter().map(|(amount, until)| {
                std::array::from_fn(|hour| {
                    if hour < 20 { amount * (hour.min(usize::from(*until)) + 1) as f64 } else { f64::NAN }
                })
            });
            SnapshotRow { hours: hours.collect(), ..SnapshotRow::default() }
        };
        let rows = (0..series).map(|index| (SeriesKey::new("d", "p", &index.to_string()), row(index))).collect();
        let first = jiff::civil::date(2026, 11, 1);
        Snapshots { days: first.series(jiff::ToSpan::days(1)).take(days.len()).collect(), rows }
    }

    fn at(snapshots: &Snapshots, hour: u8) -> Option<CompletenessProblem> {
        let date = *snapshots.days.last().expect("a day");
        withheld_hour(snapshots, BillingHour { date, hour }, &CompletenessOptions::default())
    }

    #[test]
    fn a_total_without_change_is_withheld_if_other_totals_changed() {
        let moving = [(1.0, 19), (1.0, 19), (1.0, 19), (1.0, 9)];
        let date = jiff::civil::date(2026, 11, 4);
        for (hour, expected) in [(9, None), (14, None), (15, Some(CompletenessProblem::Stalled { date, since: 9 }))] {
            assert_eq!(at(&snapshots(&moving, 2), hour), expected, "{hour}");
        }
        let flat = [(1.0, 0), (1.0, 0), (1.0, 19), (1.0, 0)];
        assert_eq!(at(&snapshots(&flat, 2), 15), None, "the totals of other days do not change either");
        assert_eq!(at(&snapshots(&moving[1..], 2), 15), None, "two earlier days are too few");
    }

    #[test]
    fn a_partial_day_with_far_fewer_series_is_withheld() {
        let mut snapshots = snapshots(&[(1.0, 19); 4], 10);
        assert_eq!(at(&snapshots, 5), None);
        for row in snapshots.rows.values_mut().take(6) {
            row.hours[3] = [f64::NAN; 24];
        }
        let date = jiff::civil::date(2026, 11, 4);
        assert_eq!(at(&snapshots, 5), Some(CompletenessProblem::ShortHour(FewSeries { date, series: 4, usual: 10 })));
    }
}
