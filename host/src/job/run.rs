//! The record of a run in `job_runs`: that it began, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::report::{Grade, Report};
use super::{JobError, Mode, Parts, Ready, measure};
use crate::config::Config;
use crate::step::{self, Step};
use crate::store::JobRun;

/// The period of one day, or of a span of days.
pub(super) fn days(from: Date, to: Date) -> String {
    let text = |date: Date| date.strftime("%Y%m%d").to_string();
    if from == to { text(from) } else { format!("{}-{}", text(from), text(to)) }
}

/// Reports the rules that cannot run.
pub(super) fn open(parts: &Parts, report: &mut Report) {
    rules(&parts.ready, &parts.config, report);
    measure::rules(&parts.ready, &mut report.tally);
}

/// Reports the rules of a set that cannot run.
pub(super) fn rules(ready: &Ready, config: &Config, report: &mut Report) {
    report.count("rules", ready.rules.len() as u64);
    for problem in &ready.problems {
        report.count("rule_problems", 1);
        report.problem(problem.to_string());
    }
    if ready.rules.is_empty() {
        report.problem(format!("no rule in {} can run: nothing is checked", config.rules.display()));
    }
}

/// Ends a run that asked the source.
pub(super) fn close(parts: &Parts, report: &mut Report) {
    let traffic = parts.source.traffic();
    report.count("calls", traffic.calls);
    report.count("retries", traffic.retries);
    judged(&parts.ready, report);
}

/// Says so when nothing was judged, so that silence is never taken for health.
pub(super) fn judged(ready: &Ready, report: &mut Report) {
    let judged = report.counts.get("judged").copied().unwrap_or(0);
    if judged == 0 && !ready.rules.is_empty() {
        let learning = report.counts.get("learning").copied().unwrap_or(0);
        report.problem(format!("nothing was judged: {learning} series are still being learned"));
    }
}

/// Records that a run began. What an earlier run of the same period left is kept in it.
pub(super) async fn start(parts: &Parts, job: &str, period: &str, now: Timestamp) -> Result<JobRun, JobError> {
    let period = &parts.shard.period(period);
    let earlier = parts.store.run(job, period).await?;
    let mut record = earlier.unwrap_or_else(|| JobRun {
        job: job.to_owned(),
        period: period.to_owned(),
        owner: String::new(),
        attempts: 0,
        step: Step::Started,
        through: None,
        outcome: String::new(),
        error: None,
        counts: BTreeMap::new(),
        durations_ms: BTreeMap::new(),
        total_told: BTreeSet::new(),
        total: None,
        started_at: now,
        finished_at: None,
    });
    if record.outcome == Grade::Done.as_str() || record.outcome == Grade::Degraded.as_str() {
        record.through = None;
    }
    record.owner = format!("{}:{}", rustix::system::uname().nodename().to_string_lossy(), std::process::id());
    record.attempts += 1;
    record.step = Step::Started;
    "running".clone_into(&mut record.outcome);
    (record.error, record.finished_at, record.started_at) = (None, None, now);
    if parts.mode == Mode::Write {
        parts.store.put_run(&record, now).await?;
    }
    // A backfill writes how far it is with the days; a rebuilding begins anew.
    parts.course.begin((!["backfill", "rebuild"].contains(&job)).then_some((job, period)));
    parts.reach(Step::Started, now).await?;
    Ok(record)
}

/// Records how a run ended.
pub(super) async fn finish(
    parts: &Parts,
    mut record: JobRun,
    report: &Report,
    result: &Result<(), JobError>,
    now: Timestamp,
) -> Result<(), JobError> {
    let grade = if result.is_ok() { report.grade() } else { Grade::Failed };
    grade.as_str().clone_into(&mut record.outcome);
    step::reached(Step::Finished);
    record.step = if result.is_ok() { Step::Finished } else { parts.course.step() };
    record.error = result.as_ref().err().map(ToString::to_string).or_else(|| report.problems.first().cloned());
    record.counts = report.counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let milliseconds = |took: &std::time::Duration| took.as_millis() as u64;
    record.durations_ms =
        report.durations.iter().map(|(step, took)| ((*step).to_owned(), milliseconds(took))).collect();
    record.finished_at = Some(now);
    Ok(parts.store.put_run(&record, now).await?)
}
