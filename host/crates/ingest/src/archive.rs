//! The archive of raw documents, with the keys and the format of the replaced pipeline.
//!
//! Unchanged content is not written again. A changed document keeps the previous document beside the new document. The
//! module does not interpret rows and ignores foreign keys.

mod directory;
mod encryption;
mod history;
mod key;
mod lifecycle;
pub mod options;
mod plans;
mod reports;
mod s3;
mod spool;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub use self::directory::Directory;
pub use self::encryption::{ObservedEncryption, RequestedEncryption};
pub use self::history::ArchivedEntry;
pub use self::key::{DocumentKey, document_key};
pub use self::lifecycle::{Lifecycle, LifecycleRules};
use self::options::ArchiveOptions;
pub use self::plans::ArchivedPlans;
pub use self::reports::ArchivedReport;
pub use self::s3::{S3, S3Options};
pub use self::spool::{DrainResult, Spool};
use crate::document::{self, RawDocument};

/// A location for raw documents.
#[derive(Debug)]
pub enum Archive {
    Directory(Directory),
    S3(S3),
}

/// The result of [`Archive::put`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutResult {
    /// The archive has the same rows already.
    Unchanged,
    /// The key was free before.
    Written { key: String },
    /// The key had different rows. The earlier document is now under the predecessor's key.
    Superseded { key: String, predecessor_key: String },
    /// The key has different rows with a later fetch time. This document is under the predecessor's key.
    Outdated { key: String, predecessor_key: String },
}

/// The archived documents by key, with sizes in bytes.
#[derive(Debug, Default)]
pub struct ArchiveListing {
    pub documents: BTreeMap<DocumentKey, u64>,
    /// Number of foreign items in the same folder.
    pub foreign: u64,
}

/// Length of the end of a document with the whole metadata. Very long metadata exceeds the limit.
const END_BYTES: u64 = 4_096;

/// A fixed key, so an interrupted check leaves at most one object.
const PROBE_KEY: &str = "costwarden-check.json";

impl Archive {
    pub fn new(config: &ArchiveOptions) -> Self {
        match config {
            ArchiveOptions::Directory { directory } => Self::Directory(Directory::new(directory)),
            ArchiveOptions::S3(options) => Self::S3(S3::new(options.clone())),
        }
    }

    /// Stores a document. The copy of the predecessor is complete before the key is overwritten: an interruption leaves
    /// both documents. A second put of the same document has no effect.
    ///
    /// # Errors
    /// The archive cannot be read or written. The message says what to check.
    pub async fn put(&self, document: &RawDocument, uploaded_at: Timestamp) -> Result<PutResult, ArchiveError> {
        let key = key::document_key(document.date, document.hour);
        let body = document::encode(document, Some(uploaded_at));
        let Some(existing) = self.read(&key).await? else {
            self.write(&key, body).await?;
            return Ok(PutResult::Written { key });
        };
        let digest = document::content_digest(&document.rows);
        let existing_content = document::decode(&existing).ok();
        // A broken document has no rows to compare. The digest of the bytes names the copy.
        let existing_digest = existing_content
            .as_ref()
            .map_or_else(|| document::bytes_digest(&existing), |content| document::content_digest(&content.rows));
        if existing_digest == digest {
            return Ok(PutResult::Unchanged);
        }
        // A delayed document must not replace a newer bill.
        let existing_fetched_at = existing_content.and_then(|content| content.fetched_at);
        if existing_fetched_at.is_some_and(|fetched_at| fetched_at > document.fetched_at) {
            let predecessor_key = key::predecessor_key(document.date, document.hour, &digest);
            self.write(&predecessor_key, body).await?;
            return Ok(PutResult::Outdated { key, predecessor_key });
        }
        let predecessor_key = key::predecessor_key(document.date, document.hour, &existing_digest);
        self.write(&predecessor_key, existing).await?;
        self.write(&key, body).await?;
        Ok(PutResult::Superseded { key, predecessor_key })
    }

    /// Lists all documents.
    ///
    /// # Errors
    /// The archive cannot be listed.
    pub async fn list(&self) -> Result<ArchiveListing, ArchiveError> {
        let keys = self.keys(key::ROOT).await?;
        let mut listing = ArchiveListing::default();
        for (key, bytes) in keys {
            match DocumentKey::parse(&key) {
                Some(key) => drop(listing.documents.insert(key, bytes)),
                None => listing.foreign += 1,
            }
        }
        Ok(listing)
    }

    /// Reads a document; `None` if the key is free. `default_fetched_at` replaces a missing fetch time.
    ///
    /// # Errors
    /// The archive cannot be read, or the content is not a raw document.
    pub async fn document(
        &self,
        key: &DocumentKey,
        default_fetched_at: Timestamp,
    ) -> Result<Option<RawDocument>, ArchiveError> {
        let text = key.to_string();
        let Some(body) = self.read(&text).await? else { return Ok(None) };
        match document::decode(&body) {
            Ok(content) => Ok(Some(content.into_document(key.date, key.hour, default_fetched_at))),
            Err(why) => Err(ArchiveError::Malformed { key: text, location: self.location(), why }),
        }
    }

    /// Returns the fetch time of a document with a size of `bytes`; `None` without a fetch time. The end of the
    /// document is usually enough.
    ///
    /// # Errors
    /// See [`Archive::document`].
    pub async fn fetched_at(&self, key: &DocumentKey, bytes: u64) -> Result<Option<Timestamp>, ArchiveError> {
        let text = key.to_string();
        let end = match self {
            Self::Directory(directory) => directory.read_end(&text, END_BYTES).await?,
            Self::S3(s3) => s3.read_end(&text, bytes, END_BYTES).await?,
        };
        if let Some(at) = end.and_then(|end| document::fetched_at_of_end(&end)) {
            return Ok(Some(at));
        }
        // Very long metadata does not fit into the end. The whole document has the time.
        let Some(body) = self.read(&text).await? else { return Ok(None) };
        match document::decode(&body) {
            Ok(content) => Ok(content.fetched_at),
            Err(why) => Err(ArchiveError::Malformed { key: text, location: self.location(), why }),
        }
    }

    /// Removes a document. A missing document is not an error.
    ///
    /// # Errors
    /// The document cannot be removed.
    pub async fn remove(&self, key: &DocumentKey) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.remove(&key.to_string()).await,
            Self::S3(s3) => s3.remove(&key.to_string()).await,
        }
    }

    /// Returns the current and the planned lifecycle rules of the archive.
    ///
    /// # Errors
    /// The archive has no lifecycle rules, or the rules cannot be read.
    pub async fn lifecycle_rules(&self, lifecycle: &Lifecycle) -> Result<LifecycleRules, ArchiveError> {
        match self {
            Self::Directory(directory) => Err(ArchiveError::NoLifecycle {
                location: directory.location().into(),
                why: "a folder has no rules and no storage classes".to_owned(),
            }),
            Self::S3(s3) => s3.lifecycle_rules(lifecycle).await,
        }
    }

    /// Applies the planned rules of [`Archive::lifecycle_rules`].
    ///
    /// # Errors
    /// The storage refuses the rules.
    pub async fn set_lifecycle_rules(&self, rules: &LifecycleRules) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(_) => unreachable!("a folder returns no rules"),
            Self::S3(s3) => s3.set_lifecycle_rules(rules).await,
        }
    }

    /// Returns the display name of the location.
    pub fn location(&self) -> Arc<str> {
        match self {
            Self::Directory(directory) => directory.location().into(),
            Self::S3(s3) => s3.location(),
        }
    }

    /// Tests whether the archive is reachable and usable.
    ///
    /// # Errors
    /// The archive is not usable. The message says what to check.
    pub async fn check(&self) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.check().await,
            Self::S3(s3) => s3.check().await,
        }
    }

    /// Tests whether the archive is reachable, without a write.
    ///
    /// # Errors
    /// The archive is not reachable. The message says what to check.
    pub async fn check_without_write(&self) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.check_without_write().await,
            Self::S3(s3) => s3.check().await,
        }
    }

    /// Tests whether documents can be written, read and removed. See [`Archive::probe_encryption`].
    ///
    /// # Errors
    /// The test fails. The message says what to check.
    pub async fn probe(&self) -> Result<(), ArchiveError> {
        self.probe_encryption().await.map(drop)
    }

    /// Tests whether documents can be written, read and removed, and returns the encryption of the test object. For a
    /// directory, the test equals [`Archive::check`]. For a bucket, the test writes, reads and removes an object.
    ///
    /// # Errors
    /// The test fails, or the test object does not have the encryption that the config requests. The message says what
    /// to check.
    pub async fn probe_encryption(&self) -> Result<ObservedEncryption, ArchiveError> {
        self.check().await?;
        let Self::S3(s3) = self else { return Ok(ObservedEncryption::Folder) };
        s3.write(PROBE_KEY, b"{}".to_vec()).await?;
        let encryption = s3.encryption(PROBE_KEY).await;
        s3.read(PROBE_KEY).await?;
        s3.remove(PROBE_KEY).await?;
        encryption
    }

    /// Returns the keys with a prefix, with sizes in bytes.
    async fn keys(&self, root: &'static str) -> Result<Vec<(String, u64)>, ArchiveError> {
        match self {
            Self::Directory(directory) => directory.list(root).await,
            Self::S3(s3) => s3.list(root).await,
        }
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self {
            Self::Directory(directory) => directory.read(key).await,
            Self::S3(s3) => s3.read(key).await,
        }
    }

    async fn write(&self, key: &str, body: Vec<u8>) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.write(key, body).await,
            Self::S3(s3) => s3.write(key, body).await,
        }
    }
}

/// A failure of an archive operation. A location is a bucket with an endpoint, or a folder.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("cannot {action} {path}: {why}; check that the folder exists, is writable and has space")]
    File { action: &'static str, path: PathBuf, why: io::Error },
    #[error("cannot {action} {key} in {location}: {why}; {hint}")]
    Object { action: &'static str, key: String, location: Arc<str>, why: String, hint: &'static str },
    #[error("cannot reach {location}: {why}; {hint}")]
    Bucket { location: Arc<str>, why: String, hint: &'static str },
    #[error(
        "{key} in {location} is not a raw document: expected JSON with an array at result.content: {why}; fetch the day \
         again, or move the document away"
    )]
    Malformed { key: String, location: Arc<str>, why: serde_json::Error },
    #[error(
        "{key} in {location} is not an entry of an incident's history ({why}): restore the object, or move it away"
    )]
    MalformedHistoryEntry { key: String, location: Arc<str>, why: serde_json::Error },
    #[error("{key} in {location} is not a silence or a planned event ({why}): restore the object, or move it away")]
    MalformedPlan { key: String, location: Arc<str>, why: String },
    #[error(
        "{key} in {location}: expected an object that is encrypted with {expected}, but {observed}; enable the encryption \
         of the bucket and remove archive.server_side_encryption, or use a storage that offers the encryption"
    )]
    OtherEncryption { key: String, location: Arc<str>, expected: String, observed: ObservedEncryption },
    #[error("{location} offers no lifecycle rules ({why}); delete old documents with `costwarden archive prune`")]
    NoLifecycle { location: Arc<str>, why: String },
}
