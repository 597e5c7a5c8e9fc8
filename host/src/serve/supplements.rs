//! The supplements of the report: the causes and the trials of the open incidents, from the archive and the plugins.
//!
//! The server computes the supplements once for each state of the store, in the background and in memory only. A request
//! waits for a short time; without supplements until then, the page says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::report::PartState;
use ingest::archive::Archive;
use jiff::Timestamp;
use jiff::civil::Date;
use model::drivers::Cause;
use model::incident::{Incident, IncidentState};
use model::moment::Moment;
use model::rule;
use store::{Access, DateRange, Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::config::Config;
use crate::pipeline::{ArchivedBills, CausesById, PageTrials, Trials, causes_of};
use crate::report::{self, DAYS};

/// Longest wait of a request for supplements.
const WAIT: Duration = Duration::from_secs(2);
/// Time until incomplete supplements are computed again.
const RETRY_AFTER: Duration = Duration::from_mins(1);
/// The jobs that change the days or the incidents of the store.
const JOBS: [&str; 4] = ["daily", "hourly", "backfill", "rebuild"];

/// The config of the supplements.
pub(crate) struct SupplementSources {
    pub(crate) config: Config,
    /// `None` if the secrets of the archive are not known.
    pub(crate) archive: Option<Archive>,
}

/// The state of the store that supplements depend on.
#[derive(Debug, Clone, PartialEq)]
struct StoreState {
    range: DateRange,
    /// The newest run of each job: the period and the end.
    runs: Vec<(String, Option<Timestamp>)>,
    open: Vec<OpenIncident>,
}

/// The state of the store, with the open incidents.
pub(super) struct Snapshot {
    state: StoreState,
    open: Vec<Incident>,
}

/// The part of an incident that supplements depend on.
#[derive(Debug, Clone, PartialEq)]
struct OpenIncident {
    id: String,
    last_seen: Moment,
    impact: f64,
}

/// The causes and the trials of the open incidents.
#[derive(Debug)]
pub(super) struct Supplements {
    state: StoreState,
    /// The causes by incident id.
    pub(super) causes: BTreeMap<String, Cause>,
    pub(super) causes_state: PartState,
    pub(super) trials: Arc<PageTrials>,
    pub(super) trials_state: PartState,
    at: Instant,
}

/// The newest supplements, and the computation of the next.
pub(super) struct SupplementCache {
    sources: Option<Arc<SupplementSources>>,
    newest: Arc<watch::Sender<Option<Arc<Supplements>>>>,
    /// The place of the only computation.
    place: Arc<Semaphore>,
}

impl Snapshot {
    /// Reads a store; `None` for an empty store.
    pub(super) async fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        let Some(range) = report::newest_days(store, DAYS).await? else { return Ok(None) };
        let mut runs = Vec::new();
        for job in JOBS {
            let newest = store.recent_runs(job, 1).await?.into_iter().next();
            runs.extend(newest.map(|run| (run.period, run.finished_at)));
        }
        // No incident is closed after `Date::MAX`: the result has the open incidents, and few others.
        let mut open = store.incidents(Date::MAX).await?;
        open.retain(|incident| incident.state == IncidentState::Open);
        let of_incident = |incident: &Incident| OpenIncident {
            id: incident.id.clone(),
            last_seen: incident.last_seen,
            impact: incident.impact(),
        };
        let state = StoreState { range, runs, open: open.iter().map(of_incident).collect() };
        Ok(Some(Self { state, open }))
    }
}

impl Supplements {
    /// Returns the supplements of a server that cannot compute any.
    fn unavailable(state: StoreState) -> Self {
        Self {
            state,
            causes: BTreeMap::new(),
            causes_state: PartState::Incomplete,
            trials: Arc::default(),
            trials_state: PartState::Incomplete,
            at: Instant::now(),
        }
    }

    fn is_of(&self, state: &StoreState) -> bool {
        let is_complete = [self.causes_state, self.trials_state] == [PartState::Complete; 2];
        self.state == *state && (is_complete || self.at.elapsed() < RETRY_AFTER)
    }
}

impl SupplementCache {
    pub(super) fn new(sources: Option<SupplementSources>) -> Self {
        Self {
            sources: sources.map(Arc::new),
            newest: Arc::new(watch::Sender::new(None)),
            place: Arc::new(Semaphore::new(1)),
        }
    }

    /// Returns the supplements of a state of the store. `None` if the computation takes longer than the wait.
    pub(super) async fn get(&self, snapshot: Snapshot) -> Option<Arc<Supplements>> {
        let Snapshot { state, open } = snapshot;
        let Some(sources) = &self.sources else { return Some(Arc::new(Supplements::unavailable(state))) };
        let is_of_state = {
            let state = state.clone();
            move |newest: &Option<Arc<Supplements>>| newest.as_ref().is_some_and(|newest| newest.is_of(&state))
        };
        let mut reader = self.newest.subscribe();
        let is_known = is_of_state(&reader.borrow());
        if !is_known && let Ok(place) = Arc::clone(&self.place).try_acquire_owned() {
            let (sources, newest) = (Arc::clone(sources), Arc::clone(&self.newest));
            // Detectors and large bills take seconds of computation.
            tokio::task::spawn_blocking(move || {
                let supplements = Handle::current().block_on(compute(&sources, state, &open));
                newest.send_replace(Some(Arc::new(supplements)));
                drop(place);
            });
        }
        let supplements = timeout(WAIT, reader.wait_for(is_of_state)).await.ok()?.ok()?;
        supplements.clone()
    }
}

/// Computes the supplements. A failure is logged, because a message may name a server.
async fn compute(sources: &SupplementSources, state: StoreState, open: &[Incident]) -> Supplements {
    let mut supplements = Supplements::unavailable(state);
    if let Some(archive) = &sources.archive {
        let archived = ArchivedBills { archive, currency: &sources.config.currency };
        let open: Vec<&Incident> = open.iter().collect();
        let CausesById { causes, archive_error } =
            causes_of(archived, &open, &rule::load(&sources.config.rules).rules).await;
        supplements.causes = causes;
        match archive_error {
            None => supplements.causes_state = PartState::Complete,
            Some(error) => tracing::warn!(%error, "causes are missing on the pages"),
        }
    }
    match trials(&sources.config, supplements.state.range, open).await {
        Ok(trials) => {
            for problem in &trials.problems {
                tracing::warn!(%problem, "trials are missing on the pages");
            }
            supplements.trials_state = trials.state();
            supplements.trials = Arc::new(trials);
        }
        Err(error) => tracing::warn!(%error, "the pages have no trial"),
    }
    supplements.at = Instant::now();
    supplements
}

async fn trials(config: &Config, range: DateRange, open: &[Incident]) -> anyhow::Result<PageTrials> {
    let trials = Trials::prepare(config, config.locale(), range).await?;
    let history = {
        // A job waits for the embedded store, so the store is closed before the trials.
        let store = Store::open(&config.store, Access::Read).await?;
        trials.history(&store).await?
    };
    Ok(trials.of(&history, &[], open).await?)
}
