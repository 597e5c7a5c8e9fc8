//! Stored days, read by key range in key order. A key range holds some thousand series and comes from the store if
//! supported, else from memory.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::thread;

use jiff::civil::Date;

use super::RunError;
use model::history::{History, Measure, Snapshots};
use model::series::SeriesKey;
use store::{DateRange, KeyRanges, StoreError};

/// Number of series per key range in memory.
const AT_A_TIME: usize = 1_000;

/// The stored days up to the evaluated day or the last trained day.
pub(super) struct Past<'a> {
    /// The finished days, ascending.
    pub(super) days: Vec<Date>,
    /// The days with snapshots, ascending.
    pub(super) snapshot_days: Vec<Date>,
    rows: Rows<'a>,
}

/// The columns to read from the store.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) days: DateRange,
    pub(super) measures: Vec<Measure>,
    /// `None` without a rule over hours.
    pub(super) snapshots: Option<DateRange>,
    pub(super) hours: Vec<u8>,
}

/// The series of a key range, over all days.
#[derive(Debug, Default)]
pub(super) struct RangeData {
    pub(super) history: History,
    pub(super) snapshots: Snapshots,
}

enum Rows<'a> {
    Held { history: &'a History, snapshots: &'a Snapshots, key_ranges: Vec<Vec<&'a SeriesKey>> },
    Stored { key_ranges: KeyRanges<'a>, wanted: Wanted },
}

impl<'a> Past<'a> {
    pub(super) fn held(history: &'a History, snapshots: &'a Snapshots) -> Self {
        let keys: BTreeSet<&SeriesKey> = history.rows.keys().chain(snapshots.rows.keys()).collect();
        let keys: Vec<&SeriesKey> = keys.into_iter().collect();
        let key_ranges = keys.chunks(AT_A_TIME).map(<[_]>::to_vec).collect();
        let rows = Rows::Held { history, snapshots, key_ranges };
        Self { days: history.days.clone(), snapshot_days: snapshots.days.clone(), rows }
    }

    pub(super) fn stored(key_ranges: KeyRanges<'a>, wanted: Wanted) -> Result<Self, StoreError> {
        let days = key_ranges.days(wanted.days)?;
        let snapshot_days = wanted.snapshots.map_or_else(|| Ok(Vec::new()), |range| key_ranges.snapshot_days(range))?;
        Ok(Self { days, snapshot_days, rows: Rows::Stored { key_ranges, wanted } })
    }

    pub(super) fn key_ranges(&self) -> usize {
        match &self.rows {
            Rows::Held { key_ranges, .. } => key_ranges.len(),
            Rows::Stored { key_ranges, .. } => key_ranges.len(),
        }
    }

    fn read(&self, place: usize) -> Result<RangeData, StoreError> {
        let (history, snapshots) = match &self.rows {
            Rows::Held { history, snapshots, key_ranges } => {
                (picked(&history.rows, &key_ranges[place]), picked(&snapshots.rows, &key_ranges[place]))
            }
            Rows::Stored { key_ranges, wanted } => (
                key_ranges.history(place, &self.days, &wanted.measures)?,
                key_ranges.snapshots(place, &self.snapshot_days, &wanted.hours)?,
            ),
        };
        Ok(RangeData {
            history: History { days: self.days.clone(), rows: history },
            snapshots: Snapshots { days: self.snapshot_days.clone(), rows: snapshots },
        })
    }

    /// Reads some key ranges and works on each in a separate thread. Returns the results in key order.
    pub(super) fn at_once<T: Send>(
        &self,
        places: std::ops::Range<usize>,
        work: impl Fn(&RangeData) -> T + Sync,
    ) -> Result<Vec<(RangeData, T)>, RunError> {
        let one = |place| {
            let key_range = self.read(place)?;
            let done = work(&key_range);
            Ok::<_, StoreError>((key_range, done))
        };
        let done: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = places.map(|place| scope.spawn(move || one(place))).collect();
            threads.into_iter().map(|thread| thread.join().expect("work on a key_range does not panic")).collect()
        });
        Ok(done.into_iter().collect::<Result<_, _>>()?)
    }

    /// Index ranges of key ranges, with a key range per core.
    pub(super) fn rounds(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let (all, threads) = (self.key_ranges(), thread::available_parallelism().map_or(1, NonZero::get));
        (0..all).step_by(threads).map(move |first| first..all.min(first + threads))
    }

    /// Works on every key range and merges the results in key order. `state` holds the merged state of earlier rounds.
    /// `work` may use `state` to save effort, but the result must not depend on `state`: the length of a round depends
    /// on the number of cores.
    pub(super) fn sweep<T: Send, S: Sync>(
        &self,
        state: &mut S,
        work: impl Fn(&S, &RangeData) -> T + Sync,
        mut merge: impl FnMut(&mut S, RangeData, T),
    ) -> Result<(), RunError> {
        for round in self.rounds() {
            let seen = &*state;
            for (key_range, done) in self.at_once(round, |key_range| work(seen, key_range))? {
                merge(state, key_range, done);
            }
        }
        Ok(())
    }
}

impl RangeData {
    pub(super) fn last_key(&self) -> Option<&SeriesKey> {
        self.history.rows.keys().next_back().max(self.snapshots.rows.keys().next_back())
    }
}

fn picked<R: Clone>(rows: &BTreeMap<SeriesKey, R>, keys: &[&SeriesKey]) -> BTreeMap<SeriesKey, R> {
    keys.iter().filter_map(|key| Some(((*key).clone(), rows.get(*key)?.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bigdecimal::BigDecimal;
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;
    use model::bill::Amounts;
    use model::ledger::{DayLedger, LedgerEntry};
    use model::run_id::RunId;
    use model::series::Names;
    use store::options::StoreOptions;
    use store::{Access, Store};

    fn ledger(day: i8, services: impl Iterator<Item = u32>) -> DayLedger {
        let entry = |service: u32| LedgerEntry {
            key: SeriesKey::new("d", &format!("p-{}", service % 3), &format!("s-{service}")),
            names: Names { service: format!("{service} on {day}").into(), ..Names::default() },
            amounts: Amounts { billed_cost: f64::from(service), usage_quantity: f64::from(day), ..Amounts::default() },
            pricing_categories: vec![format!("of {day}")],
            regions: Vec::new(),
        };
        let entries = services.map(entry).collect();
        DayLedger { date: date(2026, 11, day), entries, total: BigDecimal::default(), rows: 0, refused: Vec::new() }
    }

    /// The keys in order, and every row in text form.
    fn all(past: &Past<'_>) -> (Vec<SeriesKey>, BTreeSet<String>) {
        let (mut keys, mut rows) = (Vec::new(), BTreeSet::new());
        past.sweep(
            &mut (),
            |(), key_range| format!("{:?} {:?}", key_range.history, key_range.snapshots),
            |(), key_range, shown| {
                assert_eq!(shown, format!("{:?} {:?}", key_range.history, key_range.snapshots));
                keys.extend(key_range.history.rows.keys().cloned());
                rows.extend(key_range.history.rows.iter().map(|row| format!("{row:?}")));
                rows.extend(key_range.snapshots.rows.iter().map(|row| format!("{row:?}")));
            },
        )
        .unwrap();
        (keys, rows)
    }

    #[tokio::test]
    async fn days_are_the_same_out_of_memory_and_out_of_the_store() {
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
        let (history, snapshots) =
            (store.history(range, &measures).await.unwrap(), store.snapshots(range).await.unwrap());
        let wanted = Wanted { days: range, measures, snapshots: Some(range), hours: vec![9] };
        let stored = Past::stored(store.key_ranges().unwrap().unwrap(), wanted).unwrap();
        let held = Past::held(&history, &snapshots);
        assert_eq!(stored.days, [1, 2, 4].map(|day| date(2026, 11, day)));
        assert_eq!((&stored.days, &stored.snapshot_days), (&held.days, &held.snapshot_days));
        assert!(stored.key_ranges() > 2 && held.key_ranges() > 2);
        let (keys, rows) = all(&stored);
        assert!(keys.is_sorted() && keys.len() == 9_001, "each once, in order");
        for part in ["9000 on 4", "anomalous: [false, true, false]"] {
            assert!(rows.iter().any(|row| row.contains(part)), "{part}");
        }
        assert!((keys, rows) == all(&held));
    }
}
