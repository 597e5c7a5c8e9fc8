//! The comparison of a plugin with the approved entry.

use std::fmt;
use std::path::PathBuf;

use model::rule::image::Image;

use super::Lock;

/// The properties of a plugin that a lock pins.
#[derive(Debug, Clone, Copy)]
pub struct PluginIdentity<'a> {
    pub name: &'a str,
    /// SHA-256 of the file's bytes, in hex.
    pub digest: &'a str,
    /// Name of the signing key; `None` if no key is trusted.
    pub signer: Option<&'a str>,
    /// Image in the config; `None` for a file in the plugins folder.
    pub source: Option<&'a Image>,
}

/// Position of an entry, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPosition {
    file: PathBuf,
    line: usize,
}

/// Differences between a plugin and the approved entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockMismatch {
    #[error(
        "`{name}` (sha256:{digest}) is not in {}: approve the plugin with `costwarden plugin lock`",
        lock.display()
    )]
    NotListed { lock: PathBuf, name: String, digest: String },
    #[error(
        "`{name}` is sha256:{actual}, but {position} has sha256:{locked}: restore the locked plugin, or approve the new plugin with `costwarden plugin lock`"
    )]
    Digest { position: EntryPosition, name: String, actual: String, locked: String },
    #[error(
        "`{name}` is signed by {actual}, but {position} has {locked}: approve the new signer with `costwarden plugin lock`"
    )]
    Signer { position: EntryPosition, name: String, actual: String, locked: String },
    #[error(
        "`{name}` comes from {actual}, but {position} has {locked}: approve the new source with `costwarden plugin lock`"
    )]
    Source { position: EntryPosition, name: String, actual: String, locked: String },
}

impl Lock {
    /// Compares a plugin with the approved entry.
    ///
    /// # Errors
    /// Returns the first difference.
    pub fn check(&self, plugin: &PluginIdentity<'_>) -> Result<(), LockMismatch> {
        let PluginIdentity { name, digest, signer, source } = *plugin;
        let Some(entry) = self.entries.get(name) else {
            let lock = self.file.clone();
            return Err(LockMismatch::NotListed { lock, name: name.to_owned(), digest: digest.to_owned() });
        };
        let name = name.to_owned();
        let position = EntryPosition { file: self.file.clone(), line: entry.line };
        let is_same_source = match (source, &entry.source) {
            (None, None) => true,
            // A tag in the config covers the pinned image in the lock.
            (Some(configured), Some(locked)) => configured.covers(locked),
            _ => false,
        };
        if !is_same_source {
            let locked = source_text(entry.source.as_ref());
            return Err(LockMismatch::Source { position, name, actual: source_text(source), locked });
        }
        if entry.digest != digest {
            let locked = entry.digest.clone();
            return Err(LockMismatch::Digest { position, name, actual: digest.to_owned(), locked });
        }
        if entry.signer.as_deref() != signer {
            let locked = signer_text(entry.signer.as_deref());
            return Err(LockMismatch::Signer { position, name, actual: signer_text(signer), locked });
        }
        Ok(())
    }
}

impl fmt::Display for EntryPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

fn source_text(source: Option<&Image>) -> String {
    source.map_or_else(|| "the folder of plugins".to_owned(), ToString::to_string)
}

fn signer_text(signer: Option<&str>) -> String {
    signer.map_or_else(|| "no key".to_owned(), |signer| format!("`{signer}`"))
}
