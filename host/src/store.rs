//! What is remembered: MongoDB or an embedded database, one set of documents in either.
//!
//! Every write is a keyed upsert, in bulk: the same call twice leaves the same documents but for their timestamps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ledger::{Amounts, DayLedger};
use crate::series::{Names, SeriesKey};

/// Which of the summed figures a rule watches, under the collections' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Measure {
    Expect,
    General,
    Discount,
    UsageTime,
    UsageSize,
}

/// Finished days as the ledger holds them: a column a day, a row a series.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// Ascending; only days that the ledger holds at least one document of.
    pub(crate) days: Vec<Date>,
    pub(crate) rows: HashMap<SeriesKey, HistoryRow>,
}

/// What the ledger holds of one series over [`History::days`].
#[derive(Debug, Clone, Default)]
pub(crate) struct HistoryRow {
    /// Of the newest document.
    pub(crate) names: Names,
    /// Parallel to the days, a vector a measure that was asked for; NaN where the series has no document.
    pub(crate) values: BTreeMap<Measure, Vec<f64>>,
    /// Parallel to the days: documents that are marked as anomalous.
    pub(crate) anomalous: Vec<bool>,
    /// Of the newest document.
    pub(crate) pricing_types: Vec<String>,
}

/// One day of one series as the hourly runs saw it: cumulative amounts, NaN where no run looked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) date: Date,
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    pub(crate) hours: [f64; 24],
}

/// The tutorial's statistics of the days that are not marked as anomalous.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statistics {
    pub(crate) mean: f64,
    /// Of a sample (n - 1); 0 for a single day.
    pub(crate) std: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) sample_count: u32,
}

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobRun {
    /// `daily`, `hourly` or `backfill`.
    pub(crate) job: String,
    /// `20261122`, `20261122T10` or `20260101-20261122`.
    pub(crate) period: String,
    pub(crate) owner: String,
    pub(crate) attempts: u32,
    /// The last step that was finished.
    pub(crate) step: String,
    /// The newest day that is done, of a job over many days.
    pub(crate) through: Option<Date>,
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
}

/// Which findings to list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DateRange {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

impl Measure {
    pub(crate) const ALL: [Self; 5] = [Self::Expect, Self::General, Self::Discount, Self::UsageTime, Self::UsageSize];

    /// The field of `billing_daily`.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Expect => "expectAmount",
            Self::General => "generalAmount",
            Self::Discount => "discountAmount",
            Self::UsageTime => "usageTime",
            Self::UsageSize => "usageSize",
        }
    }

    pub(crate) fn of(self, amounts: &Amounts) -> f64 {
        match self {
            Self::Expect => amounts.expect,
            Self::General => amounts.general,
            Self::Discount => amounts.discount,
            Self::UsageTime => amounts.usage_time,
            Self::UsageSize => amounts.usage_size,
        }
    }
}

// The rest of this room: an enum `Store { Mongo(mongodb::Mongo), Embedded(embedded::Embedded) }`, one file a variant,
// each with these async methods and one dispatching match:
//
//   open(config, now)
//   put_day(&DayLedger, now)                 billing_daily of that day: upserts; series that left the day are removed;
//                                            createdAt and isAnomaly of documents that exist are kept
//   mark_anomalous(date, &BTreeSet<SeriesKey>, now)   isAnomaly true for these, false for the day's others
//   history(DateRange, &[Measure])           -> History
//   put_hour(date, hour, &DayLedger, now)    billing_hourly: sets hours.HH alone; of a series that has snapshots today
//                                            but no row now, hours.HH = 0
//   snapshots(DateRange)                     -> Vec<Snapshot>
//   put_baselines(Vec<Baseline>, now)        statistics replaced; only the given rules' fits are replaced
//   baselines(&[FitRequest])                 -> Vec<Baseline> with just these fits
//   put_findings(date, hour, Vec<Finding>, now) replaces what that date and hour held of the rules that ran
//   findings(DateRange)                      -> Vec<Document>
//   episodes(open or undelivered) / put_episodes(Vec<Episode>, now)
//   run(job, period) -> Option<JobRun> / put_run(JobRun)
#[expect(dead_code, reason = "names the types that the methods above take until they stand")]
type Signature = (DayLedger, HashMap<SeriesKey, u8>);
