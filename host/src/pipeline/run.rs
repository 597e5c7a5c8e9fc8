//! The run record in `job_runs`: start, progress and result of a run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::course::Course;
use super::lease::Lease;
use super::plan::NO_BILL;
use super::report::{Grade, Outcome, Report};
use super::{Mode, Parts, Ready, RunError, failing, measure};
use crate::config::Config;
use model::count::one_or;
use model::run_id::RunId;
use store::checkpoint::Checkpoint;
use store::{Access, LeaseKey, RunRecord, Store, failpoint};

/// Job name of the write lease.
const WRITER: &str = "writer";
const ALL: &str = "all";

/// The period of a rebuild.
pub(super) const REBUILT: &str = "archive";

/// Repetition of a completed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Repeat the job, at the request of a person.
    Redo,
    /// Run the job once over all hosts, for cron.
    Once,
}

/// Runs a job under the write lease and records the result. If another host has completed the job meanwhile, sets
/// `report.done_by` and does nothing else.
pub(super) async fn in_turn(
    parts: &mut Parts,
    report: &mut Report,
    again: Again,
    now: Timestamp,
    work: impl AsyncFnOnce(&mut Parts, &mut Report) -> Result<(), RunError>,
) {
    let result = match turn(parts, report, again).await {
        Ok(None) => work(parts, report).await,
        Ok(Some(done_by)) => {
            report.done_by = Some(done_by);
            Ok(())
        }
        Err(error) => Err(error),
    };
    for lease in [parts.turn.take(), parts.whole.take()].into_iter().flatten() {
        lease.release().await;
    }
    if let Err(error) = result {
        report.fail(&error);
    }
    failing::ended(parts, report, now).await;
}

/// Runs work outside any job under the write lease.
///
/// # Errors
/// Fails if the store cannot be opened, or if another process holds the lease longer than the configured patience.
pub(crate) async fn alone<T>(config: &Config, run: RunId, work: impl AsyncFnOnce(&Store) -> T) -> Result<T, RunError> {
    let store = super::open_store(config, Access::Write(run)).await?;
    let key = LeaseKey { job: WRITER.to_owned(), period: ALL.to_owned() };
    let turn = Lease::take(store.leases(), key, &Course::new().owner, config.lease).await?;
    let done = work(&store).await;
    turn.release().await;
    Ok(done)
}

/// Whether a database is only partly rebuilt. Any other job would train on incomplete data.
pub(super) fn is_half_built(rebuilding: &RunRecord) -> bool {
    rebuilding.replayed_through.is_some() && !has_succeeded(rebuilding)
}

/// Waits for the lease. Returns the owner of the run that has completed the job meanwhile, if any.
async fn turn(parts: &mut Parts, report: &Report, again: Again) -> Result<Option<String>, RunError> {
    if parts.mode == Mode::DryRun {
        return Ok(None);
    }
    let period = &report.period;
    let before = parts.store.run(report.job, period).await?;
    // A completed job needs no lease.
    if again == Again::Once && before.as_ref().is_some_and(is_done) {
        return Ok(before.map(|run| run.owner));
    }
    // A backfill takes the write lease only per chunk of days. The lease on the period excludes a second backfill.
    let waited = if report.job == "backfill" {
        let key = LeaseKey { job: report.job.to_owned(), period: period.clone() };
        let lease = lease(parts, key).await?;
        parts.whole.insert(lease).waited
    } else {
        take_turn(parts).await?;
        parts.turn.as_ref().is_some_and(|turn| turn.waited)
    };
    if report.job != "rebuild" && parts.store.run("rebuild", REBUILT).await?.is_some_and(|run| is_half_built(&run)) {
        return Err(RunError::HalfBuilt);
    }
    let after = parts.store.run(report.job, period).await?;
    Ok(after.filter(|after| done_meanwhile(before.as_ref(), after, again, waited)).map(|run| run.owner))
}

/// Takes the write lease if the process does not hold the lease yet.
pub(super) async fn take_turn(parts: &mut Parts) -> Result<(), RunError> {
    if parts.mode == Mode::Write && parts.turn.is_none() {
        let key = LeaseKey { job: WRITER.to_owned(), period: ALL.to_owned() };
        parts.turn = Some(lease(parts, key).await?);
    }
    Ok(())
}

/// Releases the write lease.
pub(super) async fn give_turn(parts: &mut Parts) {
    if let Some(turn) = parts.turn.take() {
        turn.release().await;
    }
}

async fn lease(parts: &Parts, key: LeaseKey) -> Result<Lease, RunError> {
    Lease::take(parts.store.leases(), key, &parts.course.owner, parts.config.lease).await
}

/// Whether the job needs no repetition. A completion by another host during the wait counts even for [`Again::Redo`].
fn done_meanwhile(before: Option<&RunRecord>, after: &RunRecord, again: Again, waited: bool) -> bool {
    let is_news = before.is_none_or(|before| (&before.owner, before.attempts) != (&after.owner, after.attempts))
        || before.is_some_and(|before| !is_done(before));
    is_done(after) && (again == Again::Once || (waited && is_news))
}

/// Counts of omissions that a repeated run may repair: the bill may exist by now, and another host has different
/// receivers and a different path to the archive.
const MENDABLE: [&str; 5] = [NO_BILL, "withheld_days", "withheld_hours", "spooled", "undelivered"];

/// Whether a run needs no repetition. A degraded run without a repairable omission is done: nothing is lost.
fn is_done(run: &RunRecord) -> bool {
    let mendable = MENDABLE.iter().any(|count| run.counts.contains_key(*count));
    !mendable && has_succeeded(run)
}

/// Whether a run has ended without failure, possibly with omissions.
pub(super) fn has_succeeded(run: &RunRecord) -> bool {
    [Grade::Done, Grade::Degraded].iter().any(|grade| grade.as_str() == run.outcome)
}

/// The period of a day or a span of days, for example `20261122` or `20260101-20261122`.
pub(super) fn days(from: Date, to: Date) -> String {
    let text = |date: Date| date.strftime("%Y%m%d").to_string();
    if from == to { text(from) } else { format!("{}-{}", text(from), text(to)) }
}

/// The period of an open-ended span of days, for example `20260101-`.
pub(super) fn since(from: Date) -> String {
    format!("{}-", days(from, from))
}

/// Reports the unusable rules and creates the metrics of the usable rules.
pub(super) fn open(parts: &Parts, report: &mut Report) {
    rules(&parts.ready, &parts.config, report);
    measure::rules(&parts.ready, &mut report.tally);
}

/// Reports the unusable rules of a set.
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

/// Completes the report of a run with requests to the source.
pub(super) fn close(parts: &Parts, report: &mut Report) {
    asked(parts, report);
    judged(&parts.ready, report);
}

/// Counts the requests to the source.
pub(super) fn asked(parts: &Parts, report: &mut Report) {
    let traffic = parts.source.traffic();
    report.count("calls", traffic.calls);
    report.count("retries", traffic.retries);
}

/// Reports a run without any verdict as a problem, because silence must not look like health.
pub(super) fn judged(ready: &Ready, report: &mut Report) {
    let judged = report.counts.get("verdicts").copied().unwrap_or(0);
    let already_trained = report.counts.contains_key("already_trained");
    if judged == 0 && !ready.rules.is_empty() && !already_trained {
        let learning = report.counts.get("insufficient_history").copied().unwrap_or(0);
        let are = one_or(learning, "is", "are");
        report.problem(format!("nothing was judged: {learning} series {are} still being learned"));
    }
}

/// Records the start of a run. Keeps the progress of an interrupted run of the same period.
pub(super) async fn start(parts: &Parts, job: &str, period: &str, now: Timestamp) -> Result<RunRecord, RunError> {
    let earlier = parts.store.run(job, period).await?;
    let mut record = earlier.unwrap_or_else(|| blank(job, period));
    if record.outcome == "running" {
        let RunRecord { owner, started_at, .. } = &record;
        tracing::warn!(
            "the run of {job} {period} that {owner} began at {started_at} has no end on record: it was killed, or lost its host or its store; its work is done again"
        );
    }
    if has_succeeded(&record) {
        // A completed run is repeated from the start, an interrupted run is resumed.
        (record.through, record.until, record.replayed_through) = (None, None, None);
    }
    record.owner.clone_from(&parts.course.owner);
    record.attempts += 1;
    record.checkpoint = Checkpoint::Started;
    "running".clone_into(&mut record.outcome);
    (record.error, record.finished_at, record.started_at) = (None, None, now);
    if parts.mode == Mode::Write {
        parts.store.put_run(&record, now).await?;
    }
    // A backfill and a rebuild record the progress themselves, after a chunk of days and after a document.
    parts.course.begin((!["backfill", "rebuild"].contains(&job)).then_some((job, period)));
    parts.checkpoint(Checkpoint::Started, now).await?;
    Ok(record)
}

/// A record of a run before the start.
pub(super) fn blank(job: &str, period: &str) -> RunRecord {
    RunRecord {
        job: job.to_owned(),
        period: period.to_owned(),
        owner: String::new(),
        attempts: 0,
        checkpoint: Checkpoint::Started,
        through: None,
        until: None,
        replayed_through: None,
        outcome: String::new(),
        error: None,
        counts: BTreeMap::new(),
        durations_ms: BTreeMap::new(),
        total_delivered: BTreeSet::new(),
        total: None,
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        lease_until: None,
    }
}

/// Records the end of a run.
pub(super) async fn finish<T>(
    parts: &Parts,
    mut record: RunRecord,
    report: &Report,
    result: &Result<T, RunError>,
    now: Timestamp,
) -> Result<(), RunError> {
    let outcome = match result {
        Ok(_) => report.grade().as_str(),
        // Another host owns the record, or may own the record.
        Err(RunError::TakenOver { .. } | RunError::Unheard { .. }) => return Ok(()),
        Err(RunError::Stopped) => Outcome::Stopped.as_str(),
        Err(_) => Grade::Failed.as_str(),
    };
    outcome.clone_into(&mut record.outcome);
    failpoint::pass(Checkpoint::Finished);
    record.checkpoint = if result.is_ok() { Checkpoint::Finished } else { parts.course.step() };
    record.error = result.as_ref().err().map(ToString::to_string).or_else(|| report.problems.first().cloned());
    record.counts = report.counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    // A failed run ended before the requests were counted.
    record.counts.extend(measure::requests(parts.source.traffic()).map(|(name, count)| (name.to_owned(), count)));
    let milliseconds = |took: &std::time::Duration| took.as_millis() as u64;
    record.durations_ms =
        report.durations.iter().map(|(step, took)| ((*step).to_owned(), milliseconds(took))).collect();
    record.finished_at = Some(now);
    Ok(parts.store.put_run(&record, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(owner: &str, attempts: u32, outcome: &str) -> RunRecord {
        RunRecord {
            job: "daily".to_owned(),
            period: "20261122".to_owned(),
            owner: owner.to_owned(),
            attempts,
            checkpoint: Checkpoint::Finished,
            through: None,
            until: None,
            replayed_through: None,
            outcome: outcome.to_owned(),
            error: None,
            counts: BTreeMap::new(),
            durations_ms: BTreeMap::new(),
            total_delivered: BTreeSet::new(),
            total: None,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            lease_until: None,
        }
    }

    #[test]
    fn cron_does_a_job_once_and_a_person_does_it_again() {
        let done = run("a", 1, "done");
        assert!(done_meanwhile(Some(&done), &done, Again::Once, false));
        assert!(!done_meanwhile(Some(&done), &done, Again::Redo, false));
        assert!(!done_meanwhile(Some(&done), &done, Again::Redo, true), "what was waited for was another job");
        assert!(done_meanwhile(None, &run("a", 1, "degraded"), Again::Redo, true), "the other has just done it");
        assert!(done_meanwhile(Some(&run("a", 1, "running")), &done, Again::Redo, true));
        assert!(done_meanwhile(Some(&run("b", 1, "done")), &run("a", 2, "done"), Again::Redo, true));
        for outcome in ["failed", "stopped", "running"] {
            assert!(!done_meanwhile(None, &run("a", 1, outcome), Again::Once, true), "{outcome}");
        }
    }

    #[test]
    fn what_another_run_may_make_good_is_not_done() {
        for count in ["no_bill_after_days", "withheld_days", "withheld_hours", "spooled", "undelivered"] {
            let mut left_out = run("a", 1, "degraded");
            left_out.counts.insert(count.to_owned(), 1);
            assert!(!is_done(&left_out), "{count}");
        }
        assert!(is_done(&run("a", 1, "degraded")));
    }
}
