//! Days that are read some thousand series at a time, so that memory does not grow with a bill.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::embedded::{Embedded, Stretch};
use super::{DateRange, Store, StoreError};
use model::history::{HistoryRow, Measure, SnapshotRow};
use model::series::SeriesKey;

/// A database by its stretches: the series from one key up to another, in the order of keys. Reading blocks for the
/// length of a disk access.
pub struct Stretches<'s> {
    store: &'s Embedded,
    stretches: Vec<Stretch>,
}

impl Store {
    /// None where the database gives all series at once.
    pub fn stretches(&self) -> Result<Option<Stretches<'_>>, StoreError> {
        match self {
            Self::Mongodb(_) => Ok(None),
            Self::Embedded(store) => Ok(Some(Stretches { store, stretches: store.stretches()? })),
        }
    }
}

impl Stretches<'_> {
    pub fn len(&self) -> usize {
        self.stretches.len()
    }

    /// The finished days of a range that the database holds anything of.
    pub fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.store.days(range)
    }

    /// The days of a range that hourly runs have seen.
    pub fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.store.snapshot_days(range)
    }

    /// The series of a stretch over `days`, which are ascending.
    pub fn history(
        &self,
        place: usize,
        days: &[Date],
        measures: &[Measure],
    ) -> Result<BTreeMap<SeriesKey, HistoryRow>, StoreError> {
        self.store.history_of(self.stretches[place], days, measures)
    }

    /// The series of a stretch over `days`, which are ascending; hours that are not asked for are not known.
    pub fn snapshots(
        &self,
        place: usize,
        days: &[Date],
        hours: &[u8],
    ) -> Result<BTreeMap<SeriesKey, SnapshotRow>, StoreError> {
        self.store.snapshots_of(self.stretches[place], days, hours)
    }
}
