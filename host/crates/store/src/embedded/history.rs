//! Reads the days of a key range as a history or as snapshots. Reads only the requested columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use model::history::{DayMarks, History, HistoryRow, Measure, SnapshotRow, Snapshots};
use model::series::SeriesKey;
use redb::ReadableTable;

use super::cause::Cause;
use super::columns::Day;
use super::file::Embedded;
use super::key_ranges::key_range_ids;
use super::rows::{DailyRow, HourlyRow, MARKS, Row, address, hour_column, measure_column, read_marks};
use super::series_index::{IndexedSeries, SeriesIndex};
use super::tables::{ColumnKey, KeyRangeId, ReadTables, Tables};
use crate::documents::{daily, hourly};
use crate::error::StoreError;
use crate::records::DateRange;

/// The key ranges of a database, in key order. Every read blocks for the duration of a disk access.
pub struct KeyRanges<'s> {
    store: &'s Embedded,
    ids: Vec<KeyRangeId>,
}

impl Embedded {
    /// Returns the key ranges, in key order.
    pub(crate) fn key_ranges(&self) -> Result<KeyRanges<'_>, StoreError> {
        let ids = self.read(&daily::COLLECTION, |tables| key_range_ids(tables))?;
        Ok(KeyRanges { store: self, ids })
    }

    pub(crate) fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError> {
        let key_ranges = self.key_ranges()?;
        let mut history = History { days: self.days(range)?, rows: BTreeMap::new() };
        for index in 0..key_ranges.len() {
            history.rows.append(&mut key_ranges.history(index, &history.days, measures)?);
        }
        Ok(history)
    }

    pub(crate) fn day_totals(&self, range: DateRange) -> Result<Vec<(Date, f64)>, StoreError> {
        let key_ranges = self.key_ranges()?;
        let mut totals: Vec<(Date, f64)> = self.days(range)?.into_iter().map(|day| (day, 0.0)).collect();
        let days: Vec<Date> = totals.iter().map(|(day, _)| *day).collect();
        for index in 0..key_ranges.len() {
            for row in key_ranges.history(index, &days, &[Measure::BilledCost])?.into_values() {
                let costs = row.values.get(&Measure::BilledCost).into_iter().flatten();
                for ((_, total), cost) in totals.iter_mut().zip(costs).filter(|(_, cost)| !cost.is_nan()) {
                    *total += cost;
                }
            }
        }
        Ok(totals)
    }

    pub(crate) fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError> {
        let hours: Vec<u8> = (0..24).collect();
        let key_ranges = self.key_ranges()?;
        let mut snapshots = Snapshots { days: self.snapshot_days(range)?, rows: BTreeMap::new() };
        for index in 0..key_ranges.len() {
            snapshots.rows.append(&mut key_ranges.snapshots(index, &snapshots.days, &hours)?);
        }
        Ok(snapshots)
    }
}

impl KeyRanges<'_> {
    #[expect(clippy::len_without_is_empty, reason = "a database always has a key range")]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns the finished days of the range with a stored document, ascending.
    pub fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.store.days(range)
    }

    /// Returns the days of the range with an hourly snapshot, ascending.
    pub fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.store.snapshot_days(range)
    }

    /// Returns the series of a key range over `days`. The days must be ascending.
    pub fn history(
        &self,
        index: usize,
        days: &[Date],
        measures: &[Measure],
    ) -> Result<BTreeMap<SeriesKey, HistoryRow>, StoreError> {
        self.store.read(&daily::COLLECTION, |tables| tables.history(self.ids[index], days, measures))
    }

    /// Returns the series of a key range over `days`. The days must be ascending. Hours outside `hours` are NaN.
    pub fn snapshots(
        &self,
        index: usize,
        days: &[Date],
        hours: &[u8],
    ) -> Result<BTreeMap<SeriesKey, SnapshotRow>, StoreError> {
        self.store.read(&hourly::COLLECTION, |tables| tables.snapshots(self.ids[index], days, hours))
    }
}

/// The rows of the series of a key range over some days. A renamed series has several numbers and a single row.
struct SeriesRows {
    index: SeriesIndex,
    /// The row of the series, by series number.
    rows: Vec<usize>,
    /// The series number on the newest day, by row; `None` without a document on any day.
    newest_numbers: Vec<Option<u32>>,
}

impl ReadTables<'_> {
    fn history(
        &self,
        key_range: KeyRangeId,
        days: &[Date],
        measures: &[Measure],
    ) -> Result<BTreeMap<SeriesKey, HistoryRow>, Cause> {
        let mut series_rows = SeriesRows::new(SeriesIndex::load(self, DailyRow::COLLECTION, key_range)?);
        let mut marks = vec![vec![DayMarks::default(); days.len()]; series_rows.len()];
        let unknown = vec![vec![f64::NAN; days.len()]; series_rows.len()];
        let mut values: Vec<_> = measures.iter().map(|measure| (*measure, unknown.clone())).collect();
        let columns = self.columns()?;
        for (day_index, date) in days.iter().enumerate() {
            let Some(day) = Day::open(&columns, address::<DailyRow>(key_range, *date))? else { continue };
            let rows = series_rows.rows_of(&day)?;
            for (row, of_row) in rows.iter().zip(day.column(MARKS, read_marks)?) {
                marks[*row][day_index] = of_row;
            }
            for (measure, values) in &mut values {
                for (row, amount) in rows.iter().zip(day.column(measure_column(*measure), f64::from_le_bytes)?) {
                    values[*row][day_index] = amount;
                }
            }
        }
        series_rows.collect(|row, series| HistoryRow {
            names: series.names.clone(),
            values: values.iter_mut().map(|(measure, values)| (*measure, std::mem::take(&mut values[row]))).collect(),
            marks: std::mem::take(&mut marks[row]),
            pricing_categories: series.pricing_categories.clone(),
        })
    }

    fn snapshots(
        &self,
        key_range: KeyRangeId,
        days: &[Date],
        hours: &[u8],
    ) -> Result<BTreeMap<SeriesKey, SnapshotRow>, Cause> {
        let mut series_rows = SeriesRows::new(SeriesIndex::load(self, HourlyRow::COLLECTION, key_range)?);
        let mut values = vec![vec![[f64::NAN; 24]; days.len()]; series_rows.len()];
        let columns = self.columns()?;
        for (day_index, date) in days.iter().enumerate() {
            let Some(day) = Day::open(&columns, address::<HourlyRow>(key_range, *date))? else { continue };
            let rows = series_rows.rows_of(&day)?;
            for hour in hours {
                let Some(amounts) = day.optional_column(hour_column(*hour), f64::from_le_bytes)? else { continue };
                for (row, amount) in rows.iter().zip(amounts) {
                    values[*row][day_index][usize::from(*hour)] = amount;
                }
            }
        }
        series_rows
            .collect(|row, series| SnapshotRow { names: series.names.clone(), hours: std::mem::take(&mut values[row]) })
    }
}

impl SeriesRows {
    fn new(index: SeriesIndex) -> Self {
        let keys: BTreeMap<&SeriesKey, ()> = index.all().iter().map(|series| (&series.key, ())).collect();
        let row_of_key: BTreeMap<&SeriesKey, usize> = keys.into_keys().zip(0..).collect();
        let rows = index.all().iter().map(|series| row_of_key[&series.key]).collect();
        let newest_numbers = vec![None; row_of_key.len()];
        Self { index, rows, newest_numbers }
    }

    fn len(&self) -> usize {
        self.newest_numbers.len()
    }

    /// Returns the rows of the documents of a day. Calls must follow the order of the days.
    fn rows_of(&mut self, day: &Day<'_, impl ReadableTable<ColumnKey, &'static [u8]>>) -> Result<Vec<usize>, Cause> {
        let mut rows = Vec::with_capacity(day.numbers.len());
        for number in &day.numbers {
            self.index.get(*number)?;
            let row = self.rows[*number as usize];
            self.newest_numbers[row] = Some(*number);
            rows.push(row);
        }
        Ok(rows)
    }

    /// Converts the series with a document on any day, in key order.
    fn collect<T>(
        &self,
        mut convert: impl FnMut(usize, &Arc<IndexedSeries>) -> T,
    ) -> Result<BTreeMap<SeriesKey, T>, Cause> {
        let mut converted = BTreeMap::new();
        for (row, number) in self.newest_numbers.iter().enumerate() {
            let Some(number) = number else { continue };
            let series = self.index.get(*number)?;
            converted.insert(series.key.clone(), convert(row, series));
        }
        Ok(converted)
    }
}
