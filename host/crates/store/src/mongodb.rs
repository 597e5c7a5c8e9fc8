//! The MongoDB database: the collections of the replaced pipeline, with the same documents and indexes, and
//! costwarden's additional collections.
//!
//! Connects to the server, reads in batches and writes in bulk. The content of the documents belongs to
//! [`super::documents`].

mod answer;
mod connect;
mod indexes;
mod lease;
mod read;
mod rights;
mod write;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::Database;
use mongodb::bson::{Document, doc};

use super::documents::{
    Collection, Upsert, anomaly, baseline, daily, hourly, incident, key_of, notification, restated, run, series, time,
};
use super::latency::Latency;
use super::{Baseline, DateRange, FitRequest, Found, OperationalNotification, RunRecord, StoreError};
use crate::checkpoint::Checkpoint;
use config_file::secret::Secret;
pub use connect::{careless_option, hosts_in_the_clear};
use model::anomaly::Anomaly;
use model::history::Measure;
use model::incident::Incident;
use model::intern::Interner;
use model::ledger::{DayLedger, LedgerEntry};
use model::run_id::RunId;
use model::series::SeriesKey;
use read::{Stored, of_day, of_days, of_series, unreadable, unreadable_document};
use transport::http::Authority;

/// The address of the server, the credentials and the timeouts.
#[derive(Debug, Clone)]
pub struct MongodbOptions {
    /// The connection string; may contain credentials.
    pub uri: Secret,
    /// If set, the only trusted authority. Requires TLS.
    pub authority: Option<Authority>,
    /// A PEM file with the client certificate and key for the authentication of this host. Requires TLS.
    pub client_certificate: Option<PathBuf>,
    pub database: String,
    pub connect_timeout: Duration,
    /// Time limit of the search for a primary, at the start and after a failover.
    pub selection_timeout: Duration,
    /// Time limit of a single answer.
    pub timeout: Duration,
}

/// A connected database.
#[derive(Clone)]
pub struct Mongodb {
    database: Database,
    /// The servers' addresses without credentials, for messages.
    hosts: String,
    selection_timeout: Duration,
    timeout: Duration,
    /// The id of the writing run; `None` for reading.
    run: Option<RunId>,
    pub(super) latency: Latency,
}

/// The fields of `billing_daily` to compare with a ledger, plus the creation time.
const DAY_FIELDS: [&str; 11] = [
    "domainName",
    "projectName",
    "serviceName",
    "expectAmount",
    "generalAmount",
    "discountAmount",
    "usageTime",
    "usageSize",
    "pricingTypes",
    "regions",
    "createdAt",
];

impl Mongodb {
    pub(super) async fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let mut stored = self.stored(&daily::COLLECTION, of_day(day.date), &DAY_FIELDS).await?;
        let mut changed = Vec::new();
        let mut replaced = Vec::new();
        for entry in &day.entries {
            let upsert = daily::upsert(day.date, entry, now);
            let old = stored.remove(&key_of(&upsert.key));
            if old.as_ref().is_none_or(|old| !upsert.is_in(&old.fields)) {
                replaced.extend(old.iter().filter(|old| restated::amounts(&old.fields) != entry.amounts).cloned());
                changed.push((upsert, old.map(|old| old.id)));
            }
        }
        // The rest belongs to series that left the day. A document with a pricing type belongs to another program.
        stored.retain(|_, old| old.fields.get_str("pricingType").is_err());
        replaced.extend(stored.values().cloned());
        // Before the overwrite: a run killed in between must not lose the replaced amounts.
        self.keep_replaced(day.date, &replaced, now).await?;
        self.write(&daily::COLLECTION, changed.into_iter()).await?;
        self.delete(&daily::COLLECTION, stored.into_values().map(|old| old.id).collect()).await
    }

    pub(super) async fn holds_day(&self, day: &DayLedger) -> Result<bool, StoreError> {
        let mut stored = self.stored(&daily::COLLECTION, of_day(day.date), &DAY_FIELDS).await?;
        let mut is_held = |entry: &LedgerEntry| {
            let upsert = daily::upsert(day.date, entry, Timestamp::UNIX_EPOCH);
            stored.remove(&key_of(&upsert.key)).is_some_and(|old| upsert.is_in(&old.fields))
        };
        Ok(day.entries.iter().all(&mut is_held)
            && stored.into_values().all(|old| old.fields.get_str("pricingType").is_ok()))
    }

    /// Stores the amounts that a restatement is about to replace.
    async fn keep_replaced(&self, date: Date, replaced: &[Stored], now: Timestamp) -> Result<(), StoreError> {
        if replaced.is_empty() {
            return Ok(());
        }
        let collection = &restated::COLLECTION;
        let fields: Vec<&str> = Measure::ALL.into_iter().map(daily::field).chain(["revision", "knownUntil"]).collect();
        let kept = self.stored(collection, of_day(date), &fields).await?;
        let read =
            |old: &Stored| restated::read(&old.fields).map_err(|error| unreadable(collection, &old.fields, error));
        let newest = restated::newest(kept.values().map(read).collect::<Result<Vec<_>, _>>()?);
        let mut texts = Interner::default();
        let mut upserts = Vec::with_capacity(replaced.len());
        for Stored { fields, .. } in replaced {
            let (key, names) =
                series(fields, &mut texts).map_err(|error| unreadable(&daily::COLLECTION, fields, error))?;
            // Documents of another program may lack the creation time.
            let created = fields.get_datetime("createdAt").map_or(0, mongodb::bson::DateTime::timestamp_millis);
            let earlier = restated::Earlier { names, amounts: restated::amounts(fields), created, key };
            let newest = newest.get(&key_of(&restated::key(date, &earlier.key)));
            let upsert = restated::upsert(date, &earlier, newest, now);
            let id = kept.get(&key_of(&upsert.key)).map(|old| old.id.clone());
            upserts.push((upsert, id));
        }
        self.write(collection, upserts.into_iter()).await
    }

    pub(super) async fn restated(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        self.documents(&restated::COLLECTION, of_series(range, series)).await
    }

    pub(super) async fn mark_anomalous(
        &self,
        date: Date,
        marked: &BTreeSet<SeriesKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut mark, mut clear) = (Vec::new(), Vec::new());
        let mut texts = Interner::default();
        for old in self.stored(&daily::COLLECTION, of_day(date), &["isAnomaly"]).await?.into_values() {
            let key =
                series(&old.fields, &mut texts).map_err(|error| unreadable(&daily::COLLECTION, &old.fields, error))?.0;
            let was = old.fields.get_bool("isAnomaly").unwrap_or(false);
            // Unchanged documents keep the time and the run of the last write.
            match (was, marked.contains(&key)) {
                (false, true) => mark.push(old.id),
                (true, false) => clear.push(old.id),
                _ => {}
            }
        }
        for (ids, anomalous) in [(mark, true), (clear, false)] {
            self.set(&daily::COLLECTION, ids, doc! { "isAnomaly": anomalous, "updatedAt": time(now) }).await?;
        }
        Ok(())
    }

    pub(super) async fn daily(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        self.documents(&daily::COLLECTION, of_series(range, series)).await
    }

    pub(super) async fn put_hour(
        &self,
        date: Date,
        hour: u8,
        day: &DayLedger,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if day.entries.is_empty() {
            return Ok(());
        }
        let collection = &hourly::COLLECTION;
        let mut stored = HashMap::new();
        let mut seen = hourly::Seen::default();
        for (key, old) in self.stored(collection, of_day(date), &["hours"]).await? {
            let hours = old.fields.get_document("hours").map_err(|error| error.to_string());
            let hours =
                hours.and_then(hourly::read_hours).map_err(|error| unreadable(collection, &old.fields, error))?;
            // The snapshot hours of a day come from all series.
            seen.add(&hours);
            stored.insert(key, (old.id, hours));
        }
        let mut upserts = Vec::with_capacity(day.entries.len());
        for entry in &day.entries {
            let key = key_of(&hourly::key(date, &entry.key));
            let (id, hours) = stored.remove(&key).unzip();
            let amounts = seen.with_row(hour, entry.amounts.billed_cost, hours.as_ref());
            upserts.push((hourly::upsert(date, &entry.key, &entry.names, &amounts, now), id));
        }
        self.write(collection, upserts.into_iter()).await?;
        let gone = stored.into_values().filter(|(_, hours)| hourly::is_gone(hour, hours)).map(|(id, _)| id).collect();
        let nothing = doc! { hourly::hour_field(hour): 0.0, "fetchedAt": time(now), "updatedAt": time(now) };
        self.set(collection, gone, nothing).await
    }

    pub(super) async fn put_baselines(
        &self,
        baselines: impl Iterator<Item = Baseline>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut stored = self.stored(&baseline::COLLECTION, doc! {}, &[]).await?;
        let upserts = baselines.map(|baseline| {
            let upsert = baseline::upsert(&baseline, now);
            let old = stored.remove(&key_of(&upsert.key));
            (upsert, old.map(|old| old.id))
        });
        self.write(&baseline::COLLECTION, upserts).await
    }

    pub(super) async fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError> {
        let mut texts = Interner::default();
        let mut baselines = Vec::new();
        self.each(&baseline::COLLECTION, doc! {}, baseline::projection(requests), |document| {
            baselines.push(baseline::read(document, requests, &mut texts)?);
            Ok(())
        })
        .await?;
        Ok(baselines)
    }

    pub(super) async fn put_anomalies(
        &self,
        date: Date,
        hour: Option<u8>,
        rules: &BTreeSet<String>,
        anomalies: &[Anomaly],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut filter = anomaly::key(date, hour);
        filter.insert("ruleId", doc! { "$in": rules.iter().collect::<Vec<_>>() });
        let mut stored = self.stored(&anomaly::COLLECTION, filter, &[]).await?;
        let upserts = anomalies.iter().map(|anomaly| {
            let upsert = anomaly::upsert(anomaly, now);
            let old = stored.remove(&key_of(&upsert.key));
            (upsert, old.map(|old| old.id))
        });
        self.write(&anomaly::COLLECTION, upserts).await?;
        self.delete(&anomaly::COLLECTION, stored.into_values().map(|old| old.id).collect()).await
    }

    pub(super) async fn anomalies(&self, range: DateRange) -> Result<Vec<Document>, StoreError> {
        let found = self.documents(&anomaly::COLLECTION, of_days(range)).await?;
        Ok(found.into_iter().map(anomaly::listed).collect())
    }

    pub(super) async fn found(&self, range: DateRange) -> Result<Vec<Found>, StoreError> {
        let fields = doc! { "_id": 0, "date": 1, "hour": 1, "domainId": 1, "projectId": 1, "serviceId": 1 };
        let mut texts = Interner::default();
        let mut found = Vec::new();
        self.each(&anomaly::COLLECTION, of_days(range), fields, |document| {
            found.push(anomaly::read_found(document, &mut texts)?);
            Ok(())
        })
        .await?;
        Ok(found)
    }

    pub(super) async fn put_incidents(&self, incidents: &[(Incident, bool)], now: Timestamp) -> Result<(), StoreError> {
        let upserts: Vec<Upsert> =
            incidents.iter().map(|(incident, settled)| incident::upsert(incident, *settled, now)).collect();
        let ids: Vec<&str> = incidents.iter().map(|(incident, _)| incident.id.as_str()).collect();
        self.put(&incident::COLLECTION, doc! { "incident": { "$in": ids } }, upserts).await
    }

    pub(super) async fn incidents(&self, query: incident::Query<'_>) -> Result<Vec<Incident>, StoreError> {
        let mut texts = Interner::default();
        let found = self.documents(&incident::COLLECTION, query.filter()).await?;
        let read = |found: &Document| {
            incident::read(found, &mut texts).map_err(|error| unreadable_document(&incident::COLLECTION, found, error))
        };
        found.iter().map(read).collect()
    }

    pub(super) async fn run(&self, job: &str, period: &str) -> Result<Option<RunRecord>, StoreError> {
        let found = self.documents(&run::COLLECTION, run::key(job, period)).await?;
        let read =
            |found: &Document| run::read(found).map_err(|error| unreadable_document(&run::COLLECTION, found, error));
        found.first().map(read).transpose()
    }

    pub(super) async fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        let mut runs = Vec::new();
        let sort = doc! { "startedAt": -1, "period": -1 };
        self.first(&run::COLLECTION, doc! { "job": job }, sort, limit, |document| {
            let document: Document = document.try_into().map_err(|error| format!("{error}"))?;
            runs.push(run::read(&document)?);
            Ok(())
        })
        .await?;
        Ok(runs)
    }

    pub(super) async fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<RunRecord>, StoreError> {
        let filter = doc! { "job": job, "period": { "$gte": from, "$lt": before } };
        let found = self.documents(&run::COLLECTION, filter).await?;
        let read =
            |found: &Document| run::read(found).map_err(|error| unreadable_document(&run::COLLECTION, found, error));
        found.iter().map(read).collect()
    }

    pub(super) async fn put_checkpoint(
        &self,
        job: &str,
        period: &str,
        step: Checkpoint,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, run::key(job, period), vec![run::step(job, period, step, now)]).await
    }

    pub(super) async fn notifications(&self) -> Result<Vec<OperationalNotification>, StoreError> {
        let found = self.documents(&notification::COLLECTION, doc! {}).await?;
        let read = |found: &Document| {
            notification::read(found).map_err(|error| unreadable_document(&notification::COLLECTION, found, error))
        };
        found.iter().map(read).collect()
    }

    pub(super) async fn put_notification(
        &self,
        notification: &OperationalNotification,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.put(
            &notification::COLLECTION,
            notification::key(&notification.key),
            vec![notification::upsert(notification, now)],
        )
        .await
    }

    pub(super) async fn put_run(&self, run: &RunRecord, now: Timestamp) -> Result<(), StoreError> {
        self.put(&run::COLLECTION, run::key(&run.job, &run.period), vec![run::upsert(run, now)]).await
    }

    /// Writes documents. Existing documents are updated by `_id`.
    async fn put(
        &self,
        collection: &'static Collection,
        filter: Document,
        upserts: Vec<Upsert>,
    ) -> Result<(), StoreError> {
        if upserts.is_empty() {
            return Ok(());
        }
        let mut stored = self.stored(collection, filter, &[]).await?;
        let with_id = |upsert: Upsert| {
            let old = stored.remove(&key_of(&upsert.key));
            (upsert, old.map(|old| old.id))
        };
        self.write(collection, upserts.into_iter().map(with_id)).await
    }
}
