//! Key ranges: the series from a start key up to the start key of the next range, up to a few thousand. Reads happen
//! per key range, so the memory use does not grow with the bill. Both column collections share the same key ranges.
//!
//! A key range with too many series is split into new key ranges. The split rewrites all stored days of the range.

use std::collections::BTreeSet;

use jiff::civil::Date;
use redb::ReadableTable;

use super::columns::{Day, DayWriter, Place};
use super::file::{self, Cause, Changing, FirstKey, Reading};
use super::rows::{DailyRow, HourlyRow, Row};
use super::subjects::{Numbering, Subjects};
use crate::DateRange;
use model::series::SeriesKey;

/// The number of a key range. A number is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyRange(pub(super) u32);

/// A key range, with the items of a list that belong to the range.
pub(super) struct Share<'l, T> {
    pub(super) key_range: KeyRange,
    pub(super) items: &'l [T],
}

/// Series per new key range. 1,000 doubles nearly fill a page of the file: page sizes are powers of two.
const NEW: usize = 1_000;
/// Maximum number of series in a key range.
const MOST: usize = 2_000;

impl Changing<'_> {
    /// Assigns items to key ranges. The items must be in key order. First splits every key range that would exceed
    /// [`MOST`]. The result includes key ranges without items.
    pub(super) fn shares<'l, R: Row, T>(
        &self,
        items: &'l [T],
        key: impl Fn(&T) -> &SeriesKey,
    ) -> Result<Vec<Share<'l, T>>, Cause> {
        let key_ranges = list(&self.key_ranges()?)?;
        for (share, first) in deal(key_ranges, items, &key) {
            let stored = Subjects::load(&self.subjects()?, R::COLLECTION, share.key_range)?;
            // A cheap upper bound: a renamed series counts several times, a stored series of the items twice.
            if stored.all().len() + share.items.len() <= MOST {
                continue;
            }
            let stored = stored.all().iter().map(|subject| &subject.key);
            let keys: BTreeSet<&SeriesKey> = stored.chain(share.items.iter().map(&key)).collect();
            if keys.len() > MOST {
                self.cut(share.key_range, &first, &keys.into_iter().collect::<Vec<_>>())?;
            }
        }
        let key_ranges = list(&self.key_ranges()?)?;
        Ok(deal(key_ranges, items, &key).into_iter().map(|(share, _)| share).collect())
    }

    /// Returns all key ranges, in key order.
    pub(super) fn all_stretches(&self) -> Result<Vec<KeyRange>, Cause> {
        Ok(list(&self.key_ranges()?)?.into_iter().map(|(_, key_range)| key_range).collect())
    }

    /// Returns the rows of a day, in key order.
    pub(super) fn rows<R: Row>(&self, key_range: KeyRange, date: Date) -> Result<Vec<R>, Cause> {
        let columns = self.columns()?;
        let Some(day) = Day::open(&columns, place::<R>(key_range, date))? else { return Ok(Vec::new()) };
        R::read(&day, &Subjects::load(&self.subjects()?, R::COLLECTION, key_range)?)
    }

    /// Replaces the rows of a day. Sorts the rows by key.
    pub(super) fn put_rows<R: Row>(&self, key_range: KeyRange, date: Date, mut rows: Vec<R>) -> Result<(), Cause> {
        rows.sort_by(|one, other| one.subject().key.cmp(&other.subject().key));
        let mut numbering = Numbering::new(Subjects::load(&self.subjects()?, R::COLLECTION, key_range)?);
        let numbers: Vec<u32> = rows.iter().map(|row| numbering.number(row.subject())).collect();
        numbering.store(self.subjects()?, R::COLLECTION, key_range)?;
        let mut day = DayWriter::new(self.columns()?, place::<R>(key_range, date));
        day.begin(&numbers)?;
        R::write(&rows, &mut day)
    }

    /// Splits a key range that starts at `first` into key ranges of at most [`NEW`] series.
    fn cut(&self, key_range: KeyRange, first: &SeriesKey, keys: &[&SeriesKey]) -> Result<(), Cause> {
        let mut parts = Vec::new();
        {
            let mut table = self.key_ranges()?;
            let next = list(&table)?.iter().map(|(_, key_range)| key_range.0).max().map_or(0, |last| last + 1);
            for (number, part) in (next..).zip(keys.chunks(NEW)) {
                // The first part keeps the start key, so the insert replaces the old key range.
                let start = if number == next { first } else { part[0] };
                table.insert((&*start.account, &*start.project, &*start.service), number)?;
                parts.push((start.clone(), KeyRange(number)));
            }
        }
        self.move_rows::<DailyRow>(key_range, &parts)?;
        self.move_rows::<HourlyRow>(key_range, &parts)
    }

    fn move_rows<R: Row>(&self, from: KeyRange, to: &[(SeriesKey, KeyRange)]) -> Result<(), Cause> {
        let whole = DateRange { from: Date::MIN, to: Date::MAX };
        let dates = file::dates(&self.columns()?, R::COLLECTION, whole)?;
        for date in dates {
            let rows: Vec<R> = self.rows(from, date)?;
            if rows.is_empty() {
                continue;
            }
            for (share, _) in deal(to.to_vec(), &rows, &|row: &R| &row.subject().key) {
                if !share.items.is_empty() {
                    self.put_rows(share.key_range, date, share.items.to_vec())?;
                }
            }
            // An empty day removes the columns of the old key range.
            DayWriter::new(self.columns()?, place::<R>(from, date)).begin(&[])?;
        }
        let name = R::COLLECTION.name;
        self.subjects()?.retain_in((name, from.0, 0)..=(name, from.0, u32::MAX), |_, _| false)?;
        Ok(())
    }
}

impl Reading<'_> {
    /// Returns all key ranges, in key order.
    pub(super) fn all_stretches(&self) -> Result<Vec<KeyRange>, Cause> {
        Ok(list(&self.key_ranges()?)?.into_iter().map(|(_, key_range)| key_range).collect())
    }

    /// Returns the rows of a day, in key order.
    pub(super) fn rows<R: Row>(&self, key_range: KeyRange, date: Date) -> Result<Vec<R>, Cause> {
        let columns = self.columns()?;
        let Some(day) = Day::open(&columns, place::<R>(key_range, date))? else { return Ok(Vec::new()) };
        R::read(&day, &Subjects::load(&self.subjects()?, R::COLLECTION, key_range)?)
    }

    /// Returns whether a key range ever had a series that matches the predicate.
    pub(super) fn has<R: Row>(&self, key_range: KeyRange, is_one: impl Fn(&SeriesKey) -> bool) -> Result<bool, Cause> {
        let subjects = Subjects::load(&self.subjects()?, R::COLLECTION, key_range)?;
        Ok(subjects.all().iter().any(|subject| is_one(&subject.key)))
    }

    /// Returns the number of rows of a day.
    pub(super) fn size<R: Row>(&self, key_range: KeyRange, date: Date) -> Result<u64, Cause> {
        let columns = self.columns()?;
        Ok(Day::open(&columns, place::<R>(key_range, date))?.map_or(0, |day| day.numbers.len() as u64))
    }
}

pub(super) fn place<R: Row>(key_range: KeyRange, date: Date) -> Place {
    Place { collection: R::COLLECTION.name, date, key_range }
}

/// Returns the first key and the number of each key range, in key order.
fn list(table: &impl ReadableTable<FirstKey, u32>) -> Result<Vec<(SeriesKey, KeyRange)>, Cause> {
    let mut key_ranges = Vec::new();
    for item in table.iter()? {
        let (first, number) = item?;
        let (account, project, service) = first.value();
        key_ranges.push((SeriesKey::new(account, project, service), KeyRange(number.value())));
    }
    Ok(key_ranges)
}

/// Assigns items to key ranges. Items and key ranges must be in key order.
fn deal<'l, T>(
    key_ranges: Vec<(SeriesKey, KeyRange)>,
    items: &'l [T],
    key: &impl Fn(&T) -> &SeriesKey,
) -> Vec<(Share<'l, T>, SeriesKey)> {
    let mut rest = items;
    let mut shares = Vec::with_capacity(key_ranges.len());
    let mut key_ranges = key_ranges.into_iter().peekable();
    while let Some((first, key_range)) = key_ranges.next() {
        let end = key_ranges.peek().map_or(rest.len(), |(next, _)| rest.partition_point(|item| key(item) < next));
        let (items, later) = rest.split_at(end);
        rest = later;
        shares.push((Share { key_range, items }, first));
    }
    shares
}

#[cfg(test)]
mod tests {
    use bigdecimal::BigDecimal;
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;
    use crate::embedded::Embedded;
    use crate::{Access, DateRange};
    use model::bill::Amounts;
    use model::history::Measure;
    use model::ledger::{DayLedger, LedgerEntry};
    use model::run_id::RunId;
    use model::series::Names;

    fn ledger(day: i8, services: &[u32]) -> DayLedger {
        let entry = |service: &u32| LedgerEntry {
            key: SeriesKey::new("d", &format!("p-{}", service % 7), &format!("s-{service:05}")),
            names: Names { service: format!("service {service}").into(), ..Names::default() },
            amounts: Amounts { billed_cost: f64::from(*service) + f64::from(day) / 100.0, ..Amounts::default() },
            pricing_categories: vec!["ON_DEMAND".to_owned()],
            regions: Vec::new(),
        };
        let entries = services.iter().map(entry).collect();
        DayLedger { date: date(2026, 11, day), entries, total: BigDecimal::default(), rows: 0, refused: Vec::new() }
    }

    #[test]
    fn stretches_are_cut_as_a_bill_grows_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(&folder.path().join("store.redb"), Access::Write(RunId::new(Timestamp::UNIX_EPOCH)))
            .unwrap();
        let bills: [Vec<u32>; 4] =
            [vec![42], (0..1_500).collect(), (0..9_000).step_by(2).collect(), (0..20_000).collect()];
        let mut lengths = Vec::new();
        for (day, services) in (1..).zip(&bills) {
            store.put_day(&ledger(day, services), Timestamp::UNIX_EPOCH).unwrap();
            store.put_hour(date(2026, 11, day), 9, &ledger(day, services), Timestamp::UNIX_EPOCH).unwrap();
            lengths.push(store.key_ranges().unwrap().len());
        }
        assert_eq!(lengths[..2], [1, 1], "{lengths:?}");
        assert!(lengths[2] > 1 && lengths[3] > lengths[2], "{lengths:?}");

        let range = DateRange { from: date(2026, 11, 1), to: date(2026, 11, 4) };
        let days = store.days(range).unwrap();
        assert_eq!(days.len(), 4);
        let mut keys = Vec::new();
        for key_range in store.key_ranges().unwrap() {
            let rows = store.history_of(key_range, &days, &[Measure::BilledCost]).unwrap();
            let hours = store.snapshots_of(key_range, &days, &[9]).unwrap();
            assert!(rows.len() <= MOST && rows.keys().eq(hours.keys()));
            for (key, row) in &rows {
                let service: u32 = key.service[2..].parse().unwrap();
                for (index, services) in bills.iter().enumerate() {
                    let there = services.binary_search(&service).is_ok();
                    let expected = if there { f64::from(service) + (index as f64 + 1.0) / 100.0 } else { f64::NAN };
                    assert_eq!(row.values[&Measure::BilledCost][index].to_bits(), expected.to_bits(), "{key} {index}");
                    assert_eq!(hours[key].hours[index][9].to_bits(), expected.to_bits(), "{key} {index}");
                }
                assert_eq!(&*row.names.service, format!("service {service}"));
                assert_eq!(row.pricing_categories, ["ON_DEMAND"]);
            }
            keys.extend(rows.into_keys());
        }
        assert_eq!(keys.len(), 20_000);
        assert!(keys.is_sorted(), "key_ranges are in the order of keys");
    }
}
