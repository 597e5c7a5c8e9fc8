//! Daily and hourly amounts of many series over a range of days, in columns.
//!
//! The module is pure. A store fills the columns and a job appends days; the two are independent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::bill::Amounts;
use crate::ledger::DayLedger;
use crate::series::{Names, SeriesKey};

/// A figure of [`Amounts`], chosen by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    BilledCost,
    ListCost,
    Discount,
    UsageTime,
    UsageQuantity,
}

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
    /// Anomaly marks of the documents, parallel to the days.
    pub anomalous: Vec<bool>,
    /// Pricing types in the newest document.
    pub pricing_categories: Vec<String>,
}

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

impl Measure {
    pub const ALL: [Self; 5] = [Self::BilledCost, Self::ListCost, Self::Discount, Self::UsageTime, Self::UsageQuantity];

    /// Returns the name in a rule.
    pub fn name(self) -> &'static str {
        match self {
            Self::BilledCost => "billed-cost",
            Self::ListCost => "list-cost",
            Self::Discount => "discount",
            Self::UsageTime => "usage-time",
            Self::UsageQuantity => "usage-quantity",
        }
    }

    pub fn of(self, amounts: &Amounts) -> f64 {
        match self {
            Self::BilledCost => amounts.billed_cost,
            Self::ListCost => amounts.list_cost,
            Self::Discount => amounts.discount,
            Self::UsageTime => amounts.usage_time,
            Self::UsageQuantity => amounts.usage_quantity,
        }
    }
}

impl History {
    /// Appends a day after all present days.
    pub fn push(&mut self, ledger: &DayLedger, measures: &BTreeSet<Measure>) {
        let before = self.days.len();
        self.days.push(ledger.date);
        for row in self.rows.values_mut() {
            row.anomalous.push(false);
            row.values.values_mut().for_each(|values| values.push(f64::NAN));
        }
        for entry in &ledger.entries {
            let row = self.rows.entry(entry.key.clone()).or_insert_with(|| HistoryRow {
                values: measures.iter().map(|measure| (*measure, vec![f64::NAN; before + 1])).collect(),
                anomalous: vec![false; before + 1],
                ..HistoryRow::default()
            });
            row.names = entry.names.clone();
            row.pricing_categories.clone_from(&entry.pricing_categories);
            for (measure, values) in &mut row.values {
                values[before] = measure.of(&entry.amounts);
            }
        }
    }

    /// Appends days after all present days, with the same measures.
    pub fn append(&mut self, later: Self) {
        let (before, more) = (self.days.len(), later.days.len());
        self.days.extend(later.days);
        for row in self.rows.values_mut() {
            row.anomalous.resize(before + more, false);
            row.values.values_mut().for_each(|values| values.resize(before + more, f64::NAN));
        }
        for (key, newer) in later.rows {
            let row = self.rows.entry(key).or_insert_with(|| HistoryRow {
                values: newer.values.keys().map(|measure| (*measure, vec![f64::NAN; before + more])).collect(),
                anomalous: vec![false; before + more],
                ..HistoryRow::default()
            });
            (row.names, row.pricing_categories) = (newer.names, newer.pricing_categories);
            row.anomalous[before..].copy_from_slice(&newer.anomalous);
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
        self.rows.values_mut().for_each(|row| row.anomalous[index] = false);
    }

    /// Removes the days before `oldest` and every series without a remaining document.
    pub fn forget_before(&mut self, oldest: Date) {
        let gone = self.days.partition_point(|day| *day < oldest);
        if gone == 0 {
            return;
        }
        self.days.drain(..gone);
        self.rows.retain(|_, row| {
            row.anomalous.drain(..gone);
            row.values.values_mut().for_each(|values| drop(values.drain(..gone)));
            row.values.values().any(|values| values.iter().any(|value| !value.is_nan()))
        });
    }

    /// Marks the documents of a day as anomalous.
    pub fn mark(&mut self, date: Date, series: &BTreeSet<SeriesKey>) {
        let Ok(index) = self.days.binary_search(&date) else { return };
        for key in series {
            if let Some(row) = self.rows.get_mut(key) {
                row.anomalous[index] = true;
            }
        }
    }
}

impl Snapshots {
    /// Adds the snapshot of a run, with the same result as the store. A known series of today without a row now has the
    /// amount 0.
    pub fn see(&mut self, date: Date, hour: u8, ledger: &DayLedger) {
        let (index, is_new) = match self.days.binary_search(&date) {
            Ok(index) => (index, false),
            Err(index) => (index, true),
        };
        if is_new {
            self.days.insert(index, date);
            self.rows.values_mut().for_each(|row| row.hours.insert(index, [f64::NAN; 24]));
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Entry;
    use bigdecimal::BigDecimal;
    use jiff::civil::date;

    fn ledger(day: i8, amounts: &[(&str, f64)]) -> DayLedger {
        let entry = |(service, expect): &(&str, f64)| Entry {
            key: SeriesKey::new("d", "p", service),
            names: Names::default(),
            amounts: Amounts { billed_cost: *expect, ..Amounts::default() },
            pricing_categories: Vec::new(),
            regions: Vec::new(),
        };
        let entries = amounts.iter().map(entry).collect();
        DayLedger { date: date(2026, 11, day), entries, total: BigDecimal::default(), rows: 0, refused: Vec::new() }
    }

    fn values<'h>(history: &'h History, service: &str) -> &'h [f64] {
        &history.rows[&SeriesKey::new("d", "p", service)].values[&Measure::BilledCost]
    }

    #[test]
    fn days_are_appended_and_forgotten() {
        let mut history = History::default();
        let measures = BTreeSet::from([Measure::BilledCost]);
        history.push(&ledger(1, &[("a", 1.0), ("b", 2.0)]), &measures);
        history.push(&ledger(3, &[("b", 3.0), ("c", 4.0)]), &measures);
        assert!(values(&history, "a")[1].is_nan() && values(&history, "c")[0].is_nan());
        assert_eq!(values(&history, "b"), [2.0, 3.0]);
        history.mark(date(2026, 11, 3), &BTreeSet::from([SeriesKey::new("d", "p", "b")]));
        history.forget_before(date(2026, 11, 2));
        assert_eq!(history.days, [date(2026, 11, 3)]);
        assert_eq!(history.rows.len(), 2, "a has no day left");
        assert_eq!(history.rows[&SeriesKey::new("d", "p", "b")].anomalous, [true]);
    }

    #[test]
    fn days_out_of_the_store_are_appended_as_those_out_of_a_bill() {
        let measures = BTreeSet::from([Measure::BilledCost]);
        let days =
            [ledger(1, &[("a", 1.0), ("b", 2.0)]), ledger(3, &[("b", 3.0), ("c", 4.0)]), ledger(4, &[("a", 5.0)])];
        let of = |days: &[DayLedger]| {
            let mut history = History::default();
            days.iter().for_each(|day| history.push(day, &measures));
            history
        };
        let mut appended = of(&days[..1]);
        appended.append(of(&days[1..]));
        assert_eq!(format!("{appended:?}"), format!("{:?}", of(&days)));
    }

    #[test]
    fn a_series_that_had_a_row_today_and_has_none_now_costs_nothing_now() {
        let mut snapshots = Snapshots::default();
        snapshots.see(date(2026, 11, 2), 9, &ledger(2, &[("a", 1.0), ("b", 2.0)]));
        snapshots.see(date(2026, 11, 2), 10, &ledger(2, &[("b", 3.0), ("c", 4.0)]));
        let hours = |service: &str| {
            let day = snapshots.rows[&SeriesKey::new("d", "p", service)].hours[0];
            (day[9], day[10])
        };
        assert_eq!(hours("a"), (1.0, 0.0));
        assert_eq!(hours("b"), (2.0, 3.0));
        assert!(hours("c").0.is_nan());
    }
}
