//! The store: MongoDB or an embedded database, with the same documents in both.
//!
//! Every write is a keyed upsert in bulk. A repeated call leaves the same documents, except for the timestamps and the
//! run id. The store does not decide which days or series to read or write.

mod access;
pub mod checkpoint;
mod documents;
mod embedded;
mod error;
pub mod failpoint;
mod latency;
mod lease;
mod leases;
mod mongodb;
pub mod options;
mod records;
mod store;

#[cfg(test)]
mod conformance;

pub use self::access::{Access, Rights};
pub use self::embedded::{Embedded, KeyRanges};
pub use self::error::StoreError;
pub use self::latency::{CallTotals, Operation};
pub use self::lease::{HeldLease, LeaseGrant, LeaseKey, LeaseRequest};
pub use self::leases::Leases;
pub use self::mongodb::{MongodbOptions, insecure_tls_option, unencrypted_hosts};
pub use self::records::{
    AnomalyKey, AnomalyRecord, Baseline, DailyRecord, DateRange, Fit, FitRequest, FitState, IncidentWrite,
    OperationalNotification, RunRecord,
};
pub use self::store::{COLLECTIONS_WITHOUT_BILLS, Store};
