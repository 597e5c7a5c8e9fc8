//! Collects daily amounts, in any order, into a [`History`] or [`Snapshots`].
//!
//! The collector is the hot path of the jobs: a document of a known series causes no allocation. Reading from the
//! database is not part of this module.

use std::collections::HashMap;

use jiff::civil::Date;

use super::DateRange;
use super::records::day_after;
use model::history::{History, HistoryRow, Measure, SnapshotRow, Snapshots};
use model::intern::Interner;
use model::series::{Names, SeriesKey};

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
    places: HashMap<Box<[u8]>, usize>,
    rows: Vec<Row>,
    texts: Interner,
    scratch: Vec<u8>,
}

/// The position of a reader. Most days list the documents in the same order.
#[derive(Debug, Default)]
pub(super) struct Reader {
    last: Option<usize>,
}

/// A series over the whole span.
#[derive(Debug)]
struct Row {
    key: SeriesKey,
    names: Names,
    pricing_categories: Vec<String>,
    /// The day of the current names and pricing types.
    labelled: Option<usize>,
    /// Amounts, day by day: `width` values per day.
    values: Vec<f64>,
    anomalous: Vec<bool>,
    /// The row that a reader requested after this row.
    next: usize,
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
            places: HashMap::new(),
            rows: Vec::new(),
            texts: Interner::default(),
            scratch: Vec::new(),
        }
    }

    /// Returns the index of a day, or `None` outside the range.
    pub(super) fn day(&self, date: Date) -> Option<usize> {
        let days = usize::try_from((date - self.from).get_days()).ok()?;
        (days < self.span).then_some(days)
    }

    /// Returns the row index of a series. Needs no search if the documents come in the same order as before.
    pub(super) fn row_of(&mut self, reader: &mut Reader, ids: [&str; 3]) -> usize {
        let guess = reader.last.map_or(0, |last| self.rows[last].next);
        let place = match self.rows.get(guess) {
            Some(row) if row.is_of(ids) => guess,
            _ => self.row(ids),
        };
        // Links the rows in the order of the documents, as the guess for the next day.
        if let Some(last) = reader.last.replace(place) {
            self.rows[last].next = place;
        }
        place
    }

    /// Returns the row index of a series; adds a row for a new series.
    pub(super) fn row(&mut self, [account, project, service]: [&str; 3]) -> usize {
        self.scratch.clear();
        // The lengths keep the concatenated ids of two series from being equal.
        self.scratch.extend(account.len().to_le_bytes());
        self.scratch.extend(project.len().to_le_bytes());
        for id in [account, project, service] {
            self.scratch.extend(id.as_bytes());
        }
        if let Some(place) = self.places.get(self.scratch.as_slice()) {
            return *place;
        }
        let [account, project, service] = [account, project, service].map(|id| self.texts.get(id));
        self.rows.push(Row {
            key: SeriesKey { account, project, service },
            names: Names::default(),
            pricing_categories: Vec::new(),
            labelled: None,
            values: vec![f64::NAN; self.span * self.width],
            anomalous: vec![false; self.span],
            next: 0,
        });
        self.places.insert(self.scratch.as_slice().into(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// Returns whether names and pricing types of `day` are newer than the row's.
    pub(super) fn wants_labels(&self, row: usize, day: usize) -> bool {
        self.rows[row].labelled.is_none_or(|labelled| labelled < day)
    }

    /// Sets the names and pricing types of a row. An empty name becomes the id. Equal values cause no allocation.
    pub(super) fn label<'t, T: Iterator<Item = &'t str>>(
        &mut self,
        row: usize,
        day: usize,
        names: [&str; 3],
        pricing_categories: impl Fn() -> T,
    ) {
        let row = &mut self.rows[row];
        row.labelled = Some(day);
        let places = [&mut row.names.account, &mut row.names.project, &mut row.names.service];
        let ids = [&row.key.account, &row.key.project, &row.key.service];
        for ((place, name), id) in places.into_iter().zip(names).zip(ids) {
            let name = if name.is_empty() { id } else { name };
            if **place != *name {
                *place = self.texts.get(name);
            }
        }
        if !row.pricing_categories.iter().map(String::as_str).eq(pricing_categories()) {
            row.pricing_categories = pricing_categories().map(str::to_owned).collect();
        }
    }

    /// Adds the values of a document of the day.
    pub(super) fn add(&mut self, row: usize, day: usize, values: &[f64], anomalous: bool) {
        self.present[day] = true;
        let row = &mut self.rows[row];
        row.values[day * self.width..][..self.width].copy_from_slice(values);
        row.anomalous[day] = anomalous;
    }

    /// Returns the days with a document. The order of `measures` is the order of the added values.
    pub(super) fn history(self, measures: &[Measure]) -> History {
        let days = self.days();
        let row = |row: Row| {
            let values = |(place, measure): (usize, &Measure)| {
                (*measure, days.iter().map(|day| row.values[day * self.width + place]).collect())
            };
            let values = measures.iter().enumerate().map(values).collect();
            let anomalous = days.iter().map(|day| row.anomalous[*day]).collect();
            (row.key, HistoryRow { names: row.names, values, anomalous, pricing_categories: row.pricing_categories })
        };
        let rows = self.rows.into_iter().map(row).collect();
        History { days: days.iter().map(|day| day_after(self.from, *day)).collect(), rows }
    }

    /// Returns the days with a document. The added values are the 24 hourly amounts.
    pub(super) fn snapshots(self) -> Snapshots {
        let days = self.days();
        let row = |row: Row| {
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

impl Row {
    fn is_of(&self, [account, project, service]: [&str; 3]) -> bool {
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
    fn days_that_nobody_has_are_left_out() {
        let measures = [Measure::ListCost, Measure::BilledCost];
        let mut collector = Collector::new(range(1, 4), 2);
        let (a, b) = (collector.row(["d", "p", "a"]), collector.row(["d", "p", "b"]));
        collector.label(a, 0, ["D", "P", "old"], || ["X"].into_iter());
        collector.add(a, 0, &[10.0, 1.0], false);
        collector.label(b, 2, ["", "", ""], || [].into_iter());
        collector.add(b, 2, &[20.0, 2.0], true);
        assert!(collector.wants_labels(a, 3) && !collector.wants_labels(b, 1));
        collector.label(a, 3, ["D", "P", "new"], || ["X", "Y"].into_iter());
        collector.add(a, 3, &[30.0, 3.0], false);

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
        assert_eq!(b.anomalous, [false, true, false]);
    }

    #[test]
    fn snapshots_keep_their_hours() {
        let mut hours = [f64::NAN; 24];
        hours[9] = 4.0;
        let mut collector = Collector::new(range(2, 6), 24);
        let a = collector.row(["d", "p", "a"]);
        collector.add(a, 3, &hours, false);
        let b = collector.row(["d", "p", "b"]);
        collector.add(b, 0, &hours, false);
        let snapshots = collector.snapshots();
        assert_eq!(snapshots.days, [date(2026, 11, 2), date(2026, 11, 5)]);
        let a = &snapshots.rows[&SeriesKey::new("d", "p", "a")];
        assert!(a.hours[0][9].is_nan() && a.hours[1][10].is_nan());
        assert_eq!(a.hours[1][9].to_bits(), 4.0_f64.to_bits());
    }

    #[test]
    fn a_reader_finds_its_rows_in_any_order() {
        let mut collector = Collector::new(range(1, 1), 1);
        let mut reader = Reader::default();
        let mut places = |services: &[&str]| -> Vec<usize> {
            services.iter().map(|service| collector.row_of(&mut reader, ["d", "p", service])).collect()
        };
        assert_eq!(places(&["a", "b", "c"]), [0, 1, 2]);
        assert_eq!(places(&["a", "new", "c"]), [0, 3, 2]);
        assert_eq!(places(&["a", "b", "new", "c"]), [0, 1, 3, 2]);
        assert_eq!(places(&["c", "a", "a"]), [2, 0, 0]);
    }

    #[test]
    fn ids_do_not_run_into_each_other() {
        let mut collector = Collector::new(range(1, 1), 1);
        assert_ne!(collector.row(["ab", "c", "d"]), collector.row(["a", "bc", "d"]));
        assert_eq!(collector.row(["ab", "c", "d"]), 0);
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_empty() {
        let collector = Collector::new(range(4, 1), 1);
        assert_eq!(collector.day(date(2026, 11, 2)), None);
        assert!(collector.history(&[Measure::BilledCost]).days.is_empty());
    }
}
