//! The store: MongoDB or an embedded database, with the same documents in both.
//!
//! Every write is a keyed upsert in bulk. A repeated call leaves the same documents, except for the timestamps and the
//! run id. The store does not decide which days or series to read or write.

pub mod checkpoint;
mod collector;
mod documents;
mod embedded;
mod key_ranges;
mod latency;
mod lease;
mod mongodb;
pub mod options;
mod records;

#[cfg(test)]
mod conformance;

use std::collections::BTreeSet;
use std::path::PathBuf;

use ::mongodb::bson::Document;
use jiff::Timestamp;
use jiff::civil::Date;

use self::documents::incident::Query;
pub use self::embedded::Embedded;
pub use self::key_ranges::KeyRanges;
pub use self::latency::{Operation, Spent};
pub use self::lease::{Claim, HeldLease, Holder, LeaseKey, Leases};
use self::mongodb::Mongodb;
pub use self::mongodb::{MongodbOptions, careless_option, hosts_in_the_clear};
pub use self::records::{
    AnomalyRecord, Baseline, DailyRecord, DateRange, Fit, FitRequest, FitState, Found, OperationalNotification,
    RunRecord,
};
use crate::checkpoint::Checkpoint;
use crate::options::StoreOptions;
use model::anomaly::Anomaly;
use model::history::{History, Measure, Snapshots};
use model::incident::Incident;
use model::ledger::DayLedger;
use model::run_id::RunId;
use model::series::SeriesKey;

/// The collections about runs, without any data of a bill.
pub const OF_RUNS: [&str; 2] = [documents::run::COLLECTION.name, documents::notification::COLLECTION.name];

/// An open database.
pub enum Store {
    Mongodb(Mongodb),
    Embedded(Embedded),
}

/// The purpose of an open database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Creates the missing database, collections and indexes. Every written document names this run in `runId`.
    Write(RunId),
    /// Creates nothing. A missing database or collection reads like an empty one.
    Read,
}

impl Access {
    fn run(self) -> Option<RunId> {
        match self {
            Self::Write(run) => Some(run),
            Self::Read => None,
        }
    }
}

/// The permissions of the database user, and the missing indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Required actions without a grant.
    pub missing: Vec<&'static str>,
    /// Number of indexes to be created by the next run.
    pub indexes: usize,
}

impl Store {
    /// Opens the configured database.
    pub async fn open(config: &StoreOptions, access: Access) -> Result<Self, StoreError> {
        match config {
            StoreOptions::Mongodb(options) => Mongodb::open(options, access).await.map(Self::Mongodb),
            StoreOptions::Embedded { path } => Embedded::open(path, access).map(Self::Embedded),
        }
    }

    /// Returns the permissions of the database user. Only asks the server; writes nothing.
    pub async fn rights(&self) -> Result<Rights, StoreError> {
        match self {
            Self::Mongodb(store) => store.rights().await,
            // The only access control of an embedded database is the file permissions.
            Self::Embedded(_) => Ok(Rights { missing: Vec::new(), indexes: 0 }),
        }
    }

    pub fn leases(&self) -> Leases {
        match self {
            Self::Mongodb(store) => Leases::Mongodb(store.clone()),
            Self::Embedded(_) => Leases::File,
        }
    }

    /// Writes a finished day to `billing_daily`. Removes series that are no longer in the ledger. Keeps the anomaly
    /// marks. Keeps replaced amounts in `billing_restatements`. A ledger without entries changes nothing.
    pub async fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_day(day, now).await,
            Self::Embedded(store) => store.put_day(day, now),
        }
    }

    /// Returns whether `billing_daily` holds exactly the ledger of the day: the same series, with the same content.
    pub async fn holds_day(&self, day: &DayLedger) -> Result<bool, StoreError> {
        match self {
            Self::Mongodb(store) => store.holds_day(day).await,
            Self::Embedded(store) => store.holds_day(day),
        }
    }

    /// Returns the days of `billing_daily` in the range, ascending, each with the number of series.
    pub async fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError> {
        match self {
            Self::Mongodb(store) => store.day_sizes(range).await,
            Self::Embedded(store) => store.day_sizes(range),
        }
    }

    /// Marks the given series of the day as anomalous and removes the mark from the rest of the day.
    pub async fn mark_anomalous(
        &self,
        date: Date,
        series: &BTreeSet<SeriesKey>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.mark_anomalous(date, series, now).await,
            Self::Embedded(store) => store.mark_anomalous(date, series, now),
        }
    }

    /// Returns the `billing_daily` values of all series in the range.
    pub async fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError> {
        match self {
            Self::Mongodb(store) => store.history(range, measures).await,
            Self::Embedded(store) => store.history(range, measures),
        }
    }

    /// Returns the last day with a document in `billing_daily`.
    pub async fn newest_day(&self) -> Result<Option<Date>, StoreError> {
        match self {
            Self::Mongodb(store) => store.newest_day().await,
            Self::Embedded(store) => store.newest_day(),
        }
    }

    /// Returns the days of the range with a document in `billing_daily`, ascending.
    pub async fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        match self {
            Self::Mongodb(store) => store.days(range).await,
            Self::Embedded(store) => store.days(range),
        }
    }

    /// Returns the days of the range with a document in `billing_hourly`, ascending.
    pub async fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        match self {
            Self::Mongodb(store) => store.snapshot_days(range).await,
            Self::Embedded(store) => store.snapshot_days(range),
        }
    }

    /// Returns the names of the collections with at least one document.
    pub async fn filled(&self) -> Result<Vec<&'static str>, StoreError> {
        match self {
            Self::Mongodb(store) => store.filled().await,
            Self::Embedded(store) => store.filled(),
        }
    }

    /// Returns the records of `billing_daily` of one series in key order. The id [`model::series::ALL`] matches any id.
    pub async fn daily(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<DailyRecord>, StoreError> {
        daily_records(self.daily_documents(range, series).await?)
    }

    async fn daily_documents(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        match self {
            Self::Mongodb(store) => store.daily(range, series).await,
            Self::Embedded(store) => store.daily(range, series),
        }
    }

    /// Returns the records of [`Store::daily`] as known at a moment.
    pub async fn daily_as_of(
        &self,
        range: DateRange,
        series: &SeriesKey,
        moment: Timestamp,
    ) -> Result<Vec<DailyRecord>, StoreError> {
        daily_records(self.daily_documents_as_of(range, series, moment).await?)
    }

    async fn daily_documents_as_of(
        &self,
        range: DateRange,
        series: &SeriesKey,
        moment: Timestamp,
    ) -> Result<Vec<Document>, StoreError> {
        let earlier = match self {
            Self::Mongodb(store) => store.restated(range, series).await,
            Self::Embedded(store) => store.restated(range, series),
        }?;
        let (collection, key) = (documents::restated::COLLECTION.name, series.to_string());
        documents::restated::as_of(self.daily_documents(range, series).await?, earlier, moment)
            .map_err(|cause| StoreError::Unreadable { collection, key, cause })
    }

    /// Writes a partial day at an hour to `billing_hourly`. A series seen earlier on the day but without a row at this
    /// hour gets 0. A ledger without entries changes nothing.
    pub async fn put_hour(&self, date: Date, hour: u8, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_hour(date, hour, day, now).await,
            Self::Embedded(store) => store.put_hour(date, hour, day, now),
        }
    }

    /// Returns the `billing_hourly` amounts of all series in the range.
    pub async fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError> {
        match self {
            Self::Mongodb(store) => store.snapshots(range).await,
            Self::Embedded(store) => store.snapshots(range),
        }
    }

    /// Replaces the statistics and the fits of the given rules; keeps the fits of all remaining rules. Consumes the
    /// iterator during the write, to limit the memory use.
    pub async fn put_baselines(
        &self,
        baselines: impl IntoIterator<Item = Baseline>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let baselines = baselines.into_iter();
        match self {
            Self::Mongodb(store) => store.put_baselines(baselines, now).await,
            Self::Embedded(store) => store.put_baselines(baselines, now),
        }
    }

    /// Returns the baselines of all series in key order, with only the requested fits. Leaves out a fit without the
    /// requested state.
    pub async fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError> {
        let mut baselines = match self {
            Self::Mongodb(store) => store.baselines(requests).await,
            Self::Embedded(store) => store.baselines(requests),
        }?;
        // MongoDB returns the documents in any order.
        baselines.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(baselines)
    }

    /// Replaces the anomalies of the given rules at a date and hour with `anomalies`; removes all earlier anomalies that
    /// are not among `anomalies`. Keeps the status set by a person.
    pub async fn put_anomalies(
        &self,
        date: Date,
        hour: Option<u8>,
        rules: &BTreeSet<String>,
        anomalies: &[Anomaly],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_anomalies(date, hour, rules, anomalies, now).await,
            Self::Embedded(store) => store.put_anomalies(date, hour, rules, anomalies, now),
        }
    }

    /// Returns the `billing_anomalies` documents of the range in key order.
    pub async fn anomalies(&self, range: DateRange) -> Result<Vec<AnomalyRecord>, StoreError> {
        Ok(self.anomaly_documents(range).await?.into_iter().map(documents::anomaly::record).collect())
    }

    async fn anomaly_documents(&self, range: DateRange) -> Result<Vec<Document>, StoreError> {
        match self {
            Self::Mongodb(store) => store.anomalies(range).await,
            Self::Embedded(store) => store.anomalies(range),
        }
    }

    /// Returns the series, day and hour of every anomaly in the range, in any order.
    pub async fn found(&self, range: DateRange) -> Result<Vec<Found>, StoreError> {
        match self {
            Self::Mongodb(store) => store.found(range).await,
            Self::Embedded(store) => store.found(range),
        }
    }

    /// Writes incidents. The flag marks a settled incident: closed, without an outstanding notification.
    pub async fn put_incidents(&self, incidents: &[(Incident, bool)], now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_incidents(incidents, now).await,
            Self::Embedded(store) => store.put_incidents(incidents, now),
        }
    }

    /// Returns the unsettled incidents and the incidents last seen or closed on `since` or later, in id order.
    pub async fn incidents(&self, since: Date) -> Result<Vec<Incident>, StoreError> {
        self.incidents_of(Query::Current(since)).await
    }

    /// Returns the incidents with an operator's decision, last seen on `since` or later.
    pub async fn decided_incidents(&self, since: Date) -> Result<Vec<Incident>, StoreError> {
        self.incidents_of(Query::Decided(since)).await
    }

    pub async fn all_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.incidents_of(Query::All).await
    }

    pub async fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        Ok(self.incidents_of(Query::Of(id)).await?.into_iter().next())
    }

    async fn incidents_of(&self, query: Query<'_>) -> Result<Vec<Incident>, StoreError> {
        match self {
            Self::Mongodb(store) => store.incidents(query).await,
            Self::Embedded(store) => store.incidents(query),
        }
    }

    pub async fn run(&self, job: &str, period: &str) -> Result<Option<RunRecord>, StoreError> {
        match self {
            Self::Mongodb(store) => store.run(job, period).await,
            Self::Embedded(store) => store.run(job, period),
        }
    }

    /// Returns the run records of a job with the latest start times, newest first.
    pub async fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<RunRecord>, StoreError> {
        match self {
            Self::Mongodb(store) => store.recent_runs(job, limit).await,
            Self::Embedded(store) => store.recent_runs(job, limit),
        }
    }

    /// Returns the run records of a job with a period in `from..before`, in any order.
    pub async fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<RunRecord>, StoreError> {
        match self {
            Self::Mongodb(store) => store.runs(job, from, before).await,
            Self::Embedded(store) => store.runs(job, from, before),
        }
    }

    /// Updates only the step of a run record.
    pub async fn put_checkpoint(
        &self,
        job: &str,
        period: &str,
        step: Checkpoint,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_checkpoint(job, period, step, now).await,
            Self::Embedded(store) => store.put_checkpoint(job, period, step, now),
        }
    }

    /// Returns all notifications about costwarden itself, past and present, in key order.
    pub async fn notifications(&self) -> Result<Vec<OperationalNotification>, StoreError> {
        match self {
            Self::Mongodb(store) => store.notifications().await,
            Self::Embedded(store) => store.notifications(),
        }
    }

    pub async fn put_notification(
        &self,
        notification: &OperationalNotification,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_notification(notification, now).await,
            Self::Embedded(store) => store.put_notification(notification, now),
        }
    }

    pub async fn put_run(&self, run: &RunRecord, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_run(run, now).await,
            Self::Embedded(store) => store.put_run(run, now),
        }
    }
}

impl Store {
    /// Returns the count and duration of the calls of a kind since the open. A write of the embedded store counts only
    /// the time of the commit to the disk.
    pub fn spent(&self, operation: Operation) -> Spent {
        match self {
            Self::Mongodb(store) => store.latency.spent(operation),
            Self::Embedded(store) => store.latency.spent(operation),
        }
    }
}

fn daily_records(documents: Vec<Document>) -> Result<Vec<DailyRecord>, StoreError> {
    let collection = documents::daily::COLLECTION.name;
    let record = |document: Document| {
        let key = documents::series_text(&document);
        documents::daily::record(document).map_err(|cause| StoreError::Unreadable { collection, key, cause })
    };
    documents.into_iter().map(record).collect()
}

/// Why something could not be remembered or recalled.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("[store] uri is not an address of MongoDB: {cause}; expected mongodb://host:port or mongodb+srv://host")]
    Address { cause: String },
    #[error(
        "[store] uri: {option} takes any server for the right one: remove it, and name the authority in store.ca_file"
    )]
    Careless { option: &'static str },
    #[error("[store] uri says tls=false, and [store] {key} can be used with TLS alone: remove one of the two")]
    WithoutTls { key: &'static str },
    #[error(
        "the MongoDB server at {hosts} is not trusted ({cause}): check store.ca_file, and that the server's certificate is for that host and has not expired"
    )]
    Distrusted { hosts: String, cause: String },
    #[error(
        "[store] database `{name}` is not a name that MongoDB takes: expected 1 to 63 characters without / \\ . \" $ or spaces"
    )]
    Database { name: String },
    #[error(
        "no MongoDB server answered at {hosts} within {seconds} s ({cause}): check that it runs and that [store] uri names it"
    )]
    Unreachable { hosts: String, seconds: f64, cause: String },
    #[error(
        "the MongoDB server at {hosts} refused the credentials ({cause}): check the user and the password in [store] uri"
    )]
    Refused { hosts: String, cause: String },
    #[error(
        "may not {operation} {collection} of database {database} ({cause}): give the user of [store] uri the role readWrite on it"
    )]
    NotAllowed { operation: &'static str, collection: String, database: String, cause: String },
    #[error(
        "could not {operation} {collection}: the MongoDB servers at {hosts} take connections and say nothing ({cause}): check that none of them is stuck; [store] timeout_seconds is how long an answer is waited for"
    )]
    Silent { operation: &'static str, collection: String, hosts: String, cause: String },
    #[error("could not {operation} {collection}: {cause}")]
    Failed { operation: &'static str, collection: String, cause: String },
    #[error("could not write {key} to {collection}: {cause}")]
    Rejected { collection: &'static str, key: String, cause: String },
    #[error(
        "index {index} of {collection} has other fields than expected or is not unique: drop it, and the next run makes it anew"
    )]
    Index { collection: &'static str, index: &'static str },
    #[error("cannot read the document of {collection} with {key}: {cause}; correct or remove it")]
    Unreadable { collection: &'static str, key: String, cause: String },
    #[error("{}: {holder} is using it; wait until that has ended", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error("{}: written by another version of costwarden (format {format}, expected {expected}); use that version, or move the file away to begin anew", path.display())]
    Format { path: PathBuf, format: u64, expected: u64 },
    #[error("{}: {cause}; what was remembered before is whole: make room there, and the next run makes this one good", path.display())]
    Full { path: PathBuf, cause: String },
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
}
