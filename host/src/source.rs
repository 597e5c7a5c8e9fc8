//! Where billing rows come from.
//!
//! A source gives whole raw documents and knows nothing of sums, series or rules.

mod archived;
mod kakao;
mod replay;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::{Archive, ArchiveError};
use crate::config::{ArchiveConfig, SourceConfig};
use crate::count::counted;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::value::RawValue;

pub(crate) use archived::Archived;
pub(crate) use kakao::{Kakao, KakaoOptions, RetryOptions};
pub(crate) use replay::Replay;

/// All rows of one billing day, as the provider gave them.
#[derive(Debug)]
pub(crate) struct RawDocument {
    pub(crate) date: Date,
    /// The hour of a partial day's snapshot; none for a day asked for as a whole.
    pub(crate) hour: Option<u8>,
    /// The elements of `result.content`, byte for byte, in the order of the pages.
    pub(crate) rows: Vec<Box<RawValue>>,
    pub(crate) fetched_at: Timestamp,
    /// The query that was sent, kept in `_metadata.apiParams`.
    pub(crate) api_params: serde_json::Map<String, serde_json::Value>,
}

/// Gives the raw document of a day.
#[derive(Debug)]
pub(crate) enum Source {
    Kakao(Box<Kakao>),
    Replay(Replay),
    Archived(Archived),
}

/// What a source said when it was tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) message: String,
    /// The time that it told with its answer.
    pub(crate) clock: Option<Timestamp>,
}

/// What time it was when a source answered, by its clock and by this host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    pub(crate) theirs: Timestamp,
    pub(crate) ours: Timestamp,
}

/// What a source has asked of a network since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Traffic {
    pub(crate) calls: u64,
    /// The calls among them that repeated one that failed.
    pub(crate) retries: u64,
    /// The calls among them that gave no rows.
    pub(crate) failed: u64,
    /// What the calls took.
    pub(crate) time: Duration,
}

impl Source {
    /// # Errors
    /// An option is not usable; it is named.
    pub(crate) fn new(config: &SourceConfig, archive: &ArchiveConfig) -> Result<Self, SourceError> {
        match config {
            SourceConfig::Archive => Ok(Self::Archived(Archived::new(Archive::new(archive)))),
            SourceConfig::Kakao(options) => Ok(Self::Kakao(Box::new(Kakao::new(options.clone())?))),
            SourceConfig::Replay { directory } => Ok(Self::Replay(Replay::new(directory))),
        }
    }

    /// All rows of a day; with an hour, of today as it stands at that hour.
    ///
    /// # Errors
    /// The rows cannot be had in full: a partial document is never given.
    pub(crate) async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        match self {
            Self::Kakao(kakao) => kakao.fetch(date, hour, now).await,
            Self::Replay(replay) => replay.fetch(date, hour, now).await,
            Self::Archived(archived) => archived.fetch(date, hour, now).await,
        }
    }

    /// Whether a day could be fetched, without fetching it.
    ///
    /// # Errors
    /// It could not be.
    pub(crate) async fn probe(&self, date: Date, now: Timestamp) -> Result<Probed, SourceError> {
        match self {
            Self::Kakao(kakao) => kakao.probe(date, now).await,
            Self::Replay(replay) => replay.probe(),
            Self::Archived(_) => Ok(Probed { message: "the archive itself".to_owned(), clock: None }),
        }
    }

    /// None where it has none, or has not told it yet. `began` is when the source was made.
    pub(crate) fn clocks(&self, began: Timestamp) -> Option<Clocks> {
        match self {
            Self::Kakao(kakao) => kakao.clocks(began),
            Self::Replay(_) | Self::Archived(_) => None,
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        match self {
            Self::Kakao(kakao) => kakao.traffic(),
            Self::Replay(_) | Self::Archived(_) => Traffic::default(),
        }
    }
}

/// A day's rows could not be had. Bodies are shown from their beginning, credentials in them redacted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("source.{key}: expected {expected}: {why}")]
    Options { key: &'static str, expected: &'static str, why: String },
    #[error(
        "the billing API at {url} refused the credentials with {status}: check source.credential_id and \
         source.credential_secret"
    )]
    Refused { url: String, status: u16 },
    #[error("the billing API at {url} is not trusted: {why}; check source.ca_file and the host in source.endpoint")]
    Distrusted { url: String, why: String },
    #[error("the billing API at {url} answered {status} for {date}, which trying again does not change: {body}")]
    Rejected { url: String, date: Date, status: u16, body: String },
    #[error(
        "the billing API at {url} gave no page {page} of {date} in {}; the last one: {why}; run the job again once the \
         API answers, or raise source.attempts", counted(*attempts, "attempt")
    )]
    Exhausted { url: String, date: Date, page: u32, attempts: u32, why: String },
    #[error(
        "the billing API at {url} gave no page {page} of {date} in {}, and this run has no time for \
         more: {failed} of its {} failed, which took {seconds} s of source.retry_seconds = {budget}; the \
         last one: {why}; run the job again once the API answers, or raise source.retry_seconds",
        counted(*attempts, "attempt"),
        counted(*calls, "request")
    )]
    Spent {
        url: String,
        date: Date,
        page: u32,
        attempts: u32,
        calls: u64,
        failed: u64,
        seconds: u64,
        budget: u64,
        why: String,
    },
    #[error(
        "page {page} of {date} from {url} is not the expected shape: expected an array at result.content: {why}; the \
         body begins with: {body}"
    )]
    Shape { url: String, date: Date, page: u32, why: String, body: String },
    #[error(
        "page {page} of {date} from {url} is the same as the page before it: expected other rows or a last page with \
         fewer than {size}"
    )]
    Repeated { url: String, date: Date, page: u32, size: u32 },
    #[error(
        "the pages of {date} from {url} do not end: {pages} full pages of {size} rows; raise source.max_pages if the \
         bill is that long"
    )]
    Endless { url: String, date: Date, pages: u32, size: u32 },
    #[error("no raw document of {date}: expected {path}")]
    NotThere { date: Date, path: PathBuf },
    #[error("no raw document of {date} in the archive: expected {key} in {place}")]
    NotArchived { date: Date, key: String, place: Arc<str> },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("{path} is not a raw document: expected JSON with an array at result.content: {why}")]
    Malformed { path: PathBuf, why: serde_json::Error },
    #[error("cannot read {path}: {why}")]
    Unreadable { path: PathBuf, why: std::io::Error },
}
