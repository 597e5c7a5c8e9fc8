//! The open database: one method per read and write, for both backends.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use model::anomaly::Anomaly;
use model::budget::BudgetRecord;
use model::history::{History, Measure, Snapshots};
use model::incident::Incident;
use model::ledger::DayLedger;
use model::moment::Moment;
use model::planned_event::PlannedEvent;
use model::run_id::RunId;
use model::series::SeriesKey;
use model::silence::Silence;
use mongodb::bson::Document;

use crate::access::{Access, Rights};
use crate::checkpoint::Checkpoint;
use crate::documents::incident_query::IncidentQuery;
use crate::documents::installation::FORMAT;
use crate::documents::{
    anomaly, budget, daily, installation, key_text, notification, planned_event, restatement, run, silence,
};
use crate::embedded::{Embedded, KeyRanges};
use crate::error::StoreError;
use crate::latency::{CallTotals, Operation};
use crate::leases::Leases;
use crate::mongodb::Mongodb;
use crate::options::StoreOptions;
use crate::records::{
    AnomalyKey, AnomalyRecord, Baseline, DailyRecord, DateRange, FitRequest, IncidentWrite, Installation,
    OperationalNotification, RunRecord,
};

/// The collections without any data of a bill: runs, and the plans of people.
pub const COLLECTIONS_WITHOUT_BILLS: [&str; 6] = [
    run::COLLECTION.name,
    notification::COLLECTION.name,
    installation::COLLECTION.name,
    silence::COLLECTION.name,
    planned_event::COLLECTION.name,
    budget::COLLECTION.name,
];

/// An open database.
pub enum Store {
    Mongodb(Mongodb),
    Embedded(Embedded),
}

/// Implements methods of [`Store`]: each calls the method with the same name and arguments of the open backend.
macro_rules! delegate {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis async fn $name:ident(&self $(, $argument:ident: $type:ty)* $(,)?) -> $result:ty;
    )+) => {
        impl Store {
            $(
                $(#[$attribute])*
                $visibility async fn $name(&self $(, $argument: $type)*) -> $result {
                    match self {
                        Self::Mongodb(store) => store.$name($($argument),*).await,
                        Self::Embedded(store) => store.$name($($argument),*),
                    }
                }
            )+
        }
    };
}

delegate! {
    /// Writes a finished day to `billing_daily`. Removes series that are no longer in the ledger. Keeps the anomaly
    /// marks. Keeps replaced amounts in `billing_restatements`. A ledger without entries changes nothing.
    pub async fn put_day(&self, day: &DayLedger, now: Timestamp) -> Result<(), StoreError>;

    /// Returns whether `billing_daily` holds exactly the ledger of the day: the same series, with the same content.
    pub async fn has_day(&self, day: &DayLedger) -> Result<bool, StoreError>;

    /// Returns the days of `billing_daily` in the range, ascending, each with the number of series.
    pub async fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError>;

    /// Returns the days of the ledger with the sum of the billed costs, ascending.
    pub async fn day_totals(&self, range: DateRange) -> Result<Vec<(Date, f64)>, StoreError>;

    /// Marks the given series of the day as anomalous and removes the mark from the rest of the day.
    pub async fn mark_anomalous(
        &self,
        date: Date,
        series: &BTreeSet<SeriesKey>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns the `billing_daily` values of all series in the range.
    pub async fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError>;

    /// Returns the last day with a document in `billing_daily`.
    pub async fn newest_day(&self) -> Result<Option<Date>, StoreError>;

    /// Returns the days of the range with a document in `billing_daily`, ascending.
    pub async fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError>;

    /// Returns the days of the range with a document in `billing_hourly`, ascending.
    pub async fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError>;

    /// Returns the names of the collections with at least one document.
    pub async fn nonempty_collections(&self) -> Result<Vec<&'static str>, StoreError>;

    /// Returns the documents of [`Store::daily`].
    pub(crate) async fn daily_documents(
        &self,
        range: DateRange,
        series: &SeriesKey,
    ) -> Result<Vec<Document>, StoreError>;

    /// Returns the documents of `billing_restatements` of one series. The id [`model::series::ALL`] matches any id.
    pub(crate) async fn restatement_documents(
        &self,
        range: DateRange,
        series: &SeriesKey,
    ) -> Result<Vec<Document>, StoreError>;

    /// Writes a partial day at an hour to `billing_hourly`. A series with an earlier row on the day but without a row at
    /// this hour gets 0. A ledger without entries changes nothing.
    pub async fn put_hour(&self, date: Date, hour: u8, day: &DayLedger, now: Timestamp) -> Result<(), StoreError>;

    /// Returns the `billing_hourly` amounts of all series in the range.
    pub async fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError>;

    /// Replaces the statistics and the fits of the given rules; keeps the fits of all remaining rules. Consumes the
    /// iterator during the write, to limit the memory use.
    pub async fn put_baselines(
        &self,
        baselines: impl IntoIterator<Item = Baseline>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns the baselines of all series in key order, with only the requested fits. Leaves out a fit without the
    /// requested state.
    pub async fn baselines(&self, requests: &[FitRequest]) -> Result<Vec<Baseline>, StoreError>;

    /// Replaces the anomalies of the given rules at a moment with `anomalies`; removes all earlier anomalies that are
    /// not among `anomalies`. Keeps the status set by a person.
    pub async fn put_anomalies(
        &self,
        moment: Moment,
        rules: &BTreeSet<String>,
        anomalies: &[Anomaly],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Sets the status of the stored anomalies of a decided incident. Keeps a status of another
    /// program.
    pub async fn put_anomaly_status(&self, decided: &Incident, now: Timestamp) -> Result<(), StoreError>;

    /// Returns the documents of [`Store::anomalies`].
    pub(crate) async fn anomaly_documents(&self, range: DateRange) -> Result<Vec<Document>, StoreError>;

    /// Returns the series, day and hour of every anomaly in the range, in any order. Leaves out the anomalies of shadow
    /// rules.
    pub async fn anomaly_keys(&self, range: DateRange) -> Result<Vec<AnomalyKey>, StoreError>;

    pub async fn put_incidents(&self, incidents: &[IncidentWrite], now: Timestamp) -> Result<(), StoreError>;

    /// Returns the incidents of a query in id order.
    pub(crate) async fn query_incidents(&self, query: IncidentQuery<'_>) -> Result<Vec<Incident>, StoreError>;

    pub async fn run(&self, job: &str, period: &str) -> Result<Option<RunRecord>, StoreError>;

    /// Returns the run records of a job with the latest start times, newest first.
    pub async fn recent_runs(&self, job: &str, limit: usize) -> Result<Vec<RunRecord>, StoreError>;

    /// Returns the run records of a job with a period in `from..before`, in any order.
    pub async fn runs(&self, job: &str, from: &str, before: &str) -> Result<Vec<RunRecord>, StoreError>;

    pub async fn put_run(&self, run: &RunRecord, now: Timestamp) -> Result<(), StoreError>;

    /// Updates only the checkpoint of a run record.
    pub async fn put_checkpoint(
        &self,
        job: &str,
        period: &str,
        checkpoint: Checkpoint,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    pub(crate) async fn installation(&self) -> Result<Option<Installation>, StoreError>;

    pub(crate) async fn put_installation(&self, account: &str, now: Timestamp) -> Result<(), StoreError>;

    pub async fn notifications(&self) -> Result<Vec<OperationalNotification>, StoreError>;

    /// Returns all silences in id order.
    pub async fn silences(&self) -> Result<Vec<Silence>, StoreError>;

    pub async fn put_silence(&self, silence: &Silence, now: Timestamp) -> Result<(), StoreError>;

    /// Returns all planned events in id order.
    pub async fn planned_events(&self) -> Result<Vec<PlannedEvent>, StoreError>;

    pub async fn put_planned_event(&self, event: &PlannedEvent, now: Timestamp) -> Result<(), StoreError>;

    /// Returns the records of `billing_budgets` of a month. `month` is the first day.
    pub async fn budget_records(&self, month: Date) -> Result<Vec<BudgetRecord>, StoreError>;

    /// Writes the record of a budget.
    pub async fn put_budget_record(&self, record: &BudgetRecord, now: Timestamp) -> Result<(), StoreError>;

    pub async fn put_notification(
        &self,
        notification: &OperationalNotification,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

impl Store {
    /// Opens the configured database.
    pub async fn open(config: &StoreOptions, access: Access) -> Result<Self, StoreError> {
        match config {
            StoreOptions::Mongodb(options) => Mongodb::open(options, access).await.map(Self::Mongodb),
            StoreOptions::Embedded { path } => Embedded::open(path, access).map(Self::Embedded),
        }
    }

    /// Creates an empty embedded database in memory, for a replay that leaves no trace.
    pub fn in_memory(run: RunId) -> Result<Self, StoreError> {
        Embedded::in_memory(run).map(Self::Embedded)
    }

    /// Checks that the database belongs to an account. A new database gets the account.
    ///
    /// # Errors
    /// The database belongs to another account, or a newer version of costwarden wrote the database.
    pub async fn claim(&self, account: &str, now: Timestamp) -> Result<(), StoreError> {
        if self.check_account(account).await? {
            return Ok(());
        }
        self.put_installation(account, now).await?;
        // Another host may have been faster.
        self.check_account(account).await.map(drop)
    }

    /// Checks the account of a database. `false` for a new database.
    ///
    /// # Errors
    /// Fails like [`Store::claim`].
    pub async fn check_account(&self, account: &str) -> Result<bool, StoreError> {
        let Some(Installation { account: recorded, format }) = self.installation().await? else { return Ok(false) };
        if format > FORMAT {
            return Err(StoreError::NewerFormat { location: self.location(), format, expected: FORMAT });
        }
        if recorded != account {
            return Err(StoreError::OtherAccount {
                location: self.location(),
                recorded,
                configured: account.to_owned(),
            });
        }
        Ok(true)
    }

    /// Returns the place of the database, for messages.
    fn location(&self) -> String {
        match self {
            Self::Mongodb(store) => format!("the database {} at {}", store.database().name(), store.hosts()),
            Self::Embedded(store) => format!("the file {}", store.path().display()),
        }
    }

    /// Returns the missing permissions of the database user. Only asks the server; writes nothing.
    pub async fn rights(&self) -> Result<Rights, StoreError> {
        match self {
            Self::Mongodb(store) => store.rights().await,
            // The only access control of an embedded database is the file permissions.
            Self::Embedded(_) => Ok(Rights { missing_actions: Vec::new(), missing_indexes: 0 }),
        }
    }

    pub fn leases(&self) -> Leases {
        match self {
            Self::Mongodb(store) => Leases::Mongodb(store.clone()),
            Self::Embedded(_) => Leases::File,
        }
    }

    /// Returns the key ranges, or `None` if the database only reads all series at once.
    pub fn key_ranges(&self) -> Result<Option<KeyRanges<'_>>, StoreError> {
        match self {
            Self::Mongodb(_) => Ok(None),
            Self::Embedded(store) => store.key_ranges().map(Some),
        }
    }

    /// Returns the count and duration of the calls of a kind since the open. A write of the embedded store counts only
    /// the time of the commit to the disk.
    pub fn call_totals(&self, operation: Operation) -> CallTotals {
        match self {
            Self::Mongodb(store) => store.latency.totals(operation),
            Self::Embedded(store) => store.latency.totals(operation),
        }
    }

    /// Returns the records of `billing_daily` of one series in key order. The id [`model::series::ALL`] matches any id.
    pub async fn daily(&self, range: DateRange, series: &SeriesKey) -> Result<Vec<DailyRecord>, StoreError> {
        daily_records(self.daily_documents(range, series).await?)
    }

    /// Returns the records of [`Store::daily`] as known at a time.
    pub async fn daily_as_of(
        &self,
        range: DateRange,
        series: &SeriesKey,
        time: Timestamp,
    ) -> Result<Vec<DailyRecord>, StoreError> {
        daily_records(self.daily_documents_as_of(range, series, time).await?)
    }

    /// Returns the documents of [`Store::daily_as_of`].
    pub(crate) async fn daily_documents_as_of(
        &self,
        range: DateRange,
        series: &SeriesKey,
        time: Timestamp,
    ) -> Result<Vec<Document>, StoreError> {
        let replaced = self.restatement_documents(range, series).await?;
        let current = self.daily_documents(range, series).await?;
        restatement::documents_as_of(current, replaced, time).map_err(|cause| StoreError::Unreadable {
            collection: restatement::COLLECTION.name,
            key: series.to_string(),
            cause,
        })
    }

    /// Returns the `billing_anomalies` documents of the range in key order.
    pub async fn anomalies(&self, range: DateRange) -> Result<Vec<AnomalyRecord>, StoreError> {
        Ok(self.anomaly_documents(range).await?.into_iter().map(anomaly::read_record).collect())
    }

    /// Returns the unsettled incidents and the incidents last seen or closed on `since` or later, in id order.
    pub async fn incidents(&self, since: Date) -> Result<Vec<Incident>, StoreError> {
        self.query_incidents(IncidentQuery::Current(since)).await
    }

    /// Returns the incidents with a person's decision and the incidents of recurring charges, last seen on `since` or
    /// later.
    pub async fn incidents_for_training(&self, since: Date) -> Result<Vec<Incident>, StoreError> {
        self.query_incidents(IncidentQuery::Training(since)).await
    }

    /// Returns all incidents with a person's decision.
    pub async fn decided_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let mut incidents = self.incidents_for_training(Date::MIN).await?;
        incidents.retain(Incident::is_decided);
        Ok(incidents)
    }

    /// Returns the incidents with a history entry that the archive does not have.
    pub async fn incidents_with_unarchived_history(&self) -> Result<Vec<Incident>, StoreError> {
        self.query_incidents(IncidentQuery::WithUnarchivedHistory).await
    }

    pub async fn all_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        self.query_incidents(IncidentQuery::All).await
    }

    pub async fn incident(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        Ok(self.query_incidents(IncidentQuery::Id(id)).await?.into_iter().next())
    }
}

fn daily_records(documents: Vec<Document>) -> Result<Vec<DailyRecord>, StoreError> {
    let record = |document: Document| {
        let key = key_text(&document);
        daily::read_record(document).map_err(|cause| StoreError::Unreadable {
            collection: daily::COLLECTION.name,
            key,
            cause,
        })
    };
    documents.into_iter().map(record).collect()
}
