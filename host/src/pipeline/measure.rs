//! Metrics of a run: counts, durations, services and the final state.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::report::{Outcome, Report};
use super::{Parts, Ready, RunError};
use crate::config::Config;
use crate::metrics::{self, Metric, Tally};
use ingest::source::{SourceError, Traffic};
use model::anomaly::{Direction, Severity};
use model::incident::{Incident, State};
use model::series::day_start;
use store::Operation;

/// Keys of the run record for requests to the billing API: all requests, failed requests, and the total time in
/// milliseconds.
pub(crate) const API_CALLS: &str = "calls";
pub(crate) const API_FAILED: &str = "failed_calls";
pub(crate) const API_MS: &str = "calls_ms";

impl Report {
    /// Records the cause of a failed job, and the failed service in the metrics.
    pub(crate) fn fail(&mut self, error: &RunError) {
        self.error = Some(error.to_string());
        self.interruption = error.interruption();
        match error {
            RunError::Store(_) => self.tally.set(Metric::StoreUp, &[], 0.0),
            RunError::Archive(_) => self.tally.set(Metric::ArchiveUp, &[], 0.0),
            // "No bill" is an answer of a working API.
            RunError::Source(SourceError::NotThere { .. }) => {}
            RunError::Source(_) => self.tally.set(Metric::ApiUp, &[], 0.0),
            _ => {}
        }
    }
}

/// Creates the metrics of every rule with 0, so every rule has metrics from the first run on.
pub(super) fn rules(ready: &Ready, tally: &mut Tally) {
    for one in &ready.rules {
        let labels = [one.rule.id.as_str(), one.detector.manifest.name.as_str()];
        for metric in [Metric::DetectorFuel, Metric::DetectorSeconds, Metric::DetectorSeries, Metric::FailedSeries] {
            tally.add(metric, &labels, 0.0);
        }
        tally.add(Metric::Anomalies, &[one.rule.id.as_str(), one.rule.severity.as_str()], 0.0);
    }
}

/// Counts the opened and closed incidents. `current` contains the open incidents after the moment.
pub(super) fn incidents<'e>(
    opened: impl Iterator<Item = &'e Incident>,
    closed: impl Iterator<Item = &'e Incident>,
    current: &[Incident],
    tally: &mut Tally,
) {
    let labels = |incident: &Incident| [incident.direction.as_str(), incident.severity.as_str()];
    for direction in [Direction::Up, Direction::Down] {
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            let labels = [direction.as_str(), severity.as_str()];
            tally.add(Metric::IncidentsOpened, &labels, 0.0);
            tally.add(Metric::IncidentsClosed, &labels, 0.0);
            tally.set(Metric::OpenIncidents, &labels, 0.0);
        }
    }
    opened.for_each(|incident| tally.add(Metric::IncidentsOpened, &labels(incident), 1.0));
    closed.for_each(|incident| tally.add(Metric::IncidentsClosed, &labels(incident), 1.0));
    for incident in current.iter().filter(|incident| incident.state == State::Open) {
        tally.add(Metric::OpenIncidents, &labels(incident), 1.0);
    }
}

/// Sets the end and the cost of the newest stored day.
pub(super) fn newest_day(config: &Config, date: Date, cost: f64, tally: &mut Tally) {
    let (end, _) = day_start(date.tomorrow().unwrap_or(date), &config.zone);
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
    tally.set(Metric::NewestDay, &[], end as f64);
    tally.set(Metric::DailyCost, &[&config.currency], cost);
}

/// The request counts of the process for the run record; empty without requests.
pub(super) fn requests(traffic: Traffic) -> impl Iterator<Item = (&'static str, u64)> {
    let milliseconds = u64::try_from(traffic.time.as_millis()).unwrap_or(u64::MAX);
    let counts = [(API_CALLS, traffic.calls), (API_FAILED, traffic.failed), (API_MS, milliseconds)];
    counts.into_iter().filter(move |_| traffic.calls > 0)
}

/// Completes the metrics of a run and publishes the metrics. A failed write of the textfile is a problem of the run,
/// because readers would take an old file for good news. A failed push is no problem: totals are cumulative, and the
/// next push contains everything.
pub(crate) async fn ended(parts: &Parts, report: &mut Report, took: Duration, now: Timestamp) {
    let tally = &mut report.tally;
    let traffic = parts.source.traffic();
    tally.add(Metric::ApiRequests, &["ok"], (traffic.calls - traffic.failed) as f64);
    tally.add(Metric::ApiRequests, &["error"], traffic.failed as f64);
    tally.add(Metric::ApiRetries, &[], traffic.retries as f64);
    tally.add(Metric::ApiSeconds, &[], traffic.time.as_secs_f64());
    if report.counts.get("rows").is_some_and(|rows| *rows > 0) {
        tally.set_once(Metric::ApiUp, &[], 1.0);
    }
    for operation in Operation::ALL {
        let totals = parts.store.call_totals(operation);
        let operation = operation.as_str();
        tally.add(Metric::StoreOperations, &[operation, "ok"], totals.succeeded as f64);
        tally.add(Metric::StoreOperations, &[operation, "error"], totals.failed as f64);
        tally.add(Metric::StoreSeconds, &[operation], totals.duration.as_secs_f64());
    }
    // A failure may have set 0 before.
    tally.set_once(Metric::StoreUp, &[], 1.0);
    for receiver in &parts.receivers {
        tally.add(Metric::Notifications, &[&receiver.name, "delivered"], receiver.accepted as f64);
        tally.add(Metric::Notifications, &[&receiver.name, "undelivered"], receiver.failed as f64);
    }
    hand_on(&parts.config, report, took, now).await;
}

/// Publishes the metrics of a run without a start, like [`ended`].
pub(crate) async fn did_not_begin(config: &Config, report: &mut Report, took: Duration, now: Timestamp) {
    hand_on(config, report, took, now).await;
}

async fn hand_on(config: &Config, report: &mut Report, took: Duration, now: Timestamp) {
    summary(report, took, now);
    disk(config, &mut report.tally);
    let tally = std::mem::take(&mut report.tally);
    match metrics::keep(&config.metrics, &config.state_dir, tally, now).await {
        Ok(kept) => {
            if let Some(error) = &kept.unkept {
                report.problem(error.to_string());
            }
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            if let Err(error) = kept.push(&config.metrics, &host, now).await {
                tracing::warn!("{error}");
            }
        }
        Err(error) => report.problem(error.to_string()),
    }
}

fn summary(report: &mut Report, took: Duration, now: Timestamp) {
    let (job, outcome, counts) = (report.job, report.outcome(), &report.counts);
    let tally = &mut report.tally;
    tally.set(Metric::Build, &[env!("CARGO_PKG_VERSION")], 1.0);
    for other in Outcome::ALL {
        tally.add(Metric::Runs, &[job, other.as_str()], f64::from(u8::from(other == outcome)));
    }
    let began = now.as_millisecond() as f64 / 1e3;
    tally.set(Metric::LastRun, &[job], began);
    if outcome.is_success() {
        tally.set(Metric::LastSuccess, &[job], began);
    }
    let has_failed = outcome == Outcome::Failed;
    // An interrupted run says nothing about earlier failures.
    if outcome.is_success() || has_failed {
        tally.set(Metric::FailuresInARow, &[job], f64::from(u8::from(has_failed)));
    }
    tally.set(Metric::RunSeconds, &[job], took.as_secs_f64());
    for (step, took) in &report.durations {
        tally.set(Metric::StageSeconds, &[job, step], took.as_secs_f64());
    }
    let problems = report.problems.len() + usize::from(has_failed);
    tally.set(Metric::Problems, &[job], problems as f64);
    let count = |name: &str| counts.get(name).copied();
    for (metric, name) in
        [(Metric::Rows, "rows"), (Metric::RefusedRows, "refused_rows"), (Metric::Verdicts, "verdicts")]
    {
        tally.add(metric, &[job], count(name).unwrap_or(0) as f64);
    }
    if let Some(series) = count("series") {
        tally.set(Metric::Series, &[job], series as f64);
        tally.set(Metric::InsufficientHistorySeries, &[job], count("insufficient_history").unwrap_or(0) as f64);
    }
    if let Some(rules) = count("rules") {
        tally.set(Metric::Rules, &[], rules as f64);
        tally.set(Metric::RuleProblems, &[], count("rule_problems").unwrap_or(0) as f64);
    }
}

/// Size and free space of the file system with spool and state. A missing directory gives no metrics.
fn disk(config: &Config, tally: &mut Tally) {
    if let Ok(disk) = rustix::fs::statvfs(&config.state_dir) {
        tally.set(Metric::StateSize, &[], (disk.f_blocks * disk.f_frsize) as f64);
        tally.set(Metric::StateAvailable, &[], (disk.f_bavail * disk.f_frsize) as f64);
    }
}
