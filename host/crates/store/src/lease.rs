//! Leases for a limited time: at most one owner holds a lease at a time, by the server's clock. The jobs decide when to
//! acquire a lease and when to renew the lease.

use std::time::Duration;

use jiff::SignedDuration;

/// The key of a lease: the job and period of a document in `job_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseKey {
    pub job: String,
    pub period: String,
}

/// A request of a process for a lease.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRequest<'a> {
    pub key: &'a LeaseKey,
    /// A name unique to the process, never reused.
    pub owner: &'a str,
    pub length: Duration,
    /// Time for which a refused process has priority after each request. Without the priority, an owner that releases
    /// and acquires the lease repeatedly would keep every other process waiting.
    pub reserve: Duration,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseGrant {
    Granted,
    /// Another process holds the lease. The owner is empty if the lease is free and reserved for another process.
    HeldBy {
        owner: String,
    },
}

/// An acquired and unreleased lease, by the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    pub key: LeaseKey,
    pub owner: String,
    /// Time until expiry; negative after the expiry, when the owner died or was delayed.
    pub left: SignedDuration,
    /// Time since the last renewal; `None` without a recorded renewal.
    pub renewed: Option<SignedDuration>,
}
