//! The right to write, for a while: one owner at a time, by the server's clock.

use std::time::Duration;

use jiff::SignedDuration;

use super::StoreError;
use super::mongodb::Mongodb;

/// What a lease is on: job and period of a document in `job_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseKey {
    pub(crate) job: String,
    pub(crate) period: String,
}

/// Who has a lease after it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    Asker,
    Other { owner: String },
}

/// A lease that was taken and not given back, as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) key: LeaseKey,
    pub(crate) owner: String,
    /// Until it runs out; negative since it has, when its owner died or was held up.
    pub(crate) left: SignedDuration,
    /// Since it was taken or renewed; none where an older program took it.
    pub(crate) renewed: Option<SignedDuration>,
}

/// Who asks for a lease, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) key: &'a LeaseKey,
    /// Of one process, and of no other ever.
    pub(crate) owner: &'a str,
    pub(crate) length: Duration,
    /// How long it is kept for an asker who did not get it and asks again: whoever has it otherwise, and takes it again
    /// and again, would leave no chance to others.
    pub(crate) reserve: Duration,
}

/// Leases of a database, apart from the store, so that they can be renewed beside its work.
#[derive(Clone)]
pub(crate) enum Leases {
    Mongodb(Mongodb),
    /// Whoever has the file open is alone: the kernel sees to it, and ends it with the process.
    File,
}

impl Leases {
    /// Takes a lease that nobody has, that has run out, or that the asker has already.
    pub(crate) async fn take(&self, claim: Claim<'_>) -> Result<Holder, StoreError> {
        match self {
            Self::Mongodb(store) => store.take_lease(claim).await,
            Self::File => Ok(Holder::Asker),
        }
    }

    /// Makes a lease last anew; false where another has it.
    pub(crate) async fn renew(&self, claim: Claim<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Mongodb(store) => store.renew_lease(claim).await,
            Self::File => Ok(true),
        }
    }

    /// All that are taken; none where the kernel sees to it that there is one process at a time.
    pub(crate) async fn held(&self) -> Result<Option<Vec<Held>>, StoreError> {
        match self {
            Self::Mongodb(store) => store.held_leases().await.map(Some),
            Self::File => Ok(None),
        }
    }

    /// Gives a lease back; nothing happens where another has it.
    pub(crate) async fn release(&self, key: &LeaseKey, owner: &str) -> Result<(), StoreError> {
        match self {
            Self::Mongodb(store) => store.release_lease(key, owner).await,
            Self::File => Ok(()),
        }
    }
}
