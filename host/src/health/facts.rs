//! The facts for the health checks. Everything is read and nothing is created: no folder, no index, no compiled plugin.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::data::USUAL_DAYS;
use crate::config::Config;
use crate::pipeline::{self, PullPolicy, Remark};
use ingest::archive::{Archive, Spool};
use model::incident::Incident;
use model::rule;
use model::silence::Silence;
use notify::options::ReceiverOptions;
use notify::routing::Dispatch;
use notify::{Receiver, Terminal};
use sandbox::Jail;
use store::{Access, AnomalyKey, DateRange, HeldLease, RunRecord, Store, StoreError};

/// All facts, each with an error message if not available.
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// The date in the bill's time zone.
    pub(crate) today: Date,
    /// Number of days for which the daily job requests a bill again.
    pub(crate) restate_days: u16,
    pub(crate) store: Result<StoredFacts, String>,
    pub(crate) archive: Result<(), String>,
    pub(crate) rules: Rules,
    pub(crate) disk: Result<Disk, String>,
    pub(crate) spool: Result<Waiting, String>,
    /// The errors of the receivers that are not reachable.
    pub(crate) unreachable_receivers: Vec<String>,
}

/// The facts in the store.
pub(crate) struct StoredFacts {
    pub(crate) runs: Runs,
    /// The leases in use. `None` for an embedded database, because the opener has exclusive access.
    pub(crate) leases: Option<Vec<HeldLease>>,
    /// Consecutive failed runs by job, counted by runs without access to the store.
    pub(crate) failing: BTreeMap<&'static str, u32>,
    /// Notifications not yet accepted by a receiver.
    pub(crate) undelivered: u64,
    pub(crate) newest_day: Option<Date>,
    /// The anomalous series of the last weeks.
    pub(crate) found: Vec<AnomalyKey>,
    pub(crate) silences: Vec<Silence>,
    /// Incidents with a decision of a person.
    pub(crate) decided: Vec<Incident>,
    /// A message for each rule that no series can trigger.
    pub(crate) unreachable_rules: Vec<Remark>,
}

/// The number of usable rules, and the problems of the rules that cannot run.
pub(crate) struct Rules {
    pub(crate) running: usize,
    pub(crate) problems: Vec<Remark>,
}

/// The use of a file system.
pub(crate) struct Disk {
    pub(crate) path: String,
    /// Used space in percent of the space for ordinary users.
    pub(crate) percent: f64,
}

/// The documents in the spool.
pub(crate) struct Waiting {
    pub(crate) documents: u64,
}

/// Run records by job, newest first.
type Runs = BTreeMap<&'static str, Vec<RunRecord>>;

/// Number of attempts to read runs and leases in a consistent state.
const READINGS: u32 = 3;

/// Number of run records per job.
const RUNS: usize = 10;

/// Number of days with totals that are still sent to a receiver after an outage.
const RETOLD_TOTALS: usize = 3;

/// Wait for a run of the same host with the embedded database, before an error.
const PATIENCE: Duration = Duration::from_secs(20);

/// Gathers all facts.
pub(crate) async fn gather(config: &Config, now: Timestamp) -> Facts {
    let today = now.to_zoned(config.zone.clone()).date();
    let archive = Archive::new(&config.archive);
    let (store, archive, rules) =
        tokio::join!(stored(config, today, now), archive.check_without_write(), rules(config));
    let mut rules = rules;
    rules.problems.extend(store.iter().flat_map(|stored| stored.unreachable_rules.clone()));
    Facts {
        now,
        today,
        restate_days: config.restate_days,
        store: store.map_err(|error| error.to_string()),
        archive: archive.map_err(|error| error.to_string()),
        rules,
        disk: disk(&config.state_dir),
        spool: spool(&config.state_dir).await,
        unreachable_receivers: unreachable_receivers(&config.receivers, now).await,
    }
}

/// Tests the receivers without a notification.
async fn unreachable_receivers(receivers: &[ReceiverOptions], now: Timestamp) -> Vec<String> {
    let mut errors = Vec::new();
    for options in receivers {
        if let Err(error) = Receiver::new(options, Terminal::Stdout).probe(now).await {
            errors.push(error.to_string());
        }
    }
    errors
}

async fn stored(config: &Config, today: Date, now: Timestamp) -> Result<StoredFacts, StoreError> {
    let store = open(config).await?;
    // The next run refuses a database of another account or of a newer version.
    store.check_account(&config.account).await?;
    let (runs, leases) = runs_and_leases(&store, &config.health.jobs).await?;
    let notifications = store.notifications().await?;
    let failing = config.health.jobs.iter().filter_map(|job| {
        let key = format!("failing:{job}");
        Some((*job, notifications.iter().find(|notification| notification.key == key)?.times))
    });
    let names = || config.receivers.iter().map(|receiver| receiver.name.as_str());
    // No incident is closed after `Date::MAX`: the result has only incidents with possible notifications.
    let incidents = store.incidents(Date::MAX).await?;
    let notified = incidents.iter().filter(|incident| incident.suppressed_by.is_none());
    let time = now.to_zoned(config.zone.clone()).time();
    let due = notified.flat_map(|incident| {
        let is_sent = |receiver: &&str| config.routing.dispatch(receiver, incident, time) == Dispatch::Send;
        names().filter(is_sent).map(|receiver| incident.due_notifications(receiver, config.renotify_factor).len())
    });
    // Two more days: today and yesterday are compared with the usual days.
    let found = DateRange { from: today.saturating_sub((USUAL_DAYS + 2).days()), to: today };
    let operational: usize =
        notifications.iter().map(|notification| pipeline::undelivered(notification, names())).sum();
    let totals: usize = runs.get("daily").map_or(0, |runs| waiting_totals(runs, &config.receivers));
    let set = rule::load(&config.rules);
    let unreachable_rules =
        pipeline::unreachable_rules_of_store(&store, set.rules.iter(), today, &config.currency).await?;
    Ok(StoredFacts {
        runs,
        leases,
        failing: failing.collect(),
        undelivered: (due.sum::<usize>() + operational + totals) as u64,
        newest_day: store.newest_day().await?,
        found: store.anomaly_keys(found).await?,
        silences: store.silences().await?,
        decided: store.decided_incidents().await?,
        unreachable_rules,
    })
}

/// Reads runs and leases in a consistent state, so a run that has just ended does not look like a run without a lease.
/// If a run began or ended during the reading, both are read again.
async fn runs_and_leases(store: &Store, jobs: &[&'static str]) -> Result<(Runs, Option<Vec<HeldLease>>), StoreError> {
    let mut before = runs(store, jobs).await?;
    for _ in 0..READINGS {
        let leases = store.leases().list().await?;
        let after = runs(store, jobs).await?;
        if heads(&before).eq(heads(&after)) {
            return Ok((after, leases));
        }
        before = after;
    }
    Ok((before, store.leases().list().await?))
}

async fn runs(store: &Store, jobs: &[&'static str]) -> Result<Runs, StoreError> {
    let mut runs = Runs::new();
    for job in jobs {
        runs.insert(*job, store.recent_runs(job, RUNS).await?);
    }
    Ok(runs)
}

/// Returns the period, owner, attempts and outcome of the newest run of each job.
fn heads(runs: &Runs) -> impl Iterator<Item = Option<(&str, &str, u32, &str)>> {
    fn head(run: &RunRecord) -> (&str, &str, u32, &str) {
        (&run.period, &run.owner, run.attempts, &run.outcome)
    }
    runs.values().map(|runs| runs.first().map(head))
}

/// Returns the number of totals of the last days not yet accepted by a receiver.
fn waiting_totals(runs: &[RunRecord], receivers: &[ReceiverOptions]) -> usize {
    let of_run = |run: &RunRecord| match run.total {
        Some(_) => {
            let waits =
                |receiver: &&ReceiverOptions| receiver.daily_total && !run.total_delivered.contains(&receiver.name);
            receivers.iter().filter(waits).count()
        }
        None => 0,
    };
    runs.iter().take(RETOLD_TOTALS).map(of_run).sum()
}

/// Opens the store. A run of the same host locks the embedded database, so a lock is no error until [`PATIENCE`] is
/// over.
async fn open(config: &Config) -> Result<Store, StoreError> {
    let started = Instant::now();
    loop {
        match Store::open(&config.store, Access::Read).await {
            Err(StoreError::Locked { .. }) if started.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            opened => return opened,
        }
    }
}

async fn rules(config: &Config) -> Rules {
    let sandbox = match pipeline::read_only_sandbox(config) {
        Ok(sandbox) => sandbox,
        Err(error) => return Rules { running: 0, problems: vec![Remark::of(&error)] },
    };
    let ready = pipeline::prepare_rules(rule::load(&config.rules), config, &sandbox, PullPolicy::Never).await;
    let problems = ready.problems.iter().chain(&ready.warnings).map(Remark::of);
    let missing_jail = sandbox.jail().and_then(Jail::missing);
    Rules { running: ready.rules.len(), problems: problems.chain(missing_jail.iter().map(Remark::of)).collect() }
}

/// Returns the use of a file system, counted like `df`: without the blocks reserved for root.
pub(crate) fn disk(folder: &Path) -> Result<Disk, String> {
    // Before the first run the folder may be missing; the nearest ancestor is on the same file system.
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let path = existing.display().to_string();
    let stat =
        rustix::fs::statvfs(existing).map_err(|error| format!("cannot read the disk usage of {path}: {error}"))?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree) as f64;
    let percent = 100.0 * used / (used + stat.f_bavail as f64).max(1.0);
    Ok(Disk { path, percent })
}

async fn spool(state_dir: &Path) -> Result<Waiting, String> {
    let documents = Spool::new(state_dir).count().await.map_err(|error| error.to_string())?;
    Ok(Waiting { documents })
}
