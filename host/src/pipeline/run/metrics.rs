//! Metrics of a run: counts, durations, services and the final state.

use std::time::Duration;

use ingest::source::Traffic;
use jiff::Timestamp;
use model::anomaly::{Direction, Severity};
use model::incident::{DecisionCount, Incident, IncidentState};
use model::ledger::DayLedger;
use model::rule::RuleMode;
use model::series::day_start;
use store::Operation;

use super::Services;
use super::names::Count;
use super::remark::Remark;
use super::report::{Outcome, Report};
use crate::config::Config;
use crate::metrics::{self, Metric, Tally};
use crate::pipeline::rules::PreparedRules;

/// Counts of a run with a counter metric of the same meaning.
const COUNTERS: [(Metric, Count); 3] =
    [(Metric::Rows, Count::Rows), (Metric::RefusedRows, Count::RefusedRows), (Metric::Verdicts, Count::Verdicts)];

/// Creates the metrics of every rule with 0, so every rule has metrics from the first run on.
pub(crate) fn create_rule_metrics(rules: &PreparedRules, tally: &mut Tally) {
    for prepared in &rules.rules {
        let labels = [prepared.rule.id.as_str(), prepared.detector.manifest.name.as_str()];
        for metric in [Metric::DetectorFuel, Metric::DetectorSeconds, Metric::DetectorSeries, Metric::FailedSeries] {
            tally.add(metric, &labels, 0.0);
        }
        match prepared.rule.mode {
            RuleMode::Live => {
                tally.add(Metric::Anomalies, &[prepared.rule.id.as_str(), prepared.rule.severity.as_str()], 0.0);
            }
            RuleMode::Shadow => tally.add(Metric::ShadowAnomalies, &[prepared.rule.id.as_str()], 0.0),
        }
    }
}

/// Creates the incident metrics with 0, so every direction and severity has metrics.
pub(crate) fn create_incident_metrics(tally: &mut Tally) {
    for direction in [Direction::Up, Direction::Down] {
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            let labels = [direction.as_str(), severity.as_str()];
            tally.add(Metric::IncidentsOpened, &labels, 0.0);
            tally.add(Metric::IncidentsClosed, &labels, 0.0);
            tally.set(Metric::OpenIncidents, &labels, 0.0);
        }
    }
}

/// Metric labels of an incident.
pub(crate) fn incident_labels(incident: &Incident) -> [&'static str; 2] {
    [incident.direction.as_str(), incident.severity.as_str()]
}

/// Counts the open incidents among the incidents after an evaluation.
pub(crate) fn count_open_incidents(incidents: &[Incident], tally: &mut Tally) {
    for incident in incidents.iter().filter(|incident| incident.state == IncidentState::Open) {
        tally.add(Metric::OpenIncidents, &incident_labels(incident), 1.0);
    }
}

/// Counts the decided incidents of each live rule.
pub(crate) fn count_decisions(rules: &PreparedRules, decided: &[Incident], tally: &mut Tally) {
    let counts = DecisionCount::by_rule(decided);
    for prepared in rules.rules.iter().filter(|prepared| prepared.rule.mode == RuleMode::Live) {
        let id = prepared.rule.id.as_str();
        let DecisionCount { accepted, dismissed } = counts.get(id).copied().unwrap_or_default();
        let plugin = prepared.detector.manifest.name.as_str();
        tally.set(Metric::IncidentDecisions, &[id, plugin, "accepted"], accepted as f64);
        tally.set(Metric::IncidentDecisions, &[id, plugin, "dismissed"], dismissed as f64);
    }
}

/// Sets the end and the cost of the newest stored day.
pub(crate) fn set_newest_day(config: &Config, ledger: &DayLedger, tally: &mut Tally) {
    let end = day_start(ledger.date.tomorrow().unwrap_or(ledger.date), &config.zone).0;
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
    tally.set(Metric::NewestDay, &[], end as f64);
    tally.set(Metric::DailyCost, &[&config.currency], ledger.total_double());
}

/// The request counts of the process for the run record; empty without requests.
pub(super) fn api_requests(traffic: Traffic) -> impl Iterator<Item = (Count, u64)> {
    let milliseconds = u64::try_from(traffic.time.as_millis()).unwrap_or(u64::MAX);
    let counts = [
        (Count::ApiRequests, traffic.calls),
        (Count::FailedApiRequests, traffic.failed),
        (Count::ApiMilliseconds, milliseconds),
    ];
    counts.into_iter().filter(move |_| traffic.calls > 0)
}

/// Completes the metrics of a run and publishes the metrics. A failed write of the textfile is a problem of the run,
/// because readers would take an old file for good recency. A failed push is no problem: totals are cumulative, and the
/// next push contains everything.
pub(crate) async fn publish_metrics(services: &Services, report: &mut Report, took: Duration, now: Timestamp) {
    let has_rows = report.count(Count::Rows) > 0;
    let tally = &mut report.tally;
    let traffic = services.source.traffic();
    tally.add(Metric::ApiRequests, &["ok"], (traffic.calls - traffic.failed) as f64);
    tally.add(Metric::ApiRequests, &["error"], traffic.failed as f64);
    tally.add(Metric::ApiRetries, &[], traffic.retries as f64);
    tally.add(Metric::ApiSeconds, &[], traffic.time.as_secs_f64());
    if has_rows {
        tally.set_once(Metric::ApiUp, &[], 1.0);
    }
    for operation in Operation::ALL {
        let spent = services.store.call_totals(operation);
        let operation = operation.as_str();
        tally.add(Metric::StoreOperations, &[operation, "ok"], spent.succeeded as f64);
        tally.add(Metric::StoreOperations, &[operation, "error"], spent.failed as f64);
        tally.add(Metric::StoreSeconds, &[operation], spent.duration.as_secs_f64());
    }
    // A failure may have set 0 before.
    tally.set_once(Metric::StoreUp, &[], 1.0);
    for receiver in &services.receivers {
        tally.add(Metric::Notifications, &[&receiver.name, "delivered"], receiver.accepted as f64);
        tally.add(Metric::Notifications, &[&receiver.name, "undelivered"], receiver.failed as f64);
    }
    publish_report(&services.config, report, took, now).await;
}

/// Publishes the metrics of a report, for a run without services.
pub(crate) async fn publish_report(config: &Config, report: &mut Report, took: Duration, now: Timestamp) {
    add_summary(report, took, now);
    add_disk(config, &mut report.tally);
    let tally = std::mem::take(&mut report.tally);
    match metrics::keep(&config.metrics, &config.state_dir, tally, now).await {
        Ok(kept) => {
            if let Some(error) = &kept.unkept {
                report.add_problem(Remark::of(&error));
            }
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            if let Err(error) = kept.push(&config.metrics, &host, now).await {
                tracing::warn!("{error}");
            }
        }
        Err(error) => report.add_problem(Remark::of(&error)),
    }
}

fn add_summary(report: &mut Report, took: Duration, now: Timestamp) {
    let job = report.job;
    let outcome = report.outcome();
    let counts = &report.counts;
    let tally = &mut report.tally;
    tally.set(Metric::Build, &[env!("CARGO_PKG_VERSION")], 1.0);
    for other in Outcome::ALL {
        tally.add(Metric::Runs, &[job, other.as_str()], f64::from(u8::from(other == outcome)));
    }
    let started = now.as_millisecond() as f64 / 1e3;
    tally.set(Metric::LastRun, &[job], started);
    if outcome.is_success() {
        tally.set(Metric::LastSuccess, &[job], started);
    }
    let has_failed = outcome == Outcome::Failed;
    // An interrupted run says nothing about earlier failures.
    if outcome.is_success() || has_failed {
        tally.set(Metric::FailuresInARow, &[job], f64::from(u8::from(has_failed)));
    }
    tally.set(Metric::RunSeconds, &[job], took.as_secs_f64());
    for (stage, time) in &report.durations {
        tally.set(Metric::StageSeconds, &[job, stage.as_str()], time.as_secs_f64());
    }
    let problems = report.problems.len() + usize::from(has_failed);
    tally.set(Metric::Problems, &[job], problems as f64);
    let count = |count: Count| counts.get(&count).copied();
    for (metric, name) in COUNTERS {
        tally.add(metric, &[job], count(name).unwrap_or(0) as f64);
    }
    if let Some(series) = count(Count::Series) {
        tally.set(Metric::Series, &[job], series as f64);
        let insufficient = count(Count::InsufficientHistory).unwrap_or(0);
        tally.set(Metric::InsufficientHistorySeries, &[job], insufficient as f64);
    }
    if let Some(rules) = count(Count::Rules) {
        tally.set(Metric::Rules, &[], rules as f64);
        tally.set(Metric::RuleProblems, &[], count(Count::RuleProblems).unwrap_or(0) as f64);
    }
}

/// Size and free space of the file system with spool and state. A missing directory gives no metrics.
fn add_disk(config: &Config, tally: &mut Tally) {
    if let Ok(disk) = rustix::fs::statvfs(&config.state_dir) {
        tally.set(Metric::StateSize, &[], (disk.f_blocks * disk.f_frsize) as f64);
        tally.set(Metric::StateAvailable, &[], (disk.f_bavail * disk.f_frsize) as f64);
    }
}
