//! The disk spool for documents during an archive outage.
//!
//! Each document is one file. The name contains the key, the fetch time and the content digest. Therefore documents of
//! the same key stay separate and ordered. A file is removed only after the upload, so an interrupted upload is
//! repeated.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use super::directory::{blocking, files_below, write_atomically};
use super::{Archive, ArchiveError, PutResult, key};
use crate::document::{self, RawDocument};

/// The folder `spool` of the state directory.
#[derive(Debug, Clone)]
pub struct Spool {
    root: PathBuf,
}

/// The result of [`Spool::drain`].
#[derive(Debug, Default)]
pub struct DrainResult {
    /// Number of newly uploaded documents.
    pub uploaded: u64,
    /// Number of documents already in the archive.
    pub unchanged: u64,
    /// Number of documents that remain for the next run.
    pub remaining: u64,
    /// Foreign or unreadable files, left in place.
    pub unreadable: Vec<PathBuf>,
    /// The reason for the remaining documents.
    pub error: Option<ArchiveError>,
}

impl Spool {
    pub fn new(state_directory: &Path) -> Self {
        Self { root: state_directory.join("spool") }
    }

    /// Stores a document until [`Spool::drain`] and returns the path.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn put(&self, document: &RawDocument) -> Result<PathBuf, ArchiveError> {
        let path = self.root.join(key::folder(document.date, document.hour)).join(file_name(document));
        let body = document::encode(document, None);
        blocking(move || match write_atomically(&path, &body) {
            Ok(()) => Ok(path),
            Err(why) => Err(ArchiveError::File { action: "write", path, why }),
        })
        .await
    }

    /// Returns the number of waiting documents.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn count(&self) -> Result<u64, ArchiveError> {
        let root = self.root.clone();
        Ok(blocking(move || files_below(&root)).await?.len() as u64)
    }

    /// Uploads the spooled documents, oldest first. Stops at the first failure: the archive is probably still down, and
    /// an older document must not follow a newer document.
    ///
    /// # Errors
    /// The folder cannot be read, or a file cannot be removed. An archive failure is reported in [`DrainResult`].
    pub async fn drain(&self, archive: &Archive, now: Timestamp) -> Result<DrainResult, ArchiveError> {
        let root = self.root.clone();
        let mut result = DrainResult::default();
        let mut waiting = Vec::new();
        for path in blocking(move || files_below(&root)).await? {
            match path.file_name().and_then(|name| parse_file_name(name.to_str()?)) {
                Some(name) => waiting.push((path, name)),
                None => result.unreadable.push(path),
            }
        }
        waiting.sort_by_key(|(_, name)| name.fetched_at);
        let mut waiting = waiting.into_iter();
        while let Some((path, name)) = waiting.next() {
            let Some(document) = read_document(path.clone(), name).await? else {
                result.unreadable.push(path);
                continue;
            };
            match archive.put(&document, now).await {
                Ok(PutResult::Unchanged) => result.unchanged += 1,
                Ok(_) => result.uploaded += 1,
                Err(error) => {
                    result.remaining = 1 + waiting.len() as u64;
                    result.error = Some(error);
                    break;
                }
            }
            blocking(move || remove(path)).await?;
        }
        Ok(result)
    }
}

struct SpoolName {
    date: Date,
    hour: Option<u8>,
    fetched_at: Timestamp,
}

/// Returns `billing_20261122.<nanoseconds since 1970>.<digest>.json`.
fn file_name(document: &RawDocument) -> String {
    let digest = document::content_digest(&document.rows);
    let stem = key::stem(document.date, document.hour);
    // The zero padding keeps names of the same key in time order.
    format!("{stem}.{:020}.{}.json", document.fetched_at.as_nanosecond(), &digest[..12])
}

fn parse_file_name(name: &str) -> Option<SpoolName> {
    let mut parts = name.strip_suffix(".json")?.split('.');
    let (date, hour) = key::parse_stem(parts.next()?)?;
    let fetched_at = Timestamp::from_nanosecond(parts.next()?.parse().ok()?).ok()?;
    Some(SpoolName { date, hour, fetched_at })
}

/// Returns `None` for a file without a document.
async fn read_document(path: PathBuf, name: SpoolName) -> Result<Option<RawDocument>, ArchiveError> {
    let body =
        blocking(move || fs::read(&path).map_err(|why| ArchiveError::File { action: "read", path, why })).await?;
    Ok(document::decode(&body).ok().map(|content| RawDocument {
        fetched_at: name.fetched_at,
        ..content.into_document(name.date, name.hour, name.fetched_at)
    }))
}

/// Removes an uploaded file. A missing file is not an error: a concurrent run may have uploaded the same file.
fn remove(path: PathBuf) -> Result<(), ArchiveError> {
    match fs::remove_file(&path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(ArchiveError::File { action: "remove", path, why }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Directory;
    use super::super::directory::TEMPORARY_PREFIX;
    use super::*;
    use crate::document::decode;
    use crate::document::tests::document;

    const DAY: &str = "raw/year=2026/month=11/day=22/billing_20261122.json";

    fn now() -> Timestamp {
        "2026-11-25T00:00:00Z".parse().unwrap()
    }

    /// An archive with a file in place of the folder. Every put fails until the file is removed.
    fn broken_archive(folder: &Path) -> (Archive, PathBuf) {
        let root = folder.join("archive");
        fs::write(&root, "in the way").unwrap();
        (Archive::Directory(Directory::new(root.clone())), root)
    }

    #[tokio::test]
    async fn spooled_documents_are_uploaded_in_order_when_the_archive_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let (archive, root) = broken_archive(folder.path());
        let older = document(&["1"], "2026-11-23T00:10:00Z");
        let newer = document(&["2"], "2026-11-24T00:10:00Z");
        assert!(archive.put(&newer, now()).await.is_err());
        spool.put(&newer).await.unwrap();
        spool.put(&older).await.unwrap();

        let down = spool.drain(&archive, now()).await.unwrap();
        assert_eq!((down.uploaded, down.remaining), (0, 2));
        assert!(down.error.unwrap().to_string().contains(DAY));

        fs::remove_file(&root).unwrap();
        let up = spool.drain(&archive, now()).await.unwrap();
        assert_eq!((up.uploaded, up.remaining, up.unreadable.len()), (2, 0, 0));
        let newest = decode(&fs::read(root.join(DAY)).unwrap()).unwrap();
        assert_eq!(newest.rows[0].get(), "2");
        assert_eq!(newest.api_params["from"], "20261122");
        assert_eq!(
            fs::read_dir(root.join(DAY).parent().unwrap()).unwrap().count(),
            2,
            "the older document is the predecessor"
        );
        assert_eq!(spool.drain(&archive, now()).await.unwrap().uploaded, 0);
    }

    #[tokio::test]
    async fn an_uploaded_document_that_was_not_removed_is_uploaded_once() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let archive = Archive::Directory(Directory::new(folder.path().join("archive")));
        let spooled = document(&["1"], "2026-11-23T00:10:00Z");
        spool.put(&spooled).await.unwrap();
        spool.put(&spooled).await.unwrap();
        archive.put(&spooled, now()).await.unwrap();
        let drained = spool.drain(&archive, now()).await.unwrap();
        assert_eq!((drained.uploaded, drained.unchanged, drained.remaining), (0, 1, 0));
    }

    #[tokio::test]
    async fn a_spooled_document_does_not_replace_a_later_document() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let root = folder.path().join("archive");
        let archive = Archive::Directory(Directory::new(root.clone()));
        spool.put(&document(&["1"], "2026-11-23T00:10:00Z")).await.unwrap();
        archive.put(&document(&["2"], "2026-11-24T00:10:00Z"), now()).await.unwrap();
        assert_eq!(spool.drain(&archive, now()).await.unwrap().uploaded, 1);
        assert_eq!(decode(&fs::read(root.join(DAY)).unwrap()).unwrap().rows[0].get(), "2");
    }

    #[tokio::test]
    async fn foreign_and_unfinished_files_stay_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path());
        let archive = Archive::Directory(Directory::new(folder.path().join("archive")));
        let good = spool.put(&document(&["1"], "2026-11-23T00:10:00Z")).await.unwrap();
        let beside = good.parent().unwrap();
        fs::write(beside.join("notes.txt"), "").unwrap();
        fs::write(beside.join("billing_20261122.00000000000000000007.abc.json"), "{").unwrap();
        fs::write(beside.join(format!("{TEMPORARY_PREFIX}x")), "{").unwrap();
        let drained = spool.drain(&archive, now()).await.unwrap();
        assert_eq!((drained.uploaded, drained.remaining, drained.unreadable.len()), (1, 0, 2));
        assert!(!good.exists());
        assert_eq!(fs::read_dir(beside).unwrap().count(), 3);
    }
}
