//! What is put into a database and read back, apart from days and findings: it is the same in either.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::series::{Names, SeriesKey};
use crate::statistics::Statistics;
use crate::step::Step;

/// What is known of one series: the tutorial's statistics, and what each rule's detector learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    pub(crate) pricing_types: Vec<String>,
    /// None for grouped series, of which the tutorial knew nothing.
    pub(crate) statistics: Option<Statistics>,
    /// By rule id.
    pub(crate) fits: BTreeMap<String, Fit>,
}

/// What one rule's detector learned of one series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    /// SHA-256 of the detector's bytes, in hex. State is never given to another.
    pub(crate) detector: String,
    /// SHA-256 of the settings' JSON, in hex.
    pub(crate) settings: String,
    /// The newest day that was learned from.
    pub(crate) through: Date,
    /// One entry under none, or one for each hour of day-to-date.
    pub(crate) states: BTreeMap<Option<u8>, FitState>,
}

/// Opaque state, and the figures that the detector told people of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FitState {
    pub(crate) state: Vec<u8>,
    pub(crate) figures: BTreeMap<String, f64>,
}

/// What to read of the baselines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FitRequest {
    pub(crate) rule: String,
    /// None reads the state under none, some the state of that hour alone.
    pub(crate) hour: Option<u8>,
}

/// How far a job got, and what came of it. Keyed by job and period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobRun {
    /// `daily`, `hourly` or `backfill`.
    pub(crate) job: String,
    /// `20261122`, `20261122T10` or `20260101-20261122`.
    pub(crate) period: String,
    pub(crate) owner: String,
    pub(crate) attempts: u32,
    /// The last step that was finished.
    pub(crate) step: Step,
    /// The newest day that is done, of a job over many days.
    pub(crate) through: Option<Date>,
    /// The day that a backfill ends with which nobody told one.
    pub(crate) until: Option<Date>,
    /// What a rebuilding has done last, in its own words; empty where it has just begun.
    pub(crate) reached: Option<String>,
    /// `running`, `done`, `degraded` or `failed`.
    pub(crate) outcome: String,
    pub(crate) error: Option<String>,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) durations_ms: BTreeMap<String, u64>,
    /// Sinks that were told the day's total.
    pub(crate) total_told: BTreeSet<String>,
    /// The day's total, as it is told.
    pub(crate) total: Option<String>,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// By the server's clock; none where nobody has it. Only [`super::Leases`] change it.
    pub(crate) lease_until: Option<Timestamp>,
}

/// Something about costwarden itself that people are told once, until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// What it is about, like `failing:daily`.
    pub(crate) key: String,
    /// The line that is told.
    pub(crate) text: String,
    /// Runs in a row that had to say so; 0 once it is over.
    pub(crate) times: u32,
    pub(crate) since: Timestamp,
    /// Sinks that were told that it is so, and not yet that it is over.
    pub(crate) told: BTreeSet<String>,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DateRange {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

/// That a series was found anomalous on a finished day, or at an hour of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) series: SeriesKey,
    pub(crate) date: Date,
    pub(crate) hour: Option<u8>,
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
