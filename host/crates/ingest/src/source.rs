//! Sources of billing rows.
//!
//! A source returns complete raw documents. Sums, series and rules belong to different modules.

mod archived;
mod kakao;
pub mod options;
mod replay;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::options::SourceOptions;
use crate::archive::options::ArchiveOptions;
use crate::archive::{Archive, ArchiveError};
use jiff::Timestamp;
use jiff::civil::Date;
use model::bill::BillRow;
use model::count::counted;
use serde_json::value::RawValue;

pub use archived::Archived;
pub use kakao::{Kakao, KakaoOptions};
pub use replay::Replay;

/// All rows of one billing day in the provider's form.
#[derive(Debug)]
pub struct RawDocument {
    pub date: Date,
    /// Hour of a partial day's snapshot; `None` for a request of the whole day.
    pub hour: Option<u8>,
    /// Elements of `result.content`, byte for byte, in page order.
    pub rows: Vec<Box<RawValue>>,
    pub fetched_at: Timestamp,
    /// Parameters of the query, stored in `_metadata.apiParams`.
    pub api_params: serde_json::Map<String, serde_json::Value>,
}

impl RawDocument {
    /// Returns the neutral rows in the order of the document. An error is the reason for a refused row.
    pub fn bill_rows(&self) -> impl Iterator<Item = Result<BillRow, String>> {
        kakao::read_all(self)
    }
}

/// A source of raw documents.
#[derive(Debug)]
pub enum Source {
    Kakao(Box<Kakao>),
    Replay(Replay),
    Archived(Archived),
}

/// The result of a source test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    pub message: String,
    /// Time in the answer of the source.
    pub clock: Option<Timestamp>,
}

/// The clock of the source and the clock of this host at the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    pub theirs: Timestamp,
    pub ours: Timestamp,
}

/// The network traffic of a source since creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    pub calls: u64,
    /// Number of repeated calls after failures, included in `calls`.
    pub retries: u64,
    /// Number of calls without rows, included in `calls`.
    pub failed: u64,
    /// Total duration of the calls.
    pub time: Duration,
}

impl Source {
    /// # Errors
    /// An option is invalid. The error names the option.
    pub fn new(config: &SourceOptions, archive: &ArchiveOptions) -> Result<Self, SourceError> {
        match config {
            SourceOptions::Archive => Ok(Self::Archived(Archived::new(Archive::new(archive)))),
            SourceOptions::Kakao(options) => Ok(Self::Kakao(Box::new(Kakao::new(options.clone())?))),
            SourceOptions::Replay { directory } => Ok(Self::Replay(Replay::new(directory))),
        }
    }

    /// Fetches all rows of a day. With an hour, fetches the state of today at the hour.
    ///
    /// # Errors
    /// The rows are not completely available. A partial document is never returned.
    pub async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        match self {
            Self::Kakao(kakao) => kakao.fetch(date, hour, now).await,
            Self::Replay(replay) => replay.fetch(date, hour, now).await,
            Self::Archived(archived) => archived.fetch(date, hour, now).await,
        }
    }

    /// Tests the access to a day without a full fetch.
    ///
    /// # Errors
    /// The day cannot be fetched.
    pub async fn probe(&self, date: Date, now: Timestamp) -> Result<Probed, SourceError> {
        match self {
            Self::Kakao(kakao) => kakao.probe(date, now).await,
            Self::Replay(replay) => replay.probe(),
            Self::Archived(_) => Ok(Probed { message: "the archive itself".to_owned(), clock: None }),
        }
    }

    /// Returns the clocks at the last answer; `None` without a remote clock or before the first answer. `began` is the
    /// creation time of the source.
    pub fn clocks(&self, began: Timestamp) -> Option<Clocks> {
        match self {
            Self::Kakao(kakao) => kakao.clocks(began),
            Self::Replay(_) | Self::Archived(_) => None,
        }
    }

    pub fn traffic(&self) -> Traffic {
        match self {
            Self::Kakao(kakao) => kakao.traffic(),
            Self::Replay(_) | Self::Archived(_) => Traffic::default(),
        }
    }
}

/// A failure to fetch a day. Messages show the beginning of a body with redacted credentials.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
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
