//! The write lease. Hosts that share a database write in turn: baselines and incidents belong to all jobs, and an
//! hourly run during a daily run would undo half of the writes of either run.
//!
//! The write lease is a lease in `job_runs` under the job `writer`. A background task renews it every third of its
//! length. When a host dies, its lease expires and another host takes over. A delayed host detects the loss before its
//! next step and stops. A daily or hourly run holds the lease from start to end. A backfill may take hours. It releases
//! the lease after some days and holds a second lease on its period, so two hosts do not load the same days.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::RunError;
use crate::config::LeaseOptions;
use crate::stop;
use store::{LeaseGrant, LeaseKey, LeaseRequest, Leases, StoreError};

/// A lease of the process, until release or loss.
pub(super) struct Lease {
    held: Arc<Held>,
    renewing: JoinHandle<()>,
    /// Whether the process waited for an earlier holder.
    pub(super) waited: bool,
}

struct Held {
    leases: Leases,
    key: LeaseKey,
    owner: String,
    length: Duration,
    reserve: Duration,
    /// Time of the last successful claim, measured before the request.
    asked: Mutex<Instant>,
}

/// The result of a renewal.
enum Renewed {
    Held,
    Lost,
}

impl Lease {
    /// Takes a lease, and waits for the current holder.
    ///
    /// # Errors
    /// Fails if another process holds the lease longer than the configured patience, if the process is asked to stop,
    /// or if the store fails.
    pub(super) async fn take(
        leases: Leases,
        key: LeaseKey,
        owner: &str,
        config: LeaseOptions,
    ) -> Result<Self, RunError> {
        let began = Instant::now();
        let mut waited = false;
        // Short enough for a prompt takeover, long enough for a light load on the server.
        let pause = (config.length / 20).clamp(Duration::from_millis(50), Duration::from_secs(1));
        // The reservation covers three pauses: the holder cannot take the lease again before the waiting process.
        let (length, reserve) = (config.length, pause * 3);
        let asked = loop {
            let asked = Instant::now();
            match leases.acquire(LeaseRequest { key: &key, owner, length, reserve }).await? {
                LeaseGrant::Granted => break asked,
                LeaseGrant::HeldBy { owner: other } => {
                    if began.elapsed() >= config.patience {
                        return Err(RunError::Busy { owner: other, seconds: config.patience.as_secs() });
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
                () = stop::when_asked() => return Err(RunError::Stopped),
            }
        };
        let held = Arc::new(Held { leases, key, owner: owner.to_owned(), length, reserve, asked: Mutex::new(asked) });
        let renewing = tokio::spawn(keep(Arc::clone(&held)));
        Ok(Self { held, renewing, waited })
    }

    /// Checks that the lease is still held. Asks the store if the last success is older than half the length.
    pub(super) async fn check(&self) -> Result<(), RunError> {
        let held = &self.held;
        if held.age() < held.length / 2 {
            return Ok(());
        }
        match held.renew().await {
            Ok(Renewed::Held) => Ok(()),
            Ok(Renewed::Lost) => {
                Err(RunError::TakenOver { job: held.key.job.clone(), period: held.key.period.clone() })
            }
            // The lease may have expired, and another process may hold the lease.
            Err(cause) if held.age() >= held.length => {
                let LeaseKey { job, period } = held.key.clone();
                Err(RunError::Unheard { job, period, cause: Box::new(cause) })
            }
            // Still valid: the background task tries again.
            Err(error) => {
                tracing::warn!("the lease could not be renewed yet: {error}");
                Ok(())
            }
        }
    }

    /// Whether the lease is certainly valid without a request.
    pub(super) fn is_fresh(&self) -> bool {
        self.held.age() < self.held.length
    }

    /// Releases the lease. After a failed release, the lease expires.
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
        let request = LeaseRequest { key, owner, length: *length, reserve: *reserve };
        if !self.leases.renew(request).await? {
            return Ok(Renewed::Lost);
        }
        let mut newest = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        // The background task and `check` may renew concurrently.
        *newest = newest.max(asked);
        Ok(Renewed::Held)
    }
}

/// Renews the lease every third of the length, and every twelfth after a failure. Ends after the loss of the lease.
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
