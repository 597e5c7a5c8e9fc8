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
    pub causes_state: PartState,
    /// The trials of the page.
    pub trials: &'a [Trial],
    /// The detectors of the trials by digest.
    pub detectors: &'a BTreeMap<String, TrialDetector>,
    pub trials_state: PartState,
    /// The beginning of the addresses of the pages of incidents, before the id; `None` without a report server.
    pub incident_pages: Option<&'a str>,
    /// The newest daily run; `None` if no daily run is known.
    pub last_run: Option<LastRun>,
}

/// The state of a part of the report that needs more than the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PartState {
    /// Not requested, or complete.
    #[default]
    Complete,
    /// In progress: a later page has the part.
    Pending,
    /// Something could not be read or computed.
    Incomplete,
}

impl PartState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Pending => "pending",
            Self::Incomplete => "incomplete",
        }
    }
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
