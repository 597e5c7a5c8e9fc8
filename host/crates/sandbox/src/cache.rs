//! The on-disk cache of compiled plugins. An entry is machine code, so the cache accepts only entries written by this
//! user.
//!
//! An entry is valid if the directory and the file belong to this user, nobody else can write to them, and the digest
//! at the start of the file matches the content. The digest detects damage, not malice: an attacker with this user's
//! write access could replace the program itself. An invalid entry is compiled again and replaced.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::Limits;
use super::compiled::Compiled;
use super::contract::Unfit;
use super::fuel;
use crate::disuse;

/// An open directory of compiled plugins.
pub(super) struct Cache {
    directory: Dir,
}

/// The key of an entry: a hash of the plugin's bytes and of every other input of the compiled code.
#[derive(Debug, Clone)]
pub(super) struct Key(String);

/// A refusal by the compiler, stored to avoid a repeated compilation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Refused {
    Time(u64),
    Memory(u64),
    Unfit(Unfit),
}

/// The first bytes of an entry. The content's digest in hex, a line break and the content follow.
const HEAD: &[u8] = b"costwarden compiled plugin 1\n";
const DIGEST_BYTES: usize = 65;

impl Cache {
    /// Opens the directory. Creates an absent directory.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let directory = Dir::open_ambient_dir(path, ambient_authority())?;
        let cache = Self { directory };
        cache.check()?;
        Ok(cache)
    }

    /// Returns the entry under the key, if present and trusted.
    pub(super) fn get(&self, engine: &Engine, key: &Key) -> Option<Component> {
        let compiled = match self.read(key) {
            Ok(compiled) => compiled,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(entry = key.0, %error, "a compiled plugin is not trusted and is compiled anew");
                return None;
            }
        };
        compiled
            .component(engine)
            .inspect_err(|error| tracing::warn!(entry = key.0, %error, "a compiled plugin is compiled anew"))
            .ok()
    }

    /// Returns the stored refusal under the key, if any.
    pub(super) fn refused(&self, key: &Key) -> Option<Refused> {
        self.bytes(key).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    /// Stores a refusal.
    pub(super) fn put_refused(&self, key: &Key, refused: &Refused) {
        let bytes = serde_json::to_vec(refused).expect("numbers and texts are JSON");
        if let Err(error) = self.write(key, &bytes) {
            tracing::warn!(entry = key.0, %error, "what is wrong with a plugin is not kept");
        }
    }

    /// Stores a compiled plugin completely or not at all.
    pub(super) fn put(&self, key: &Key, compiled: &Compiled) {
        if let Err(error) = self.write(key, compiled.bytes()) {
            tracing::warn!(entry = key.0, %error, "a compiled plugin is not kept");
        }
    }

    /// Moves an entry, if present, to another key.
    pub(super) fn rename(&self, from: &Key, to: &Key) {
        if let Err(error) = self.directory.rename(&from.0, &self.directory, &to.0).or_else(unless_gone) {
            tracing::warn!(entry = from.0, %error, "a compiled plugin is not kept");
        }
    }

    /// Removes the oldest entries until the rest takes at most `bytes` bytes.
    pub(super) fn shrink(&self, bytes: u64) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in self.directory.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            // Another process may have removed the entry in the meantime.
            let metadata = match entry.metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_file() && is_ours(&name.to_string_lossy()) {
                entries.push((metadata.modified()?, name, metadata.len()));
            }
        }
        entries.sort_unstable();
        let mut kept = 0;
        for (_, name, size) in entries.into_iter().rev() {
            kept += size;
            if kept > bytes {
                self.directory.remove_file(&name).or_else(unless_gone)?;
            }
        }
        Ok(())
    }

    fn read(&self, key: &Key) -> io::Result<Compiled> {
        self.bytes(key).map(Compiled::by_this_host)
    }

    fn bytes(&self, key: &Key) -> io::Result<Vec<u8>> {
        self.check()?;
        let mut file = self.directory.open(&key.0)?;
        check(&file.metadata()?, Metadata::is_file, "not a regular file")?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let compiled = bytes
            .strip_prefix(HEAD)
            .and_then(|rest| rest.split_at_checked(DIGEST_BYTES))
            .filter(|(digest, compiled)| *digest == line(compiled).as_bytes())
            .map(|(_, compiled)| compiled.len())
            .ok_or_else(|| io::Error::other("its digest is not that of its bytes"))?;
        Ok(bytes.split_off(bytes.len() - compiled))
    }

    fn write(&self, key: &Key, compiled: &[u8]) -> io::Result<()> {
        // Written under a draft name and renamed: a reader never sees a partial entry.
        let draft = format!("{}.{}", key.0, process::id());
        let written = self.create(&draft).and_then(|mut file| {
            file.write_all(HEAD)?;
            file.write_all(line(compiled).as_bytes())?;
            file.write_all(compiled)?;
            file.sync_all()?;
            self.directory.rename(&draft, &self.directory, &key.0)
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
        check(&self.directory.dir_metadata()?, Metadata::is_dir, "not a directory")
    }
}

impl Key {
    pub(super) fn new(engine: &Engine, plugin_digest: &str) -> Self {
        Self::with_meter(&fuel::SOURCES, engine, plugin_digest)
    }

    /// Returns the key for code with a fuel meter made of the given sources.
    pub(super) fn with_meter(sources: &[&str], engine: &Engine, plugin_digest: &str) -> Self {
        let mut inputs = Inputs(Sha256::new());
        // Another release may wrap the same core module differently.
        env!("CARGO_PKG_VERSION").hash(&mut inputs);
        sources.hash(&mut inputs);
        plugin_digest.hash(&mut inputs);
        engine.precompile_compatibility_hash().hash(&mut inputs);
        Self(format!("{}.compiled", hex::encode(inputs.0.finalize())))
    }

    /// Returns the key of a refusal. The compile limits are part of the key: different limits may allow the plugin.
    pub(super) fn of_refusal(engine: &Engine, plugin_digest: &str, limits: &Limits) -> Self {
        let Self(mut name) = Self::new(engine, plugin_digest);
        name.truncate(name.len() - "compiled".len());
        Self(format!("{name}{}-{}.refused", limits.compile_seconds, limits.compile_memory_bytes))
    }

    /// Returns the file name.
    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

/// Removes the entries of an existing cache that no run has used for 30 days. `in_use` names the entries in use now.
///
/// # Errors
/// An entry cannot be read, marked or removed.
pub fn tidy(directory: &Path, in_use: &BTreeSet<String>, now: Timestamp) -> io::Result<()> {
    disuse::tidy(directory, in_use, is_ours, now)
}

/// Returns true for an entry or a draft. The name of a draft ends with the process id; a killed run can leave a draft.
fn is_ours(name: &str) -> bool {
    name.contains(".compiled") || name.contains(".refused")
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Feeds the engine's hash input into SHA-256, so every build of this program computes the same digest.
struct Inputs(Sha256);

impl Hasher for Inputs {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the digest is taken instead")
    }
}

fn check(metadata: &Metadata, is_kind: fn(&Metadata) -> bool, otherwise: &'static str) -> io::Result<()> {
    if !is_kind(metadata) {
        return Err(io::Error::other(otherwise));
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(io::Error::other(format!("owned by user {}, not by user {user}", metadata.uid())));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("writable by others (mode {:04o})", metadata.mode() & 0o7777)));
    }
    Ok(())
}

fn line(compiled: &[u8]) -> String {
    format!("{}\n", hex::encode(Sha256::digest(compiled)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entries_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("compiled");
        let cache = Cache::open(&path).expect("made");
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
