//! The rows of the collections with column storage, and their common columns.

mod daily;
mod hourly;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use model::run_id::RunId;
use redb::ReadableTable;

pub(super) use self::daily::{DailyRow, MARKS, measure_column, read_marks};
pub(super) use self::hourly::{HourlyRow, hour_column};
use super::cause::Cause;
use super::columns::{Day, DayAddress, DayWriter, RUN, UPDATED};
use super::series_index::{IndexedSeries, SeriesIndex, SeriesNumbering};
use super::tables::{ColumnKey, KeyRangeId, Tables, WriteTables};
use crate::documents::key::Collection;

/// A document of a collection with column storage.
pub(super) trait Row: Clone {
    const COLLECTION: &'static Collection;

    fn series(&self) -> &Arc<IndexedSeries>;

    fn read(
        day: &Day<'_, impl ReadableTable<ColumnKey, &'static [u8]>>,
        index: &SeriesIndex,
    ) -> Result<Vec<Self>, Cause>;

    /// Writes all columns except the series numbers.
    fn write(rows: &[Self], day: &mut DayWriter<'_>) -> Result<(), Cause>;
}

/// The time and the run of a write to a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteStamp {
    /// Milliseconds since 1970.
    pub(super) millis: i64,
    /// `None` if the stored bytes are not a run id.
    pub(super) run: Option<RunId>,
}

/// Returns the address of the columns of a row type.
pub(super) fn address<R: Row>(key_range: KeyRangeId, date: Date) -> DayAddress {
    DayAddress { collection: R::COLLECTION.name, date, key_range }
}

/// Returns the rows of a day, in key order.
pub(super) fn rows<R: Row>(tables: &impl Tables, key_range: KeyRangeId, date: Date) -> Result<Vec<R>, Cause> {
    let columns = tables.columns()?;
    let Some(day) = Day::open(&columns, address::<R>(key_range, date))? else { return Ok(Vec::new()) };
    R::read(&day, &SeriesIndex::load(tables, R::COLLECTION, key_range)?)
}

/// Returns the number of rows of a day.
pub(super) fn row_count<R: Row>(tables: &impl Tables, key_range: KeyRangeId, date: Date) -> Result<u64, Cause> {
    let columns = tables.columns()?;
    Ok(Day::open(&columns, address::<R>(key_range, date))?.map_or(0, |day| day.numbers.len() as u64))
}

impl WriteTables<'_> {
    /// Replaces the rows of a day. Sorts the rows by key. A day without rows has no columns.
    pub(super) fn put_rows<R: Row>(&self, key_range: KeyRangeId, date: Date, mut rows: Vec<R>) -> Result<(), Cause> {
        rows.sort_by(|one, other| one.series().key.cmp(&other.series().key));
        let mut numbering = SeriesNumbering::new(SeriesIndex::load(self, R::COLLECTION, key_range)?);
        let numbers: Vec<u32> = rows.iter().map(|row| numbering.number(row.series())).collect();
        numbering.store(self.series_index_mut()?, R::COLLECTION, key_range)?;
        let mut day = DayWriter::new(self.columns_mut()?, address::<R>(key_range, date));
        day.begin(&numbers)?;
        R::write(&rows, &mut day)
    }
}

impl WriteStamp {
    pub(super) fn new(now: Timestamp, run: Option<RunId>) -> Self {
        Self { millis: now.as_millisecond(), run }
    }

    /// Reads one value per row.
    fn read(day: &Day<'_, impl ReadableTable<ColumnKey, &'static [u8]>>) -> Result<Vec<Self>, Cause> {
        let times = day.column(UPDATED, i64::from_le_bytes)?;
        let runs = day.column(RUN, RunId::from_bytes)?;
        Ok(times.into_iter().zip(runs).map(|(millis, run)| Self { millis, run }).collect())
    }

    fn write(stamps: impl Iterator<Item = Self> + Clone, day: &mut DayWriter<'_>) -> Result<(), Cause> {
        // Zero bytes stand for an unknown run.
        day.put(RUN, stamps.clone().map(|stamp| stamp.run.map_or([0; 16], RunId::to_bytes)))?;
        day.put(UPDATED, stamps.map(|stamp| stamp.millis.to_le_bytes()))
    }
}

/// Converts milliseconds since 1970.
fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}
