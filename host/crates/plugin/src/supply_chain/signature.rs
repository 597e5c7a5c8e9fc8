//! Plugin signatures in minisign's format: `NAME.wasm.minisig` beside `NAME.wasm`.
//!
//! A signature is verified against the bytes of a file before any byte is parsed. The operator assigns keys to plugins
//! in `[[plugins.signing.key]]`.

use std::fs::File;
use std::io::{self, Cursor, Read as _};
use std::path::{Path, PathBuf};

use globset::GlobSet;
use minisign::{PublicKey, SignatureBox};
use model::rule::image::is_sha256;
use sandbox::Artifact;

/// A trusted key.
#[derive(Debug, Clone)]
pub struct TrustedKey {
    pub name: String,
    pub public: PublicKey,
    /// Name patterns of the plugins that the key may sign.
    pub may_sign: GlobSet,
    /// Text of the patterns in the config, for messages.
    pub patterns: String,
}

/// An unverified signature of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub text: String,
}

/// Maximum size of a signature in bytes, far above any real signature.
const LIMIT_BYTES: u64 = 16 * 1024;

/// Length of a signature's last line: 64 bytes in base64. The library assumes this length without a check.
const LAST_LINE_BYTES: usize = 88;

/// Returns the path of a plugin's signature.
pub fn signature_path(plugin: &Path) -> PathBuf {
    let mut path = plugin.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// Reads the signature beside a plugin; `None` if absent.
///
/// # Errors
/// Fails if an existing signature cannot be read.
pub fn read_signature(plugin: &Path) -> Result<Option<Signature>, SignatureError> {
    let path = signature_path(plugin);
    match read_text(&path) {
        Ok(text) => Ok(Some(Signature { text })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SignatureError::Unreadable { path, error }),
    }
}

/// Returns the name of the signing key; `None` if no key is trusted, because then no signature is required.
///
/// # Errors
/// Fails if keys are trusted, but no key allowed for this plugin has signed the bytes.
pub fn verify<'k>(
    keys: &'k [TrustedKey],
    plugin: &str,
    artifact: &Artifact,
    signature: Result<Option<Signature>, SignatureError>,
) -> Result<Option<&'k str>, SignatureError> {
    let Some(key) = signer(keys, artifact, signature)? else { return Ok(None) };
    key.check_may_sign(plugin, artifact)?;
    Ok(Some(&key.name))
}

/// Verifies a plugin like [`verify`]. The name is asked for after the verification of the bytes.
///
/// # Errors
/// See [`verify`].
pub fn verify_file<'k>(
    keys: &'k [TrustedKey],
    artifact: &Artifact,
    signature: Result<Option<Signature>, SignatureError>,
    name: impl FnOnce() -> String,
) -> Result<Option<&'k str>, SignatureError> {
    let Some(key) = signer(keys, artifact, signature)? else { return Ok(None) };
    key.check_may_sign(&name(), artifact)?;
    Ok(Some(&key.name))
}

/// Returns the id of a signature's key in hex, without verification.
pub fn key_id_of(signature: &str) -> Option<String> {
    let signature = SignatureBox::from_string(signature).ok()?;
    Some(key_id(signature.keynum()))
}

/// Returns the key that signed the bytes, allowed or not; `None` if no key is trusted.
fn signer<'k>(
    keys: &'k [TrustedKey],
    artifact: &Artifact,
    signature: Result<Option<Signature>, SignatureError>,
) -> Result<Option<&'k TrustedKey>, SignatureError> {
    if keys.is_empty() {
        return Ok(None);
    }
    let path = || artifact.path.clone();
    let Some(signature) = signature? else { return Err(SignatureError::Unsigned { path: path() }) };
    let signature = signature.parse().ok_or_else(|| SignatureError::Malformed { path: path() })?;
    let Some(key) = keys.iter().find(|key| key.public.keynum() == signature.keynum()) else {
        return Err(SignatureError::Untrusted { path: path(), key: key_id(signature.keynum()) });
    };
    // Quiet, without a copy of the data on standard output, and without legacy signatures.
    if minisign::verify(&key.public, &signature, Cursor::new(&artifact.bytes), true, false, false).is_err() {
        return Err(SignatureError::Tampered {
            path: path(),
            key: key.name.clone(),
            actual: artifact.digest.clone(),
            signed: signed_digest(&signature),
        });
    }
    Ok(Some(key))
}

impl TrustedKey {
    fn check_may_sign(&self, plugin: &str, artifact: &Artifact) -> Result<(), SignatureError> {
        if self.may_sign.is_match(plugin) {
            return Ok(());
        }
        Err(SignatureError::NotAllowed {
            path: artifact.path.clone(),
            key: self.name.clone(),
            plugin: plugin.to_owned(),
            patterns: self.patterns.clone(),
        })
    }
}

impl Signature {
    /// Returns the signer's comment, to be shown only after verification.
    pub fn trusted_comment(&self) -> Option<String> {
        self.parse()?.trusted_comment().ok()
    }

    fn parse(&self) -> Option<SignatureBox> {
        let last = self.text.lines().nth(3)?;
        if last.trim().len() != LAST_LINE_BYTES {
            return None;
        }
        SignatureBox::from_string(&self.text).ok()
    }
}

/// Returns the digest in the signer's comment, not proven; `None` if the text does not have the form of a digest.
fn signed_digest(signature: &SignatureBox) -> Option<String> {
    let comment = signature.trusted_comment().ok()?;
    let (_, digest) = comment.rsplit_once('\t')?;
    is_sha256(digest).then(|| digest.to_owned())
}

/// Formats a key id like minisign does: the little-endian number as 16 upper-case hex digits.
fn key_id(number: &[u8]) -> String {
    hex::encode_upper(number.iter().rev().copied().collect::<Vec<_>>())
}

fn read_text(path: &Path) -> io::Result<String> {
    // Checked before the file is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    // A byte beyond the limit reveals a file above the limit.
    File::open(path)?.take(LIMIT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT_BYTES { Err(io::Error::other("too large for a signature")) } else { Ok(text) }
}

/// Reasons to refuse a plugin's signature.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error(
        "{}: unsigned, but [[plugins.signing.key]] requires a signature: sign the plugin with `costwarden plugin sign`",
        path.display()
    )]
    Unsigned { path: PathBuf },
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error(
        "{}: the signature is not in the format of minisign: sign the plugin again with `costwarden plugin sign`",
        path.display()
    )]
    Malformed { path: PathBuf },
    #[error("{}: signed by the key {key}, but no [[plugins.signing.key]] has this key", path.display())]
    Untrusted { path: PathBuf, key: String },
    #[error(
        "{}: changed after `{key}` signed the file: the bytes are sha256:{actual}{}: get the file again, or sign the plugin again",
        path.display(), signed.as_ref().map(|digest| format!(", the signature is for {digest}")).unwrap_or_default()
    )]
    Tampered { path: PathBuf, key: String, actual: String, signed: Option<String> },
    #[error(
        "{}: signed by `{key}`, but this key may sign only {patterns}, not `{plugin}`: add the plugin to `plugins` of the [[plugins.signing.key]]",
        path.display()
    )]
    NotAllowed { path: PathBuf, key: String, plugin: String, patterns: String },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supply_chain::signing::{generate_keys, parse_public_key, sign};

    fn key(name: &str, pattern: &str) -> (TrustedKey, String) {
        let files = generate_keys(None).expect("random numbers");
        let public = parse_public_key(&files.public).expect("a public key");
        assert_eq!(parse_public_key(&files.line).expect("a line").to_base64(), files.line);
        let may_sign = globset::Glob::new(pattern).expect("a pattern");
        let may_sign = GlobSet::builder().add(may_sign).build().expect("a set");
        (TrustedKey { name: name.to_owned(), public, may_sign, patterns: format!("{pattern:?}") }, files.secret)
    }

    fn artifact(bytes: &[u8]) -> Artifact {
        Artifact::new(Path::new("acme-web.wasm"), bytes.to_vec())
    }

    #[test]
    fn a_signature_is_valid_for_the_signed_bytes_only() {
        let (trusted, secret) = key("acme", "acme-*");
        let good = artifact(b"plugin");
        let signature = sign(&secret, None, &good).expect("signed");
        let keys = [trusted];
        let verified = |name: &str, artifact: &Artifact| {
            verify(&keys, name, artifact, Ok(Some(signature.clone()))).map(|key| key.is_some())
        };
        assert!(verified("acme-web", &good).expect("verified"));
        let tampered = artifact(b"plugim");
        let error = verified("acme-web", &tampered).expect_err("refused").to_string();
        assert!(error.contains(&tampered.digest) && error.contains(&good.digest), "{error}");
        assert!(matches!(verified("web", &good), Err(SignatureError::NotAllowed { .. })));
        assert_eq!(signature.trusted_comment().expect("one"), format!("file:acme-web.wasm\tsha256:{}", good.digest));
    }

    /// Includes forms that the library does not expect.
    #[test]
    fn a_damaged_signature_is_refused() {
        let (trusted, secret) = key("acme", "*");
        let good = artifact(b"plugin");
        let text = sign(&secret, None, &good).expect("signed").text;
        let keys = [trusted];
        let lines: Vec<&str> = text.lines().collect();
        for (line, replacement) in [
            (0, ""),
            (0, "AAAA"),
            (1, ""),
            (1, "AAAA"),
            (1, "untrusted comment: other"),
            (2, "AAAA"),
            (2, "trusted comment: other"),
            (3, ""),
            (3, "AAAA"),
        ] {
            let mut lines = lines.clone();
            lines[line] = replacement;
            let signature = Signature { text: lines.join("\n") };
            let error = verify(&keys, "acme-web", &good, Ok(Some(signature))).map(|_| ()).expect_err("refused");
            let expected = match replacement {
                "trusted comment: other" => matches!(error, SignatureError::Tampered { signed: None, .. }),
                _ => matches!(error, SignatureError::Malformed { .. }),
            };
            assert!(expected, "line {line} {replacement:?}: {error}");
        }
        assert!(verify(&keys, "acme-web", &good, Ok(Some(Signature { text }))).is_ok());
    }

    #[test]
    fn a_folder_in_place_of_a_signature_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("a.wasm.minisig")).expect("a folder");
        let error = read_signature(&folder.path().join("a.wasm")).expect_err("refused").to_string();
        assert!(error.ends_with("a.wasm.minisig: cannot be read: not a regular file"), "{error}");
        assert_eq!(read_signature(&folder.path().join("b.wasm")).expect("none"), None);
    }

    #[test]
    fn a_signature_has_the_id_of_the_key() {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("a key");
        let signature = minisign::sign(None, &pair.sk, &b"bytes"[..], None, None).expect("signed").into_string();
        let key = key_id_of(&signature).expect("named");
        // minisign omits leading zeros in this comment.
        let comment = pair.pk.to_box().expect("a box").to_string();
        assert!(comment.contains(key.trim_start_matches('0')), "{key}: {comment}");
        assert_eq!(key_id_of("untrusted comment: none\n"), None);
        assert_eq!(key_id_of(""), None);
    }

    #[test]
    fn a_key_id_keeps_leading_zeros() {
        // Algorithm `ED`, the key id 0102030405060708 in little-endian order, and an empty signature.
        let signature = "A".repeat(83);
        let global = "A".repeat(86);
        let text = format!("untrusted comment: \nRUQIBwYFBAMCAQAA{signature}=\ntrusted comment: \n{global}==\n");
        assert_eq!(key_id_of(&text).as_deref(), Some("0102030405060708"));
    }
}
