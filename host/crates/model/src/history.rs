//! Daily and hourly amounts of many series over a range of days, in columns.
//!
//! The module is pure. A store fills the columns and a job appends days; the two are independent.

mod measure;
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

pub use self::measure::Measure;
pub use self::snapshots::{SnapshotRow, Snapshots};
use crate::ledger::DayLedger;
use crate::series::{Names, SeriesKey};

/// Finished days in the ledger: one column per day, one row per series.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Ascending days with at least one document.
    pub days: Vec<Date>,
    pub rows: BTreeMap<SeriesKey, HistoryRow>,
}

/// One series over [`History::days`].
#[derive(Debug, Clone, Default)]
pub struct HistoryRow {
    /// Names in the newest document.
    pub names: Names,
    /// One vector per requested measure, parallel to the days; NaN without a document.
    pub values: BTreeMap<Measure, Vec<f64>>,
    /// Parallel to the days.
    pub marks: Vec<DayMarks>,
    /// Pricing categories in the newest document.
    pub pricing_categories: Vec<String>,
}

/// The marks of a series on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayMarks {
    pub is_anomalous: bool,
    /// A row of the day is not usable: the amounts are not known.
    pub is_incomplete: bool,
}

impl History {
    /// Appends a day after all present days.
    pub fn push(&mut self, ledger: &DayLedger, measures: &BTreeSet<Measure>) {
        let index = self.days.len();
        self.days.push(ledger.date);
        for row in self.rows.values_mut() {
            row.marks.push(DayMarks::default());
            row.values.values_mut().for_each(|values| values.push(f64::NAN));
        }
        for entry in &ledger.entries {
            let row = self.rows.entry(entry.key.clone()).or_insert_with(|| HistoryRow {
                values: measures.iter().map(|measure| (*measure, vec![f64::NAN; index + 1])).collect(),
                marks: vec![DayMarks::default(); index + 1],
                ..HistoryRow::default()
            });
            row.names = entry.names.clone();
            row.pricing_categories.clone_from(&entry.pricing_categories);
            row.marks[index].is_incomplete = entry.is_incomplete;
            for (measure, values) in &mut row.values {
                values[index] = measure.value(&entry.amounts);
            }
        }
    }

    /// Appends days after all present days, with the same measures.
    pub fn append(&mut self, later: Self) {
        let before = self.days.len();
        self.days.extend(later.days);
        let total = self.days.len();
        for row in self.rows.values_mut() {
            row.marks.resize(total, DayMarks::default());
            row.values.values_mut().for_each(|values| values.resize(total, f64::NAN));
        }
        for (key, newer) in later.rows {
            let row = self.rows.entry(key).or_insert_with(|| HistoryRow {
                values: newer.values.keys().map(|measure| (*measure, vec![f64::NAN; total])).collect(),
                marks: vec![DayMarks::default(); total],
                ..HistoryRow::default()
            });
            row.names = newer.names;
            row.pricing_categories = newer.pricing_categories;
            row.marks[before..].copy_from_slice(&newer.marks);
            for (measure, values) in newer.values {
                if let Some(known) = row.values.get_mut(&measure) {
                    known[before..].copy_from_slice(&values);
                }
            }
        }
    }

    /// Removes the anomaly marks of a day.
    pub fn unmark(&mut self, date: Date) {
        let Ok(index) = self.days.binary_search(&date) else { return };
        self.rows.values_mut().for_each(|row| row.marks[index].is_anomalous = false);
    }

    /// Removes the days before `oldest` and every series without a remaining document.
    pub fn remove_before(&mut self, oldest: Date) {
        let removed = self.days.partition_point(|day| *day < oldest);
        if removed == 0 {
            return;
        }
        self.days.drain(..removed);
        self.rows.retain(|_, row| {
            row.marks.drain(..removed);
            row.values.values_mut().for_each(|values| drop(values.drain(..removed)));
            row.values.values().any(|values| values.iter().any(|value| !value.is_nan()))
        });
    }

    /// Marks the documents of a day as anomalous.
    pub fn mark(&mut self, date: Date, series: &BTreeSet<SeriesKey>) {
        let Ok(index) = self.days.binary_search(&date) else { return };
        for key in series {
            if let Some(row) = self.rows.get_mut(key) {
                row.marks[index].is_anomalous = true;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bigdecimal::BigDecimal;
    use jiff::civil::date;

    use super::*;
    use crate::bill::Amounts;
    use crate::ledger::LedgerEntry;

    pub(crate) fn ledger(day: i8, amounts: &[(&str, f64)]) -> DayLedger {
        let entry = |(service, billed_cost): &(&str, f64)| LedgerEntry {
            key: SeriesKey::new("d", "p", service),
            names: Names::default(),
            amounts: Amounts { billed_cost: *billed_cost, ..Amounts::default() },
            pricing_categories: Vec::new(),
            regions: Vec::new(),
            is_incomplete: false,
        };
        let entries = amounts.iter().map(entry).collect();
        DayLedger {
            date: date(2026, 11, day),
            entries,
            total: BigDecimal::default(),
            rows: 0,
            refused: Vec::new(),
            repeated_rows: 0,
        }
    }

    fn values<'h>(history: &'h History, service: &str) -> &'h [f64] {
        &history.rows[&SeriesKey::new("d", "p", service)].values[&Measure::BilledCost]
    }

    #[test]
    fn days_are_appended_and_removed() {
        let mut history = History::default();
        let measures = BTreeSet::from([Measure::BilledCost]);
        history.push(&ledger(1, &[("a", 1.0), ("b", 2.0)]), &measures);
        history.push(&ledger(3, &[("b", 3.0), ("c", 4.0)]), &measures);
        assert!(values(&history, "a")[1].is_nan() && values(&history, "c")[0].is_nan());
        assert_eq!(values(&history, "b"), [2.0, 3.0]);
        history.mark(date(2026, 11, 3), &BTreeSet::from([SeriesKey::new("d", "p", "b")]));
        history.remove_before(date(2026, 11, 2));
        assert_eq!(history.days, [date(2026, 11, 3)]);
        assert_eq!(history.rows.len(), 2, "a has no day left");
        assert_eq!(
            history.rows[&SeriesKey::new("d", "p", "b")]
                .marks
                .iter()
                .map(|marks| marks.is_anomalous)
                .collect::<Vec<_>>(),
            [true]
        );
    }

    #[test]
    fn appended_histories_equal_pushed_ledgers() {
        let measures = BTreeSet::from([Measure::BilledCost]);
        let days =
            [ledger(1, &[("a", 1.0), ("b", 2.0)]), ledger(3, &[("b", 3.0), ("c", 4.0)]), ledger(4, &[("a", 5.0)])];
        let history_of = |days: &[DayLedger]| {
            let mut history = History::default();
            days.iter().for_each(|day| history.push(day, &measures));
            history
        };
        let mut appended = history_of(&days[..1]);
        appended.append(history_of(&days[1..]));
        assert_eq!(format!("{appended:?}"), format!("{:?}", history_of(&days)));
    }
}
