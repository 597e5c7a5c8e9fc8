//! The MongoDB database: the collections of the replaced pipeline, with the same documents and indexes, and
//! costwarden's additional collections.
//!
//! Connects to the server, reads in batches and writes in bulk. The content of the documents belongs to
//! [`crate::documents`].

mod answer;
mod collector;
mod connect;
mod days;
mod history;
mod hours;
mod indexes;
mod lease;
mod options;
mod plans;
mod read;
mod restatements;
mod results;
mod rights;
mod runs;
mod write;

use std::time::Duration;

use model::run_id::RunId;
use mongodb::Database;

pub use self::options::{MongodbOptions, insecure_tls_option, unencrypted_hosts};
use crate::latency::Latency;

/// A connected database.
#[derive(Clone)]
pub struct Mongodb {
    database: Database,
    /// The servers' addresses without credentials, for messages.
    hosts: String,
    /// Name of the replica set in the connection string.
    replica_set: Option<String>,
    selection_timeout: Duration,
    timeout: Duration,
    /// The id of the writing run; `None` for reading.
    run: Option<RunId>,
    pub(crate) latency: Latency,
}
