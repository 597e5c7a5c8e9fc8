//! The rows of `billing_hourly`.

use std::sync::Arc;

use model::ledger::LedgerEntry;
use redb::ReadableTable;

use super::{Row, WriteStamp};
use crate::documents::hourly;
use crate::documents::key::Collection;
use crate::embedded::cause::Cause;
use crate::embedded::columns::{CREATED, Day, DayWriter};
use crate::embedded::series_index::{IndexedSeries, SeriesIndex};
use crate::embedded::tables::ColumnKey;

/// The column of the times of the last fetch.
const FETCHED: u8 = 4;
/// The first of the 24 hour columns.
const HOURS: u8 = 16;

/// A document of `billing_hourly`.
#[derive(Debug, Clone)]
pub(in crate::embedded) struct HourlyRow {
    pub(in crate::embedded) series: Arc<IndexedSeries>,
    /// Cumulative amounts by hour; NaN without a snapshot.
    pub(in crate::embedded) hours: [f64; 24],
    /// Time of the last fetch, in milliseconds since 1970, like the creation time.
    fetched: i64,
    created: i64,
    updated: WriteStamp,
}

impl HourlyRow {
    /// Returns a row of a ledger entry without amounts.
    pub(in crate::embedded) fn new(entry: &LedgerEntry, stamp: WriteStamp) -> Self {
        Self {
            series: Arc::new(IndexedSeries::without_lists(entry)),
            hours: [f64::NAN; 24],
            fetched: stamp.millis,
            created: stamp.millis,
            updated: stamp,
        }
    }

    /// Sets amounts, and takes the names of the entry.
    pub(in crate::embedded) fn update(&mut self, entry: &LedgerEntry, amounts: &[(u8, f64)], stamp: WriteStamp) {
        self.series = Arc::new(IndexedSeries::without_lists(entry));
        self.set_amounts(amounts, stamp);
    }

    pub(in crate::embedded) fn set_amounts(&mut self, amounts: &[(u8, f64)], stamp: WriteStamp) {
        for (hour, amount) in amounts {
            self.hours[usize::from(*hour)] = *amount;
        }
        self.fetched = stamp.millis;
        self.updated = stamp;
    }
}

impl Row for HourlyRow {
    const COLLECTION: &'static Collection = &hourly::COLLECTION;

    fn series(&self) -> &Arc<IndexedSeries> {
        &self.series
    }

    fn read(
        day: &Day<'_, impl ReadableTable<ColumnKey, &'static [u8]>>,
        index: &SeriesIndex,
    ) -> Result<Vec<Self>, Cause> {
        let created = day.column(CREATED, i64::from_le_bytes)?;
        let updated = WriteStamp::read(day)?;
        let fetched = day.column(FETCHED, i64::from_le_bytes)?;
        let mut rows = Vec::with_capacity(day.numbers.len());
        for (row, number) in day.numbers.iter().enumerate() {
            rows.push(Self {
                series: Arc::clone(index.get(*number)?),
                hours: [f64::NAN; 24],
                fetched: fetched[row],
                created: created[row],
                updated: updated[row],
            });
        }
        for hour in 0..24 {
            // A missing column means no snapshot at this hour.
            let Some(amounts) = day.optional_column(hour_column(hour), f64::from_le_bytes)? else { continue };
            for (row, amount) in rows.iter_mut().zip(amounts) {
                row.hours[usize::from(hour)] = amount;
            }
        }
        Ok(rows)
    }

    fn write(rows: &[Self], day: &mut DayWriter<'_>) -> Result<(), Cause> {
        day.put(CREATED, rows.iter().map(|row| row.created.to_le_bytes()))?;
        WriteStamp::write(rows.iter().map(|row| row.updated), day)?;
        day.put(FETCHED, rows.iter().map(|row| row.fetched.to_le_bytes()))?;
        for hour in 0..24 {
            let amounts = || rows.iter().map(|row| row.hours[usize::from(hour)]);
            // An hour without any amount needs no column.
            if amounts().any(|amount| !amount.is_nan()) {
                day.put(hour_column(hour), amounts().map(f64::to_le_bytes))?;
            }
        }
        Ok(())
    }
}

/// Returns the column of an hour.
pub(in crate::embedded) fn hour_column(hour: u8) -> u8 {
    HOURS + hour
}
