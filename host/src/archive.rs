//! Where raw documents are kept, under the keys and in the form that the tutorial's pipeline gave them.
//!
//! Unchanged content is not written again, and changed content keeps its predecessor beside it. What the rows mean is
//! no business of this room.

mod directory;
mod document;
mod key;
mod s3;
mod spool;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use directory::Directory;
pub(crate) use document::{decode, write_content};
pub(crate) use key::document_key;
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
}
