//! The run record in `job_runs`: start, progress and result of a run.

use model::ledger::RefusedTotal;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use store::RunRecord;
use store::checkpoint::Checkpoint;
use store::failpoint;

use super::checkpoint::{Progress, RecordKey};
use super::metrics::api_requests;
use super::report::{Grade, Outcome, Report};
use super::{Mode, Run, RunError};

/// Names of the jobs.
pub(crate) const DAILY: &str = "daily";
pub(crate) const HOURLY: &str = "hourly";
pub(crate) const BACKFILL: &str = "backfill";
pub(crate) const REBUILD: &str = "rebuild";

/// The period of a rebuild.
pub(crate) const REBUILD_PERIOD: &str = "archive";

/// The outcome of a run without an end.
const RUNNING: &str = "running";

/// The record of an evaluated day.
pub(crate) struct DayRecord {
    pub(crate) date: Date,
    pub(crate) record: RunRecord,
}

impl Run<'_> {
    /// Records the start of a run. Keeps the progress of an interrupted run of the same period.
    pub(crate) async fn start_record(&mut self, job: &str, period: &str) -> Result<RunRecord, RunError> {
        let earlier = self.services.store.run(job, period).await?;
        let mut record = earlier.unwrap_or_else(|| new_record(job, period));
        // A document without attempts holds only the lease of this run.
        if record.outcome == RUNNING && record.attempts > 0 {
            let RunRecord { owner, started_at, .. } = &record;
            tracing::warn!(
                "the run of {job} {period} that {owner} started at {started_at} has no recorded end: the process was killed, or lost its host or its store; this run repeats the work"
            );
        }
        if has_succeeded(&record) {
            // A completed run is repeated from the start, an interrupted run is resumed.
            record.through = None;
            record.until = None;
            record.replayed_through = None;
        }
        record.owner.clone_from(&self.services.owner);
        record.attempts += 1;
        record.checkpoint = Checkpoint::Started;
        RUNNING.clone_into(&mut record.outcome);
        record.error = None;
        record.finished_at = None;
        record.started_at = self.now;
        if self.services.mode == Mode::Write {
            self.services.store.put_run(&record, self.now).await?;
        }
        // A backfill and a rebuild record the progress themselves, after a chunk of days and after a document.
        let has_steps = ![BACKFILL, REBUILD].contains(&job);
        let key = || RecordKey { job: job.to_owned(), period: period.to_owned() };
        self.progress = Progress::new(has_steps.then(key));
        self.checkpoint(Checkpoint::Started).await?;
        Ok(record)
    }

    /// Records the end of a run with the counts of a report.
    pub(crate) async fn finish_record<T>(
        &self,
        mut record: RunRecord,
        report: &Report,
        result: &Result<T, RunError>,
    ) -> Result<(), RunError> {
        if self.services.mode == Mode::DryRun {
            return Ok(());
        }
        let outcome = match result {
            Ok(_) => report.grade().as_str(),
            // Another host owns the record, or may own the record.
            Err(RunError::TakenOver { .. } | RunError::LeaseLost { .. }) => return Ok(()),
            Err(RunError::Stopped) => Outcome::Stopped.as_str(),
            Err(error) if error.is_usage_error() => Outcome::Refused.as_str(),
            Err(_) => Grade::Failed.as_str(),
        };
        outcome.clone_into(&mut record.outcome);
        failpoint::pass(Checkpoint::Finished);
        record.checkpoint = if result.is_ok() { Checkpoint::Finished } else { self.step() };
        record.error = result
            .as_ref()
            .err()
            .map(ToString::to_string)
            .or_else(|| report.problems.first().map(|problem| problem.english().to_owned()));
        // A failed run ended before the requests were counted.
        let requests = api_requests(self.services.source.traffic());
        let counts = report.counts.iter().map(|(count, number)| (*count, *number)).chain(requests);
        record.counts = counts.map(|(count, number)| (count.as_str().to_owned(), number)).collect();
        let durations = report.durations.iter();
        record.durations_ms =
            durations.map(|(stage, time)| (stage.as_str().to_owned(), time.as_millis() as u64)).collect();
        record.finished_at = Some(self.now);
        Ok(self.services.store.put_run(&record, self.now).await?)
    }

    /// Stores a record with new progress.
    pub(crate) async fn put_record(&self, record: &RunRecord) -> Result<(), RunError> {
        if self.services.mode == Mode::Write {
            self.services.store.put_run(record, self.now).await?;
        }
        Ok(())
    }
}

/// Whether a run has ended without failure, possibly with omissions.
pub(crate) fn has_succeeded(record: &RunRecord) -> bool {
    [Grade::Done, Grade::Degraded].iter().any(|grade| grade.as_str() == record.outcome)
}

/// Whether a database is only partly rebuilt. Any other job would train on incomplete data.
pub(crate) fn is_partly_rebuilt(rebuild: &RunRecord) -> bool {
    rebuild.replayed_through.is_some() && !has_succeeded(rebuild)
}

/// A record of a run before the start.
pub(super) fn new_record(job: &str, period: &str) -> RunRecord {
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
        refused: RefusedTotal::default(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        lease_until: None,
    }
}
