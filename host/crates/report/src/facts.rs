//! The content of a report as read from a store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::budget::Budget;
use model::history::History;
use model::incident::Incident;
use model::planned_event::PlannedEvent;
use model::silence::Silence;
use notify::Locale;

use crate::trial::{Trial, TrialDetector};

/// Everything that a report shows.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    pub locale: Locale<'a>,
    pub zone: TimeZone,
    /// The time of the report.
    pub now: Timestamp,
    /// First and last day of the charts and the incidents.
    pub from: Date,
    pub to: Date,
    /// The billed costs of the range, and the earlier days that a forecast reads.
    pub history: &'a History,
    pub incidents: &'a [Incident],
    pub silences: &'a [Silence],
    pub planned_events: &'a [PlannedEvent],
    pub budgets: &'a [Budget],
    /// Sentences about the causes of incidents, by incident id. Empty if not read.
    pub causes: &'a BTreeMap<String, String>,
    /// The trials of the page.
    pub trials: &'a [Trial],
    /// The detectors of the trials by digest.
    pub detectors: &'a BTreeMap<String, TrialDetector>,
    /// The newest daily run; `None` if no daily run is known.
    pub last_run: Option<LastRun>,
}

/// The record of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRun {
    /// The day of the run.
    pub day: Option<Date>,
    /// `running`, `done`, `degraded` or `failed`.
    pub outcome: String,
    /// Numbers of series, verdicts and left out items, by name.
    pub counts: BTreeMap<String, u64>,
}
