//! Secrets: references in the config, usable values in memory, redacted output.
//!
//! References to variables and files are resolved while the config is read. An unavailable secret is recorded and is an
//! error only for a command that uses the secret. References to Secrets Manager are recorded, and the Secrets Manager
//! client of the host resolves them later: reading a config uses no network.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::toml::{Diagnostic, Key, SecretText, Section};

/// A credential. `Debug` is redacted, and `Display` is missing on purpose. Clones share a value filled in later.
#[derive(Clone)]
pub struct Secret(Arc<OnceLock<String>>);

/// A reference to a secret in Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretReference {
    pub id: String,
    /// `None` means the current version.
    pub version: Option<String>,
}

/// A secret still to be filled in, with the place of the reference.
#[derive(Debug)]
pub struct PendingSecret {
    pub reference: SecretReference,
    secret: Secret,
    /// The place of the reference, without a message.
    place: Diagnostic,
}

/// The resolver of references. The resolver looks up environment variables and reads files, and collects the unavailable
/// secrets and the references to Secrets Manager.
pub struct SecretResolver<'e> {
    env: &'e dyn Fn(&str) -> Option<String>,
    /// Variables of the file `env_file`. A variable of the environment has precedence.
    file: BTreeMap<String, String>,
    pending: RefCell<Vec<PendingSecret>>,
    missing: RefCell<Vec<Diagnostic>>,
}

/// The secrets of a config without a value yet.
#[derive(Debug, Default)]
pub struct OpenSecrets {
    /// References to Secrets Manager.
    pub pending: Vec<PendingSecret>,
    /// Secrets without a value: an unset variable or an unreadable file.
    pub missing: Vec<Diagnostic>,
}

/// The tables of a config with secrets that a command uses.
#[derive(Debug, Clone, Copy)]
pub enum SecretUse {
    All,
    Tables(&'static [&'static str]),
}

impl SecretUse {
    /// Whether the command uses the secret under a dotted key.
    pub fn includes(self, key: &str) -> bool {
        let table = key.split('.').next().unwrap_or_default();
        match self {
            Self::All => true,
            Self::Tables(tables) => tables.contains(&table),
        }
    }
}

/// The description of the key `env_file`.
pub const ENV_FILE: &str = "A file of NAME=value lines with the variables of \"env:NAME\" references. A variable of the environment has precedence.";

/// Size limit of a file with a secret, in bytes.
const FILE_BYTES: u64 = 65_536;
const EXPECTED: &str =
    "expected a reference such as \"env:NAME\", \"file:PATH\" or \"kakao-secret:ID\", not the secret itself";

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(OnceLock::from(text.into())))
    }

    pub fn expose(&self) -> &str {
        self.0.get().expect("secrets are filled in before a service is opened")
    }

    /// Returns the secret, or `None` if the secret is still to be filled in.
    pub fn known(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl PendingSecret {
    /// Returns the dotted key of the reference.
    pub fn key(&self) -> &str {
        &self.place.key
    }

    pub fn fill(self, text: String) {
        // A config is filled in once, so the secret is still empty.
        let _: Result<(), String> = self.secret.0.set(text);
    }

    /// Returns an error at the place of the reference.
    pub fn fail(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic { message: message.into(), ..self.place.clone() }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, version } = self;
        match version {
            Some(version) => write!(f, "kakao-secret:{id}@{version}"),
            None => write!(f, "kakao-secret:{id}"),
        }
    }
}

impl<'e> SecretResolver<'e> {
    pub fn new(env: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self { env, file: BTreeMap::new(), pending: RefCell::default(), missing: RefCell::default() }
    }

    /// Adds the variables of `env_file`. An invalid file is an error of the config.
    pub fn read_env_file(&mut self, root: &mut Section<'_, '_>) -> Option<PathBuf> {
        let path = root.key("env_file", ENV_FILE).path()?;
        match read_variables(&path) {
            Ok(variables) => self.file = variables,
            Err(message) => root.fail("env_file", message),
        }
        Some(path)
    }

    /// Returns whether the secret under a dotted key must be fetched from Secrets Manager.
    pub fn is_pending(&self, key: &str) -> bool {
        self.pending.borrow().iter().any(|pending| pending.key() == key)
    }

    pub fn into_open(self) -> OpenSecrets {
        OpenSecrets { pending: self.pending.into_inner(), missing: self.missing.into_inner() }
    }

    /// Records an unavailable secret: an error for the commands that use the secret.
    pub fn record_missing(&self, section: &Section<'_, '_>, key: &str, message: String) {
        self.missing.borrow_mut().push(Diagnostic { message, ..section.place(key) });
    }

    /// Returns the secret, or an empty secret with a record of the reason.
    fn available(&self, value: Result<String, String>, section: &Section<'_, '_>, key: &str) -> Secret {
        value.map_or_else(
            |message| {
                self.record_missing(section, key, message);
                Secret(Arc::default())
            },
            Secret::new,
        )
    }

    /// Resolves a reference. Returns `None` if the text is no reference.
    fn resolve(&self, text: &str, section: &Section<'_, '_>, key: &str) -> Option<Result<Secret, String>> {
        if let Some(name) = text.strip_prefix("env:") {
            let value = match (self.env)(name).or_else(|| self.file.get(name).cloned()) {
                _ if name.is_empty() => {
                    return Some(Err("expected \"env:NAME\", the name of an environment variable".to_owned()));
                }
                None => Err(format!("the environment variable {name} is not set")),
                Some(value) if value.is_empty() => Err(format!("the environment variable {name} is empty")),
                Some(value) => Ok(value),
            };
            return Some(Ok(self.available(value, section, key)));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return Some(Ok(self.available(read_file(&section.folder().join(path)), section, key)));
        }
        let reference = parse_reference(text.strip_prefix("kakao-secret:")?);
        Some(reference.map(|reference| {
            let secret = Secret(Arc::default());
            let pending = PendingSecret { reference, secret: secret.clone(), place: section.place(key) };
            self.pending.borrow_mut().push(pending);
            secret
        }))
    }
}

/// Reads a reference to a secret. A plain secret in the config is an error.
pub fn read(key: Key<'_, '_, '_>, resolver: &SecretResolver<'_>) -> Option<Secret> {
    let SecretText { section, name, text } = key.pattern("^(env:.+|file:|kakao-secret:)").secret()?;
    let resolved = resolver.resolve(&text, section, name).unwrap_or_else(|| Err(EXPECTED.to_owned()));
    report_error(section, name, resolved)
}

/// Reads a value or a reference to a secret.
pub fn read_or_plain(key: Key<'_, '_, '_>, resolver: &SecretResolver<'_>) -> Option<Secret> {
    let SecretText { section, name, text } = key.secret()?;
    let resolved = resolver.resolve(&text, section, name).unwrap_or_else(|| Ok(Secret::new(text)));
    report_error(section, name, resolved)
}

/// Records the error of a reference.
fn report_error(section: &Section<'_, '_>, key: &str, resolved: Result<Secret, String>) -> Option<Secret> {
    match resolved {
        Ok(secret) => Some(secret),
        Err(message) => {
            section.fail(key, message);
            None
        }
    }
}

/// Reads the lines `NAME=value` of a file, in the form of an environment file of systemd. Quotes around a value and a
/// leading `export` are removed.
fn read_variables(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let mut variables = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let assignment = line.strip_prefix("export ").unwrap_or(line).split_once('=');
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let Some((name, value)) = assignment.filter(|(name, _)| is_name(name)) else {
            // Not the line itself, because the line may contain a secret.
            return Err(format!("line {} of {shown} is not an assignment, expected NAME=value", index + 1));
        };
        let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        variables.insert(name.to_owned(), unquoted.unwrap_or(value).to_owned());
    }
    Ok(variables)
}

/// Parses `ID` or `ID@VERSION`.
fn parse_reference(text: &str) -> Result<SecretReference, String> {
    let (id, version) = text.split_once('@').map_or((text, None), |(id, version)| (id, Some(version)));
    let is_name = |name: &str| {
        // `.` and `..` would change the path of the request.
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !name.trim_matches('.').is_empty() && name.bytes().all(is_valid)
    };
    if is_name(id) && version.is_none_or(is_name) {
        return Ok(SecretReference { id: id.to_owned(), version: version.map(str::to_owned) });
    }
    Err("expected \"kakao-secret:ID\" or \"kakao-secret:ID@VERSION\" of letters, digits, -, _ and .".to_owned())
}

/// Returns the text of a file readable by the owner only, or an error message. A link is followed, and the same rules
/// apply to the target.
pub fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let unreadable = |error| format!("{shown} cannot be read: {error}");
    // Checked before opening: opening a named pipe would block for ever.
    is_private(&std::fs::metadata(path).map_err(unreadable)?, path)?;
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Checked again on the open file: a link may have changed in between.
    is_private(&file.metadata().map_err(unreadable)?, path)?;
    let mut text = String::new();
    // A byte more than allowed reveals a file over the limit.
    file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(format!("{shown} is longer than {FILE_BYTES} bytes, expected one secret"));
    }
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() { Err(format!("{shown} is empty, expected one secret")) } else { Ok(text.to_owned()) }
}

fn is_private(metadata: &std::fs::Metadata, path: &Path) -> Result<(), String> {
    let shown = path.display();
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { "a folder" } else { "not a regular file" };
        return Err(format!("{shown} is {kind}, expected a file with one secret"));
    }
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "{shown} is accessible to other users (mode {:o}), expected mode 600: run chmod 600 {shown}",
            mode & 0o777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn a_file_accessible_to_other_users_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "hunter2\n").expect("written");
        set_mode(&path, 0o640);
        let error = read_file(&path).expect_err("refused");
        assert!(error.contains("is accessible to other users (mode 640), expected mode 600: run chmod 600"), "{error}");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        let error = read_file(&link).expect_err("refused through a link");
        assert!(error.contains("link is accessible to other users (mode 640)"), "{error}");
        set_mode(&path, 0o600);
        assert_eq!(read_file(&path).as_deref(), Ok("hunter2"));
        assert_eq!(read_file(&link).as_deref(), Ok("hunter2"));
    }

    #[test]
    fn a_file_without_one_secret_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        set_mode(folder.path(), 0o700);
        let error = read_file(folder.path()).expect_err("refused");
        assert!(error.ends_with("is a folder, expected a file with one secret"), "{error}");
        let path = folder.path().join("key");
        for (text, expected) in [("\n", "is empty"), (&"x".repeat(70_000), "is longer than 65536 bytes")] {
            std::fs::write(&path, text).expect("written");
            set_mode(&path, 0o600);
            let error = read_file(&path).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        }
        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink(folder.path().join("none"), &dangling).expect("linked");
        assert!(read_file(&dangling).expect_err("refused").contains("dangling cannot be read: No such file"));
    }

    #[test]
    fn a_reference_has_an_id_and_an_optional_version() {
        let shown = |text: &str| parse_reference(text).map(|reference| reference.to_string());
        assert_eq!(shown("a-1_b.c").as_deref(), Ok("kakao-secret:a-1_b.c"));
        assert_eq!(shown("a@3").as_deref(), Ok("kakao-secret:a@3"));
        for wrong in ["", "@3", "a@", "a/b", "..", "a b", "a?x=1", "a@3@4"] {
            assert!(parse_reference(wrong).is_err(), "{wrong}");
        }
    }
}
