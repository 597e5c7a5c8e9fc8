//! The leases of an open database.

use crate::error::StoreError;
use crate::lease::{HeldLease, LeaseGrant, LeaseKey, LeaseRequest};
use crate::mongodb::Mongodb;

/// The leases of a database, separate from the store, to allow a renewal in parallel with the store's work.
#[derive(Clone)]
pub enum Leases {
    Mongodb(Mongodb),
    /// No leases. The kernel locks the open file for a single process, and unlocks the file when the process ends.
    File,
}

impl Leases {
    /// Acquires a lease if the lease is free, expired or already held by the requesting process.
    pub async fn acquire(&self, request: LeaseRequest<'_>) -> Result<LeaseGrant, StoreError> {
        match self {
            Self::Mongodb(store) => store.acquire_lease(request).await,
            Self::File => Ok(LeaseGrant::Granted),
        }
    }

    /// Extends a lease; returns false if another process holds the lease.
    pub async fn renew(&self, request: LeaseRequest<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Mongodb(store) => store.renew_lease(request).await,
            Self::File => Ok(true),
        }
    }

    /// Releases a lease. Changes nothing if another process holds the lease.
    pub async fn release(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.release_lease(key, owner).await,
            Self::File => Ok(()),
        }
    }

    /// Returns all held leases, or `None` for a database that the kernel locks for a single process.
    pub async fn list(&self) -> Result<Option<Vec<HeldLease>>, StoreError> {
        match self {
            Self::Mongodb(store) => store.held_leases().await.map(Some),
            Self::File => Ok(None),
        }
    }
}
