//! Leases for a limited time: at most one owner holds a lease at a time, by the server's clock. The jobs decide when to
//! take a lease and when to renew it.

use std::time::Duration;

use jiff::SignedDuration;

use super::StoreError;
use super::mongodb::Mongodb;

/// The subject of a lease: the job and period of a document in `job_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseKey {
    pub(crate) job: String,
    pub(crate) period: String,
}

/// The holder of a lease after a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    Asker,
    Other { owner: String },
}

/// A taken and unreleased lease, by the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) key: LeaseKey,
    pub(crate) owner: String,
    /// Time until expiry; negative after the expiry, when the owner died or was delayed.
    pub(crate) left: SignedDuration,
    /// Time since the last renewal; `None` if an older version took the lease.
    pub(crate) renewed: Option<SignedDuration>,
}

/// A request of a process for a lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) key: &'a LeaseKey,
    /// A name unique to the process, never reused.
    pub(crate) owner: &'a str,
    pub(crate) length: Duration,
    /// Time for which a refused claimant has priority after each claim. Without the priority, a holder that releases
    /// and retakes the lease repeatedly would keep every other process waiting.
    pub(crate) reserve: Duration,
}

/// The leases of a database, separate from the store, to allow a renewal in parallel with the store's work.
#[derive(Clone)]
pub(crate) enum Leases {
    Mongodb(Mongodb),
    /// No leases. The kernel locks the open file for a single process, and unlocks the file when the process ends.
    File,
}

impl Leases {
    /// Takes a lease if the lease is free, expired or already held by the claimant.
    pub(crate) async fn take(&self, claim: Claim<'_>) -> Result<Holder, StoreError> {
        match self {
            Self::Mongodb(store) => store.take_lease(claim).await,
            Self::File => Ok(Holder::Asker),
        }
    }

    /// Extends a lease; returns false if another process holds the lease.
    pub(crate) async fn renew(&self, claim: Claim<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Mongodb(store) => store.renew_lease(claim).await,
            Self::File => Ok(true),
        }
    }

    /// Returns all taken leases, or `None` for a database that the kernel locks for a single process.
    pub(crate) async fn held(&self) -> Result<Option<Vec<Held>>, StoreError> {
        match self {
            Self::Mongodb(store) => store.held_leases().await.map(Some),
            Self::File => Ok(None),
        }
    }

    /// Releases a lease. Changes nothing if another process holds the lease.
    pub(crate) async fn release(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.release_lease(key, owner).await,
            Self::File => Ok(()),
        }
    }
}
