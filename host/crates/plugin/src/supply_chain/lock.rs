//! plugins.lock: the plugins that the operator has approved, each with a fixed digest.
//!
//! If the file exists, a run refuses every plugin without a matching entry. The format is TOML, written by
//! `plugin lock` and suitable for a review. This module reads, writes and compares the file; it loads no plugin.

mod change;
mod mismatch;
mod parse;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use config_file::toml::Diagnostic;
use model::rule::image::Image;

pub use self::change::LockChange;
pub use self::mismatch::{LockMismatch, PluginIdentity};

/// Location of plugins.lock; the file may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    pub path: PathBuf,
    /// If true, no rule runs without the file.
    pub required: bool,
}

/// The approved plugins by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    pub file: PathBuf,
    pub entries: BTreeMap<String, LockEntry>,
}

/// An approved plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockEntry {
    pub version: String,
    /// SHA-256 of the file's bytes, in hex.
    pub digest: String,
    /// Name of the signing key; `None` if no key is trusted.
    pub signer: Option<String>,
    /// Image pinned to a manifest; `None` for a file in the plugins folder.
    pub source: Option<Image>,
    /// Line in the file; 0 before the first write.
    pub line: usize,
}

/// Version of the file format.
const VERSION: i64 = 1;

const HEADER: &str =
    "# The plugins of the rules, written by `costwarden plugin lock`. A run refuses all other plugins. Do not edit.\n";

impl Lock {
    /// Reads the lock for a run; `None` if the file is absent and not required.
    ///
    /// # Errors
    /// Returns every fault in the file, or the absence of a required file.
    pub fn load(file: &LockFile) -> Result<Option<Self>, Vec<Diagnostic>> {
        let lock = Self::read(&file.path)?;
        if lock.is_none() && file.required {
            let message = "is absent, but [plugins] has lock_required = true, and no rule runs without the file: restore the file, or approve the present plugins with `costwarden plugin lock`";
            return Err(vec![Diagnostic::of_file(&file.path, message.to_owned())]);
        }
        Ok(lock)
    }

    /// Reads the lock; `None` if the file is absent.
    ///
    /// # Errors
    /// Returns every fault in the file.
    pub fn read(file: &Path) -> Result<Option<Self>, Vec<Diagnostic>> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(vec![Diagnostic::of_file(file, format!("cannot be read: {error}"))]),
        };
        Self::parse(file, &text).map(Some)
    }

    /// Parses the text of a lock. `file` is for messages.
    ///
    /// # Errors
    /// Returns every fault in the text.
    pub fn parse(file: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        parse::parse(file, text)
    }

    /// Writes the lock atomically.
    pub fn save(&self) -> io::Result<()> {
        let mut draft = self.file.clone().into_os_string();
        draft.push(format!(".{}", std::process::id()));
        let draft = PathBuf::from(draft);
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(self.to_string().as_bytes())?;
            // Data first, then the name: a crash never leaves an incomplete lock.
            file.sync_all()?;
            std::fs::rename(&draft, &self.file)
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written
    }
}

impl LockEntry {
    /// Returns the keys and values of the entry in file order.
    fn fields(&self) -> [(&'static str, Option<String>); 4] {
        [
            ("version", Some(self.version.clone())),
            ("digest", Some(format!("sha256:{}", self.digest))),
            ("signer", self.signer.clone()),
            ("source", self.source.as_ref().map(ToString::to_string)),
        ]
    }
}

/// Formats the content of plugins.lock.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}version = {VERSION}")?;
        for (name, entry) in &self.entries {
            write!(f, "\n[[plugin]]\nname = {}\n", quoted(name))?;
            for (key, value) in entry.fields() {
                if let Some(value) = value {
                    writeln!(f, "{key} = {}", quoted(&value))?;
                }
            }
        }
        Ok(())
    }
}

/// Quotes a text for TOML. JSON escapes are valid in TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
