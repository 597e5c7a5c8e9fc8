//! An archive in a local folder.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::ArchiveError;

/// The root folder. Keys are paths below the root.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(super) async fn check(&self) -> Result<(), ArchiveError> {
        let root = self.root.clone();
        blocking(move || {
            // The temporary file proves the write permission and is removed by the drop.
            let probe = fs::create_dir_all(&root)
                .and_then(|()| tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(&root));
            probe.map(drop).map_err(|why| ArchiveError::File { action: "write into", path: root, why })
        })
        .await
    }

    pub(super) async fn check_without_write(&self) -> Result<(), ArchiveError> {
        let root = self.root.clone();
        blocking(move || {
            // A new entry in a folder needs both permissions.
            let permissions = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            let access = fs::read_dir(&root).and_then(|_| Ok(rustix::fs::access(&root, permissions)?));
            access.map_err(|why| ArchiveError::File { action: "write into", path: root, why })
        })
        .await
    }

    pub(super) async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let path = self.root.join(key);
        blocking(move || match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(ArchiveError::File { action: "read", path, why }),
        })
        .await
    }

    /// Reads the last bytes of a document, at most `bytes`.
    pub(super) async fn read_end(&self, key: &str, bytes: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let path = self.root.join(key);
        let end = move |path: &Path| -> io::Result<Vec<u8>> {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
            let mut end = Vec::new();
            file.read_to_end(&mut end)?;
            Ok(end)
        };
        blocking(move || match end(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(ArchiveError::File { action: "read", path, why }),
        })
        .await
    }

    /// Lists the keys of all finished files, with sizes in bytes.
    pub(super) async fn list(&self, prefix: &'static str) -> Result<Vec<(String, u64)>, ArchiveError> {
        let root = self.root.clone();
        blocking(move || {
            let mut keys = Vec::new();
            for path in files_below(&root.join(prefix))? {
                let Some(key) = path.strip_prefix(&root).ok().and_then(Path::to_str) else {
                    // Keys of costwarden are ASCII. A file with a different name is foreign, so an approximate name is
                    // enough.
                    keys.push((path.to_string_lossy().into_owned(), 0));
                    continue;
                };
                match fs::metadata(&path) {
                    Ok(metadata) => keys.push((key.to_owned(), metadata.len())),
                    // A concurrent run may have removed the file after the listing.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(why) => return Err(ArchiveError::File { action: "read", path, why }),
                }
            }
            Ok(keys)
        })
        .await
    }

    /// Removes a document and the folders left empty.
    pub(super) async fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        let root = self.root.clone();
        let path = self.root.join(key);
        blocking(move || {
            match fs::remove_file(&path) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => {
                    return Err(ArchiveError::File { action: "remove", path, why });
                }
                _ => {}
            }
            let folders = path.ancestors().skip(1).take_while(|folder| *folder != root);
            // A folder with content refuses, and then the parents have content too.
            folders.map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
            Ok(())
        })
        .await
    }

    pub(super) fn location(&self) -> String {
        self.root.display().to_string()
    }

    pub(super) async fn write(&self, key: &str, body: Vec<u8>) -> Result<(), ArchiveError> {
        let path = self.root.join(key);
        blocking(move || {
            write_atomically(&path, &body).map_err(|why| ArchiveError::File { action: "write", path, why })
        })
        .await
    }
}

/// Name prefix of unfinished files.
pub(super) const TEMPORARY_PREFIX: &str = ".unfinished-";

/// Writes a file atomically. After an interruption, `path` has the old or the new content.
pub(super) fn write_atomically(path: &Path, body: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    fs::create_dir_all(folder)?;
    // The mode of an ordinary file; the umask still applies.
    let mode = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).permissions(mode).tempfile_in(folder)?;
    file.write_all(body)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename is durable only after a sync of the folder.
    File::open(folder)?.sync_all()
}

/// Lists the finished files below `root`. Leftovers of interrupted writes are skipped.
pub(super) fn files_below(root: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |why| ArchiveError::File { action: "read", path: folder.clone(), why };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(failed(why)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            } else if !entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                files.push(entry.path());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Runs blocking disk work on the thread pool for blocking tasks.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Archive, PutResult};
    use super::*;
    use crate::document::decode;
    use crate::document::tests::document;

    const DAY: &str = "raw/year=2026/month=11/day=22/billing_20261122.json";

    fn rows_of(root: &Path, key: &str) -> Vec<String> {
        let content = decode(&fs::read(root.join(key)).unwrap()).unwrap();
        content.rows.iter().map(|row| row.get().to_owned()).collect()
    }

    fn files(root: &Path) -> usize {
        fs::read_dir(root.join(DAY).parent().unwrap()).unwrap().count()
    }

    async fn put(archive: &Archive, rows: &[&str], fetched_at: &str) -> PutResult {
        archive.put(&document(rows, fetched_at), fetched_at.parse().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn unchanged_content_is_not_written_again() {
        let root = tempfile::tempdir().unwrap();
        let archive = Archive::Directory(Directory::new(root.path()));
        assert_eq!(
            put(&archive, &["1", "2"], "2026-11-23T00:10:00Z").await,
            PutResult::Written { key: DAY.to_owned() }
        );
        let written = fs::read(root.path().join(DAY)).unwrap();
        assert_eq!(put(&archive, &["2", "1"], "2026-11-24T00:10:00Z").await, PutResult::Unchanged);
        assert_eq!(fs::read(root.path().join(DAY)).unwrap(), written);
        assert_eq!(files(root.path()), 1);
    }

    #[tokio::test]
    async fn changed_content_keeps_the_predecessor() {
        let root = tempfile::tempdir().unwrap();
        let archive = Archive::Directory(Directory::new(root.path()));
        put(&archive, &["1"], "2026-11-23T00:10:00Z").await;
        let before = fs::read(root.path().join(DAY)).unwrap();
        let PutResult::Superseded { key, predecessor_key } = put(&archive, &["2"], "2026-11-24T00:10:00Z").await else {
            panic!("the first document was not superseded")
        };
        assert_eq!(key, DAY);
        assert_eq!(rows_of(root.path(), DAY), ["2"]);
        assert_eq!(fs::read(root.path().join(&predecessor_key)).unwrap(), before);
        put(&archive, &["3"], "2026-11-25T00:10:00Z").await;
        assert_eq!(files(root.path()), 3);
    }

    #[tokio::test]
    async fn an_older_document_does_not_replace_a_newer_one() {
        let root = tempfile::tempdir().unwrap();
        let archive = Archive::Directory(Directory::new(root.path()));
        put(&archive, &["2"], "2026-11-24T00:10:00Z").await;
        let PutResult::Outdated { predecessor_key, .. } = put(&archive, &["1"], "2026-11-23T00:10:00Z").await else {
            panic!("the older document was not set aside")
        };
        assert_eq!(rows_of(root.path(), DAY), ["2"]);
        assert_eq!(rows_of(root.path(), &predecessor_key), ["1"]);
    }

    #[tokio::test]
    async fn an_unreadable_document_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let archive = Archive::Directory(Directory::new(root.path()));
        put(&archive, &["1"], "2026-11-23T00:10:00Z").await;
        fs::write(root.path().join(DAY), "{\"result\":").unwrap();
        let PutResult::Superseded { predecessor_key, .. } = put(&archive, &["1"], "2026-11-23T00:10:00Z").await else {
            panic!("the broken document was not superseded")
        };
        assert_eq!(fs::read_to_string(root.path().join(predecessor_key)).unwrap(), "{\"result\":");
        assert_eq!(rows_of(root.path(), DAY), ["1"]);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_created_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let archive = Archive::Directory(Directory::new(file.join("archive")));
        let message = archive.check().await.unwrap_err().to_string();
        assert!(message.starts_with(&format!("cannot write into {}", file.join("archive").display())), "{message}");
        assert!(message.ends_with("check that the folder exists, is writable and has space"), "{message}");
        Archive::Directory(Directory::new(root.path())).check().await.unwrap();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "the probe is gone");
    }
}
