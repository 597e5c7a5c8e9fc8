//! The facts of a report from a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::report::{Facts, LastRun, PartState, Report};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use model::forecast::FORECAST_DAYS;
use model::history::{History, Measure};
use model::incident::Incident;
use model::planned_event::PlannedEvent;
use model::series::parse_day;
use model::silence::Silence;
use notify::Locale;
use store::{DateRange, Store, StoreError};

use crate::config::StoreConfig;
use crate::pipeline::PageTrials;

/// Number of days of a report by default.
pub(crate) const DAYS: u16 = 90;

/// The data of a store for a report.
pub(crate) struct Reported {
    range: DateRange,
    history: History,
    incidents: Vec<Incident>,
    silences: Vec<Silence>,
    planned_events: Vec<PlannedEvent>,
    last_run: Option<LastRun>,
    /// Sentences about the causes of incidents, by incident id.
    pub(crate) causes: BTreeMap<String, String>,
    pub(crate) causes_state: PartState,
    /// Empty without a trial.
    pub(crate) trials: Arc<PageTrials>,
    pub(crate) trials_state: PartState,
    /// The beginning of the addresses of the pages of incidents; `None` without a report server.
    pub(crate) incident_pages: Option<String>,
}

/// Reads the days of a report, and the days before that a forecast needs.
pub(crate) async fn read(store: &Store, range: DateRange) -> Result<Reported, StoreError> {
    let first_of_forecast = range.to.saturating_sub(i64::from(FORECAST_DAYS - 1).days());
    let days = DateRange { from: range.from.min(first_of_forecast), to: range.to };
    let last_run = store.recent_runs("daily", 1).await?.into_iter().next();
    Ok(Reported {
        range,
        history: store.history(days, &[Measure::BilledCost]).await?,
        incidents: store.all_incidents().await?,
        silences: store.silences().await?,
        planned_events: store.planned_events().await?,
        causes: BTreeMap::new(),
        causes_state: PartState::default(),
        trials: Arc::default(),
        trials_state: PartState::default(),
        incident_pages: None,
        last_run: last_run.map(|run| LastRun { day: parse_day(&run.period), outcome: run.outcome, counts: run.counts }),
    })
}

/// Returns the default range of a report: the given number of days up to the newest day of the store; `None` for an empty
/// store.
pub(crate) async fn newest_days(store: &Store, days: u16) -> Result<Option<DateRange>, StoreError> {
    let newest = store.newest_day().await?;
    Ok(newest.map(|to: Date| DateRange { from: to.saturating_sub(i64::from(days - 1).days()), to }))
}

impl Reported {
    pub(crate) fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Returns true if the store has no bill in the range.
    pub(crate) fn is_empty(&self) -> bool {
        !self.history.days.iter().any(|day| (self.range.from..=self.range.to).contains(day))
    }

    pub(crate) fn report<'r>(&'r self, config: &'r StoreConfig, locale: Locale<'r>, now: Timestamp) -> Report<'r> {
        Report::new(Facts {
            locale,
            zone: config.zone.clone(),
            now,
            from: self.range.from,
            to: self.range.to,
            history: &self.history,
            incidents: &self.incidents,
            silences: &self.silences,
            planned_events: &self.planned_events,
            budgets: &config.budgets,
            causes: &self.causes,
            causes_state: self.causes_state,
            trials: &self.trials.trials,
            detectors: &self.trials.detectors,
            trials_state: self.trials_state,
            incident_pages: self.incident_pages.as_deref(),
            last_run: self.last_run.clone(),
        })
    }
}
