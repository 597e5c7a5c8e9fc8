//! What there is to judge. Everything is read, nothing is made: neither a folder, nor an index, nor a compiled plugin.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use super::data::USUAL_DAYS;
use crate::archive::{Archive, Spool};
use crate::config::{Config, SinkConfig};
use crate::detector::{Compiler, Sandbox};
use crate::job::{self, Fetch};
use crate::rules;
use crate::store::{Access, DateRange, Found, Held, JobRun, Store, StoreError};

/// All of it, each part with why it could not be had.
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// In the bill's time zone.
    pub(crate) today: Date,
    pub(crate) store: Result<Remembered, String>,
    pub(crate) archive: Result<(), String>,
    pub(crate) rules: Rules,
    pub(crate) disk: Result<Disk, String>,
    pub(crate) spool: Result<Waiting, String>,
}

/// What the store says.
pub(crate) struct Remembered {
    pub(crate) runs: Runs,
    /// The leases that are taken. None where who has the database open is alone with it.
    pub(crate) leases: Option<Vec<Held>>,
    /// Runs in a row of each job that failed, as those counted them that could not reach the store.
    pub(crate) failing: BTreeMap<&'static str, u32>,
    /// Notices that some sink has yet to take.
    pub(crate) undelivered: u64,
    pub(crate) newest_day: Option<Date>,
    /// The anomalous series of the last weeks.
    pub(crate) found: Vec<Found>,
}

/// The rules that can run, and why others cannot.
pub(crate) struct Rules {
    pub(crate) running: usize,
    pub(crate) problems: Vec<String>,
}

/// A file system.
pub(crate) struct Disk {
    pub(crate) path: String,
    /// Used, of what this user could have.
    pub(crate) percent: f64,
}

/// Documents in the spool.
pub(crate) struct Waiting {
    pub(crate) documents: u64,
}

/// By job, newest first.
type Runs = BTreeMap<&'static str, Vec<JobRun>>;

/// Times that runs and leases are read while others begin and end.
const READINGS: u32 = 3;

/// Runs of a job that are looked at.
const RUNS: usize = 10;

/// Days whose totals are still told to a sink that was down.
const RETOLD_TOTALS: usize = 3;

/// How long a run of this host may keep the embedded database to itself before that is told.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks at everything.
pub(crate) async fn gather(config: &Config, now: Timestamp) -> Facts {
    let today = now.to_zoned(config.zone.clone()).date();
    let archive = Archive::new(&config.archive);
    let (store, archive, rules) = tokio::join!(remembered(config, today), archive.look(), rules(config));
    Facts {
        now,
        today,
        store: store.map_err(|error| error.to_string()),
        archive: archive.map_err(|error| error.to_string()),
        rules,
        disk: disk(&config.state_dir),
        spool: spool(&config.state_dir).await,
    }
}

async fn remembered(config: &Config, today: Date) -> Result<Remembered, StoreError> {
    let store = open(config).await?;
    let (runs, leases) = runs_and_leases(&store, &config.health.jobs).await?;
    let notices = store.notices().await?;
    let failing = config.health.jobs.iter().filter_map(|job| {
        let key = format!("failing:{job}");
        Some((*job, notices.iter().find(|notice| notice.key == key)?.times))
    });
    let names = || config.sinks.iter().map(|sink| sink.name.as_str());
    // None is closed that late: those alone are asked for of which somebody may have to hear.
    let episodes = store.episodes(Date::MAX).await?;
    let due = episodes.iter().flat_map(|episode| names().map(|sink| episode.due(sink, config.renotify_factor).len()));
    let found = DateRange { from: today.saturating_sub((USUAL_DAYS + 2).days()), to: today };
    let operational: usize = notices.iter().map(|notice| job::untold(notice, names())).sum();
    let totals: usize = runs.get("daily").map_or(0, |runs| waiting_totals(runs, &config.sinks));
    Ok(Remembered {
        runs,
        leases,
        failing: failing.collect(),
        undelivered: (due.sum::<usize>() + operational + totals) as u64,
        newest_day: store.newest_day().await?,
        found: store.found(found).await?,
    })
}

/// Both as they were at one moment, so that no run that has just ended looks like one without a lease: where another run
/// began or ended meanwhile they are read again.
async fn runs_and_leases(store: &Store, jobs: &[&'static str]) -> Result<(Runs, Option<Vec<Held>>), StoreError> {
    let mut before = runs(store, jobs).await?;
    for _ in 0..READINGS {
        let leases = store.leases().held().await?;
        let after = runs(store, jobs).await?;
        if heads(&before).eq(heads(&after)) {
            return Ok((after, leases));
        }
        before = after;
    }
    Ok((before, store.leases().held().await?))
}

async fn runs(store: &Store, jobs: &[&'static str]) -> Result<Runs, StoreError> {
    let mut runs = Runs::new();
    for job in jobs {
        runs.insert(*job, store.recent_runs(job, RUNS).await?);
    }
    Ok(runs)
}

/// The newest run of each job, and how far it is with beginning and ending.
fn heads(runs: &Runs) -> impl Iterator<Item = Option<(&str, &str, u32, &str)>> {
    fn head(run: &JobRun) -> (&str, &str, u32, &str) {
        (&run.period, &run.owner, run.attempts, &run.outcome)
    }
    runs.values().map(|runs| runs.first().map(head))
}

/// Totals of the last days that some sink has yet to take.
fn waiting_totals(runs: &[JobRun], sinks: &[SinkConfig]) -> usize {
    let of_run = |run: &JobRun| match run.total {
        Some(_) => sinks.iter().filter(|sink| !run.total_told.contains(&sink.name)).count(),
        None => 0,
    };
    runs.iter().take(RETOLD_TOTALS).map(of_run).sum()
}

/// A run of this host has the embedded database to itself, which is no reason to worry for a while.
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
    let ready = match Sandbox::new(config.plugins.limits.clone(), None, Compiler::this_program()) {
        Ok(sandbox) => job::ready(rules::load(&config.rules), config, &sandbox, Fetch::Never).await,
        Err(error) => return Rules { running: 0, problems: vec![error.to_string()] },
    };
    Rules { running: ready.rules.len(), problems: ready.problems.iter().map(ToString::to_string).collect() }
}

/// As `df` counts: of what ordinary users could have.
pub(crate) fn disk(folder: &Path) -> Result<Disk, String> {
    // Before the first run the folder may be missing; its parent is on the disk that it will be on.
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let path = existing.display().to_string();
    let stat = rustix::fs::statvfs(existing).map_err(|error| format!("cannot look at the disk of {path}: {error}"))?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree) as f64;
    let percent = 100.0 * used / (used + stat.f_bavail as f64).max(1.0);
    Ok(Disk { path, percent })
}

async fn spool(state_dir: &Path) -> Result<Waiting, String> {
    let documents = Spool::new(state_dir).waiting().await.map_err(|error| error.to_string())?;
    Ok(Waiting { documents })
}
