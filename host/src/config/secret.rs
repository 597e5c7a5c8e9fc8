//! Secrets: written down as references, usable, and never shown.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::toml::Section;

/// Credentials. `Debug` is redacted and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Reads a reference to a secret; the secret itself in the file is an error.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    key: &'static str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<Secret> {
    let text = section.text(key)?;
    let resolved = resolve(&text, section.folder(), env).unwrap_or_else(|| {
        Err("expected a reference, \"env:NAME\" or \"file:PATH\", not the secret itself".to_owned())
    });
    noted(section, key, resolved)
}

/// Reads what may stand in the file, and may be referred to as well.
pub(super) fn read_or_plain(
    section: &mut Section<'_, '_>,
    key: &'static str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<Secret> {
    let text = section.text(key)?;
    let resolved = resolve(&text, section.folder(), env).unwrap_or(Ok(text));
    noted(section, key, resolved)
}

fn noted(section: &Section<'_, '_>, key: &str, resolved: Result<String, String>) -> Option<Secret> {
    match resolved {
        Ok(text) => Some(Secret::new(text)),
        Err(message) => {
            section.fail(key, message);
            None
        }
    }
}

/// None where the text is no reference.
fn resolve(text: &str, folder: &Path, env: &dyn Fn(&str) -> Option<String>) -> Option<Result<String, String>> {
    if let Some(name) = text.strip_prefix("env:") {
        let value = env(name).filter(|value| !value.is_empty());
        return Some(value.ok_or_else(|| format!("the environment variable {name} is not set")));
    }
    text.strip_prefix("file:").map(|path| read_file(&folder.join(path)))
}

/// The text of a file that nobody but its owner can read, or why it cannot be had.
pub(crate) fn read_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mode =
        std::fs::metadata(path).map_err(|error| format!("{shown} cannot be read: {error}"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("{shown} is open to others (mode {:o}), expected 600: chmod 600 {shown}", mode & 0o777));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "hunter2\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
        let error = read_file(&path).expect_err("refused");
        assert!(error.contains("is open to others (mode 640), expected 600: chmod 600"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        assert_eq!(read_file(&path).as_deref(), Ok("hunter2"));
    }
}
