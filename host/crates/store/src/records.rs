//! The records that both databases write and read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use model::history::Measure;
use model::incident::Incident;
use model::ledger::RefusedTotal;
use model::series::{Names, SeriesKey};
use model::statistics::Statistics;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::checkpoint::Checkpoint;

/// The baseline of a series: the statistics of the replaced pipeline, and the fits of the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    pub key: SeriesKey,
    pub names: Names,
    pub pricing_categories: Vec<String>,
    /// `None` for a grouped series: the replaced pipeline had no grouped series.
    pub statistics: Option<Statistics>,
    /// Fits by rule id.
    pub fits: BTreeMap<String, Fit>,
}

/// The fit of a rule's detector to a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// SHA-256 of the detector's bytes, in hex. No detector with a different digest receives the state.
    pub detector: String,
    /// SHA-256 of the settings' JSON, in hex.
    pub settings: String,
    /// The newest day in the training data.
    pub through: Date,
    /// A single state under `None`, or a state for each hour of a day-to-date series.
    pub states: BTreeMap<Option<u8>, FitState>,
}

/// An opaque fitted state, and the detector's figures for people.
#[derive(Debug, Clone, PartialEq)]
pub struct FitState {
    pub state: Vec<u8>,
    pub figures: BTreeMap<String, f64>,
}

/// A request for the fits of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitRequest {
    pub rule: String,
    /// `None` requests the state under `None`; `Some` requests only the state of the hour.
    pub hour: Option<u8>,
}

/// The run record of a job and period: the progress and the outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// `daily`, `hourly` or `backfill`.
    pub job: String,
    /// `20261122`, `20261122T10` or `20260101-20261122`.
    pub period: String,
    pub owner: String,
    pub attempts: u32,
    /// The last passed checkpoint.
    pub checkpoint: Checkpoint,
    /// The newest finished day of a job over many days.
    pub through: Option<Date>,
    /// The last day of an open-ended backfill, recorded for the next attempt.
    pub until: Option<Date>,
    /// The last replayed archive document of a rebuild, as text; empty at the start of a rebuild.
    pub replayed_through: Option<String>,
    /// `running`, `done`, `degraded` or `failed`.
    pub outcome: String,
    pub error: Option<String>,
    pub counts: BTreeMap<String, u64>,
    pub durations_ms: BTreeMap<String, u64>,
    /// Receivers that accepted the day's total.
    pub total_delivered: BTreeSet<String>,
    /// The day's total in the format of the notification.
    pub total: Option<String>,
    /// The rows of the day outside the total.
    pub refused: RefusedTotal,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// The end of the lease by the server's clock; `None` for a free lease. Only [`crate::Leases`] changes the field.
    pub lease_until: Option<Timestamp>,
}

/// A notification about costwarden itself, delivered once per receiver until the condition is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationalNotification {
    /// The condition, for example `failing:daily`.
    pub key: String,
    /// The text for people.
    pub text: String,
    /// Number of consecutive runs with the condition; 0 after the end of the condition.
    pub times: u32,
    pub since: Timestamp,
    /// Receivers that accepted the notification but not yet the message about the end.
    pub delivered: BTreeSet<String>,
}

/// The account and the format of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    /// The account of the bills in the database.
    pub(crate) account: String,
    /// Format of the documents.
    pub(crate) format: i64,
}

/// A range of days, including both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRange {
    pub from: Date,
    pub to: Date,
}

/// The series, day and hour of an anomaly. An anomaly of a finished day has no hour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnomalyKey {
    pub series: SeriesKey,
    pub date: Date,
    pub hour: Option<u8>,
}

/// A document of `billing_daily`.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyRecord {
    pub date: Date,
    pub key: SeriesKey,
    /// Without the measures that are missing in the document.
    pub amounts: BTreeMap<Measure, f64>,
    /// Set only in documents of the replaced pipeline.
    pub pricing_type: Option<String>,
    /// The whole document, with the fields of other programs.
    pub json: Map<String, Value>,
}

/// An incident to write.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentWrite {
    pub incident: Incident,
    /// Whether the incident is closed and has no outstanding notification.
    pub is_settled: bool,
}

/// A document of `billing_anomalies`.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyRecord {
    /// Id of the incident.
    pub incident: Option<String>,
    /// Whether the rule was a shadow rule.
    pub is_shadow: bool,
    /// The whole document, with the fields of other programs.
    pub json: Map<String, Value>,
}

impl DateRange {
    /// Returns the number of days, including both ends; 0 if the range ends before the start.
    pub(crate) fn days(self) -> usize {
        usize::try_from((self.to - self.from).get_days() + 1).unwrap_or(0)
    }

    /// Splits the range into at most `count` consecutive ranges of about the same length.
    pub(crate) fn split(self, count: usize) -> Vec<Self> {
        let length = self.days().div_ceil(count).max(1);
        let starts = (0..self.days()).step_by(length);
        let range = |start| Self {
            from: day_after(self.from, start),
            to: day_after(self.from, start + length - 1).min(self.to),
        };
        starts.map(range).collect()
    }
}

/// Returns the date `days` after `date`; the last possible date beyond the calendar.
pub(crate) fn day_after(date: Date, days: usize) -> Date {
    i64::try_from(days).map_or(Date::MAX, |days| date.saturating_add(jiff::Span::new().days(days)))
}
