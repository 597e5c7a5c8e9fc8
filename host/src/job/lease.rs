//! The turn to write. Hosts that share a database take turns: baselines and incidents belong to all jobs, so that an
//! hourly run in the middle of a daily one would undo half of what either wrote.
//!
//! A turn is a lease in `job_runs` under the job `writer`, renewed beside the work every third of its length. A host that
//! dies is succeeded once it has run out. A host that was only held up finds out before its next step, and stops. A daily
//! or hourly run has the turn from beginning to end; a backfill, which may take hours, gives it back after some days, and
//! has a lease on its own period besides, so that two hosts do not load the same days at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::JobError;
use crate::config::LeaseConfig;
use crate::stop;
use crate::store::{Claim, Holder, LeaseKey, Leases, StoreError};

/// A lease that this process has, until it is released or lost.
pub(super) struct Lease {
    held: Arc<Held>,
    renewing: JoinHandle<()>,
    /// Whether another had it before, and was waited for.
    pub(super) waited: bool,
}

struct Held {
    leases: Leases,
    key: LeaseKey,
    owner: String,
    length: Duration,
    reserve: Duration,
    /// When it was last asked for with success: counted from before the question.
    asked: Mutex<Instant>,
}

/// What came of a renewal.
enum Renewed {
    Held,
    Lost,
}

impl Lease {
    /// Takes a lease, and waits for whoever has it.
    ///
    /// # Errors
    /// Another has it for longer than this one is patient; the process is asked to stop; the store is down.
    pub(super) async fn take(
        leases: Leases,
        key: LeaseKey,
        owner: &str,
        config: LeaseConfig,
    ) -> Result<Self, JobError> {
        let began = Instant::now();
        let mut waited = false;
        // Often enough to follow at once, and seldom enough to be nothing to a server.
        let pause = (config.length / 20).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let (length, reserve) = (config.length, pause * 3);
        let asked = loop {
            let asked = Instant::now();
            match leases.take(Claim { key: &key, owner, length, reserve }).await? {
                Holder::Asker => break asked,
                Holder::Other { owner: other } => {
                    if began.elapsed() >= config.patience {
                        return Err(JobError::Busy { owner: other, seconds: config.patience.as_secs() });
                    }
                    if !waited {
                        tracing::info!(
                            job = key.job,
                            period = key.period,
                            owner = other,
                            "waiting for its turn to end"
                        );
                    }
                    waited = true;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop::when_asked() => return Err(JobError::Stopped),
            }
        };
        let held = Arc::new(Held { leases, key, owner: owner.to_owned(), length, reserve, asked: Mutex::new(asked) });
        let renewing = tokio::spawn(keep(Arc::clone(&held)));
        Ok(Self { held, renewing, waited })
    }

    /// Asserts that it is still held; asks the server where it was not heard of for a while.
    pub(super) async fn check(&self) -> Result<(), JobError> {
        let held = &self.held;
        if held.age() < held.length / 2 {
            return Ok(());
        }
        match held.renew().await {
            Ok(Renewed::Held) => Ok(()),
            Ok(Renewed::Lost) => {
                Err(JobError::TakenOver { job: held.key.job.clone(), period: held.key.period.clone() })
            }
            // It may be anybody's by now.
            Err(cause) if held.age() >= held.length => {
                let LeaseKey { job, period } = held.key.clone();
                Err(JobError::Unheard { job, period, cause: Box::new(cause) })
            }
            Err(error) => {
                tracing::warn!("the lease could not be renewed yet: {error}");
                Ok(())
            }
        }
    }

    /// Whether it can be relied on without asking anybody.
    pub(super) fn is_fresh(&self) -> bool {
        self.held.age() < self.held.length
    }

    /// Gives it back. Where that fails it runs out by itself.
    pub(super) async fn release(self) {
        self.renewing.abort();
        if let Err(error) = self.held.leases.release(&self.held.key, &self.held.owner).await {
            tracing::warn!("{error}; it runs out after {:?}", self.held.length);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Held {
    fn age(&self) -> Duration {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    async fn renew(&self) -> Result<Renewed, StoreError> {
        let asked = Instant::now();
        let Self { key, owner, length, reserve, .. } = self;
        let claim = Claim { key, owner, length: *length, reserve: *reserve };
        if !self.leases.renew(claim).await? {
            return Ok(Renewed::Lost);
        }
        let mut newest = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = newest.max(asked);
        Ok(Renewed::Held)
    }
}

/// Renews every third of the lease's length, and sooner after a failure; ends when it is lost.
async fn keep(held: Arc<Held>) {
    let mut pause = held.length / 3;
    loop {
        tokio::time::sleep(pause).await;
        pause = match held.renew().await {
            Ok(Renewed::Held) => held.length / 3,
            Ok(Renewed::Lost) => return,
            Err(_) => held.length / 12,
        };
    }
}
