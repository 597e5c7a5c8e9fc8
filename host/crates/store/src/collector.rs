//! Collects days of amounts, in whichever order a database gives them, into a [`History`] or [`Snapshots`].
//!
//! This is the hot path of the jobs: nothing is allocated for a document of a series that is known already.

use std::collections::HashMap;

use jiff::civil::Date;

use super::DateRange;
use model::intern::Interner;
use super::records::day_after;
use model::history::{History, HistoryRow, Measure, SnapshotRow, Snapshots};
use model::series::{Names, SeriesKey};

/// The amounts of consecutive days, while they are being read.
#[derive(Debug)]
pub(super) struct Collector {
    from: Date,
    span: usize,
    /// Amounts of one series and day.
    width: usize,
    /// Which days have a document.
    present: Vec<bool>,
    /// By the lengths and texts of the ids.
    places: HashMap<Box<[u8]>, usize>,
    rows: Vec<Row>,
    texts: Interner,
    scratch: Vec<u8>,
}

/// Where one reader is: documents mostly come in the same order day after day.
#[derive(Debug, Default)]
pub(super) struct Reader {
    last: Option<usize>,
}

/// One series over the whole span.
#[derive(Debug)]
struct Row {
    key: SeriesKey,
    names: Names,
    pricing_categories: Vec<String>,
    /// The day that the names and pricing types are of.
    labelled: Option<usize>,
    /// Day by day.
    values: Vec<f64>,
    anomalous: Vec<bool>,
    /// The row that a reader asked for next.
    next: usize,
}

impl Collector {
    /// For a range of days with `width` amounts a series and day.
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

    /// The place of a date's values; none outside of the range.
    pub(super) fn day(&self, date: Date) -> Option<usize> {
        let days = usize::try_from((date - self.from).get_days()).ok()?;
        (days < self.span).then_some(days)
    }

    /// The place of a series' row, which is found without a search where the reader goes the way of the one before.
    pub(super) fn row_of(&mut self, reader: &mut Reader, ids: [&str; 3]) -> usize {
        let guess = reader.last.map_or(0, |last| self.rows[last].next);
        let place = match self.rows.get(guess) {
            Some(row) if row.is_of(ids) => guess,
            _ => self.row(ids),
        };
        if let Some(last) = reader.last.replace(place) {
            self.rows[last].next = place;
        }
        place
    }

    /// The place of a series' row.
    pub(super) fn row(&mut self, [domain, project, service]: [&str; 3]) -> usize {
        self.scratch.clear();
        self.scratch.extend(domain.len().to_le_bytes());
        self.scratch.extend(project.len().to_le_bytes());
        for id in [domain, project, service] {
            self.scratch.extend(id.as_bytes());
        }
        if let Some(place) = self.places.get(self.scratch.as_slice()) {
            return *place;
        }
        let [domain, project, service] = [domain, project, service].map(|id| self.texts.get(id));
        self.rows.push(Row {
            key: SeriesKey { domain, project, service },
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

    /// Whether names and pricing types of that day are newer than what the row has.
    pub(super) fn wants_labels(&self, row: usize, day: usize) -> bool {
        self.rows[row].labelled.is_none_or(|labelled| labelled < day)
    }

    /// An empty name is the id. What stands there already costs nothing.
    pub(super) fn label<'t, T: Iterator<Item = &'t str>>(
        &mut self,
        row: usize,
        day: usize,
        names: [&str; 3],
        pricing_categories: impl Fn() -> T,
    ) {
        let row = &mut self.rows[row];
        row.labelled = Some(day);
        let places = [&mut row.names.domain, &mut row.names.project, &mut row.names.service];
        let ids = [&row.key.domain, &row.key.project, &row.key.service];
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

    /// The series has a document of that day.
    pub(super) fn add(&mut self, row: usize, day: usize, values: &[f64], anomalous: bool) {
        self.present[day] = true;
        let row = &mut self.rows[row];
        row.values[day * self.width..][..self.width].copy_from_slice(values);
        row.anomalous[day] = anomalous;
    }

    /// The days that have a document; the amounts are those of the measures, in their order.
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

    /// The days that have a document; the amounts are those of the hours.
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
    fn is_of(&self, [domain, project, service]: [&str; 3]) -> bool {
        // From the part that differs most often.
        *self.key.service == *service && *self.key.project == *project && *self.key.domain == *domain
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
        assert_eq!((&*a.names.domain, &*a.names.service), ("D", "new"));
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
