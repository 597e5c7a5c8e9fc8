//! Reads the store one key range at a time, a few thousand series each. The memory use does not grow with the bill.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::embedded::{Embedded, KeyRange};
use super::{DateRange, Store, StoreError};
use model::history::{HistoryRow, Measure, SnapshotRow};
use model::series::SeriesKey;

/// The key ranges of a database, in key order. Every read blocks for the duration of a disk access.
pub struct KeyRanges<'s> {
    store: &'s Embedded,
    key_ranges: Vec<KeyRange>,
}

impl Store {
    /// Returns the key ranges, or `None` if the database only reads all series at once.
    pub fn key_ranges(&self) -> Result<Option<KeyRanges<'_>>, StoreError> {
        match self {
            Self::Mongodb(_) => Ok(None),
            Self::Embedded(store) => Ok(Some(KeyRanges { store, key_ranges: store.key_ranges()? })),
        }
    }
}

impl KeyRanges<'_> {
    pub fn len(&self) -> usize {
        self.key_ranges.len()
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
        place: usize,
        days: &[Date],
        measures: &[Measure],
    ) -> Result<BTreeMap<SeriesKey, HistoryRow>, StoreError> {
        self.store.history_of(self.key_ranges[place], days, measures)
    }

    /// Returns the series of a key range over `days`. The days must be ascending. Hours outside `hours` are NaN.
    pub fn snapshots(
        &self,
        place: usize,
        days: &[Date],
        hours: &[u8],
    ) -> Result<BTreeMap<SeriesKey, SnapshotRow>, StoreError> {
        self.store.snapshots_of(self.key_ranges[place], days, hours)
    }
}
