//! The embedded database: the documents of [`super::documents`] in a local file, without a server.
//!
//! The two collections that grow every day are stored in columns ([`rows`]) per key range ([`key_ranges`]), a few
//! thousand series each: a read of months of amounts touches no names. All remaining collections are stored as BSON
//! under their key bytes. Every call blocks for the duration of a disk access. Only one process at a time can open the
//! file for writing.

mod columns;
mod file;
mod key_ranges;
mod past;
mod replaced;
mod rows;
mod subjects;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Document, RawDocument};
use redb::ReadableTable;

use super::documents::{
    self, COLLECTIONS, Collection, Upsert, anomaly, baseline, daily, date_text, hourly, incident, key_of, notification,
    restated, run,
};
use super::{Baseline, DateRange, FitRequest, Found, OperationalNotification, RunRecord, StoreError};
use crate::checkpoint::Checkpoint;
use file::Cause;
pub use file::Embedded;
pub(super) use key_ranges::KeyRange;
use key_ranges::Share;
use model::anomaly::Anomaly;
use model::history::{History, HistoryRow, Measure, SnapshotRow, Snapshots};
use model::incident::Incident;
use model::intern::Interner;
use model::ledger::{DayLedger, LedgerEntry};
use model::series::SeriesKey;
use rows::{DailyRow, HourlyRow, Written};

impl Embedded {
    pub fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let written = Written { at: now.as_millisecond(), by: self.run };
        self.change(&daily::COLLECTION, |tables| {
            let mut replaced = Vec::new();
            for Share { key_range, items } in tables.shares::<DailyRow, _>(&in_order(day), |entry| &entry.key)? {
                let old: Vec<DailyRow> = tables.rows(key_range, day.date)?;
                let known: HashMap<&SeriesKey, &DailyRow> = old.iter().map(|row| (&row.subject.key, row)).collect();
                let row = |entry: &&LedgerEntry| DailyRow::of(entry, known.get(&entry.key).copied(), written);
                let rows: Vec<DailyRow> = items.iter().map(row).collect();
                if !old.is_empty() {
                    let stands: HashMap<_, _> = rows.iter().map(|row| (&row.subject.key, row.amounts)).collect();
                    let differs = |old: &&DailyRow| stands.get(&old.subject.key) != Some(&old.amounts);
                    // Includes the series that left the day.
                    replaced.extend(old.iter().filter(differs).map(DailyRow::earlier));
                }
                if !(old.is_empty() && rows.is_empty()) {
                    tables.put_rows(key_range, day.date, rows)?;
                }
            }
            tables.keep_replaced(day.date, &replaced, self.run, now)
        })
    }

    pub(super) fn holds_day(&self, day: &DayLedger) -> Result<bool, StoreError> {
        self.read(&daily::COLLECTION, |tables| {
            let mut entries: HashMap<&SeriesKey, &LedgerEntry> =
                day.entries.iter().map(|entry| (&entry.key, entry)).collect();
            for key_range in tables.all_stretches()? {
                let rows: Vec<DailyRow> = tables.rows(key_range, day.date)?;
                let mut is_held =
                    |row: &DailyRow| entries.remove(&row.subject.key).is_some_and(|entry| row.is_of(entry));
                if !rows.iter().all(&mut is_held) {
                    return Ok(false);
                }
            }
            // Every remaining entry is missing in the store.
            Ok(entries.is_empty())
        })
    }

    pub(super) fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError> {
        self.read(&daily::COLLECTION, |tables| {
            let key_ranges = tables.all_stretches()?;
            let size = |date: Date| {
                let sizes = key_ranges.iter().map(|key_range| tables.size::<DailyRow>(*key_range, date));
                Ok((date, sizes.sum::<Result<u64, Cause>>()?))
            };
            tables.dates(&daily::COLLECTION, range)?.into_iter().map(size).collect()
        })
    }

    pub(super) fn mark_anomalous(
        &self,
        date: Date,
        marked: &BTreeSet<SeriesKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(&daily::COLLECTION, |tables| {
            for key_range in tables.all_stretches()? {
                let mut rows: Vec<DailyRow> = tables.rows(key_range, date)?;
                let mut changed = false;
                for row in &mut rows {
                    let anomalous = marked.contains(&row.subject.key);
                    if row.anomalous != anomalous {
                        row.anomalous = anomalous;
                        row.updated = Written { at: now.as_millisecond(), by: self.run };
                        changed = true;
                    }
                }
                // A write replaces the whole day of the key range, so an unchanged key range is skipped.
                if changed {
                    tables.put_rows(key_range, date, rows)?;
                }
            }
            Ok(())
        })
    }

    /// Returns the key ranges, in key order.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method itself is of one lifetime only")]
    pub(super) fn key_ranges(&self) -> Result<Vec<KeyRange>, StoreError> {
        self.read(&daily::COLLECTION, |tables| tables.all_stretches())
    }

    /// Returns the finished days of the range with a stored document, ascending.
    pub(super) fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.read(&daily::COLLECTION, |tables| tables.dates(&daily::COLLECTION, range))
    }

    /// Returns the days of the range with an hourly snapshot, ascending.
    pub(super) fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.read(&hourly::COLLECTION, |tables| tables.dates(&hourly::COLLECTION, range))
    }

    pub(super) fn filled(&self) -> Result<Vec<&'static str>, StoreError> {
        // These two collections have no table of documents.
        let columns = [&daily::COLLECTION, &hourly::COLLECTION].map(|collection| collection.name);
        let mut filled = Vec::new();
        for collection in COLLECTIONS {
            let any = self.read(collection, |tables| {
                if columns.contains(&collection.name) {
                    return Ok(tables.newest_day(collection)?.is_some());
                }
                tables.has_documents(collection)
            })?;
            if any {
                filled.push(collection.name);
            }
        }
        Ok(filled)
    }

    /// Returns the series of a key range over `days`. The days must be ascending.
    pub(super) fn history_of(
        &self,
        key_range: KeyRange,
        days: &[Date],
        measures: &[Measure],
    ) -> Result<BTreeMap<SeriesKey, HistoryRow>, StoreError> {
        self.read(&daily::COLLECTION, |tables| tables.history(key_range, days, measures))
    }

    /// Returns the series of a key range over `days`. The days must be ascending.
    pub(super) fn snapshots_of(
        &self,
        key_range: KeyRange,
        days: &[Date],
        hours: &[u8],
    ) -> Result<BTreeMap<SeriesKey, SnapshotRow>, StoreError> {
        self.read(&hourly::COLLECTION, |tables| tables.snapshots(key_range, days, hours))
    }

    pub(super) fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError> {
        let mut history = History { days: self.days(range)?, rows: BTreeMap::new() };
        for key_range in self.key_ranges()? {
            history.rows.append(&mut self.history_of(key_range, &history.days, measures)?);
        }
        Ok(history)
    }

    pub(super) fn newest_day(&self) -> Result<Option<Date>, StoreError> {
        self.read(&daily::COLLECTION, |tables| tables.newest_day(&daily::COLLECTION))
    }

    pub(super) fn daily(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        self.read(&daily::COLLECTION, |tables| {
            let mut found = Vec::new();
            let dates = tables.dates(&daily::COLLECTION, range)?;
            for key_range in tables.all_stretches()? {
                // Most queries are for a single series, found in at most one key range.
                if !tables.has::<DailyRow>(key_range, |key| is_of(series, key))? {
                    continue;
                }
                for date in &dates {
                    let rows: Vec<DailyRow> = tables.rows(key_range, *date)?;
                    let rows = rows.iter().filter(|row| is_of(series, &row.subject.key));
                    found.extend(rows.map(|row| row.document(*date)));
                }
            }
            Ok(sorted(&daily::COLLECTION, found))
        })
    }

    pub(super) fn restated(&self, range: DateRange, key: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        let mut texts = Interner::default();
        let mut found = Vec::new();
        self.each_of_days(&restated::COLLECTION, range, |document| {
            if is_of(key, &documents::series(document, &mut texts)?.0) {
                found.push(document.try_into().map_err(|error| format!("{error}"))?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn put_hour(&self, date: Date, hour: u8, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let now = Written { at: now.as_millisecond(), by: self.run };
        self.change(&hourly::COLLECTION, |tables| {
            let entries = in_order(day);
            let shares = tables.shares::<HourlyRow, _>(&entries, |entry| &entry.key)?;
            // The snapshot hours of a day come from all series, not only from the series of one key range.
            let mut seen = hourly::Seen::default();
            for Share { key_range, .. } in &shares {
                tables.rows(*key_range, date)?.iter().for_each(|row: &HourlyRow| seen.add(&row.hours));
            }
            for Share { key_range, items } in shares {
                let mut rows: Vec<HourlyRow> = tables.rows(key_range, date)?;
                let mut stored: HashMap<SeriesKey, usize> =
                    rows.iter().zip(0..).map(|(row, place)| (row.subject.key.clone(), place)).collect();
                for entry in items {
                    let place = stored.remove(&entry.key);
                    let amounts = seen.with_row(hour, entry.amounts.billed_cost, place.map(|place| &rows[place].hours));
                    let place = place.unwrap_or_else(|| {
                        rows.push(HourlyRow::new(entry, now));
                        rows.len() - 1
                    });
                    rows[place].see(entry, &amounts, now);
                }
                for place in stored.into_values() {
                    if hourly::is_gone(hour, &rows[place].hours) {
                        rows[place].set(&[(hour, 0.0)], now);
                    }
                }
                if !rows.is_empty() {
                    tables.put_rows(key_range, date, rows)?;
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
        let now = Written { at: now.as_millisecond(), by: self.run };
        self.change(&hourly::COLLECTION, |tables| {
            for Share { key_range, items } in tables.shares::<HourlyRow, _>(&in_order(day), |entry| &entry.key)? {
                let row = |entry: &&LedgerEntry| HourlyRow { hours: hours(entry), ..HourlyRow::new(entry, now) };
                let rows: Vec<HourlyRow> = items.iter().map(row).collect();
                if !rows.is_empty() {
                    tables.put_rows(key_range, day.date, rows)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError> {
        let hours: Vec<u8> = (0..24).collect();
        let mut snapshots = Snapshots { days: self.snapshot_days(range)?, rows: BTreeMap::new() };
        for key_range in self.key_ranges()? {
            snapshots.rows.append(&mut self.snapshots_of(key_range, &snapshots.days, &hours)?);
        }
        Ok(snapshots)
    }

    pub(super) fn put_baselines(
        &self,
        baselines: impl Iterator<Item = Baseline>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let upserts = baselines.map(|baseline| baseline::upsert(&baseline, now));
        self.put(&baseline::COLLECTION, upserts, HashSet::new())
    }

    pub(super) fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError> {
        let mut texts = Interner::default();
        let mut baselines = Vec::new();
        self.each(&baseline::COLLECTION, &[], &[], |document| {
            baselines.push(baseline::read(document, requests, &mut texts)?);
            Ok(())
        })?;
        Ok(baselines)
    }

    pub(super) fn put_anomalies(
        &self,
        date: Date,
        hour: Option<u8>,
        rules: &BTreeSet<String>,
        anomalies: &[Anomaly],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut gone = HashSet::new();
        // Date and hour are the first key fields, so the key bytes are a prefix of all matching anomaly keys.
        let of_run = key_of(&anomaly::key(date, hour));
        self.each(&anomaly::COLLECTION, &of_run, &of_run, |document| {
            if document.get_str("ruleId").is_ok_and(|rule| rules.contains(rule)) {
                gone.insert(documents::key_of_raw(&anomaly::COLLECTION, document));
            }
            Ok(())
        })?;
        self.put(&anomaly::COLLECTION, anomalies.iter().map(|anomaly| anomaly::upsert(anomaly, now)), gone)
    }

    pub(super) fn anomalies(&self, range: DateRange) -> Result<Vec<Document>, StoreError> {
        let mut found = Vec::new();
        self.each_of_days(&anomaly::COLLECTION, range, |document| {
            found.push(anomaly::listed(document.try_into().map_err(|error| format!("{error}"))?));
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn found(&self, range: DateRange) -> Result<Vec<Found>, StoreError> {
        let mut texts = Interner::default();
        let mut found = Vec::new();
        self.each_of_days(&anomaly::COLLECTION, range, |document| {
            found.push(anomaly::read_found(document, &mut texts)?);
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn put_incidents(&self, incidents: &[(Incident, bool)], now: Timestamp) -> Result<(), StoreError> {
        let upserts = incidents.iter().map(|(incident, settled)| incident::upsert(incident, *settled, now));
        self.put(&incident::COLLECTION, upserts, HashSet::new())
    }

    pub(super) fn incidents(&self, query: incident::Query<'_>) -> Result<Vec<Incident>, StoreError> {
        let mut texts = Interner::default();
        let mut incidents = Vec::new();
        self.each(&incident::COLLECTION, &[], &[], |document| {
            if query.matches(document) {
                let document: Document = document.try_into().map_err(|error| format!("{error}"))?;
                incidents.push(incident::read(&document, &mut texts)?);
            }
            Ok(())
        })?;
        Ok(incidents)
    }

    pub(super) fn run(&self, job: &str, period: &str) -> Result<Option<RunRecord>, StoreError> {
        let key = key_of(&run::key(job, period));
        let mut found = None;
        self.each(&run::COLLECTION, &key, &key, |document| {
            let document: Document = document.try_into().map_err(|error| format!("{error}"))?;
            found = Some(run::read(&document)?);
            Ok(())
        })?;
        Ok(found)
    }

    pub(super) fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        // The job is the first key field.
        let key = key_of(&mongodb::bson::doc! { "job": job });
        let mut runs = Vec::new();
        self.each(&run::COLLECTION, &key, &key, |document| {
            let document: Document = document.try_into().map_err(|error| format!("{error}"))?;
            runs.push(run::read(&document)?);
            Ok(())
        })?;
        Ok(run::latest(runs, limit))
    }

    pub(super) fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<RunRecord>, StoreError> {
        let mut runs = self.recent_runs(job, usize::MAX)?;
        runs.retain(|run| (from..before).contains(&run.period.as_str()));
        Ok(runs)
    }

    pub(super) fn put_checkpoint(
        &self,
        job: &str,
        period: &str,
        step: Checkpoint,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, [run::step(job, period, step, now)], HashSet::new())
    }

    pub(super) fn notifications(&self) -> Result<Vec<OperationalNotification>, StoreError> {
        let mut notifications = Vec::new();
        self.each(&notification::COLLECTION, &[], &[], |document| {
            let document: Document = document.try_into().map_err(|error| format!("{error}"))?;
            notifications.push(notification::read(&document)?);
            Ok(())
        })?;
        Ok(notifications)
    }

    pub(super) fn put_notification(
        &self,
        notification: &OperationalNotification,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.put(&notification::COLLECTION, [notification::upsert(notification, now)], HashSet::new())
    }

    pub(super) fn put_run(&self, run: &RunRecord, now: Timestamp) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, [run::upsert(run, now)], HashSet::new())
    }

    fn each_of_days(
        &self,
        collection: &Collection,
        range: DateRange,
        visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let bytes = |date: Date| key_of(&mongodb::bson::doc! { "date": date_text(date) });
        self.each(collection, &bytes(range.from), &bytes(range.to), visit)
    }

    /// Writes documents with the semantics of the server's upsert, and removes the documents with a key in `gone` that
    /// are not among the upserts.
    fn put(
        &self,
        collection: &'static Collection,
        upserts: impl IntoIterator<Item = Upsert>,
        mut gone: HashSet<Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.change(collection, |tables| {
            let mut table = tables.documents(collection)?;
            for upsert in upserts {
                let upsert = upsert.by(self.run);
                let key = key_of(&upsert.key);
                let old = table.get(key.as_slice())?.map(|old| Document::from_reader(old.value())).transpose();
                let old = old.map_err(|error| columns::broken(&upsert.key.to_string(), error))?;
                let new = match old {
                    Some(mut old) => {
                        upsert.apply(&mut old);
                        old
                    }
                    None => upsert.fresh(),
                };
                let bytes =
                    mongodb::bson::to_vec(&new).map_err(|error| columns::broken(&upsert.key.to_string(), error))?;
                table.insert(key.as_slice(), bytes.as_slice())?;
                gone.remove(&key);
            }
            for key in gone {
                table.remove(key.as_slice())?;
            }
            Ok(())
        })
    }
}

/// Returns whether `key` matches `wanted`; [`crate::series::ALL`] matches any id.
fn is_of(wanted: &SeriesKey, key: &SeriesKey) -> bool {
    let pairs = [(&wanted.account, &key.account), (&wanted.project, &key.project), (&wanted.service, &key.service)];
    pairs.iter().all(|(wanted, id)| &***wanted == model::series::ALL || wanted == id)
}

fn in_order(day: &DayLedger) -> Vec<&LedgerEntry> {
    let mut entries: Vec<&LedgerEntry> = day.entries.iter().collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    entries
}

fn sorted(collection: &Collection, documents: Vec<Document>) -> Vec<Document> {
    let key = |document: &Document| {
        key_of(
            &collection
                .key
                .iter()
                .map(|field| ((*field).to_owned(), document.get(field).cloned().unwrap_or_default()))
                .collect(),
        )
    };
    // Each key range is in key order per day, but a query over several key ranges is not.
    documents.into_iter().map(|document| (key(&document), document)).collect::<BTreeMap<_, _>>().into_values().collect()
}
