//! The on-disk cache of compiled plugins. An entry is machine code, so the cache accepts only entries written by this
//! user.
//!
//! An entry is valid if the directory and the file belong to this user, nobody else can write to them, and the digest
//! at the start of the file matches the name and the content. The digest detects damage, not malice: an attacker with this user's
//! write access could replace the program itself. An invalid entry is compiled again and replaced.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::cache_key::CacheKey;
use super::machine_code::MachineCode;
use super::retention;

/// An open directory of compiled plugins.
pub(crate) struct CodeCache {
    directory: Dir,
    access: CacheAccess,
}

/// The code of an entry.
pub(crate) struct CachedCode {
    pub(crate) code: MachineCode,
    /// Result of [`CodeCache::digest`].
    pub(crate) digest: String,
}

/// The content of an entry.
struct Content {
    bytes: Vec<u8>,
    digest: String,
}

/// The permission to change the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheAccess {
    Read,
    Write,
}

/// The first bytes of an entry. A digest in hex, a line break and the content follow.
const HEADER: &[u8] = b"costwarden compiled plugin 2\n";
const DIGEST_BYTES: usize = 65;

impl CodeCache {
    /// Opens the directory. Creates an absent directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::open_existing(path, CacheAccess::Write)
    }

    /// Opens an existing directory for reading. Nothing is written.
    pub(crate) fn open_to_read(path: &Path) -> io::Result<Self> {
        Self::open_existing(path, CacheAccess::Read)
    }

    fn open_existing(path: &Path, access: CacheAccess) -> io::Result<Self> {
        let directory = Dir::open_ambient_dir(path, ambient_authority())?;
        let cache = Self { directory, access };
        cache.check()?;
        Ok(cache)
    }

    /// Returns true if the compiled code under the key is present. The content is not checked.
    pub(crate) fn has_code(&self, key: &CacheKey) -> bool {
        self.directory.metadata(key.name()).is_ok_and(|metadata| metadata.is_file())
    }

    /// Returns the entry under the key, if present and trusted.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<CachedCode> {
        match self.read(key) {
            Ok(Content { bytes, digest }) => Some(CachedCode { code: MachineCode::from_this_host(bytes), digest }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(entry = key.name(), %error, "a cached plugin is not trusted and is compiled again");
                None
            }
        }
    }

    /// Returns the digest of the entry for the code under the key.
    pub(crate) fn digest(&self, key: &CacheKey, code: &MachineCode) -> String {
        digest_line(key, code.bytes())
    }

    /// Returns the record under the key, if present and trusted.
    pub(crate) fn record<T: DeserializeOwned>(&self, key: &CacheKey) -> Option<T> {
        self.read(key).ok().and_then(|content| serde_json::from_slice(&content.bytes).ok())
    }

    /// Returns the time of the last write under the key, if present.
    pub(crate) fn written(&self, key: &CacheKey) -> Option<Timestamp> {
        let modified = self.directory.metadata(key.name()).and_then(|metadata| metadata.modified()).ok()?;
        Timestamp::try_from(modified.into_std()).ok()
    }

    /// Stores a record about a plugin.
    pub(crate) fn put_record(&self, key: &CacheKey, record: &impl Serialize) {
        let bytes = serde_json::to_vec(record).expect("numbers and texts are JSON");
        if let Err(error) = self.write(key, &bytes) {
            tracing::warn!(entry = key.name(), %error, "the result of loading a plugin is not stored");
        }
    }

    /// Removes an entry, if present.
    pub(crate) fn remove(&self, key: &CacheKey) {
        if self.access == CacheAccess::Read {
            return;
        }
        if let Err(error) = self.directory.remove_file(key.name()).or_else(ignore_not_found) {
            tracing::warn!(entry = key.name(), %error, "an entry of the cache is not removed");
        }
    }

    /// Stores a compiled plugin completely or not at all.
    pub(crate) fn put(&self, key: &CacheKey, code: &MachineCode) {
        if let Err(error) = self.write(key, code.bytes()) {
            tracing::warn!(entry = key.name(), %error, "a compiled plugin is not stored");
        }
    }

    /// Moves an entry, if present, to another key.
    pub(crate) fn rename(&self, from: &CacheKey, to: &CacheKey) {
        if let Some(cached) = self.get(from) {
            self.put(to, &cached.code);
            self.remove(from);
        }
    }

    /// Removes the oldest entries until the rest takes at most `bytes` bytes.
    pub(crate) fn shrink(&self, bytes: u64) -> io::Result<()> {
        if self.access == CacheAccess::Read {
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in self.directory.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            // Another process may have removed the entry in the meantime.
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_file() && is_cache_file(&name.to_string_lossy()) {
                entries.push((metadata.modified()?, name, metadata.len()));
            }
        }
        entries.sort_unstable();
        let mut kept = 0;
        for (_, name, size) in entries.into_iter().rev() {
            kept += size;
            if kept > bytes {
                self.directory.remove_file(&name).or_else(ignore_not_found)?;
            }
        }
        Ok(())
    }

    fn read(&self, key: &CacheKey) -> io::Result<Content> {
        self.check()?;
        let mut file = self.directory.open(key.name())?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        check_private(&metadata)?;
        let mut start = [0; HEADER.len() + DIGEST_BYTES];
        let is_whole = file.read_exact(&mut start).is_ok();
        // Reserved at once, and read without the start, because the code is large.
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        let digest = digest_line(key, &bytes);
        if is_whole && start.strip_prefix(HEADER) == Some(digest.as_bytes()) {
            Ok(Content { bytes, digest })
        } else {
            Err(io::Error::other("the digest does not match the content"))
        }
    }

    fn write(&self, key: &CacheKey, content: &[u8]) -> io::Result<()> {
        if self.access == CacheAccess::Read {
            return Ok(());
        }
        // Written under a draft name and renamed: a reader never sees a partial entry.
        let draft = format!("{}.{}", key.name(), process::id());
        let written = self.create(&draft).and_then(|mut file| {
            file.write_all(HEADER)?;
            file.write_all(digest_line(key, content).as_bytes())?;
            file.write_all(content)?;
            file.sync_all()?;
            self.directory.rename(&draft, &self.directory, key.name())
        });
        if written.is_err() {
            let _ = self.directory.remove_file(&draft);
        }
        written
    }

    fn create(&self, draft: &str) -> io::Result<File> {
        // A killed process with the same process id may have left a draft.
        let _ = self.directory.remove_file(draft);
        self.directory.open_with(draft, OpenOptions::new().write(true).create_new(true).mode(0o600))
    }

    fn check(&self) -> io::Result<()> {
        let metadata = self.directory.dir_metadata()?;
        if !metadata.is_dir() {
            return Err(io::Error::other("not a directory"));
        }
        check_private(&metadata)
    }
}

/// Removes the entries of an existing cache that no run has used for 30 days. `in_use` names the entries in use now.
///
/// # Errors
/// An entry cannot be read, marked or removed.
pub fn tidy(directory: &Path, in_use: &BTreeSet<String>, now: Timestamp) -> io::Result<()> {
    retention::tidy_folder(directory, in_use, is_cache_file, now)
}

/// Returns true for an entry or a draft. The name of a draft ends with the process id; a killed run can leave a draft.
fn is_cache_file(name: &str) -> bool {
    [".compiled", ".described", ".checked", ".refused", ".failed"].iter().any(|kind| name.contains(kind))
}

fn ignore_not_found(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Checks that the file or directory belongs to this user and nobody else can write to it.
fn check_private(metadata: &Metadata) -> io::Result<()> {
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(io::Error::other(format!("owned by user {}, not by user {user}", metadata.uid())));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("writable by others (mode {:04o})", metadata.mode() & 0o7777)));
    }
    Ok(())
}

/// Returns the digest of the key and the content, so that an entry under another name is not trusted.
fn digest_line(key: &CacheKey, content: &[u8]) -> String {
    let digest = Sha256::new().chain_update(key.name()).chain_update(content).finalize();
    format!("{}\n", hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_are_removed_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("compiled");
        let cache = CodeCache::open(&path).expect("made");
        // The order of age differs from the order of names.
        for (age, name) in ["c.compiled", "a.refused", "notes", "b.compiled", "d.compiled.17"].iter().enumerate() {
            std::fs::write(path.join(name), [0; 10]).expect("written");
            let made = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + age as u64);
            std::fs::File::open(path.join(name)).and_then(|file| file.set_modified(made)).expect("dated");
        }
        let left = |bytes| {
            cache.shrink(bytes).expect("shrunk");
            let mut names: Vec<_> =
                std::fs::read_dir(&path).expect("there").map(|entry| entry.expect("read").file_name()).collect();
            names.sort();
            names.join(std::ffi::OsStr::new(" ")).into_string().expect("text")
        };
        assert_eq!(left(40), "a.refused b.compiled c.compiled d.compiled.17 notes");
        assert_eq!(left(39), "a.refused b.compiled d.compiled.17 notes");
        assert_eq!(left(20), "b.compiled d.compiled.17 notes");
        assert_eq!(left(9), "notes");
    }
}
