//! The archive as a source: returns the documents of earlier fetches.

use jiff::Timestamp;
use jiff::civil::Date;

use super::SourceError;
use crate::archive::{Archive, DocumentKey};
use crate::document::RawDocument;

/// The archive of the config.
#[derive(Debug)]
pub struct ArchiveSource {
    archive: Archive,
}

impl ArchiveSource {
    pub fn new(archive: Archive) -> Self {
        Self { archive }
    }

    /// Reads the current document. With an hour, reads only the document of the hour, because a whole bill says nothing
    /// about an hour. A document without a fetch time gets the time `now`.
    pub(super) async fn fetch(&self, date: Date, hour: Option<u8>, now: Timestamp) -> Result<RawDocument, SourceError> {
        let key = DocumentKey::document(date, hour);
        let document = self.archive.document(&key, now).await?;
        document.ok_or_else(|| SourceError::NotInArchive {
            date,
            key: key.to_string(),
            location: self.archive.location(),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::Source;
    use super::*;
    use crate::archive::Directory;

    #[tokio::test]
    async fn archived_documents_are_returned() {
        let root = tempfile::tempdir().unwrap();
        let source = Source::Archive(ArchiveSource::new(Archive::Directory(Directory::new(root.path()))));
        let day = date(2026, 11, 22);
        let now = "2026-11-23T01:00:00Z".parse().unwrap();
        let path = root.path().join(DocumentKey::document(day, None).to_string());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, r#"{"result":{"content":[1,2]}}"#).unwrap();
        let document = source.fetch(day, None, now).await.unwrap();
        assert_eq!((document.rows.len(), document.fetched_at), (2, now));
        let error = source.fetch(day, Some(9), now).await.unwrap_err();
        let location = root.path().display();
        let key = "raw/year=2026/month=11/day=22/hour=09/billing_20261122_09.json";
        assert_eq!(
            error.to_string(),
            format!("no raw document of 2026-11-22 in the archive: expected {key} in {location}")
        );
        std::fs::write(&path, "{").unwrap();
        let message = source.fetch(day, None, now).await.unwrap_err().to_string();
        assert!(message.contains(&format!("billing_20261122.json in {location} is not a raw document")), "{message}");
    }
}
