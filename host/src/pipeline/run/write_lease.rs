//! The write lease. Hosts that share a database write in turn: baselines and incidents belong to all jobs, and an
//! hourly run during a daily run would undo half of the writes of either run.
//!
//! The write lease is a lease under the job `writer`. A daily or hourly run holds the lease from start to end. A
//! backfill may take hours. It releases the write lease after some days and holds a second lease on its period, so two
//! hosts do not load the same days.

use model::run_id::RunId;
use store::{Access, LeaseKey, RunRecord, Store};

use super::lease::Lease;
use super::names::Count;
use super::record::{BACKFILL, REBUILD, REBUILD_PERIOD, has_succeeded, is_partly_rebuilt};
use super::services::{open_store, process_id};
use super::{Mode, Run, RunError};
use crate::config::StoreConfig;

/// Repetition of a completed job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Repeat the job, at the request of a person.
    Redo,
    /// Run the job once over all hosts, for cron.
    Once,
}

/// Runs work outside any job under the write lease.
///
/// # Errors
/// Fails if the store cannot be opened, or if another process holds the lease longer than the configured patience.
pub(crate) async fn with_write_lease<T>(
    config: &StoreConfig,
    run_id: RunId,
    work: impl AsyncFnOnce(&Store) -> T,
) -> Result<T, RunError> {
    let store = open_store(&config.store, config.lease, Access::Write(run_id)).await?;
    let lease = Lease::take(store.leases(), write_lease_key(), &process_id(), config.lease).await?;
    let result = work(&store).await;
    lease.release().await;
    Ok(result)
}

impl Run<'_> {
    /// Takes the leases of the job. Returns the owner of the run that has completed the job meanwhile, if any.
    pub(crate) async fn take_leases(&mut self, repeat: Repeat) -> Result<Option<String>, RunError> {
        if self.services.mode == Mode::DryRun {
            return Ok(None);
        }
        let job = self.report.job;
        let period = self.report.period.clone();
        let before = self.services.store.run(job, &period).await?;
        // A completed job needs no lease.
        if repeat == Repeat::Once && before.as_ref().is_some_and(is_done) {
            return Ok(before.map(|record| record.owner));
        }
        // A backfill takes the write lease only per chunk of days. The lease on the period excludes a second backfill.
        let has_waited = if job == BACKFILL {
            let lease = self.take_lease(LeaseKey { job: job.to_owned(), period: period.clone() }).await?;
            self.period_lease.insert(lease).has_waited
        } else {
            self.take_write_lease().await?;
            self.write_lease.as_ref().is_some_and(|lease| lease.has_waited)
        };
        if job != REBUILD {
            let rebuild = self.services.store.run(REBUILD, REBUILD_PERIOD).await?;
            if rebuild.is_some_and(|record| is_partly_rebuilt(&record)) {
                return Err(RunError::PartlyRebuilt);
            }
        }
        let Some(after) = self.services.store.run(job, &period).await? else { return Ok(None) };
        let is_done_now = match repeat {
            Repeat::Once => is_done(&after),
            Repeat::Redo => has_waited && is_done_meanwhile(before.as_ref(), &after),
        };
        Ok(is_done_now.then_some(after.owner))
    }

    /// Takes the write lease if the process does not hold the lease yet.
    pub(crate) async fn take_write_lease(&mut self) -> Result<(), RunError> {
        if self.services.mode == Mode::Write && self.write_lease.is_none() {
            self.write_lease = Some(self.take_lease(write_lease_key()).await?);
        }
        Ok(())
    }

    pub(crate) async fn release_write_lease(&mut self) {
        if let Some(lease) = self.write_lease.take() {
            lease.release().await;
        }
    }

    pub(crate) async fn release_leases(&mut self) {
        self.release_write_lease().await;
        if let Some(lease) = self.period_lease.take() {
            lease.release().await;
        }
    }

    /// Whether the write lease may have expired, so that another host may send the same notification.
    pub(crate) fn has_stale_write_lease(&self) -> bool {
        self.write_lease.as_ref().is_some_and(|lease| !lease.is_fresh())
    }

    async fn take_lease(&self, key: LeaseKey) -> Result<Lease, RunError> {
        let services = &self.services;
        Lease::take(services.store.leases(), key, &services.owner, services.config.lease).await
    }
}

fn write_lease_key() -> LeaseKey {
    LeaseKey { job: "writer".to_owned(), period: "all".to_owned() }
}

/// Whether another process has completed the job since `before`.
fn is_done_meanwhile(before: Option<&RunRecord>, after: &RunRecord) -> bool {
    let is_another_run = before
        .is_none_or(|before| before.owner != after.owner || before.attempts != after.attempts || !is_done(before));
    is_done(after) && is_another_run
}

/// Counts of omissions that a repeated run may repair: the bill may exist by now, and another host has different
/// receivers and a different path to the archive.
const REPAIRABLE: [Count; 6] = [
    Count::NoBillAfterDays,
    Count::WithheldDays,
    Count::WithheldHours,
    Count::WrongRowTotals,
    Count::Spooled,
    Count::Undelivered,
];

/// Whether a run needs no repetition. A degraded run without a repairable omission is done: nothing is lost.
fn is_done(record: &RunRecord) -> bool {
    let is_repairable = REPAIRABLE.iter().any(|count| record.counts.contains_key(count.as_str()));
    !is_repairable && has_succeeded(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::run::record::{DAILY, new_record};

    fn record(owner: &str, attempts: u32, outcome: &str) -> RunRecord {
        let blank = new_record(DAILY, "20261122");
        RunRecord { owner: owner.to_owned(), attempts, outcome: outcome.to_owned(), ..blank }
    }

    #[test]
    fn a_completion_by_another_run_during_the_wait_counts() {
        let done = record("a", 1, "done");
        assert!(!is_done_meanwhile(Some(&done), &done), "the wait was for another job");
        assert!(is_done_meanwhile(None, &record("a", 1, "degraded")));
        assert!(is_done_meanwhile(Some(&record("a", 1, "running")), &done));
        assert!(is_done_meanwhile(Some(&record("b", 1, "done")), &record("a", 2, "done")));
        for outcome in ["failed", "stopped", "running"] {
            assert!(!is_done_meanwhile(None, &record("a", 1, outcome)), "{outcome}");
        }
    }

    #[test]
    fn a_run_with_a_repairable_omission_is_not_done() {
        for count in ["no_bill_after_days", "withheld_days", "withheld_hours", "spooled", "undelivered"] {
            let mut degraded = record("a", 1, "degraded");
            degraded.counts.insert(count.to_owned(), 1);
            assert!(!is_done(&degraded), "{count}");
        }
        assert!(is_done(&record("a", 1, "degraded")));
        for outcome in ["failed", "stopped", "running"] {
            assert!(!is_done(&record("a", 1, outcome)), "{outcome}");
        }
    }
}
