//! Where raw documents are kept, under the keys and in the form that the tutorial's pipeline gave them.
//!
//! Unchanged content is not written again, and changed content keeps its predecessor beside it. What the rows mean is
//! no business of this room, nor is anything under a key that is not ours.

mod directory;
mod document;
mod key;
mod lifecycle;
mod s3;
mod spool;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use directory::Directory;
pub(crate) use document::{decode, write_content};
pub(crate) use key::{Key, document_key};
pub(crate) use lifecycle::{Lifecycle, Rules};
pub(crate) use s3::{S3, S3Options};
pub(crate) use spool::{Drained, Spool};

use crate::config::ArchiveConfig;
use crate::source::RawDocument;

/// A place for raw documents.
#[derive(Debug)]
pub(crate) enum Archive {
    Directory(Directory),
    S3(S3),
}

/// What became of a document that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stored {
    /// The archive holds the same rows already.
    Unchanged,
    /// Nothing was there before.
    Written { key: String },
    /// Other rows were there; they are kept under the predecessor's key.
    Superseded { key: String, predecessor_key: String },
    /// Other rows that were fetched later are there; this document is kept beside them.
    Outdated { key: String, predecessor_key: String },
}

/// What is kept: the documents by their keys, with their sizes in bytes.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) documents: BTreeMap<Key, u64>,
    /// Things below the same folder that are nothing of ours.
    pub(crate) foreign: u64,
}

/// Bytes at the end of a document that hold its metadata, but for very long ones.
const END_BYTES: u64 = 4_096;

/// Always the same key, so that no more than one is left where a check is ended in the middle.
const PROBE: &str = "costwarden-check.json";

impl Archive {
    pub(crate) fn new(config: &ArchiveConfig) -> Self {
        match config {
            ArchiveConfig::Directory { directory } => Self::Directory(Directory::new(directory)),
            ArchiveConfig::S3(options) => Self::S3(S3::new(options.clone())),
        }
    }

    /// Keeps a document. The predecessor's copy is complete before the key is overwritten, so that a kill between
    /// leaves both; putting the same document again is harmless.
    ///
    /// # Errors
    /// The place could not be read or written, with what to check.
    pub(crate) async fn put(&self, document: &RawDocument, uploaded_at: Timestamp) -> Result<Stored, ArchiveError> {
        let key = key::document_key(document.date, document.hour);
        let body = document::encode(document, Some(uploaded_at));
        let Some(existing) = self.read(&key).await? else {
            self.write(&key, body).await?;
            return Ok(Stored::Written { key });
        };
        let digest = document::content_digest(&document.rows);
        let (existing_digest, existing_fetched_at) = match document::decode(&existing) {
            Ok(contents) => (document::content_digest(&contents.rows), contents.fetched_at),
            Err(_) => (document::bytes_digest(&existing), None),
        };
        if existing_digest == digest {
            return Ok(Stored::Unchanged);
        }
        if existing_fetched_at.is_some_and(|fetched_at| fetched_at > document.fetched_at) {
            let predecessor_key = key::predecessor_key(document.date, document.hour, &digest);
            self.write(&predecessor_key, body).await?;
            return Ok(Stored::Outdated { key, predecessor_key });
        }
        let predecessor_key = key::predecessor_key(document.date, document.hour, &existing_digest);
        self.write(&predecessor_key, existing).await?;
        self.write(&key, body).await?;
        Ok(Stored::Superseded { key, predecessor_key })
    }

    /// Everything that is kept.
    ///
    /// # Errors
    /// The place could not be listed.
    pub(crate) async fn list(&self) -> Result<Listing, ArchiveError> {
        let keys = match self {
            Self::Directory(directory) => directory.list().await?,
            Self::S3(s3) => s3.list().await?,
        };
        let mut listing = Listing::default();
        for (key, bytes) in keys {
            match Key::parse(&key) {
                Some(key) => drop(listing.documents.insert(key, bytes)),
                None => listing.foreign += 1,
            }
        }
        Ok(listing)
    }

    /// A document; none where there is none. Where it does not say when it was fetched, `otherwise` stands for that.
    ///
    /// # Errors
    /// The place could not be read, or what is kept there is no raw document.
    pub(crate) async fn document(&self, key: &Key, otherwise: Timestamp) -> Result<Option<RawDocument>, ArchiveError> {
        let text = key.to_string();
        let Some(body) = self.read(&text).await? else { return Ok(None) };
        match document::decode(&body) {
            Ok(document::Contents { rows, fetched_at, api_params }) => Ok(Some(RawDocument {
                date: key.date,
                hour: key.hour,
                rows,
                fetched_at: fetched_at.unwrap_or(otherwise),
                api_params,
            })),
            Err(why) => Err(ArchiveError::Malformed { key: text, place: self.place(), why }),
        }
    }

    /// When a document of so many bytes was fetched; none where it does not say. Mostly its end is enough to tell.
    ///
    /// # Errors
    /// As [`Archive::document`].
    pub(crate) async fn fetched_at(&self, key: &Key, bytes: u64) -> Result<Option<Timestamp>, ArchiveError> {
        let text = key.to_string();
        let end = match self {
            Self::Directory(directory) => directory.read_end(&text, END_BYTES).await?,
            Self::S3(s3) => s3.read_end(&text, bytes, END_BYTES).await?,
        };
        if let Some(at) = end.and_then(|end| document::fetched_at_of_end(&end)) {
            return Ok(Some(at));
        }
        let Some(body) = self.read(&text).await? else { return Ok(None) };
        let contents = document::decode(&body);
        let contents = contents.map_err(|why| ArchiveError::Malformed { key: text, place: self.place(), why })?;
        Ok(contents.fetched_at)
    }

    /// Removes a document; that it is gone already is as good.
    ///
    /// # Errors
    /// It could not be removed.
    pub(crate) async fn remove(&self, key: &Key) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.remove(&key.to_string()).await,
            Self::S3(s3) => s3.remove(&key.to_string()).await,
        }
    }

    /// The lifecycle rules of the place as they are, and as they would be.
    ///
    /// # Errors
    /// The place has no lifecycle rules, or they cannot be read.
    pub(crate) async fn rules(&self, lifecycle: &Lifecycle) -> Result<Rules, ArchiveError> {
        match self {
            Self::Directory(directory) => Err(ArchiveError::NoLifecycle {
                place: directory.place().into(),
                why: "a folder has neither rules nor storage classes".to_owned(),
            }),
            Self::S3(s3) => s3.rules(lifecycle).await,
        }
    }

    /// Sets what [`Archive::rules`] gave.
    ///
    /// # Errors
    /// They were not taken.
    pub(crate) async fn set_rules(&self, rules: &Rules) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(_) => unreachable!("a folder gives no rules"),
            Self::S3(s3) => s3.set_rules(rules).await,
        }
    }

    /// What people know the place by.
    pub(crate) fn place(&self) -> Arc<str> {
        match self {
            Self::Directory(directory) => directory.place().into(),
            Self::S3(s3) => s3.place(),
        }
    }

    /// Whether the place can be reached and used.
    ///
    /// # Errors
    /// It cannot, with what to check.
    pub(crate) async fn check(&self) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.check().await,
            Self::S3(s3) => s3.check().await,
        }
    }

    /// Whether the place can be reached, without trying to write there.
    ///
    /// # Errors
    /// It cannot, with what to check.
    pub(crate) async fn look(&self) -> Result<(), ArchiveError> {
        match self {
            Self::Directory(directory) => directory.look().await,
            Self::S3(s3) => s3.check().await,
        }
    }

    /// Whether documents can be written, read and removed there. Of a directory that is what [`Archive::check`] does; of
    /// a bucket, it is tried with an object that is gone afterwards.
    ///
    /// # Errors
    /// They cannot, with what to check.
    pub(crate) async fn probe(&self) -> Result<(), ArchiveError> {
        self.check().await?;
        if let Self::S3(s3) = self {
            s3.write(PROBE, b"{}".to_vec()).await?;
            s3.read(PROBE).await?;
            s3.remove(PROBE).await?;
        }
        Ok(())
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

/// A document could not be kept or looked at. A place is a bucket and its endpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("cannot {action} {path}: {why}; check that the folder exists, is writable and has space")]
    File { action: &'static str, path: PathBuf, why: io::Error },
    #[error("cannot {action} {key} in {place}: {why}; {hint}")]
    Object { action: &'static str, key: String, place: Arc<str>, why: String, hint: &'static str },
    #[error("cannot reach {place}: {why}; {hint}")]
    Bucket { place: Arc<str>, why: String, hint: &'static str },
    #[error(
        "{key} in {place} is not a raw document: expected JSON with an array at result.content: {why}; fetch its day again, or move it away"
    )]
    Malformed { key: String, place: Arc<str>, why: serde_json::Error },
    #[error("{place} offers no lifecycle rules ({why}): costwarden archive prune deletes by hand what is old enough")]
    NoLifecycle { place: Arc<str>, why: String },
}
