//! The tokens of the people who may write: a file of `NAME=TOKEN` lines.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Smallest length of a token, in bytes.
const MIN_TOKEN_BYTES: usize = 32;

/// The people by token. Only digests are kept.
#[derive(Default)]
pub(crate) struct Tokens {
    people: Vec<Person>,
}

struct Person {
    name: String,
    digest: [u8; 32],
}

/// An unusable file of tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokensError {
    #[error("--tokens: {0}")]
    File(String),
    #[error("--tokens {}: line {line}: expected NAME=TOKEN, with a token of at least {MIN_TOKEN_BYTES} characters, as of `openssl rand -hex 32`", path.display())]
    Line { path: PathBuf, line: usize },
    #[error("--tokens {}: line {line}: the token stands on an earlier line, expected one token for each person", path.display())]
    Repeated { path: PathBuf, line: usize },
    #[error("--tokens {}: has no token, expected NAME=TOKEN lines", path.display())]
    Empty { path: PathBuf },
}

impl Tokens {
    /// Reads a file that only the owner can read. Empty lines and lines with `#` are ignored.
    ///
    /// # Errors
    /// The file cannot be read, other users can read the file, or a line is no token.
    pub(crate) fn read(path: &Path) -> Result<Self, TokensError> {
        let text = config_file::secret::read_file(path).map_err(TokensError::File)?;
        let mut tokens = Self::default();
        for (index, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let line = index + 1;
            let invalid = || TokensError::Line { path: path.to_owned(), line };
            let (name, token) = text.split_once('=').ok_or_else(invalid)?;
            let [name, token] = [name.trim(), token.trim()];
            if name.is_empty() || token.len() < MIN_TOKEN_BYTES {
                return Err(invalid());
            }
            if tokens.person(token).is_some() {
                return Err(TokensError::Repeated { path: path.to_owned(), line });
            }
            tokens.people.push(Person { name: name.to_owned(), digest: digest(token) });
        }
        if tokens.people.is_empty() { Err(TokensError::Empty { path: path.to_owned() }) } else { Ok(tokens) }
    }

    /// Returns the name of a person. The comparison of digests gives no hint about a token by its time.
    pub(super) fn person(&self, token: &str) -> Option<&str> {
        let digest = digest(token);
        self.people.iter().find(|person| person.digest == digest).map(|person| person.name.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Returns the tokens of a file, or the error without the path.
    fn read(text: &str, mode: u32) -> Result<Tokens, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
        Tokens::read(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn a_token_names_a_person() {
        let [kim, lee] = ["k".repeat(32), "l".repeat(40)];
        let tokens = read(&format!("# people\n\nkim={kim}\n lee = {lee}\n"), 0o600).expect("valid");
        assert_eq!(tokens.person(&kim), Some("kim"));
        assert_eq!(tokens.person(&lee), Some("lee"));
        for wrong in ["", "k", &kim[1..], "kim"] {
            assert_eq!(tokens.person(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_error_names_the_line() {
        let error = |text: &str, mode| read(text, mode).err().expect("invalid");
        let token = "t".repeat(32);
        insta::assert_snapshot!(error("kim=short\n", 0o600), @"--tokens FILE: line 1: expected NAME=TOKEN, with a token of at least 32 characters, as of `openssl rand -hex 32`");
        insta::assert_snapshot!(error(&format!("a={token}\nb={token}\n"), 0o600), @"--tokens FILE: line 2: the token stands on an earlier line, expected one token for each person");
        insta::assert_snapshot!(error("# nobody\n", 0o600), @"--tokens FILE: has no token, expected NAME=TOKEN lines");
        assert!(error(&format!("a={token}\n"), 0o644).contains("is accessible to other users (mode 644)"));
    }
}
