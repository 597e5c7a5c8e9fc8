//! The stages of a job: the only module that depends on all the remaining modules. Each step of the data flow is a call
//! from here.
//!
//! The order of the writes allows a kill and a repetition at any step: raw documents, sums, anomalies, incidents,
//! notifications, and delivery marks last.

mod admission;
mod assemble;
mod backfill;
mod completeness;
mod course;
mod daily;
mod days;
mod exclude;
mod failing;
mod gap;
mod hourly;
mod intake;
mod judge;
mod lease;
mod look;
mod measure;
mod notification;
mod past;
mod plan;
mod preview;
mod rebuild;
mod report;
mod ruleset;
mod run;
mod tell;
mod unseen;
mod verify;

use std::sync::Arc;

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

pub(crate) use self::admission::{Admitted, Fetch, admit};
pub(crate) use self::backfill::{Backfill, backfill};
use self::course::Course;
pub(crate) use self::daily::{Daily, daily};
pub(crate) use self::failing::could_not_begin;
pub(crate) use self::hourly::hourly;
use self::lease::Lease;
pub(crate) use self::measure::{API_CALLS, API_FAILED, API_MS, did_not_begin, ended};
pub(crate) use self::notification::untold;
pub(crate) use self::preview::{Preview, preview};
pub(crate) use self::rebuild::rebuild;
pub(crate) use self::report::{Grade, Outcome, Report};
pub(crate) use self::ruleset::{Ready, ready};
pub(crate) use self::run::{Again, alone};
pub(crate) use self::verify::{Disagreement, Verified, Verify, What, verify};
use crate::config::Config;
use crate::stop;
use ingest::archive::{Archive, ArchiveError, Spool};
use ingest::source::{Source, SourceError};
use model::rule;
use model::run_id::RunId;
use notify::{Receiver, Terminal};
use sandbox::{Compiler, Sandbox, SandboxError};
use store::{Access, Store, StoreError};

/// Permission of a run to change stored or external state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// Evaluates and reports only: archives, stores and notifies nothing.
    DryRun,
}

/// The open services of a run.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) source: Source,
    pub(crate) archive: Archive,
    pub(crate) spool: Spool,
    pub(crate) store: Store,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) ready: Ready,
    pub(crate) mode: Mode,
    /// Whether only the clock of the host has chosen the day or hour.
    pub(crate) by_clock: bool,
    course: Course,
    pub(crate) run: RunId,
    /// The write lease, while the process holds it.
    turn: Option<Lease>,
    /// The lease on the period of a long job, in addition to the write lease.
    whole: Option<Lease>,
}

impl Parts {
    /// Opens the services named in the config.
    ///
    /// # Errors
    /// Fails if the store or the sandbox cannot be opened. An unusable rule is no error, because the remaining rules
    /// run.
    pub(crate) async fn open(config: Config, mode: Mode, terminal: Terminal, run: RunId) -> Result<Self, RunError> {
        let (access, fetch) = match mode {
            Mode::Write => (Access::Write(run), Fetch::Keep),
            Mode::DryRun => (Access::Read, Fetch::Once),
        };
        // A dry run leaves no compiled plugins on disk.
        let cache = (mode == Mode::Write).then(|| config.state_dir.join("compiled"));
        let sandbox = Sandbox::new(config.plugins.limits.clone(), cache, Compiler::this_program())?;
        let ready = ready(rule::load(&config.rules), &config, &sandbox, fetch).await;
        Ok(Self {
            source: Source::new(&config.source, &config.archive)?,
            archive: Archive::new(&config.archive),
            spool: Spool::new(&config.state_dir),
            store: open_store(&config, access).await?,
            receivers: config.receivers.iter().map(|receiver| Receiver::new(receiver, terminal)).collect(),
            ready,
            mode,
            by_clock: false,
            course: Course::new(),
            run,
            turn: None,
            whole: None,
            config,
        })
    }

    /// The error for a range without a day.
    fn no_days(&self, from: Date, to: Date) -> RunError {
        if from > to {
            return RunError::NoDays { from, to };
        }
        RunError::NeverWas {
            date: from,
            zone: self.config.zone.iana_name().unwrap_or("the bill's time zone").to_owned(),
        }
    }

    /// The billing day and hour of a moment.
    fn billing_time(&self, at: Timestamp) -> (Date, u8) {
        let zoned = at.to_zoned(self.config.zone.clone());
        (zoned.date(), zoned.hour() as u8)
    }
}

/// Opens the store. A writer waits up to the lease patience for another process with the embedded store.
async fn open_store(config: &Config, access: Access) -> Result<Store, RunError> {
    let began = Instant::now();
    loop {
        match Store::open(&config.store, access).await {
            Err(StoreError::Locked { path, holder }) if matches!(access, Access::Write(_)) => {
                if began.elapsed() >= config.lease.patience {
                    return Err(StoreError::Locked { path, holder }.into());
                }
                tracing::debug!("waiting for {}", path.display());
            }
            opened => return Ok(opened?),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
            () = stop::when_asked() => return Err(RunError::Stopped),
        }
    }
}

/// The cause of a failed job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("stopped by a signal; the next run goes on from here")]
    Stopped,
    #[error(
        "{owner} is writing and was waited for {seconds} s: try again, or raise lease.wait_seconds if runs take that long"
    )]
    Busy { owner: String, seconds: u64 },
    #[error(
        "another host has taken over ({job} {period}) because this one was not heard of for too long; it goes on with the work"
    )]
    TakenOver { job: String, period: String },
    #[error(
        "the turn to write ({job} {period}) could not be kept, and another host may have it: {cause}; once the store answers, the next run goes on from here"
    )]
    Unheard { job: String, period: String, cause: Box<StoreError> },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(
        "this host's clock says {ours} and the billing API's {theirs}: which day or hour is meant cannot be told by a clock that is {} s off, and nothing was kept; set it by NTP, or name the day (--date) or the hour (--at)",
        ours.duration_since(*theirs).abs().as_secs()
    )]
    Clock { ours: Timestamp, theirs: Timestamp },
    #[error("the bill of {date} is kept nowhere, so that it was not summed: {archive}; nor in the spool: {spool}")]
    NotKept { date: Date, archive: String, spool: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(
        "the bill of {date} has no row yet: nothing was checked; run the job again once the provider has published it"
    )]
    Empty { date: Date },
    #[error("no row of the bill of {date} could be used ({why}): nothing was checked")]
    Unusable { date: Date, why: String },
    #[error("the range from {from} to {to} holds no day: --from must not be after --to")]
    NoDays { from: Date, to: Date },
    #[error("there was no {date} in {zone}, whose clocks left it out: name another day")]
    NeverWas { date: Date, zone: String },
    #[error(
        "{date} is not over: the billing API's clock says {now}, and the bill's day ends at {ends}; a part of a day must not be taken for a whole one, so that nothing was kept; costwarden hourly looks at the day so far"
    )]
    NotOver { date: Date, now: Zoned, ends: Zoned },
    #[error(
        "the database is not empty (it holds {collections}), and would be another than the archive says: name an empty one in [store], or drop this one first"
    )]
    NotEmpty { collections: String },
    #[error(
        "the database is half rebuilt, since costwarden archive rebuild was interrupted, and would be learned from as if it were whole: let that go on, or drop the database"
    )]
    HalfBuilt,
    #[error("the archive {place} holds no raw document: there is nothing to rebuild from")]
    NothingArchived { place: Arc<str> },
    #[error("the store holds no finished day yet: load some with costwarden backfill first")]
    NothingRemembered,
    #[error(
        "the store holds nothing of {date}, its newest day is {newest}: name a day that it holds, or load it with costwarden backfill"
    )]
    DayNotRemembered { date: Date, newest: Date },
}

impl RunError {
    /// The outcome of an interrupted job, or `None` for a real failure. The next run or another host resumes an
    /// interrupted job.
    pub(crate) fn interruption(&self) -> Option<Outcome> {
        match self {
            Self::Stopped => Some(Outcome::Stopped),
            Self::TakenOver { .. } => Some(Outcome::TakenOver),
            _ => None,
        }
    }

    /// Whether the provider has no bill for the day, in contrast to a failed request.
    fn is_missing_day(&self) -> bool {
        matches!(
            self,
            Self::Empty { .. } | Self::Source(SourceError::NoDocument { .. } | SourceError::NotInArchive { .. })
        )
    }
}
