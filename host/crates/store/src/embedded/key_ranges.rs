//! Key ranges: the series from a start key up to the start key of the next range, up to a few thousand. Reads happen
//! per key range, so the memory use does not grow with the bill. Both column collections share the same key ranges.
//!
//! A key range with too many series is split into new key ranges. The split rewrites all stored days of the range.

use std::collections::BTreeSet;

use jiff::civil::Date;
use model::series::SeriesKey;
use redb::ReadableTable;

use super::cause::Cause;
use super::columns::{self, DayWriter};
use super::rows::{self, DailyRow, HourlyRow, Row};
use super::series_index::SeriesIndex;
use super::tables::{FirstKey, KeyRangeId, Tables, WriteTables};
use crate::records::DateRange;

/// Series per new key range. 1,000 doubles nearly fill a page of the file: page sizes are powers of two.
const NEW_RANGE_SERIES: usize = 1_000;
/// Maximum number of series in a key range.
const MAX_SERIES: usize = 2_000;

/// A key range and its first key.
#[derive(Clone)]
struct KeyRange {
    first: SeriesKey,
    id: KeyRangeId,
}

/// A key range, with the items of a list that belong to the range.
pub(super) struct KeyRangeItems<'l, T> {
    pub(super) id: KeyRangeId,
    pub(super) items: &'l [T],
}

/// Returns all key ranges, in key order.
pub(super) fn key_range_ids(tables: &impl Tables) -> Result<Vec<KeyRangeId>, Cause> {
    Ok(key_ranges(&tables.key_ranges()?)?.into_iter().map(|key_range| key_range.id).collect())
}

impl WriteTables<'_> {
    /// Assigns items to key ranges. The items must be in key order. First splits every key range that would exceed
    /// [`MAX_SERIES`]. The result includes key ranges without items.
    pub(super) fn assign<'l, R: Row, T>(
        &self,
        items: &'l [T],
        key: impl Fn(&T) -> &SeriesKey,
    ) -> Result<Vec<KeyRangeItems<'l, T>>, Cause> {
        let current = key_ranges(&self.key_ranges_mut()?)?;
        for (key_range, assigned) in current.iter().zip(assign(&current, items, &key)) {
            let stored = SeriesIndex::load(self, R::COLLECTION, key_range.id)?;
            // A cheap upper bound: a renamed series counts several times, a stored series of the items twice.
            if stored.all().len() + assigned.items.len() <= MAX_SERIES {
                continue;
            }
            let stored = stored.all().iter().map(|series| &series.key);
            let keys: BTreeSet<&SeriesKey> = stored.chain(assigned.items.iter().map(&key)).collect();
            if keys.len() > MAX_SERIES {
                self.split(key_range, &keys.into_iter().collect::<Vec<_>>())?;
            }
        }
        Ok(assign(&key_ranges(&self.key_ranges_mut()?)?, items, &key))
    }

    /// Splits a key range with the given keys into key ranges of at most [`NEW_RANGE_SERIES`] series.
    fn split(&self, key_range: &KeyRange, keys: &[&SeriesKey]) -> Result<(), Cause> {
        let mut new_ranges = Vec::new();
        {
            let mut table = self.key_ranges_mut()?;
            let next = key_ranges(&table)?.iter().map(|key_range| key_range.id.0).max().map_or(0, |last| last + 1);
            for (number, keys) in (next..).zip(keys.chunks(NEW_RANGE_SERIES)) {
                // The first new range keeps the first key, so the insert replaces the old key range.
                let first = if number == next { &key_range.first } else { keys[0] };
                table.insert((&*first.account, &*first.project, &*first.service), number)?;
                new_ranges.push(KeyRange { first: first.clone(), id: KeyRangeId(number) });
            }
        }
        self.move_rows::<DailyRow>(key_range.id, &new_ranges)?;
        self.move_rows::<HourlyRow>(key_range.id, &new_ranges)
    }

    fn move_rows<R: Row>(&self, from: KeyRangeId, to: &[KeyRange]) -> Result<(), Cause> {
        let all_days = DateRange { from: Date::MIN, to: Date::MAX };
        for date in columns::dates(self, R::COLLECTION, all_days)? {
            let rows: Vec<R> = rows::rows(self, from, date)?;
            if rows.is_empty() {
                continue;
            }
            for KeyRangeItems { id, items } in assign(to, &rows, &|row: &R| &row.series().key) {
                if !items.is_empty() {
                    self.put_rows(id, date, items.to_vec())?;
                }
            }
            // An empty day removes the columns of the old key range.
            DayWriter::new(self.columns_mut()?, rows::address::<R>(from, date)).begin(&[])?;
        }
        let name = R::COLLECTION.name;
        self.series_index_mut()?.retain_in((name, from.0, 0)..=(name, from.0, u32::MAX), |_, _| false)?;
        Ok(())
    }
}

/// Returns the key ranges, in key order.
fn key_ranges(table: &impl ReadableTable<FirstKey, u32>) -> Result<Vec<KeyRange>, Cause> {
    let mut key_ranges = Vec::new();
    for item in table.iter()? {
        let (first, number) = item?;
        let (account, project, service) = first.value();
        key_ranges.push(KeyRange { first: SeriesKey::new(account, project, service), id: KeyRangeId(number.value()) });
    }
    Ok(key_ranges)
}

/// Assigns items to key ranges. Items and key ranges must be in key order.
fn assign<'l, T>(
    key_ranges: &[KeyRange],
    items: &'l [T],
    key: &impl Fn(&T) -> &SeriesKey,
) -> Vec<KeyRangeItems<'l, T>> {
    let mut rest = items;
    let mut assigned = Vec::with_capacity(key_ranges.len());
    for (index, key_range) in key_ranges.iter().enumerate() {
        let next = key_ranges.get(index + 1);
        let end = next.map_or(rest.len(), |next| rest.partition_point(|item| *key(item) < next.first));
        let (items, later) = rest.split_at(end);
        rest = later;
        assigned.push(KeyRangeItems { id: key_range.id, items });
    }
    assigned
}

#[cfg(test)]
mod tests {
    use bigdecimal::BigDecimal;
    use jiff::Timestamp;
    use jiff::civil::date;
    use model::bill::Amounts;
    use model::history::Measure;
    use model::ledger::{DayLedger, LedgerEntry};
    use model::run_id::RunId;
    use model::series::Names;

    use super::*;
    use crate::access::Access;
    use crate::embedded::Embedded;

    fn ledger(day: i8, services: &[u32]) -> DayLedger {
        let entry = |service: &u32| LedgerEntry {
            key: SeriesKey::new("d", &format!("p-{}", service % 7), &format!("s-{service:05}")),
            names: Names { service: format!("service {service}").into(), ..Names::default() },
            amounts: Amounts { billed_cost: f64::from(*service) + f64::from(day) / 100.0, ..Amounts::default() },
            pricing_categories: vec!["ON_DEMAND".to_owned()],
            regions: Vec::new(),
            is_incomplete: false,
        };
        let entries = services.iter().map(entry).collect();
        DayLedger {
            date: date(2026, 11, day),
            entries,
            total: BigDecimal::default(),
            rows: 0,
            refused: Vec::new(),
            repeated_rows: 0,
        }
    }

    #[test]
    fn key_ranges_are_split_without_loss_as_a_bill_grows() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(&folder.path().join("store.redb"), Access::Write(RunId::new(Timestamp::UNIX_EPOCH)))
            .unwrap();
        let bills: [Vec<u32>; 4] =
            [vec![42], (0..1_500).collect(), (0..9_000).step_by(2).collect(), (0..20_000).collect()];
        let mut counts = Vec::new();
        for (day, services) in (1..).zip(&bills) {
            store.put_day(&ledger(day, services), Timestamp::UNIX_EPOCH).unwrap();
            store.put_hour(date(2026, 11, day), 9, &ledger(day, services), Timestamp::UNIX_EPOCH).unwrap();
            counts.push(store.key_ranges().unwrap().len());
        }
        assert_eq!(counts[..2], [1, 1], "{counts:?}");
        assert!(counts[2] > 1 && counts[3] > counts[2], "{counts:?}");

        let range = DateRange { from: date(2026, 11, 1), to: date(2026, 11, 4) };
        let days = store.days(range).unwrap();
        assert_eq!(days.len(), 4);
        let mut keys = Vec::new();
        let key_ranges = store.key_ranges().unwrap();
        for index in 0..key_ranges.len() {
            let rows = key_ranges.history(index, &days, &[Measure::BilledCost]).unwrap();
            let hours = key_ranges.snapshots(index, &days, &[9]).unwrap();
            assert!(rows.len() <= MAX_SERIES && rows.keys().eq(hours.keys()));
            for (key, row) in &rows {
                let service: u32 = key.service[2..].parse().unwrap();
                for (index, services) in bills.iter().enumerate() {
                    let is_billed = services.binary_search(&service).is_ok();
                    let expected = if is_billed { f64::from(service) + (index as f64 + 1.0) / 100.0 } else { f64::NAN };
                    assert_eq!(row.values[&Measure::BilledCost][index].to_bits(), expected.to_bits(), "{key} {index}");
                    assert_eq!(hours[key].hours[index][9].to_bits(), expected.to_bits(), "{key} {index}");
                }
                assert_eq!(&*row.names.service, format!("service {service}"));
                assert_eq!(row.pricing_categories, ["ON_DEMAND"]);
            }
            keys.extend(rows.into_keys());
        }
        assert_eq!(keys.len(), 20_000);
        assert!(keys.is_sorted(), "the key ranges are in key order");
    }
}
