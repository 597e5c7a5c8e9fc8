//! Sources of billing rows.
//!
//! A source returns complete raw documents. Sums, series and rules belong to different modules.

mod archive;
mod kakao;
pub mod options;
mod replay;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use model::bill::BillRow;
use model::language::Language;
use model::ledger::RefusedBillRow;

pub use self::archive::ArchiveSource;
pub use self::kakao::{Kakao, KakaoError, KakaoOptions};
use self::options::SourceOptions;
pub use self::replay::Replay;
use crate::archive::options::ArchiveOptions;
use crate::archive::{Archive, ArchiveError};
use crate::document::{self, RawDocument};

/// A source of raw documents.
#[derive(Debug)]
pub enum Source {
    Kakao(Box<Kakao>),
    Replay(Replay),
    Archive(ArchiveSource),
}

/// The result of a source test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    pub reached: ReachedSource,
    /// Time in the answer of the source.
    pub clock: Option<Timestamp>,
}

/// The source of a successful test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachedSource {
    /// Address of the billing API.
    Api(String),
    /// Folder of raw documents.
    Folder(PathBuf),
    Archive,
}

impl ReachedSource {
    /// Returns the statement about the source for people.
    pub fn text(&self, language: Language) -> String {
        match (language, self) {
            (Language::Korean, Self::Api(url)) => format!("{url}: 빌링 API가 액세스 키를 받아들였습니다"),
            (Language::English, Self::Api(url)) => format!("the billing API at {url} accepts the credentials"),
            (Language::Korean, Self::Folder(folder)) => format!("{}: 읽을 수 있습니다", folder.display()),
            (Language::English, Self::Folder(folder)) => format!("{}: readable", folder.display()),
            (Language::Korean, Self::Archive) => "같은 설정의 보관소".to_owned(),
            (Language::English, Self::Archive) => "the archive of the same config".to_owned(),
        }
    }
}

/// The clock of the source and the clock of this host at the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    pub remote: Timestamp,
    pub local: Timestamp,
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
            SourceOptions::Archive => Ok(Self::Archive(ArchiveSource::new(Archive::new(archive)))),
            SourceOptions::Kakao(options) => Ok(Self::Kakao(Box::new(Kakao::new(options.clone())?))),
            SourceOptions::Replay { directory } => Ok(Self::Replay(Replay::new(directory))),
        }
    }

    /// Fetches all rows of a day. With an hour, fetches the state of today at the hour. The problems of the document name
    /// repeated rows, and a number of rows that differs from the number in the answers of the source.
    ///
    /// # Errors
    /// A page, or the document, is not available. A document without the rows of a failed page is never returned.
    pub async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        let mut document = match self {
            Self::Kakao(kakao) => kakao.fetch(date, hour, now).await?,
            Self::Replay(replay) => replay.fetch(date, hour, now).await?,
            Self::Archive(archive) => archive.fetch(date, hour, now).await?,
        };
        document.problems.extend(document::repeated_rows(&document.rows));
        Ok(document)
    }

    /// Returns whether the source has a row of a day. The API is asked for one row, in at most five attempts.
    ///
    /// # Errors
    /// The source cannot answer. A day without a bill is not an error.
    pub async fn has_bill(&self, date: Date, now: Timestamp) -> Result<bool, SourceError> {
        let fetched = match self {
            Self::Kakao(kakao) => return kakao.has_bill(date, now).await,
            Self::Replay(replay) => replay.fetch(date, None, now).await,
            Self::Archive(archive) => archive.fetch(date, None, now).await,
        };
        match fetched {
            Ok(document) => Ok(!document.rows.is_empty()),
            Err(SourceError::NoDocument { .. } | SourceError::NotInArchive { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tests the access to a day without a full fetch.
    ///
    /// # Errors
    /// The day cannot be fetched.
    pub async fn probe(&self, date: Date, now: Timestamp) -> Result<ProbeResult, SourceError> {
        match self {
            Self::Kakao(kakao) => kakao.probe(date, now).await,
            Self::Replay(replay) => replay.probe(),
            Self::Archive(_) => Ok(ProbeResult { reached: ReachedSource::Archive, clock: None }),
        }
    }

    /// Returns the clocks at the last answer; `None` without a remote clock or before the first answer. `created_at` is
    /// the creation time of the source.
    pub fn clocks(&self, created_at: Timestamp) -> Option<Clocks> {
        match self {
            Self::Kakao(kakao) => kakao.clocks(created_at),
            Self::Replay(_) | Self::Archive(_) => None,
        }
    }

    pub fn traffic(&self) -> Traffic {
        match self {
            Self::Kakao(kakao) => kakao.traffic(),
            Self::Replay(_) | Self::Archive(_) => Traffic::default(),
        }
    }
}

/// Returns the neutral rows of a raw document in order. A row in another currency is refused.
///
/// All raw documents have the rows of Kakao Cloud. A document names no row format. The first source with a different row
/// format writes the name of the format into the key `rowFormat` of [`RawDocument::api_params`], which the archive keeps,
/// and this function then selects the conversion: a document without the key has the rows of Kakao Cloud.
pub fn bill_rows(document: &RawDocument, currency: &str) -> impl Iterator<Item = Result<BillRow, RefusedBillRow>> {
    kakao::bill_rows(document, currency)
}

/// A failure to fetch a day.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Kakao(#[from] KakaoError),
    #[error("no raw document of {date}: expected {path}")]
    NoDocument { date: Date, path: PathBuf },
    #[error("no raw document of {date} in the archive: expected {key} in {location}")]
    NotInArchive { date: Date, key: String, location: Arc<str> },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("{path} is not a raw document: expected JSON with an array at result.content: {why}")]
    Malformed { path: PathBuf, why: serde_json::Error },
    #[error("cannot read {path}: {why}")]
    Unreadable { path: PathBuf, why: std::io::Error },
}
