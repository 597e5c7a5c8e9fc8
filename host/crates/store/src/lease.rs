//! Leases for a limited time: at most one owner holds a lease at a time, by the server's clock. The jobs decide when to
//! take a lease and when to renew it.

use std::time::Duration;

use jiff::SignedDuration;

use super::StoreError;
use super::mongodb::Mongodb;

/// The subject of a lease: the job and period of a document in `job_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseKey {
    pub job: String,
    pub period: String,
}

/// The holder of a lease after a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Asker,
    Other { owner: String },
}

/// A taken and unreleased lease, by the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    pub key: LeaseKey,
    pub owner: String,
    /// Time until expiry; negative after the expiry, when the owner died or was delayed.
    pub left: SignedDuration,
    /// Time since the last renewal; `None` if an older version took the lease.
    pub renewed: Option<SignedDuration>,
}

/// A request of a process for a lease.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub key: &'a LeaseKey,
    /// A name unique to the process, never reused.
    pub owner: &'a str,
    pub length: Duration,
    /// Time for which a refused claimant has priority after each claim. Without the priority, a holder that releases
    /// and retakes the lease repeatedly would keep every other process waiting.
    pub reserve: Duration,
}

/// The leases of a database, separate from the store, to allow a renewal in parallel with the store's work.
#[derive(Clone)]
pub enum Leases {
    Mongodb(Mongodb),
    /// No leases. The kernel locks the open file for a single process, and unlocks the file when the process ends.
    File,
}

impl Leases {
    /// Takes a lease if the lease is free, expired or already held by the claimant.
    pub async fn take(&self, claim: Claim<'_>) -> Result<Holder, StoreError> {
        match self {
            Self::Mongodb(store) => store.take_lease(claim).await,
            Self::File => Ok(Holder::Asker),
        }
    }

    /// Extends a lease; returns false if another process holds the lease.
    pub async fn renew(&self, claim: Claim<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Mongodb(store) => store.renew_lease(claim).await,
            Self::File => Ok(true),
        }
    }

    /// Returns all taken leases, or `None` for a database that the kernel locks for a single process.
    pub async fn held(&self) -> Result<Option<Vec<HeldLease>>, StoreError> {
        match self {
            Self::Mongodb(store) => store.held_leases().await.map(Some),
            Self::File => Ok(None),
        }
    }

    /// Releases a lease. Changes nothing if another process holds the lease.
    pub async fn release(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.release_lease(key, owner).await,
            Self::File => Ok(()),
        }
    }
}
