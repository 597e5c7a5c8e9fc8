//! Collects days of amounts, in whichever order a database gives them, into a [`History`] or [`Snapshots`].
//!
//! This is the hot path of the jobs: nothing is allocated for a document of a series that is known already.

use std::collections::HashMap;

use jiff::civil::Date;

use super::documents::Interner;
use super::{DateRange, day_after};
use crate::history::{History, HistoryRow, Measure, SnapshotRow, Snapshots};
use crate::series::{Names, SeriesKey};

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

/// One series over the whole span.
#[derive(Debug)]
struct Row {
    key: SeriesKey,
    names: Names,
    pricing_types: Vec<String>,
    /// The day that the names and pricing types are of.
    labelled: Option<usize>,
    /// Day by day.
    values: Vec<f64>,
    anomalous: Vec<bool>,
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
            pricing_types: Vec::new(),
            labelled: None,
            values: vec![f64::NAN; self.span * self.width],
            anomalous: vec![false; self.span],
        });
        self.places.insert(self.scratch.as_slice().into(), self.rows.len() - 1);
        self.rows.len() - 1
    }

    /// Whether names and pricing types of that day are newer than what the row has.
    pub(super) fn wants_labels(&self, row: usize, day: usize) -> bool {
        self.rows[row].labelled.is_none_or(|labelled| labelled < day)
    }

    /// An empty name is the id.
    pub(super) fn label(&mut self, row: usize, day: usize, names: [&str; 3], pricing_types: Vec<String>) {
        let row = &mut self.rows[row];
        let [domain, project, service] = names;
        let mut name = |name: &str, id: &str| self.texts.get(if name.is_empty() { id } else { name });
        row.names = Names {
            domain: name(domain, &row.key.domain),
            project: name(project, &row.key.project),
            service: name(service, &row.key.service),
        };
        row.pricing_types = pricing_types;
        row.labelled = Some(day);
    }

    /// The series has a document of that day.
    pub(super) fn add(&mut self, row: usize, day: usize, values: &[f64], anomalous: bool) {
        self.present[day] = true;
        let row = &mut self.rows[row];
        row.values[day * self.width..][..self.width].copy_from_slice(values);
        row.anomalous[day] = anomalous;
    }

    /// One history out of consecutive ranges, given in their order; the amounts are in the order of the measures.
    pub(super) fn history(parts: Vec<Self>, measures: &[Measure]) -> History {
        let total = parts.iter().map(|part| part.days().len()).sum();
        let mut history = History::default();
        for part in parts {
            let before = history.days.len();
            let days = part.days();
            history.days.extend(days.iter().map(|day| day_after(part.from, *day)));
            for new in part.rows {
                let row = history.rows.entry(new.key).or_insert_with(|| HistoryRow {
                    values: measures.iter().map(|measure| (*measure, Vec::with_capacity(total))).collect(),
                    anomalous: Vec::with_capacity(total),
                    ..HistoryRow::default()
                });
                if new.labelled.is_some() {
                    row.names = new.names;
                    row.pricing_types = new.pricing_types;
                }
                for (place, measure) in measures.iter().enumerate() {
                    let values = row.values.entry(*measure).or_default();
                    values.resize(before, f64::NAN);
                    values.extend(days.iter().map(|day| new.values[day * part.width + place]));
                }
                row.anomalous.resize(before, false);
                row.anomalous.extend(days.iter().map(|day| new.anomalous[*day]));
            }
        }
        for row in history.rows.values_mut() {
            row.values.values_mut().for_each(|values| values.resize(total, f64::NAN));
            row.anomalous.resize(total, false);
        }
        history
    }

    /// The snapshots of consecutive ranges, given in their order; the amounts are those of the hours.
    pub(super) fn snapshots(parts: Vec<Self>) -> Snapshots {
        let total = parts.iter().map(|part| part.days().len()).sum();
        let mut snapshots = Snapshots::default();
        for part in parts {
            let before = snapshots.days.len();
            let days = part.days();
            snapshots.days.extend(days.iter().map(|day| day_after(part.from, *day)));
            for new in part.rows {
                let row = snapshots
                    .rows
                    .entry(new.key)
                    .or_insert_with(|| SnapshotRow { hours: Vec::with_capacity(total), ..SnapshotRow::default() });
                if new.labelled.is_some() {
                    row.names = new.names;
                }
                row.hours.resize(before, [f64::NAN; 24]);
                let (hours, _) = new.values.as_chunks();
                row.hours.extend(days.iter().map(|day| hours[*day]));
            }
        }
        snapshots.rows.values_mut().for_each(|row| row.hours.resize(total, [f64::NAN; 24]));
        snapshots
    }

    fn days(&self) -> Vec<usize> {
        (0..self.span).filter(|day| self.present[*day]).collect()
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
    fn parts_are_joined_without_the_days_that_nobody_has() {
        let measures = [Measure::General, Measure::Expect];
        let mut early = Collector::new(range(1, 3), 2);
        let (a, b) = (early.row(["d", "p", "a"]), early.row(["d", "p", "b"]));
        early.label(a, 0, ["D", "P", "old"], vec!["X".into()]);
        early.add(a, 0, &[10.0, 1.0], false);
        early.label(b, 2, ["", "", ""], vec![]);
        early.add(b, 2, &[20.0, 2.0], true);
        let mut late = Collector::new(range(4, 4), 2);
        let a = late.row(["d", "p", "a"]);
        late.label(a, 0, ["D", "P", "new"], vec!["Y".into()]);
        late.add(a, 0, &[30.0, 3.0], false);

        let history = Collector::history(vec![early, late], &measures);
        assert_eq!(history.days, [date(2026, 11, 1), date(2026, 11, 3), date(2026, 11, 4)]);
        let a = &history.rows[&SeriesKey::new("d", "p", "a")];
        assert_eq!((&*a.names.service, a.pricing_types.as_slice()), ("new", ["Y".to_owned()].as_slice()));
        assert_eq!((a.values[&Measure::Expect][0], a.values[&Measure::General][2]), (1.0, 30.0));
        assert!(a.values[&Measure::Expect][1].is_nan());
        let b = &history.rows[&SeriesKey::new("d", "p", "b")];
        assert_eq!(&*b.names.service, "b");
        assert!(b.values[&Measure::Expect][0].is_nan() && b.values[&Measure::Expect][2].is_nan());
        assert_eq!(b.anomalous, [false, true, false]);
    }

    #[test]
    fn snapshots_keep_their_hours() {
        let mut hours = [f64::NAN; 24];
        hours[9] = 4.0;
        let mut late = Collector::new(range(4, 6), 24);
        let row = late.row(["d", "p", "a"]);
        late.add(row, 1, &hours, false);
        let mut early = Collector::new(range(2, 3), 24);
        let row = early.row(["d", "p", "b"]);
        early.add(row, 0, &hours, false);
        let snapshots = Collector::snapshots(vec![early, late]);
        assert_eq!(snapshots.days, [date(2026, 11, 2), date(2026, 11, 5)]);
        let a = &snapshots.rows[&SeriesKey::new("d", "p", "a")];
        assert!(a.hours[0][9].is_nan() && a.hours[1][10].is_nan());
        assert_eq!(a.hours[1][9].to_bits(), 4.0_f64.to_bits());
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
        assert!(Collector::history(vec![collector], &[Measure::Expect]).days.is_empty());
    }
}
