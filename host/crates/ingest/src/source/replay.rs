//! A directory tree of raw documents under the archive's keys, e.g. a copy of the bucket.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{ProbeResult, ReachedSource, SourceError};
use crate::archive::document_key;
use crate::document::{self, RawDocument};

/// The root of the tree.
#[derive(Debug, Clone)]
pub struct Replay {
    directory: PathBuf,
}

impl Replay {
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    pub(super) fn probe(&self) -> Result<ProbeResult, SourceError> {
        match fs::read_dir(&self.directory) {
            Ok(_) => Ok(ProbeResult { reached: ReachedSource::Folder(self.directory.clone()), clock: None }),
            Err(why) => Err(SourceError::Unreadable { path: self.directory.clone(), why }),
        }
    }

    /// Reads the requested hour's document if present, otherwise the day's document. A document without a fetch time
    /// gets the time `now`.
    pub(super) async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        let day_path = self.directory.join(document_key(date, None));
        let hour_path = hour.map(|hour| self.directory.join(document_key(date, Some(hour))));
        let reading = tokio::task::spawn_blocking(move || {
            for path in hour_path.iter().chain([&day_path]) {
                if let Some(body) = read(path)? {
                    return document::decode(&body).map_err(|why| SourceError::Malformed { path: path.clone(), why });
                }
            }
            Err(SourceError::NoDocument { date, path: day_path })
        });
        match reading.await {
            Ok(content) => Ok(content?.into_document(date, hour, now)),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, SourceError> {
    match fs::read(path) {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(SourceError::Unreadable { path: path.to_owned(), why }),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::Source;
    use super::*;

    fn tree(documents: &[(Option<u8>, &str)]) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().unwrap();
        for (hour, body) in documents {
            let path = folder.path().join(document_key(date(2026, 11, 22), *hour));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, body).unwrap();
        }
        let source = Source::Replay(Replay::new(folder.path()));
        (folder, source)
    }

    async fn fetch(source: &Source, hour: Option<u8>) -> Result<RawDocument, SourceError> {
        source.fetch(date(2026, 11, 22), hour, "2026-11-23T01:00:00Z".parse().unwrap()).await
    }

    #[tokio::test]
    async fn the_document_of_the_hour_is_preferred() {
        let day = r#"{"result":{"content":[{"a": 1.0},2]},"_metadata":{"fetchedAt":"2026-11-22T15:10:00Z"}}"#;
        let (_folder, source) = tree(&[(None, day), (Some(10), r#"{"result":{"content":[]}}"#)]);
        let whole = fetch(&source, None).await.unwrap();
        assert_eq!(whole.rows.iter().map(|row| row.get()).collect::<Vec<_>>(), [r#"{"a": 1.0}"#, "2"]);
        assert_eq!(whole.fetched_at, "2026-11-22T15:10:00Z".parse().unwrap());
        let at_ten = fetch(&source, Some(10)).await.unwrap();
        assert_eq!((at_ten.rows.len(), at_ten.hour), (0, Some(10)));
        assert_eq!(at_ten.fetched_at, "2026-11-23T01:00:00Z".parse().unwrap());
        assert_eq!(fetch(&source, Some(11)).await.unwrap().rows.len(), 2);
    }

    #[tokio::test]
    async fn a_missing_document_is_named() {
        let (folder, source) = tree(&[]);
        let error = fetch(&source, Some(3)).await.unwrap_err();
        assert!(matches!(error, SourceError::NoDocument { .. }));
        let path = folder.path().join("raw/year=2026/month=11/day=22/billing_20261122.json");
        assert_eq!(error.to_string(), format!("no raw document of 2026-11-22: expected {}", path.display()));
    }

    #[tokio::test]
    async fn a_malformed_document_is_named() {
        let (folder, source) = tree(&[(None, r#"{"result":{"content":{}}}"#)]);
        let message = fetch(&source, None).await.unwrap_err().to_string();
        let path = folder.path().join("raw/year=2026/month=11/day=22/billing_20261122.json");
        assert_eq!(
            message,
            format!(
                "{} is not a raw document: expected JSON with an array at result.content: invalid type: map, expected \
                 a sequence at line 1 column 21",
                path.display()
            )
        );
    }
}
