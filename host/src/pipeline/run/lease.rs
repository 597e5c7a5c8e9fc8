//! A lease in `job_runs`: the exclusive right to write, or to work on a period.
//!
//! A background task renews the lease every third of its length. When a host dies, its lease expires and another host
//! takes over. A delayed host detects the loss before its next step and stops.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use store::{Claim, Holder, LeaseKey, Leases, StoreError};
use tokio::task::JoinHandle;

use super::RunError;
use crate::config::LeaseOptions;
use crate::stop;

/// A lease of the process, until release or loss.
pub(super) struct Lease {
    claimed: Arc<ClaimedLease>,
    renewal: JoinHandle<()>,
    /// Whether the process waited for an earlier holder.
    pub(super) has_waited: bool,
}

/// The state shared with the background task.
struct ClaimedLease {
    leases: Leases,
    key: LeaseKey,
    owner: String,
    length: Duration,
    reserve: Duration,
    /// Time of the last successful claim, measured before the request.
    claimed_at: Mutex<Instant>,
}

/// The result of a renewal.
enum Renewal {
    Renewed,
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
        options: LeaseOptions,
    ) -> Result<Self, RunError> {
        let started = Instant::now();
        let mut has_waited = false;
        // Short enough for a prompt takeover, long enough for a light load on the server.
        let pause = (options.length / 20).clamp(Duration::from_millis(50), Duration::from_secs(1));
        let length = options.length;
        // The reservation covers three pauses: the holder cannot take the lease again before the waiting process.
        let reserve = pause * 3;
        let claimed_at = loop {
            let requested_at = Instant::now();
            match leases.take(Claim { key: &key, owner, length, reserve }).await? {
                Holder::Asker => break requested_at,
                Holder::Other { owner: other } => {
                    if started.elapsed() >= options.patience {
                        return Err(RunError::Busy { owner: other, seconds: options.patience.as_secs() });
                    }
                    if !has_waited {
                        tracing::info!(
                            job = key.job,
                            period = key.period,
                            owner = other,
                            "waiting for the lease of another process"
                        );
                    }
                    has_waited = true;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop::when_asked() => return Err(RunError::Stopped),
            }
        };
        let owner = owner.to_owned();
        let claimed_at = Mutex::new(claimed_at);
        let claimed = Arc::new(ClaimedLease { leases, key, owner, length, reserve, claimed_at });
        let renewal = tokio::spawn(keep_renewing(Arc::clone(&claimed)));
        Ok(Self { claimed, renewal, has_waited })
    }

    /// Checks that the process still holds the lease. Asks the store if the last success is older than half the
    /// length.
    pub(super) async fn check(&self) -> Result<(), RunError> {
        let claimed = &self.claimed;
        if claimed.age() < claimed.length / 2 {
            return Ok(());
        }
        let LeaseKey { job, period } = &claimed.key;
        match claimed.renew().await {
            Ok(Renewal::Renewed) => Ok(()),
            Ok(Renewal::Lost) => Err(RunError::TakenOver { job: job.clone(), period: period.clone() }),
            // The lease may have expired, and another process may hold the lease.
            Err(cause) if claimed.age() >= claimed.length => {
                Err(RunError::LeaseLost { job: job.clone(), period: period.clone(), cause: Box::new(cause) })
            }
            // Still valid: the background task tries again.
            Err(error) => {
                tracing::warn!("cannot renew the lease of {job} {period} yet: {error}");
                Ok(())
            }
        }
    }

    /// Whether the lease is certainly valid without a request.
    pub(super) fn is_fresh(&self) -> bool {
        self.claimed.age() < self.claimed.length
    }

    /// Releases the lease. After a failed release, the lease expires.
    pub(super) async fn release(self) {
        self.renewal.abort();
        let claimed = &self.claimed;
        if let Err(error) = claimed.leases.release(&claimed.key, &claimed.owner).await {
            let LeaseKey { job, period } = &claimed.key;
            tracing::warn!("{error}; the lease of {job} {period} expires after {:?}", claimed.length);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl ClaimedLease {
    fn age(&self) -> Duration {
        self.claimed_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    async fn renew(&self) -> Result<Renewal, StoreError> {
        let requested_at = Instant::now();
        let Self { key, owner, length, reserve, .. } = self;
        let claim = Claim { key, owner, length: *length, reserve: *reserve };
        if !self.leases.renew(claim).await? {
            return Ok(Renewal::Lost);
        }
        let mut newest = self.claimed_at.lock().unwrap_or_else(PoisonError::into_inner);
        // The background task and `check` may renew concurrently.
        *newest = newest.max(requested_at);
        Ok(Renewal::Renewed)
    }
}

/// Renews the lease every third of the length, and every twelfth after a failure. Ends after the loss of the lease.
async fn keep_renewing(claimed: Arc<ClaimedLease>) {
    let mut pause = claimed.length / 3;
    loop {
        tokio::time::sleep(pause).await;
        pause = match claimed.renew().await {
            Ok(Renewal::Renewed) => claimed.length / 3,
            Ok(Renewal::Lost) => return,
            Err(_) => claimed.length / 12,
        };
    }
}
