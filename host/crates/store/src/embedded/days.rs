//! Finished days in `billing_daily`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use model::ledger::{DayLedger, LedgerEntry};
use model::series::SeriesKey;
use mongodb::bson::Document;

use super::cause::Cause;
use super::columns;
use super::file::Embedded;
use super::key_ranges::{KeyRangeItems, key_range_ids};
use super::rows::{DailyRow, WriteStamp, row_count, rows};
use super::series_index::SeriesIndex;
use crate::documents::daily::COLLECTION;
use crate::documents::field::matches_series;
use crate::documents::key::key_document_bytes;
use crate::error::StoreError;
use crate::records::DateRange;

impl Embedded {
    pub fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let stamp = WriteStamp::new(now, self.run);
        self.change(&COLLECTION, |tables| {
            let mut replaced = Vec::new();
            for KeyRangeItems { id, items } in tables.assign::<DailyRow, _>(&in_key_order(day), |entry| &entry.key)? {
                let old_rows: Vec<DailyRow> = rows(tables, id, day.date)?;
                let stored: HashMap<&SeriesKey, &DailyRow> =
                    old_rows.iter().map(|row| (&row.series.key, row)).collect();
                let new_row =
                    |entry: &&LedgerEntry| DailyRow::from_entry(entry, stored.get(&entry.key).copied(), stamp);
                let new_rows: Vec<DailyRow> = items.iter().map(new_row).collect();
                if !old_rows.is_empty() {
                    let amounts: HashMap<_, _> = new_rows.iter().map(|row| (&row.series.key, row.amounts)).collect();
                    let is_replaced = |old: &&DailyRow| amounts.get(&old.series.key) != Some(&old.amounts);
                    // Includes the series that left the day.
                    replaced.extend(old_rows.iter().filter(is_replaced).map(DailyRow::replaced_amounts));
                }
                if !(old_rows.is_empty() && new_rows.is_empty()) {
                    tables.put_rows(id, day.date, new_rows)?;
                }
            }
            tables.put_replaced(day.date, &replaced, self.run, now)
        })
    }

    pub(crate) fn has_day(&self, day: &DayLedger) -> Result<bool, StoreError> {
        self.read(&COLLECTION, |tables| {
            let mut entries: HashMap<&SeriesKey, &LedgerEntry> =
                day.entries.iter().map(|entry| (&entry.key, entry)).collect();
            for id in key_range_ids(tables)? {
                for row in rows::<DailyRow>(tables, id, day.date)? {
                    let entry = entries.remove(&row.series.key);
                    if !entry.is_some_and(|entry| row.has_content_of(entry)) {
                        return Ok(false);
                    }
                }
            }
            // Every remaining entry is missing in the store.
            Ok(entries.is_empty())
        })
    }

    pub(crate) fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError> {
        self.read(&COLLECTION, |tables| {
            let ids = key_range_ids(tables)?;
            let size = |date: Date| {
                let counts = ids.iter().map(|id| row_count::<DailyRow>(tables, *id, date));
                Ok((date, counts.sum::<Result<u64, Cause>>()?))
            };
            columns::dates(tables, &COLLECTION, range)?.into_iter().map(size).collect()
        })
    }

    pub(crate) fn mark_anomalous(
        &self,
        date: Date,
        series: &BTreeSet<SeriesKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let stamp = WriteStamp::new(now, self.run);
        self.change(&COLLECTION, |tables| {
            for id in key_range_ids(tables)? {
                let mut rows: Vec<DailyRow> = rows(tables, id, date)?;
                let mut has_changes = false;
                for row in &mut rows {
                    let is_anomalous = series.contains(&row.series.key);
                    if row.marks.is_anomalous != is_anomalous {
                        row.marks.is_anomalous = is_anomalous;
                        row.updated = stamp;
                        has_changes = true;
                    }
                }
                // A write replaces the whole day of the key range, so an unchanged key range is skipped.
                if has_changes {
                    tables.put_rows(id, date, rows)?;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.read(&COLLECTION, |tables| columns::dates(tables, &COLLECTION, range))
    }

    pub(crate) fn newest_day(&self) -> Result<Option<Date>, StoreError> {
        self.read(&COLLECTION, |tables| columns::newest_day(tables, &COLLECTION))
    }

    pub(crate) fn daily_documents(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        self.read(&COLLECTION, |tables| {
            let mut documents = Vec::new();
            let dates = columns::dates(tables, &COLLECTION, range)?;
            for id in key_range_ids(tables)? {
                // Most queries are for a single series, which is in at most one key range.
                let index = SeriesIndex::load(tables, &COLLECTION, id)?;
                if !index.all().iter().any(|indexed| matches_series(series, &indexed.key)) {
                    continue;
                }
                for date in &dates {
                    let rows: Vec<DailyRow> = rows(tables, id, *date)?;
                    let rows = rows.iter().filter(|row| matches_series(series, &row.series.key));
                    documents.extend(rows.map(|row| row.document(*date)));
                }
            }
            Ok(sorted(documents))
        })
    }
}

/// Returns the entries of a ledger in key order.
pub(super) fn in_key_order(day: &DayLedger) -> Vec<&LedgerEntry> {
    let mut entries: Vec<&LedgerEntry> = day.entries.iter().collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    entries
}

/// Sorts documents by key. Each key range is in key order per day, but a query over several key ranges is not.
fn sorted(documents: Vec<Document>) -> Vec<Document> {
    let key = |document: &Document| {
        let field = |field: &&'static str| ((*field).to_owned(), document.get(field).cloned().unwrap_or_default());
        key_document_bytes(&COLLECTION.key.iter().map(field).collect())
    };
    documents.into_iter().map(|document| (key(&document), document)).collect::<BTreeMap<_, _>>().into_values().collect()
}
