//! Collects daily amounts, in any order, into a [`History`] or [`Snapshots`].
//!
//! The collector is the hot path of the jobs: a document of a known series causes no allocation. Reading from the
//! database is not part of this module.

use std::collections::HashMap;

use jiff::civil::Date;
use model::history::{DayMarks, History, HistoryRow, Measure, SnapshotRow, Snapshots};
use model::intern::Interner;
use model::series::{Names, SeriesKey};

use crate::records::{DateRange, day_after};

/// The amounts of consecutive days during a read.
#[derive(Debug)]
pub(super) struct Collector {
    from: Date,
    span: usize,
    /// Number of amounts per series and day.
    width: usize,
    /// Marks the days with a document.
    present: Vec<bool>,
    /// Row indices, keyed by the lengths and bytes of the ids.
    row_indices: HashMap<Box<[u8]>, usize>,
    rows: Vec<SeriesRow>,
    interner: Interner,
    key_buffer: Vec<u8>,
}

/// The position of a reader. Most days list the documents in the same order.
#[derive(Debug, Default)]
pub(super) struct ReadPosition {
    last_row: Option<usize>,
}

/// A series over the whole span.
#[derive(Debug)]
struct SeriesRow {
    key: SeriesKey,
    names: Names,
    pricing_categories: Vec<String>,
    /// The day of the current names and pricing types.
    names_day: Option<usize>,
    /// Amounts, day by day: `width` values per day.
    values: Vec<f64>,
    marks: Vec<DayMarks>,
    /// The index of the row after this row in the order of the last read day.
    next_row: usize,
}

impl Collector {
    /// Returns an empty collector for a range of days, with `width` amounts per series and day.
    pub(super) fn new(range: DateRange, width: usize) -> Self {
        let span = range.days();
        Self {
            from: range.from,
            span,
            width,
            present: vec![false; span],
            row_indices: HashMap::new(),
            rows: Vec::new(),
            interner: Interner::default(),
            key_buffer: Vec::new(),
        }
    }

    /// Returns the index of a day, or `None` outside the range.
    pub(super) fn day(&self, date: Date) -> Option<usize> {
        let days = usize::try_from((date - self.from).get_days()).ok()?;
        (days < self.span).then_some(days)
    }

    /// Returns the row index of a series. Needs no search if the documents come in the same order as before.
    pub(super) fn next_row(&mut self, position: &mut ReadPosition, ids: [&str; 3]) -> usize {
        let guess = position.last_row.map_or(0, |last_row| self.rows[last_row].next_row);
        let row = match self.rows.get(guess) {
            Some(row) if row.has_ids(ids) => guess,
            _ => self.row(ids),
        };
        // Links the rows in the order of the documents, as the guess for the next day.
        if let Some(last_row) = position.last_row.replace(row) {
            self.rows[last_row].next_row = row;
        }
        row
    }

    /// Returns the row index of a series; adds a row for a new series.
    pub(super) fn row(&mut self, ids: [&str; 3]) -> usize {
        self.key_buffer.clear();
        // The lengths keep the concatenated ids of two series from being equal.
        for id in ids {
            self.key_buffer.extend(id.len().to_le_bytes());
        }
        for id in ids {
            self.key_buffer.extend(id.as_bytes());
        }
        if let Some(row) = self.row_indices.get(self.key_buffer.as_slice()) {
            return *row;
        }
        let [account, project, service] = ids.map(|id| self.interner.get(id));
        self.rows.push(SeriesRow {
            key: SeriesKey { account, project, service },
            names: Names::default(),
            pricing_categories: Vec::new(),
            names_day: None,
            values: vec![f64::NAN; self.span * self.width],
            marks: vec![DayMarks::default(); self.span],
            next_row: 0,
        });
        self.row_indices.insert(self.key_buffer.as_slice().into(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// Returns whether names and pricing types of `day` are newer than the row's.
    pub(super) fn has_older_names(&self, row: usize, day: usize) -> bool {
        self.rows[row].names_day.is_none_or(|names_day| names_day < day)
    }

    /// Sets the names and pricing types of a row. An empty name becomes the id. Equal values cause no allocation.
    pub(super) fn set_names<'t, T: Iterator<Item = &'t str>>(
        &mut self,
        row: usize,
        day: usize,
        names: [&str; 3],
        pricing_categories: impl Fn() -> T,
    ) {
        let row = &mut self.rows[row];
        row.names_day = Some(day);
        let row_names = [&mut row.names.account, &mut row.names.project, &mut row.names.service];
        let ids = [&row.key.account, &row.key.project, &row.key.service];
        for ((row_name, name), id) in row_names.into_iter().zip(names).zip(ids) {
            let name = if name.is_empty() { id } else { name };
            if **row_name != *name {
                *row_name = self.interner.get(name);
            }
        }
        if !row.pricing_categories.iter().map(String::as_str).eq(pricing_categories()) {
            row.pricing_categories = pricing_categories().map(str::to_owned).collect();
        }
    }

    /// Adds the values of a document of the day.
    pub(super) fn add(&mut self, row: usize, day: usize, values: &[f64], marks: DayMarks) {
        self.present[day] = true;
        let row = &mut self.rows[row];
        row.values[day * self.width..][..self.width].copy_from_slice(values);
        row.marks[day] = marks;
    }

    /// Returns the days with a document. The order of `measures` is the order of the added values.
    pub(super) fn history(self, measures: &[Measure]) -> History {
        let days = self.days();
        let row = |row: SeriesRow| {
            let values = |index: usize| days.iter().map(|day| row.values[day * self.width + index]).collect();
            let values = measures.iter().enumerate().map(|(index, measure)| (*measure, values(index))).collect();
            let marks = days.iter().map(|day| row.marks[*day]).collect();
            (row.key, HistoryRow { names: row.names, values, marks, pricing_categories: row.pricing_categories })
        };
        let rows = self.rows.into_iter().map(row).collect();
        History { days: days.iter().map(|day| day_after(self.from, *day)).collect(), rows }
    }

    /// Returns the days with a document. The added values are the 24 hourly amounts.
    pub(super) fn snapshots(self) -> Snapshots {
        let days = self.days();
        let row = |row: SeriesRow| {
            let (hours, _) = row.values.as_chunks();
            (row.key, SnapshotRow { names: row.names, hours: days.iter().map(|day| hours[*day]).collect() })
        };
        let rows = self.rows.into_iter().map(row).collect();
        Snapshots { days: days.iter().map(|day| day_after(self.from, *day)).collect(), rows }
    }

    fn days(&self) -> Vec<usize> {
        (0..self.span).filter(|day| self.present[*day]).collect()
    }
}

impl SeriesRow {
    fn has_ids(&self, ids: [&str; 3]) -> bool {
        let [account, project, service] = ids;
        // The service differs most often, so the comparison starts there.
        *self.key.service == *service && *self.key.project == *project && *self.key.account == *account
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn range(from: i8, to: i8) -> DateRange {
        DateRange { from: date(2026, 11, from), to: date(2026, 11, to) }
    }

    #[test]
    fn days_without_a_document_are_left_out() {
        let measures = [Measure::ListCost, Measure::BilledCost];
        let marks = DayMarks { is_anomalous: true, is_incomplete: true };
        let mut collector = Collector::new(range(1, 4), 2);
        let a = collector.row(["d", "p", "a"]);
        let b = collector.row(["d", "p", "b"]);
        collector.set_names(a, 0, ["D", "P", "old"], || ["X"].into_iter());
        collector.add(a, 0, &[10.0, 1.0], DayMarks::default());
        collector.set_names(b, 2, ["", "", ""], || [].into_iter());
        collector.add(b, 2, &[20.0, 2.0], marks);
        assert!(collector.has_older_names(a, 3) && !collector.has_older_names(b, 1));
        collector.set_names(a, 3, ["D", "P", "new"], || ["X", "Y"].into_iter());
        collector.add(a, 3, &[30.0, 3.0], DayMarks::default());

        let history = collector.history(&measures);
        assert_eq!(history.days, [date(2026, 11, 1), date(2026, 11, 3), date(2026, 11, 4)]);
        let a = &history.rows[&SeriesKey::new("d", "p", "a")];
        assert_eq!((&*a.names.account, &*a.names.service), ("D", "new"));
        assert_eq!(a.pricing_categories, ["X", "Y"]);
        assert_eq!((a.values[&Measure::BilledCost][0], a.values[&Measure::ListCost][2]), (1.0, 30.0));
        assert!(a.values[&Measure::BilledCost][1].is_nan());
        let b = &history.rows[&SeriesKey::new("d", "p", "b")];
        assert_eq!(&*b.names.service, "b");
        assert!(b.values[&Measure::BilledCost][0].is_nan() && b.values[&Measure::BilledCost][2].is_nan());
        assert_eq!(b.marks, [DayMarks::default(), marks, DayMarks::default()]);
    }

    #[test]
    fn snapshots_contain_the_added_hours() {
        let mut hours = [f64::NAN; 24];
        hours[9] = 4.0;
        let mut collector = Collector::new(range(2, 6), 24);
        let a = collector.row(["d", "p", "a"]);
        collector.add(a, 3, &hours, DayMarks::default());
        let b = collector.row(["d", "p", "b"]);
        collector.add(b, 0, &hours, DayMarks::default());
        let snapshots = collector.snapshots();
        assert_eq!(snapshots.days, [date(2026, 11, 2), date(2026, 11, 5)]);
        let a = &snapshots.rows[&SeriesKey::new("d", "p", "a")];
        assert!(a.hours[0][9].is_nan() && a.hours[1][10].is_nan());
        assert_eq!(a.hours[1][9].to_bits(), 4.0_f64.to_bits());
    }

    #[test]
    fn rows_are_found_in_any_order_of_the_documents() {
        let mut collector = Collector::new(range(1, 1), 1);
        let mut position = ReadPosition::default();
        let mut rows = |services: &[&str]| -> Vec<usize> {
            services.iter().map(|service| collector.next_row(&mut position, ["d", "p", service])).collect()
        };
        assert_eq!(rows(&["a", "b", "c"]), [0, 1, 2]);
        assert_eq!(rows(&["a", "new", "c"]), [0, 3, 2]);
        assert_eq!(rows(&["a", "b", "new", "c"]), [0, 1, 3, 2]);
        assert_eq!(rows(&["c", "a", "a"]), [2, 0, 0]);
    }

    #[test]
    fn equal_concatenations_of_ids_are_different_series() {
        let mut collector = Collector::new(range(1, 1), 1);
        assert_ne!(collector.row(["ab", "c", "d"]), collector.row(["a", "bc", "d"]));
        assert_eq!(collector.row(["ab", "c", "d"]), 0);
    }

    #[test]
    fn a_range_with_the_end_before_the_start_is_empty() {
        let collector = Collector::new(range(4, 1), 1);
        assert_eq!(collector.day(date(2026, 11, 2)), None);
        assert!(collector.history(&[Measure::BilledCost]).days.is_empty());
    }
}
