//! The open services of a run: source, archive, spool, store, receivers and rules.

use std::time::{Duration, Instant};

use ingest::archive::options::ArchiveOptions;
use ingest::archive::{Archive, Spool};
use ingest::source::Source;
use ingest::source::options::SourceOptions;
use jiff::Timestamp;
use model::incident::Incident;
use model::moment::BillingHour;
use model::rule;
use model::run_id::RunId;
use notify::options::{ReceiverKind, ReceiverOptions};
use notify::{Receiver, Terminal, TextStyle};
use sandbox::Sandbox;
use store::options::StoreOptions;
use store::{Access, DateRange, Store, StoreError};

use super::error::RunError;
use crate::config::{Config, LeaseOptions};
use crate::pipeline::rules::{PreparedRules, PullPolicy, prepare_rules, read_only_sandbox};
use crate::stop;

/// Permission of a run to change stored or external state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// Evaluates and reports only: archives, stores and notifies nothing.
    DryRun,
    /// Replays stored days over a store in memory: fetches and archives nothing, and every receiver drops the
    /// notifications.
    Backtest,
}

/// The open services of a run.
pub(crate) struct Services {
    pub(crate) config: Config,
    pub(crate) source: Source,
    pub(crate) archive: Archive,
    pub(crate) spool: Spool,
    pub(crate) store: Store,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) rules: PreparedRules,
    /// The reason why no detector can run. The bill is archived and stored in any case.
    sandbox_error: Option<String>,
    pub(crate) mode: Mode,
    /// Whether only the clock of the host has chosen the day or hour.
    pub(crate) is_period_by_clock: bool,
    pub(crate) run_id: RunId,
    /// Unique id of the process, in leases and run records.
    pub(crate) owner: String,
}

impl Services {
    /// Opens the services named in the config.
    ///
    /// # Errors
    /// Fails if the store cannot be opened. An unusable rule is no error, because the remaining rules run. Without a
    /// sandbox, the run archives and stores the bill, and then fails.
    pub(crate) async fn open(
        config: Config,
        mode: Mode,
        terminal: Terminal,
        run_id: RunId,
        now: Timestamp,
    ) -> Result<Self, RunError> {
        let access = match mode {
            Mode::Write => Access::Write(run_id),
            Mode::DryRun | Mode::Backtest => Access::Read,
        };
        let pull = match mode {
            Mode::Write => PullPolicy::Keep,
            Mode::DryRun | Mode::Backtest => PullPolicy::Once,
        };
        let sandbox = match mode {
            Mode::Write => {
                let cache = Some(config.state_dir.join("compiled"));
                Sandbox::new(config.plugins.limits.clone(), cache, config.plugins.isolation.clone())
            }
            Mode::DryRun | Mode::Backtest => read_only_sandbox(&config),
        };
        let store = open_store(&config.store, config.lease, access).await?;
        match mode {
            Mode::Write => store.claim(&config.account, now).await?,
            Mode::DryRun | Mode::Backtest => store.check_account(&config.account).await.map(drop)?,
        }
        let set = rule::load(&config.rules);
        let (rules, sandbox_error) = match &sandbox {
            Ok(sandbox) => (prepare_rules(set, &config, sandbox, pull).await, None),
            Err(error) => (PreparedRules::without_sandbox(set), Some(error.to_string())),
        };
        Ok(Self {
            source: Source::new(&config.source, &config.archive)?,
            archive: Archive::new(&config.archive),
            spool: Spool::new(&config.state_dir),
            store,
            receivers: config.receivers.iter().map(|receiver| Receiver::new(receiver, terminal)).collect(),
            rules,
            sandbox_error,
            mode,
            is_period_by_clock: false,
            run_id,
            owner: process_id(),
            config,
        })
    }

    /// The services of a backtest: a store in memory, and a receiver without output for each receiver of the config. The
    /// source and the archive have no document.
    ///
    /// # Errors
    /// The store cannot be created.
    pub(crate) fn of_backtest(config: Config, rules: PreparedRules, run_id: RunId) -> Result<Self, RunError> {
        let nowhere = config.state_dir.join("backtest");
        let archive = ArchiveOptions::Directory { directory: nowhere.clone() };
        let receiver = |options: &ReceiverOptions| {
            let kind = ReceiverKind::Terminal(TextStyle::Short);
            let options = ReceiverOptions { name: options.name.clone(), daily_total: false, kind };
            Receiver::new(&options, Terminal::Writer(|_, _| Ok(())))
        };
        Ok(Self {
            source: Source::new(&SourceOptions::Archive, &archive)?,
            archive: Archive::new(&archive),
            spool: Spool::new(&nowhere),
            store: Store::in_memory(run_id)?,
            receivers: config.receivers.iter().map(receiver).collect(),
            rules,
            sandbox_error: None,
            mode: Mode::Backtest,
            is_period_by_clock: false,
            run_id,
            owner: process_id(),
            config,
        })
    }

    /// # Errors
    /// No detector can run on this host.
    pub(crate) fn check_sandbox(&self) -> Result<(), RunError> {
        let failed = |error: &String| Err(RunError::Sandbox(error.clone()));
        self.sandbox_error.as_ref().map_or(Ok(()), failed)
    }

    /// The error for a range without a day.
    pub(crate) fn range_error(&self, range: DateRange) -> RunError {
        let DateRange { from, to } = range;
        if from > to {
            return RunError::EmptyRange { from, to };
        }
        let zone = self.config.zone.iana_name().unwrap_or("the time zone of the bill").to_owned();
        RunError::SkippedDay { date: from, zone }
    }

    /// The billing day and hour of a point in time.
    pub(crate) fn billing_hour(&self, at: Timestamp) -> BillingHour {
        let zoned = at.to_zoned(self.config.zone.clone());
        BillingHour { date: zoned.date(), hour: zoned.hour() as u8 }
    }

    /// Returns the names of the receivers that get an incident.
    pub(crate) fn receivers_of<'s>(&'s self, incident: &'s Incident) -> impl Iterator<Item = &'s str> {
        self.receiver_names().filter(|name| self.config.routing.is_routed(name, incident))
    }

    /// Returns whether an incident is final and no notification is due.
    pub(crate) fn is_settled(&self, incident: &Incident) -> bool {
        incident.is_settled(self.receivers_of(incident), self.config.renotify_factor)
    }

    pub(crate) fn receiver_names(&self) -> impl Iterator<Item = &str> {
        self.receivers.iter().map(|receiver| receiver.name.as_str())
    }
}

/// Opens the store. A writer waits up to the lease patience for another process with the embedded store.
pub(super) async fn open_store(options: &StoreOptions, lease: LeaseOptions, access: Access) -> Result<Store, RunError> {
    let started = Instant::now();
    loop {
        match Store::open(options, access).await {
            Err(StoreError::Locked { path, holder }) if matches!(access, Access::Write(_)) => {
                if started.elapsed() >= lease.patience {
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

/// Returns a new id of the process: host, process id and a random suffix.
pub(super) fn process_id() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    // The random suffix separates processes with a reused process id.
    format!("{host}:{}:{:08x}", std::process::id(), fastrand::u32(..))
}
