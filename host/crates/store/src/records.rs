//! What is put into a database and read back, apart from days and findings: it is the same in either.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use model::history::Measure;
use model::series::{Names, SeriesKey};
use model::statistics::Statistics;
use crate::checkpoint::Step;

/// What is known of one series: the tutorial's statistics, and what each rule's detector learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    pub key: SeriesKey,
    pub names: Names,
    pub pricing_categories: Vec<String>,
    /// None for grouped series, of which the tutorial knew nothing.
    pub statistics: Option<Statistics>,
    /// By rule id.
    pub fits: BTreeMap<String, Fit>,
}

/// What one rule's detector learned of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// SHA-256 of the detector's bytes, in hex. State is never given to another.
    pub detector: String,
    /// SHA-256 of the settings' JSON, in hex.
    pub settings: String,
    /// The newest day that was learned from.
    pub through: Date,
    /// One entry under none, or one for each hour of day-to-date.
    pub states: BTreeMap<Option<u8>, FitState>,
}

/// Opaque state, and the figures that the detector told people of it.
#[derive(Debug, Clone, PartialEq)]
pub struct FitState {
    pub state: Vec<u8>,
    pub figures: BTreeMap<String, f64>,
}

/// What to read of the baselines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitRequest {
    pub rule: String,
    /// None reads the state under none, some the state of that hour alone.
    pub hour: Option<u8>,
}

/// How far a job got, and what came of it. Keyed by job and period.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRun {
    /// `daily`, `hourly` or `backfill`.
    pub job: String,
    /// `20261122`, `20261122T10` or `20260101-20261122`.
    pub period: String,
    pub owner: String,
    pub attempts: u32,
    /// The last step that was finished.
    pub step: Step,
    /// The newest day that is done, of a job over many days.
    pub through: Option<Date>,
    /// The day that a backfill ends with which nobody told one.
    pub until: Option<Date>,
    /// What a rebuilding has done last, in its own words; empty where it has just begun.
    pub reached: Option<String>,
    /// `running`, `done`, `degraded` or `failed`.
    pub outcome: String,
    pub error: Option<String>,
    pub counts: BTreeMap<String, u64>,
    pub durations_ms: BTreeMap<String, u64>,
    /// Sinks that were told the day's total.
    pub total_told: BTreeSet<String>,
    /// The day's total, as it is told.
    pub total: Option<String>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// By the server's clock; none where nobody has it. Only [`super::Leases`] change it.
    pub lease_until: Option<Timestamp>,
}

/// Something about costwarden itself that people are told once, until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about, like `failing:daily`.
    pub key: String,
    /// The line that is told.
    pub text: String,
    /// Runs in a row that had to say so; 0 once it is over.
    pub times: u32,
    pub since: Timestamp,
    /// Sinks that were told that it is so, and not yet that it is over.
    pub told: BTreeSet<String>,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy)]
pub struct DateRange {
    pub from: Date,
    pub to: Date,
}

/// That a series was found anomalous on a finished day, or at an hour of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
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

/// A document of `billing_anomalies`.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyRecord {
    /// Id of the incident.
    pub incident: Option<String>,
    /// The whole document, with the fields of other programs.
    pub json: Map<String, Value>,
}

impl DateRange {
    /// Of both ends and what is between; 0 where it ends before it starts.
    pub(super) fn days(self) -> usize {
        usize::try_from((self.to - self.from).get_days() + 1).unwrap_or(0)
    }

    /// Up to `parts` consecutive ranges of about the same length.
    pub(super) fn split(self, parts: usize) -> Vec<Self> {
        let length = self.days().div_ceil(parts).max(1);
        let starts = (0..self.days()).step_by(length);
        let part = |start| Self {
            from: day_after(self.from, start),
            to: day_after(self.from, start + length - 1).min(self.to),
        };
        starts.map(part).collect()
    }
}

pub(super) fn day_after(date: Date, days: usize) -> Date {
    i64::try_from(days).map_or(Date::MAX, |days| date.saturating_add(jiff::Span::new().days(days)))
}
