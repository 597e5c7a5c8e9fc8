//! Cumulative amounts by hour of many series over several days.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::ledger::DayLedger;
use crate::series::{Names, SeriesKey};

/// Days in the hourly snapshots.
#[derive(Debug, Clone, Default)]
pub struct Snapshots {
    /// Ascending days with at least one snapshot.
    pub days: Vec<Date>,
    pub rows: BTreeMap<SeriesKey, SnapshotRow>,
}

/// One series over [`Snapshots::days`].
#[derive(Debug, Clone, Default)]
pub struct SnapshotRow {
    /// Names in the newest document.
    pub names: Names,
    /// Cumulative amounts by hour, parallel to the days; NaN for hours without a run.
    pub hours: Vec<[f64; 24]>,
}

impl Snapshots {
    /// Adds the snapshot of a run, with the same result as the store. A known series of today without a row now has the
    /// amount 0.
    pub fn add(&mut self, date: Date, hour: u8, ledger: &DayLedger) {
        let index = self.days.binary_search(&date).unwrap_or_else(|index| {
            self.days.insert(index, date);
            self.rows.values_mut().for_each(|row| row.hours.insert(index, [f64::NAN; 24]));
            index
        });
        let hour = usize::from(hour);
        for row in self.rows.values_mut() {
            if row.hours[index].iter().any(|amount| !amount.is_nan()) {
                row.hours[index][hour] = 0.0;
            }
        }
        let days = self.days.len();
        for entry in &ledger.entries {
            let row = self.rows.entry(entry.key.clone()).or_default();
            row.hours.resize(days, [f64::NAN; 24]);
            row.names = entry.names.clone();
            row.hours[index][hour] = entry.amounts.billed_cost;
        }
    }

    /// Returns the first later hour of a day with a smaller total than the total at an hour, and the smaller total.
    pub fn smaller_later_total(&self, date: Date, hour: u8, total: f64) -> Option<(u8, f64)> {
        let index = self.days.binary_search(&date).ok()?;
        let total_at = |hour: u8| {
            let amounts = self.rows.values().map(|row| row.hours[index][usize::from(hour)]);
            amounts.filter(|amount| !amount.is_nan()).reduce(|sum, amount| sum + amount)
        };
        // The sum of doubles may differ from the exact sum in the last digits.
        let is_smaller = |later: f64| later < total - total.abs() * 1e-9;
        let later = (hour + 1..24).filter_map(|hour| Some((hour, total_at(hour)?)));
        later.into_iter().find(|(_, later)| is_smaller(*later))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::tests::ledger;
    use super::*;

    #[test]
    fn a_total_above_the_total_of_a_later_hour_is_found() {
        let mut snapshots = Snapshots::default();
        snapshots.add(date(2026, 11, 2), 9, &ledger(2, &[("a", 1.0), ("b", 2.0)]));
        snapshots.add(date(2026, 11, 2), 12, &ledger(2, &[("a", 1.5), ("b", 2.5)]));
        let check = |hour, total| snapshots.smaller_later_total(date(2026, 11, 2), hour, total);
        assert_eq!(check(10, 4.0), None);
        assert_eq!(check(10, 4.1), Some((12, 4.0)));
        assert_eq!(check(12, 9.0), None, "no later hour");
        assert_eq!(snapshots.smaller_later_total(date(2026, 11, 3), 1, 9.0), None, "no such day");
    }

    #[test]
    fn a_known_series_without_a_row_has_the_amount_0() {
        let mut snapshots = Snapshots::default();
        snapshots.add(date(2026, 11, 2), 9, &ledger(2, &[("a", 1.0), ("b", 2.0)]));
        snapshots.add(date(2026, 11, 2), 10, &ledger(2, &[("b", 3.0), ("c", 4.0)]));
        let hours = |service: &str| {
            let day = snapshots.rows[&SeriesKey::new("d", "p", service)].hours[0];
            (day[9], day[10])
        };
        assert_eq!(hours("a"), (1.0, 0.0));
        assert_eq!(hours("b"), (2.0, 3.0));
        assert!(hours("c").0.is_nan());
    }
}
