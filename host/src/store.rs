//! What is remembered: MongoDB or an embedded database, one set of documents in either.
//!
//! Every write is a keyed upsert, in bulk: the same call twice leaves the same documents but for their timestamps.

mod collector;
mod documents;
mod embedded;
mod latency;
mod lease;
mod mongodb;
mod records;
mod stretches;

#[cfg(test)]
mod conformance;

use std::collections::BTreeSet;
use std::path::PathBuf;

use ::mongodb::bson::Document;
use jiff::Timestamp;
use jiff::civil::Date;

use self::documents::episode::Query;
pub(crate) use self::embedded::Embedded;
pub(crate) use self::latency::{Operation, Spent};
pub(crate) use self::lease::{Claim, Held, Holder, LeaseKey, Leases};
use self::mongodb::Mongodb;
pub(crate) use self::mongodb::{MongodbOptions, careless_option, hosts_in_the_clear};
pub(crate) use self::records::{Baseline, DateRange, Fit, FitRequest, FitState, Found, JobRun, Notice};
pub(crate) use self::stretches::Stretches;
use crate::config::StoreConfig;
use crate::episode::Episode;
use crate::finding::Finding;
use crate::history::{History, Measure, Snapshots};
use crate::ledger::DayLedger;
use crate::run_id::RunId;
use crate::series::SeriesKey;
use crate::step::Step;

/// The collections that know of runs, and of no bill.
pub(crate) const OF_RUNS: [&str; 2] = [documents::run::COLLECTION.name, documents::notice::COLLECTION.name];

/// An open database.
pub(crate) enum Store {
    Mongodb(Mongodb),
    Embedded(Embedded),
}

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Makes the database and its indexes where they are missing. Every document that is written says which run wrote
    /// it, as `runId`.
    Write(RunId),
    /// Makes nothing; what is not there is read as empty.
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

/// What a database lets its user do, and what it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Actions that are not granted.
    pub(crate) missing: Vec<&'static str>,
    /// How many indexes the next run will make.
    pub(crate) indexes: usize,
}

impl Store {
    /// Opens the database that a config names.
    pub(crate) async fn open(config: &StoreConfig, access: Access) -> Result<Self, StoreError> {
        match config {
            StoreConfig::Mongodb(options) => Mongodb::open(options, access).await.map(Self::Mongodb),
            StoreConfig::Embedded { path } => Embedded::open(path, access).map(Self::Embedded),
        }
    }

    /// What a run would be let do. Asks, and writes nothing.
    pub(crate) async fn rights(&self) -> Result<Rights, StoreError> {
        match self {
            Self::Mongodb(store) => store.rights().await,
            // The file belongs to whoever may write to it.
            Self::Embedded(_) => Ok(Rights { missing: Vec::new(), indexes: 0 }),
        }
    }

    pub(crate) fn leases(&self) -> Leases {
        match self {
            Self::Mongodb(store) => Leases::Mongodb(store.clone()),
            Self::Embedded(_) => Leases::File,
        }
    }

    /// The finished day as `billing_daily`. Series that left it are removed; what is marked as anomalous stays marked.
    /// Amounts that were known before are kept in `billing_restated`. A ledger without entries changes nothing.
    pub(crate) async fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_day(day, now).await,
            Self::Embedded(store) => store.put_day(day, now),
        }
    }

    /// Whether `billing_daily` holds a day, with the series of all, just as it is in the ledger.
    pub(crate) async fn holds_day(&self, day: &DayLedger) -> Result<bool, StoreError> {
        match self {
            Self::Mongodb(store) => store.holds_day(day).await,
            Self::Embedded(store) => store.holds_day(day),
        }
    }

    /// The days of a range that `billing_daily` holds, in their order, and how many series each has.
    pub(crate) async fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError> {
        match self {
            Self::Mongodb(store) => store.day_sizes(range).await,
            Self::Embedded(store) => store.day_sizes(range),
        }
    }

    /// Marks these series of the day as anomalous, and the day's others as not.
    pub(crate) async fn mark_anomalous(
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

    /// All series of these days.
    pub(crate) async fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError> {
        match self {
            Self::Mongodb(store) => store.history(range, measures).await,
            Self::Embedded(store) => store.history(range, measures),
        }
    }

    /// The last day that `billing_daily` holds anything of.
    pub(crate) async fn newest_day(&self) -> Result<Option<Date>, StoreError> {
        match self {
            Self::Mongodb(store) => store.newest_day().await,
            Self::Embedded(store) => store.newest_day(),
        }
    }

    /// The days of a range that `billing_daily` holds anything of, ascending.
    pub(crate) async fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        match self {
            Self::Mongodb(store) => store.days(range).await,
            Self::Embedded(store) => store.days(range),
        }
    }

    /// The days of a range that `billing_hourly` holds anything of, ascending.
    pub(crate) async fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        match self {
            Self::Mongodb(store) => store.snapshot_days(range).await,
            Self::Embedded(store) => store.snapshot_days(range),
        }
    }

    /// The collections that hold any document.
    pub(crate) async fn filled(&self) -> Result<Vec<&'static str>, StoreError> {
        match self {
            Self::Mongodb(store) => store.filled().await,
            Self::Embedded(store) => store.filled(),
        }
    }

    /// `billing_daily` of one series ([`crate::series::ALL`] stands for any id), in the order of its key.
    pub(crate) async fn daily(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<Document>, StoreError> {
        match self {
            Self::Mongodb(store) => store.daily(range, series).await,
            Self::Embedded(store) => store.daily(range, series),
        }
    }

    /// [`Store::daily`] as it was known at a moment.
    pub(crate) async fn daily_as_of(
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
        documents::restated::as_of(self.daily(range, series).await?, earlier, moment)
            .map_err(|cause| StoreError::Unreadable { collection, key, cause })
    }

    /// A partial day as it stood at an hour, as `billing_hourly`. A series that was seen earlier that day and has no row
    /// now stands at 0. A ledger without entries changes nothing.
    pub(crate) async fn put_hour(
        &self,
        date: Date,
        hour: u8,
        day: &DayLedger,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_hour(date, hour, day, now).await,
            Self::Embedded(store) => store.put_hour(date, hour, day, now),
        }
    }

    /// All series of these days, as the hourly runs saw them.
    pub(crate) async fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError> {
        match self {
            Self::Mongodb(store) => store.snapshots(range).await,
            Self::Embedded(store) => store.snapshots(range),
        }
    }

    /// Replaces statistics and the given rules' fits; fits of other rules stay. Baselines are asked for as they are
    /// written, so that never all of them are in memory.
    pub(crate) async fn put_baselines(
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

    /// All series' baselines with just these fits, in the order of their keys; a fit that lacks the state that is asked
    /// for is left out.
    pub(crate) async fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError> {
        let mut baselines = match self {
            Self::Mongodb(store) => store.baselines(requests).await,
            Self::Embedded(store) => store.baselines(requests),
        }?;
        baselines.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(baselines)
    }

    /// What these rules found at that date and hour, all of it: what they found there before and not now is removed.
    /// The status that a person gave a finding stays.
    pub(crate) async fn put_findings(
        &self,
        date: Date,
        hour: Option<u8>,
        rules: &BTreeSet<String>,
        findings: &[Finding],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_findings(date, hour, rules, findings, now).await,
            Self::Embedded(store) => store.put_findings(date, hour, rules, findings, now),
        }
    }

    /// `billing_anomalies` of these days, in the order of their keys.
    pub(crate) async fn findings(&self, range: DateRange) -> Result<Vec<Document>, StoreError> {
        match self {
            Self::Mongodb(store) => store.findings(range).await,
            Self::Embedded(store) => store.findings(range),
        }
    }

    /// Where any rule found anything on these days, in no order.
    pub(crate) async fn found(&self, range: DateRange) -> Result<Vec<Found>, StoreError> {
        match self {
            Self::Mongodb(store) => store.found(range).await,
            Self::Embedded(store) => store.found(range),
        }
    }

    /// Each with whether it is settled: closed, and nobody is left to be told.
    pub(crate) async fn put_episodes(&self, episodes: &[(Episode, bool)], now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_episodes(episodes, now).await,
            Self::Embedded(store) => store.put_episodes(episodes, now),
        }
    }

    /// The episodes that were not settled when they were put, and those that were seen or closed on a day or later, in
    /// the order of their ids.
    pub(crate) async fn episodes(&self, since: Date) -> Result<Vec<Episode>, StoreError> {
        self.episodes_of(Query::Current(since)).await
    }

    /// The episodes that an operator decided, and that were seen on a day or later.
    pub(crate) async fn decided_episodes(&self, since: Date) -> Result<Vec<Episode>, StoreError> {
        self.episodes_of(Query::Decided(since)).await
    }

    pub(crate) async fn every_episode(&self) -> Result<Vec<Episode>, StoreError> {
        self.episodes_of(Query::All).await
    }

    pub(crate) async fn episode(&self, id: &str) -> Result<Option<Episode>, StoreError> {
        Ok(self.episodes_of(Query::Of(id)).await?.into_iter().next())
    }

    async fn episodes_of(&self, query: Query<'_>) -> Result<Vec<Episode>, StoreError> {
        match self {
            Self::Mongodb(store) => store.episodes(query).await,
            Self::Embedded(store) => store.episodes(query),
        }
    }

    pub(crate) async fn run(&self, job: &str, period: &str) -> Result<Option<JobRun>, StoreError> {
        match self {
            Self::Mongodb(store) => store.run(job, period).await,
            Self::Embedded(store) => store.run(job, period),
        }
    }

    /// The last runs of a job, the one that started last first.
    pub(crate) async fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<JobRun>, StoreError> {
        match self {
            Self::Mongodb(store) => store.recent_runs(job, limit).await,
            Self::Embedded(store) => store.recent_runs(job, limit),
        }
    }

    /// The runs of a job whose periods lie from one up to another, which is none of them, in no order.
    pub(crate) async fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<JobRun>, StoreError> {
        match self {
            Self::Mongodb(store) => store.runs(job, from, before).await,
            Self::Embedded(store) => store.runs(job, from, before),
        }
    }

    /// Changes nothing of a run's record but its step.
    pub(crate) async fn put_step(&self, job: &str, period: &str, step: Step, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_step(job, period, step, now).await,
            Self::Embedded(store) => store.put_step(job, period, step, now),
        }
    }

    /// Every notice about costwarden itself that there ever was, in the order of their keys.
    pub(crate) async fn notices(&self) -> Result<Vec<Notice>, StoreError> {
        match self {
            Self::Mongodb(store) => store.notices().await,
            Self::Embedded(store) => store.notices(),
        }
    }

    pub(crate) async fn put_notice(&self, notice: &Notice, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_notice(notice, now).await,
            Self::Embedded(store) => store.put_notice(notice, now),
        }
    }

    pub(crate) async fn put_run(&self, run: &JobRun, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.put_run(run, now).await,
            Self::Embedded(store) => store.put_run(run, now),
        }
    }
}

impl Store {
    /// What calls of a kind came to since it was opened. The embedded store's writes are what it takes to bring them to
    /// the disk.
    pub(crate) fn spent(&self, operation: Operation) -> Spent {
        match self {
            Self::Mongodb(store) => store.latency.spent(operation),
            Self::Embedded(store) => store.latency.spent(operation),
        }
    }
}

/// Why something could not be remembered or recalled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
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
