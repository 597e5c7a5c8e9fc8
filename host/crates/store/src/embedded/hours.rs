//! Snapshots of the current day in `billing_hourly`.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use model::ledger::{DayLedger, LedgerEntry};
use model::series::SeriesKey;

use super::columns;
use super::days::in_key_order;
use super::file::Embedded;
use super::key_ranges::KeyRangeItems;
use super::rows::{HourlyRow, WriteStamp, rows};
use crate::documents::hourly::{self, COLLECTION, SnapshotHours};
use crate::error::StoreError;
use crate::records::DateRange;

impl Embedded {
    pub(crate) fn put_hour(&self, date: Date, hour: u8, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let stamp = WriteStamp::new(now, self.run);
        self.change(&COLLECTION, |tables| {
            let entries = in_key_order(day);
            let assigned = tables.assign::<HourlyRow, _>(&entries, |entry| &entry.key)?;
            // The snapshot hours of a day come from all series, not only from the series of one key range.
            let mut snapshot_hours = SnapshotHours::default();
            for KeyRangeItems { id, .. } in &assigned {
                rows(tables, *id, date)?.iter().for_each(|row: &HourlyRow| snapshot_hours.add(&row.hours));
            }
            for KeyRangeItems { id, items } in assigned {
                let mut rows: Vec<HourlyRow> = rows(tables, id, date)?;
                let mut without_entry: HashMap<SeriesKey, usize> =
                    rows.iter().zip(0..).map(|(row, index)| (row.series.key.clone(), index)).collect();
                for entry in items {
                    let index = without_entry.remove(&entry.key);
                    let stored = index.map(|index| &rows[index].hours);
                    let amounts = snapshot_hours.amounts_to_set(hour, entry.amounts.billed_cost, stored);
                    let index = index.unwrap_or_else(|| {
                        rows.push(HourlyRow::new(entry, stamp));
                        rows.len() - 1
                    });
                    rows[index].update(entry, &amounts, stamp);
                }
                for index in without_entry.into_values() {
                    if hourly::has_begun(hour, &rows[index].hours) {
                        rows[index].set_amounts(&[(hour, 0.0)], stamp);
                    }
                }
                if !rows.is_empty() {
                    tables.put_rows(id, date, rows)?;
                }
            }
            Ok(())
        })
    }

    /// Writes all hours of a day at once. The day must have no stored hours.
    pub fn put_hours(
        &self,
        day: &DayLedger,
        hours: impl Fn(&LedgerEntry) -> [f64; 24],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let stamp = WriteStamp::new(now, self.run);
        self.change(&COLLECTION, |tables| {
            for KeyRangeItems { id, items } in tables.assign::<HourlyRow, _>(&in_key_order(day), |entry| &entry.key)? {
                let row = |entry: &&LedgerEntry| {
                    let mut row = HourlyRow::new(entry, stamp);
                    row.hours = hours(entry);
                    row
                };
                let rows: Vec<HourlyRow> = items.iter().map(row).collect();
                if !rows.is_empty() {
                    tables.put_rows(id, day.date, rows)?;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.read(&COLLECTION, |tables| columns::dates(tables, &COLLECTION, range))
    }
}
