//! Stored days, read by key range in key order. A key range holds some thousand series and comes from the store if
//! supported, else from memory.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::ops::Range;
use std::thread;

use jiff::civil::Date;
use model::history::{History, Measure, Snapshots};
use model::series::SeriesKey;
use store::{DateRange, KeyRanges, StoreError};

use crate::pipeline::run::RunError;

/// Largest number of series per key range in memory.
const SERIES_PER_RANGE: usize = 1_000;
/// Smallest number of series per key range in memory, unless a single key range has all series.
const MIN_SERIES_PER_RANGE: usize = 64;

/// The stored days up to the evaluated day or the last trained day.
pub(crate) struct HistoryReader<'a> {
    /// The finished days, ascending.
    pub(crate) days: Vec<Date>,
    /// The days with snapshots, ascending.
    pub(crate) snapshot_days: Vec<Date>,
    rows: Rows<'a>,
}

/// The columns to read from the store.
#[derive(Debug, Clone)]
pub(crate) struct HistoryQuery {
    pub(crate) days: DateRange,
    pub(crate) measures: Vec<Measure>,
    /// `None` without a rule over hours.
    pub(crate) snapshots: Option<DateRange>,
    pub(crate) hours: Vec<u8>,
}

/// The series of a key range, over all days.
#[derive(Debug, Default)]
pub(super) struct RangeData {
    pub(super) history: History,
    pub(super) snapshots: Snapshots,
}

enum Rows<'a> {
    Memory { history: &'a History, snapshots: &'a Snapshots, key_ranges: Vec<Vec<&'a SeriesKey>> },
    Store { key_ranges: KeyRanges<'a>, query: HistoryQuery },
}

impl<'a> HistoryReader<'a> {
    pub(crate) fn of_memory(history: &'a History, snapshots: &'a Snapshots) -> Self {
        let keys: BTreeSet<&SeriesKey> = history.rows.keys().chain(snapshots.rows.keys()).collect();
        let keys: Vec<&SeriesKey> = keys.into_iter().collect();
        // Some series on each core.
        let series_per_range = keys.len().div_ceil(threads()).clamp(MIN_SERIES_PER_RANGE, SERIES_PER_RANGE);
        let key_ranges = keys.chunks(series_per_range).map(<[_]>::to_vec).collect();
        let rows = Rows::Memory { history, snapshots, key_ranges };
        Self { days: history.days.clone(), snapshot_days: snapshots.days.clone(), rows }
    }

    pub(crate) fn of_store(key_ranges: KeyRanges<'a>, query: HistoryQuery) -> Result<Self, StoreError> {
        let days = key_ranges.days(query.days)?;
        let snapshot_days = query.snapshots.map_or_else(|| Ok(Vec::new()), |range| key_ranges.snapshot_days(range))?;
        Ok(Self { days, snapshot_days, rows: Rows::Store { key_ranges, query } })
    }

    pub(super) fn range_count(&self) -> usize {
        match &self.rows {
            Rows::Memory { key_ranges, .. } => key_ranges.len(),
            Rows::Store { key_ranges, .. } => key_ranges.len(),
        }
    }

    /// Index ranges of key ranges, with a key range per core.
    pub(super) fn rounds(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let all = self.range_count();
        let threads = threads();
        (0..all).step_by(threads).map(move |first| first..all.min(first + threads))
    }

    /// Reads the key ranges of a round and works on each in a separate thread. Returns the results in key order.
    pub(super) fn read_round<T: Send>(
        &self,
        round: Range<usize>,
        work: impl Fn(&RangeData) -> T + Sync,
    ) -> Result<Vec<(RangeData, T)>, RunError> {
        let read = |index| {
            let range = self.read(index)?;
            let result = work(&range);
            Ok::<_, StoreError>((range, result))
        };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = round.map(|index| scope.spawn(move || read(index))).collect();
            threads.into_iter().map(|thread| thread.join().expect("work on a key range does not panic")).collect()
        });
        Ok(results.into_iter().collect::<Result<_, _>>()?)
    }

    /// Works on every key range and merges the results in key order. `state` holds the merged state of earlier rounds.
    /// `work` may use `state` to save effort, but the result must not depend on `state`: the length of a round depends
    /// on the number of cores.
    pub(super) fn read_all<T: Send, S: Sync>(
        &self,
        state: &mut S,
        work: impl Fn(&S, &RangeData) -> T + Sync,
        mut merge: impl FnMut(&mut S, RangeData, T),
    ) -> Result<(), RunError> {
        for round in self.rounds() {
            let earlier = &*state;
            for (range, result) in self.read_round(round, |range| work(earlier, range))? {
                merge(state, range, result);
            }
        }
        Ok(())
    }

    fn read(&self, index: usize) -> Result<RangeData, StoreError> {
        let history;
        let snapshots;
        match &self.rows {
            Rows::Memory { history: all, snapshots: all_snapshots, key_ranges } => {
                history = select(&all.rows, &key_ranges[index]);
                snapshots = select(&all_snapshots.rows, &key_ranges[index]);
            }
            Rows::Store { key_ranges, query } => {
                history = key_ranges.history(index, &self.days, &query.measures)?;
                snapshots = key_ranges.snapshots(index, &self.snapshot_days, &query.hours)?;
            }
        }
        Ok(RangeData {
            history: History { days: self.days.clone(), rows: history },
            snapshots: Snapshots { days: self.snapshot_days.clone(), rows: snapshots },
        })
    }
}

impl RangeData {
    pub(super) fn last_key(&self) -> Option<&SeriesKey> {
        self.history.rows.keys().next_back().max(self.snapshots.rows.keys().next_back())
    }
}

/// Number of key ranges at a time.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn select<R: Clone>(rows: &BTreeMap<SeriesKey, R>, keys: &[&SeriesKey]) -> BTreeMap<SeriesKey, R> {
    keys.iter().filter_map(|key| Some(((*key).clone(), rows.get(*key)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use bigdecimal::BigDecimal;
    use jiff::Timestamp;
    use jiff::civil::date;
    use model::bill::Amounts;
    use model::ledger::{DayLedger, LedgerEntry};
    use model::run_id::RunId;
    use model::series::Names;
    use store::options::StoreOptions;
    use store::{Access, Store};

    use super::*;

    fn ledger(day: i8, services: impl Iterator<Item = u32>) -> DayLedger {
        let entry = |service: u32| LedgerEntry {
            key: SeriesKey::new("d", &format!("p-{}", service % 3), &format!("s-{service}")),
            names: Names { service: format!("{service} on {day}").into(), ..Names::default() },
            amounts: Amounts { billed_cost: f64::from(service), usage_quantity: f64::from(day), ..Amounts::default() },
            pricing_categories: vec![format!("of {day}")],
            regions: Vec::new(),
            is_incomplete: false,
        };
        let entries = services.map(entry).collect();
        DayLedger {
            date: date(2026, 11, day),
            entries,
            total: BigDecimal::default(),
            rows: 0,
            refused: Vec::new(),
            repeated_rows: 0,
        }
    }

    /// The keys in order, and every row in text form.
    fn read_all(reader: &HistoryReader<'_>) -> (Vec<SeriesKey>, BTreeSet<String>) {
        let mut keys = Vec::new();
        let mut rows = BTreeSet::new();
        let text = |range: &RangeData| format!("{:?} {:?}", range.history, range.snapshots);
        reader
            .read_all(
                &mut (),
                |(), range| text(range),
                |(), range, result| {
                    assert_eq!(result, text(&range));
                    keys.extend(range.history.rows.keys().cloned());
                    rows.extend(range.history.rows.iter().map(|row| format!("{row:?}")));
                    rows.extend(range.snapshots.rows.iter().map(|row| format!("{row:?}")));
                },
            )
            .unwrap();
        (keys, rows)
    }

    #[tokio::test]
    async fn memory_and_store_give_the_same_days() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreOptions::Embedded { path: folder.path().join("store.redb") };
        let store = Store::open(&config, Access::Write(RunId::new(Timestamp::UNIX_EPOCH))).await.unwrap();
        for (day, step) in [(1, 3), (2, 1), (4, 2)] {
            let day = ledger(day, (0..9_001).step_by(step));
            store.put_day(&day, Timestamp::UNIX_EPOCH).await.unwrap();
            store.put_hour(day.date, 9, &day, Timestamp::UNIX_EPOCH).await.unwrap();
        }
        store
            .mark_anomalous(date(2026, 11, 2), &[SeriesKey::new("d", "p-1", "s-1")].into(), Timestamp::UNIX_EPOCH)
            .await
            .unwrap();
        let range = DateRange { from: date(2026, 11, 1), to: date(2026, 11, 4) };
        let measures = vec![Measure::BilledCost, Measure::UsageQuantity];
        let history = store.history(range, &measures).await.unwrap();
        let snapshots = store.snapshots(range).await.unwrap();
        let query = HistoryQuery { days: range, measures, snapshots: Some(range), hours: vec![9] };
        let stored = HistoryReader::of_store(store.key_ranges().unwrap().unwrap(), query).unwrap();
        let in_memory = HistoryReader::of_memory(&history, &snapshots);
        assert_eq!(stored.days, [1, 2, 4].map(|day| date(2026, 11, day)));
        assert_eq!((&stored.days, &stored.snapshot_days), (&in_memory.days, &in_memory.snapshot_days));
        assert!(stored.range_count() > 2 && in_memory.range_count() > 2);
        let (keys, rows) = read_all(&stored);
        assert!(keys.is_sorted() && keys.len() == 9_001, "each key once, in order");
        for text in ["9000 on 4", "is_anomalous: true"] {
            assert!(rows.iter().any(|row| row.contains(text)), "{text}");
        }
        assert!((keys, rows) == read_all(&in_memory));
    }
}
