//! plugins.lock: the plugins that the operator has approved, each with a fixed digest.
//!
//! If the file exists, a run refuses every plugin without a matching entry. The format is TOML, written by
//! `plugin lock` and suitable for a review. This module reads, writes and compares the file; it loads no plugin.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use config_file::toml::{Diagnostic, Document, Section};
use model::image::{Image, is_sha256};

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
    pub entries: BTreeMap<String, Entry>,
}

/// An approved plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
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

/// A difference between two locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Added { name: String, now: Entry },
    Changed { name: String, was: Entry, now: Entry },
    Removed { name: String, was: Entry },
}

const VERSION: i64 = 1;

const HEAD: &str =
    "# The plugins that the rules use, written by `costwarden plugin lock`. A run refuses any other; do not edit.\n";

impl Lock {
    /// Reads the lock for a run; `None` if the file is absent and not required.
    ///
    /// # Errors
    /// Returns every fault in the file, or the absence of a required file.
    pub fn load(file: &LockFile) -> Result<Option<Self>, Vec<Diagnostic>> {
        let lock = Self::read(&file.path)?;
        if lock.is_none() && file.required {
            let hint = "put it back, or run `costwarden plugin lock` to agree to what is there now";
            let message = format!("is absent, but [plugins] has lock_required = true, so that no rule runs: {hint}");
            return Err(vec![Diagnostic::of_file(&file.path, message)]);
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
        parse(file, &text).map(Some)
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

    /// Compares a plugin with the approved entry.
    ///
    /// # Errors
    /// Returns the first difference.
    pub fn check(
        &self,
        name: &str,
        digest: &str,
        signer: Option<&str>,
        source: Option<&Image>,
    ) -> Result<(), Mismatch> {
        let Some(entry) = self.entries.get(name) else {
            let (name, digest) = (name.to_owned(), digest.to_owned());
            return Err(Mismatch::NotListed { lock: self.file.clone(), name, digest });
        };
        let place = || Place { file: self.file.clone(), line: entry.line };
        let same_source = match (source, &entry.source) {
            (None, None) => true,
            // A tag in the config covers the pinned image in the lock.
            (Some(asked), Some(locked)) => asked.covers(locked),
            _ => false,
        };
        if !same_source {
            let (found, locked) = (origin(source), origin(entry.source.as_ref()));
            return Err(Mismatch::Source { place: place(), name: name.to_owned(), found, locked });
        }
        if entry.digest != digest {
            let (name, found, locked) = (name.to_owned(), digest.to_owned(), entry.digest.clone());
            return Err(Mismatch::Digest { place: place(), name, found, locked });
        }
        if entry.signer.as_deref() != signer {
            let (found, locked) = (signed(signer), signed(entry.signer.as_deref()));
            return Err(Mismatch::Signer { place: place(), name: name.to_owned(), found, locked });
        }
        Ok(())
    }

    /// Returns the changes from this lock to `now`, sorted by name.
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let mut names: Vec<&String> = self.entries.keys().chain(now.entries.keys()).collect();
        names.sort();
        names.dedup();
        let change = |name: &String| match (self.entries.get(name), now.entries.get(name)) {
            (None, Some(now)) => Some(Change::Added { name: name.clone(), now: now.clone() }),
            (Some(was), None) => Some(Change::Removed { name: name.clone(), was: was.clone() }),
            (Some(was), Some(now)) if !was.agrees(now) => {
                Some(Change::Changed { name: name.clone(), was: was.clone(), now: now.clone() })
            }
            _ => None,
        };
        names.into_iter().filter_map(change).collect()
    }
}

impl Entry {
    /// Compares two entries without the line number.
    fn agrees(&self, other: &Self) -> bool {
        Self { line: other.line, ..self.clone() } == *other
    }

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

impl Change {
    pub fn name(&self) -> &str {
        match self {
            Self::Added { name, .. } | Self::Changed { name, .. } | Self::Removed { name, .. } => name,
        }
    }
}

/// Formats the content of plugins.lock.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}version = {VERSION}")?;
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

/// Formats a change in a single line with the old and the new values.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |entry: &Entry| {
            let fields = entry.fields().into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?)));
            fields.collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Added { name, now } => write!(f, "added {name}: {}", list(now)),
            Self::Removed { name, was } => write!(f, "removed {name}: {}", list(was)),
            Self::Changed { name, was, now } => {
                let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                let fields = was.fields().into_iter().zip(now.fields()).filter(|(was, now)| was != now);
                let fields = fields.map(|((key, was), (_, now))| format!("{key} {} -> {}", text(was), text(now)));
                write!(f, "changed {name}: {}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn parse(file: &Path, text: &str) -> Result<Lock, Vec<Diagnostic>> {
    let document = Document::new(file, text);
    let mut entries = BTreeMap::new();
    if let Some(mut root) = document.root() {
        root.need("version", "version = 1");
        if let Some(found) = root.whole("version", 1..=i64::MAX)
            && found != VERSION
        {
            let message = format!(
                "is {found}, but this costwarden knows {VERSION}: use the one that wrote it, or write the file anew"
            );
            root.fail("version", message);
        }
        for section in root.sections("plugin") {
            read(section, &mut entries);
        }
        root.finish();
    }
    let errors = document.into_errors();
    if errors.is_empty() { Ok(Lock { file: file.to_owned(), entries }) } else { Err(errors) }
}

fn read(mut section: Section<'_, '_>, entries: &mut BTreeMap<String, Entry>) {
    const DIGEST: &str = "sha256: and 64 digits in lower-case hex";
    section.need("name", "the plugin's name");
    section.need("version", "the plugin's version");
    section.need("digest", DIGEST);
    let name = section.text("name");
    let version = section.text("version");
    let digest =
        section.parse("digest", DIGEST, |text| is_sha256(text).then(|| text.trim_start_matches("sha256:").to_owned()));
    let signer = section.text("signer");
    let source = section.parse("source", "a plugin in a registry, like oci://HOST/NAME:TAG@sha256:DIGEST", |text| {
        text.parse::<Image>().ok()
    });
    let line = section.line();
    if let Some(name) = &name
        && entries.contains_key(name)
    {
        section.fail("name", format!("{name:?} is there twice, expected each plugin once"));
    }
    section.finish();
    if let (Some(name), Some(version), Some(digest)) = (name, version, digest) {
        entries.insert(name, Entry { version, digest, signer, source, line });
    }
}

/// Quotes a text for TOML. JSON escapes are valid in TOML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn origin(source: Option<&Image>) -> String {
    source.map_or_else(|| "the plugins' folder".to_owned(), ToString::to_string)
}

fn signed(signer: Option<&str>) -> String {
    signer.map_or_else(|| "no key".to_owned(), |signer| format!("`{signer}`"))
}

/// Position of an entry, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: PathBuf,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Differences between a plugin and the approved entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("`{name}` (sha256:{digest}) is not in {}: run `costwarden plugin lock` to agree to it", lock.display())]
    NotListed { lock: PathBuf, name: String, digest: String },
    #[error(
        "`{name}` is sha256:{found}, but {place} has sha256:{locked}: put that one back, or run `costwarden plugin lock` to agree to the new one"
    )]
    Digest { place: Place, name: String, found: String, locked: String },
    #[error(
        "`{name}` is signed by {found}, but {place} has {locked}: run `costwarden plugin lock` to agree to the new signer"
    )]
    Signer { place: Place, name: String, found: String, locked: String },
    #[error(
        "`{name}` comes from {found}, but {place} has {locked}: run `costwarden plugin lock` to agree to the new source"
    )]
    Source { place: Place, name: String, found: String, locked: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn entry(version: &str, signer: Option<&str>) -> Entry {
        let source = Some(format!("oci://h.example/acme/web:1@sha256:{DIGEST}").parse().expect("an image"));
        let source = signer.and(source);
        Entry {
            version: version.to_owned(),
            digest: DIGEST.to_owned(),
            signer: signer.map(str::to_owned),
            source,
            line: 0,
        }
    }

    fn lock(entries: &[(&str, Entry)]) -> Lock {
        let entries = entries.iter().map(|(name, entry)| ((*name).to_owned(), entry.clone())).collect();
        Lock { file: PathBuf::from("plugins.lock"), entries }
    }

    #[test]
    fn what_is_written_is_read() {
        let written = lock(&[("web", entry("1.0 \"beta\"\\", Some("acme"))), ("a", entry("2", None))]);
        insta::assert_snapshot!(written.to_string(), @r#"
        # The plugins that the rules use, written by `costwarden plugin lock`. A run refuses any other; do not edit.
        version = 1

        [[plugin]]
        name = "a"
        version = "2"
        digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

        [[plugin]]
        name = "web"
        version = "1.0 \"beta\"\\"
        digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        signer = "acme"
        source = "oci://h.example/acme/web:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        "#);
        let read = parse(Path::new("plugins.lock"), &written.to_string()).expect("valid");
        assert_eq!(written.changes(&read), []);
        assert_eq!(read.entries["a"].line, 4);
    }

    #[test]
    fn every_error_has_its_line() {
        let text = "version = 2\n[[plugin]]\nname = \"a\"\ndigest = \"sha256:12\"\n[[plugin]]\nname = \"b\"\nversion = 1\n\
                    digest = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\nsource = \"a:1\"\nhash = \"\"\n";
        let errors = parse(Path::new("plugins.lock"), text).expect_err("invalid");
        let errors: String = errors.iter().map(|error| format!("{error}\n")).collect();
        insta::assert_snapshot!(errors, @r#"
        plugins.lock:1: version: is 2, but this costwarden knows 1: use the one that wrote it, or write the file anew
        plugins.lock:2: plugin.version: is missing, expected the plugin's version
        plugins.lock:4: plugin.digest: expected sha256: and 64 digits in lower-case hex, found "sha256:12"
        plugins.lock:7: plugin.version: expected a string in quotes, found 1
        plugins.lock:9: plugin.source: expected a plugin in a registry, like oci://HOST/NAME:TAG@sha256:DIGEST, found "a:1"
        plugins.lock:10: plugin.hash: unknown key, expected one of name, version, digest, signer, source
        "#);
    }

    #[test]
    fn changes_say_what_was_and_what_is() {
        let was = lock(&[("gone", entry("1", None)), ("same", entry("1", None)), ("web", entry("1", None))]);
        let now = lock(&[("new", entry("1", None)), ("same", entry("1", None)), ("web", entry("2", Some("acme")))]);
        let changes: String = was.changes(&now).iter().map(|change| format!("{change}\n")).collect();
        insta::assert_snapshot!(changes, @"
        removed gone: version 1, digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        added new: version 1, digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        changed web: version 1 -> 2, signer none -> acme, source none -> oci://h.example/acme/web:1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        ");
    }
}
