//! Reads the days of a key range as a history or as snapshots. Reads only the requested columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use redb::ReadOnlyTable;

use super::columns::Day;
use super::file::{Cause, Column, Reading};
use super::key_ranges::{KeyRange, place};
use super::rows::{ANOMALOUS, DailyRow, HourlyRow, Row, flag, hour_column, measure_column};
use super::subjects::{Subject, Subjects};
use model::history::{HistoryRow, Measure, SnapshotRow};
use model::series::SeriesKey;

/// The series of a key range over some days.
struct Rows {
    subjects: Subjects,
    /// The row index of the series, by subject number.
    places: Vec<usize>,
    /// The subject number on the newest day, by row index; `None` without a row on any day.
    newest: Vec<Option<u32>>,
}

impl Reading<'_> {
    /// Returns the series of a key range over `days`. The days must be ascending.
    pub(super) fn history(
        &self,
        key_range: KeyRange,
        days: &[Date],
        measures: &[Measure],
    ) -> Result<BTreeMap<SeriesKey, HistoryRow>, Cause> {
        let mut rows = Rows::new(Subjects::load(&self.subjects()?, DailyRow::COLLECTION, key_range)?);
        let mut anomalous = vec![vec![false; days.len()]; rows.newest.len()];
        let unknown = vec![vec![f64::NAN; days.len()]; rows.newest.len()];
        let mut values: Vec<_> = measures.iter().map(|measure| (*measure, unknown.clone())).collect();
        self.visit::<DailyRow>(key_range, days, |index, day| {
            let places = rows.see(&day.numbers)?;
            for (place, mark) in places.iter().zip(day.column(ANOMALOUS, flag)?) {
                anomalous[*place][index] = mark;
            }
            for (measure, values) in &mut values {
                for (place, amount) in places.iter().zip(day.column(measure_column(*measure), f64::from_le_bytes)?) {
                    values[*place][index] = amount;
                }
            }
            Ok(())
        })?;
        let row = |(place, subject): (usize, &Arc<Subject>)| {
            let values = values.iter_mut().map(|(measure, values)| (*measure, std::mem::take(&mut values[place])));
            let values = values.collect();
            let (names, pricing_categories) = (subject.names.clone(), subject.pricing_categories.clone());
            HistoryRow { names, values, anomalous: std::mem::take(&mut anomalous[place]), pricing_categories }
        };
        rows.finish(row)
    }

    /// Returns the series of a key range over `days`. The days must be ascending. Hours outside `hours` are NaN.
    pub(super) fn snapshots(
        &self,
        key_range: KeyRange,
        days: &[Date],
        hours: &[u8],
    ) -> Result<BTreeMap<SeriesKey, SnapshotRow>, Cause> {
        let mut rows = Rows::new(Subjects::load(&self.subjects()?, HourlyRow::COLLECTION, key_range)?);
        let mut values = vec![vec![[f64::NAN; 24]; days.len()]; rows.newest.len()];
        self.visit::<HourlyRow>(key_range, days, |index, day| {
            let places = rows.see(&day.numbers)?;
            for hour in hours {
                let Some(amounts) = day.column_if_there(hour_column(*hour), f64::from_le_bytes)? else { continue };
                for (place, amount) in places.iter().zip(amounts) {
                    values[*place][index][usize::from(*hour)] = amount;
                }
            }
            Ok(())
        })?;
        rows.finish(|(place, subject)| SnapshotRow {
            names: subject.names.clone(),
            hours: std::mem::take(&mut values[place]),
        })
    }

    fn visit<R: Row>(
        &self,
        key_range: KeyRange,
        days: &[Date],
        mut visit: impl FnMut(usize, &Day<'_, ReadOnlyTable<Column, &'static [u8]>>) -> Result<(), Cause>,
    ) -> Result<(), Cause> {
        let columns = self.columns()?;
        for (index, date) in days.iter().enumerate() {
            if let Some(day) = Day::open(&columns, place::<R>(key_range, *date))? {
                visit(index, &day)?;
            }
        }
        Ok(())
    }
}

impl Rows {
    fn new(subjects: Subjects) -> Self {
        // A renamed series has several subjects but a single row.
        let keys: BTreeMap<&SeriesKey, ()> = subjects.all().iter().map(|subject| (&subject.key, ())).collect();
        let order: BTreeMap<&SeriesKey, usize> = keys.into_keys().zip(0..).collect();
        let places = subjects.all().iter().map(|subject| order[&subject.key]).collect();
        let newest = vec![None; order.len()];
        Self { subjects, places, newest }
    }

    /// Returns the row indices of a day's subjects. Calls must follow the order of the days.
    fn see(&mut self, numbers: &[u32]) -> Result<Vec<usize>, Cause> {
        let mut places = Vec::with_capacity(numbers.len());
        for number in numbers {
            self.subjects.get(*number)?;
            let place = self.places[*number as usize];
            self.newest[place] = Some(*number);
            places.push(place);
        }
        Ok(places)
    }

    /// Returns the series with a row on any day, in key order.
    fn finish<T>(&self, mut row: impl FnMut((usize, &Arc<Subject>)) -> T) -> Result<BTreeMap<SeriesKey, T>, Cause> {
        let mut rows = BTreeMap::new();
        for (place, newest) in self.newest.iter().enumerate() {
            let Some(newest) = newest else { continue };
            let subject = self.subjects.get(*newest)?;
            rows.insert(subject.key.clone(), row((place, subject)));
        }
        Ok(rows)
    }
}
