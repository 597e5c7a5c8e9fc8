//! The jobs: the only room that knows all the others. Each arrow of the way of the data is one call from here.
//!
//! A job writes in an order that lets it be killed anywhere and run again: raw documents before sums, sums before
//! findings, findings before incidents, incidents before they are told, and marks last.

mod admission;
mod assemble;
mod backfill;
mod course;
mod daily;
mod days;
mod exclude;
mod failing;
mod hourly;
mod intake;
mod judge;
mod look;
mod measure;
mod notice;
mod past;
mod preview;
mod rebuild;
mod report;
mod ruleset;
mod run;
mod tell;
mod verify;

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

pub(crate) use self::admission::{Admitted, Fetch, admit};
pub(crate) use self::backfill::{Backfill, backfill};
use self::course::Course;
pub(crate) use self::daily::{Daily, daily};
pub(crate) use self::exclude::short_runs;
pub(crate) use self::failing::could_not_begin;
pub(crate) use self::hourly::hourly;
pub(crate) use self::measure::{did_not_begin, ended};
pub(crate) use self::preview::{Preview, preview};
pub(crate) use self::rebuild::rebuild;
pub(crate) use self::report::{Grade, Report};
pub(crate) use self::ruleset::{Ready, ready};
pub(crate) use self::verify::{Disagreement, Verified, Verify, What, verify};
use crate::archive::{Archive, ArchiveError, Spool};
use crate::config::Config;
use crate::detector::{Compiler, Sandbox, SandboxError};
use crate::rules;
use crate::run_id::RunId;
use crate::shard::Shard;
use crate::sink::{Sink, Terminal};
use crate::source::{Source, SourceError};
use crate::store::{Access, Store, StoreError};

/// Whether a run may change anything outside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// Look, judge and report; archive, remember and tell nothing.
    DryRun,
}

/// Everything that a job works with, open.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) source: Source,
    pub(crate) archive: Archive,
    pub(crate) spool: Spool,
    pub(crate) store: Store,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) ready: Ready,
    pub(crate) mode: Mode,
    /// Whose series are its own; [`Shard::WHOLE`] but for [`Parts::share`].
    pub(crate) shard: Shard,
    course: Course,
    pub(crate) run: RunId,
}

impl Parts {
    /// Opens what a config names.
    ///
    /// # Errors
    /// The store or the sandbox cannot be had. Rules that cannot run are no error: the others do.
    pub(crate) async fn open(config: Config, mode: Mode, terminal: Terminal, run: RunId) -> Result<Self, JobError> {
        let (access, fetch) = match mode {
            Mode::Write => (Access::Write(run), Fetch::Keep),
            Mode::DryRun => (Access::Read, Fetch::Once),
        };
        // Compiled plugins are kept, which would be a trace.
        let cache = (mode == Mode::Write).then(|| config.state_dir.join("compiled"));
        let sandbox = Sandbox::new(config.plugins.limits.clone(), cache, Compiler::this_program())?;
        let ready = ready(rules::load(&config.rules), &config, &sandbox, fetch).await;
        Ok(Self {
            source: Source::new(&config.source, &config.archive)?,
            archive: Archive::new(&config.archive),
            spool: Spool::new(&config.state_dir),
            store: Store::open(&config.store, access).await?,
            sinks: config.sinks.iter().map(|sink| Sink::new(sink, terminal)).collect(),
            ready,
            mode,
            shard: Shard::WHOLE,
            course: Course::new(),
            run,
            config,
        })
    }

    /// Leaves the series of others to them.
    ///
    /// # Errors
    /// The store is one that only one process at a time can use.
    pub(crate) fn share(&mut self, shard: Shard) -> Result<(), JobError> {
        if self.store.share(shard) {
            self.shard = shard;
            return Ok(());
        }
        Err(JobError::NotShared { shard })
    }

    /// The billing day and hour of a moment.
    fn billing_time(&self, at: Timestamp) -> (Date, u8) {
        let zoned = at.to_zoned(self.config.zone.clone());
        (zoned.date(), zoned.hour() as u8)
    }
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
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
    #[error(
        "--shard {shard} needs [store] kind = \"mongodb\": the embedded database has one user at a time; leave --shard away, and JOB_COMPLETION_INDEX with JOB_COMPLETIONS"
    )]
    NotShared { shard: Shard },
    #[error(
        "the database is not empty (it holds {collections}), and would be another than the archive says: name an empty one in [store], or drop this one first"
    )]
    NotEmpty { collections: String },
    #[error("the archive {place} holds no raw document: there is nothing to rebuild from")]
    NothingArchived { place: Arc<str> },
    #[error("the store holds no finished day yet: load some with costwarden backfill first")]
    NothingRemembered,
    #[error(
        "the store holds nothing of {date}, its newest day is {newest}: name a day that it holds, or load it with costwarden backfill"
    )]
    DayNotRemembered { date: Date, newest: Date },
}

impl JobError {
    /// Whether the provider has no bill of that day, as opposed to not being able to give it.
    fn is_missing_day(&self) -> bool {
        matches!(
            self,
            Self::Empty { .. } | Self::Source(SourceError::NotThere { .. } | SourceError::NotArchived { .. })
        )
    }
}
