//! Plugin signatures in minisign's format: `NAME.wasm.minisig` beside `NAME.wasm`.
//!
//! A signature is verified against the bytes of a file before any byte is parsed. The operator assigns keys to plugins
//! in `[[plugins.signing.key]]`.

use std::fs::File;
use std::io::{self, Cursor, Read as _};
use std::path::{Path, PathBuf};

use globset::GlobSet;
use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKeyBox, SignatureBox};

use model::image::is_sha256;
use sandbox::Artifact;
use sandbox::packed;

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

/// A new key pair: the texts of the two key files.
pub struct KeyFiles {
    pub secret: String,
    pub public: String,
    /// Line of the public key, for the config.
    pub line: String,
}

/// Maximum size of a signature in bytes, far above any real signature.
const LIMIT_BYTES: u64 = 16 * 1024;

/// Length of a signature's last line: 64 bytes in base64. The library assumes this length without a check.
const LAST_LINE: usize = 88;

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
pub fn beside(plugin: &Path) -> Result<Option<Signature>, SignatureError> {
    let path = signature_path(plugin);
    match read(&path) {
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

/// Verifies a plugin with an unknown name like [`verify`]. After the verification of the bytes, the name comes from the
/// packed manifest; without a manifest, from the file name.
///
/// # Errors
/// See [`verify`].
pub fn verify_file<'k>(
    keys: &'k [TrustedKey],
    artifact: &Artifact,
    signature: Result<Option<Signature>, SignatureError>,
) -> Result<Option<&'k str>, SignatureError> {
    let Some(key) = signer(keys, artifact, signature)? else { return Ok(None) };
    let stem = || artifact.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = packed::read(&artifact.bytes).ok().flatten().map_or_else(stem, |manifest| manifest.name);
    key.check_may_sign(&name, artifact)?;
    Ok(Some(&key.name))
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
        let (key, found, signed) = (key.name.clone(), artifact.digest.clone(), signed_digest(&signature));
        return Err(SignatureError::Tampered { path: path(), key, found, signed });
    }
    Ok(Some(key))
}

impl TrustedKey {
    fn check_may_sign(&self, plugin: &str, artifact: &Artifact) -> Result<(), SignatureError> {
        if self.may_sign.is_match(plugin) {
            return Ok(());
        }
        let (key, plugin, patterns) = (self.name.clone(), plugin.to_owned(), self.patterns.clone());
        Err(SignatureError::NotAllowed { path: artifact.path.clone(), key, plugin, patterns })
    }
}

/// Signs a plugin with the text of a secret key's file.
///
/// # Errors
/// Fails if the text is not a secret key, or if the key has a password.
pub fn sign(secret_key: &str, artifact: &Artifact) -> Result<Signature, KeyError> {
    let secret = SecretKeyBox::from_string(secret_key)
        .and_then(SecretKeyBox::into_unencrypted_secret_key)
        .map_err(|_| KeyError::Secret)?;
    let name = artifact.path.file_name().unwrap_or_default().to_string_lossy();
    // The comment is a single line with a tab before the digest: control characters in the name would break it.
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let trusted = format!("file:{name}\tsha256:{}", artifact.digest);
    let untrusted = "signature of a costwarden plugin";
    let signed = minisign::sign(None, &secret, Cursor::new(&artifact.bytes), Some(&trusted), Some(untrusted));
    Ok(Signature { text: signed.map_err(|error| KeyError::Random(error.to_string()))?.into_string() })
}

/// Creates a key pair. The secret key has no password: the file's mode protects the key, like all secrets.
///
/// # Errors
/// Fails if the system gives no random numbers.
pub fn generate() -> Result<KeyFiles, KeyError> {
    let random = |error: minisign::PError| KeyError::Random(error.to_string());
    let pair = KeyPair::generate_unencrypted_keypair().map_err(random)?;
    let secret = pair.sk.to_box(Some("secret key of costwarden plugins")).map_err(random)?;
    let public = pair.pk.to_box().map_err(random)?;
    Ok(KeyFiles { secret: secret.into_string(), public: public.into_string(), line: pair.pk.to_base64() })
}

/// Parses a public key: the key's line, or the text of the key's file.
pub fn public_key(text: &str) -> Option<PublicKey> {
    let text = text.trim();
    let key = if text.contains('\n') {
        PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key)
    } else {
        PublicKey::from_base64(text)
    };
    key.ok()
}

impl Signature {
    /// Returns the signer's comment, to be shown only after verification.
    pub fn trusted_comment(&self) -> Option<String> {
        self.parse()?.trusted_comment().ok()
    }

    fn parse(&self) -> Option<SignatureBox> {
        let last = self.text.lines().nth(3)?;
        if last.trim().len() != LAST_LINE {
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
pub(super) fn key_id(number: &[u8]) -> String {
    hex::encode_upper(number.iter().rev().copied().collect::<Vec<_>>())
}

fn read(path: &Path) -> io::Result<String> {
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
        "{}: unsigned, but [[plugins.signing.key]] says who must sign: have it signed with `costwarden plugin sign`",
        path.display()
    )]
    Unsigned { path: PathBuf },
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error(
        "{}: its signature is not in minisign's format: have it signed again with `costwarden plugin sign`",
        path.display()
    )]
    Malformed { path: PathBuf },
    #[error("{}: signed by the key {key}, which no [[plugins.signing.key]] has", path.display())]
    Untrusted { path: PathBuf, key: String },
    #[error(
        "{}: its bytes (sha256:{found}) are not those that `{key}` signed{}: get the file anew, or have it signed again",
        path.display(), signed.as_ref().map(|digest| format!(" ({digest})")).unwrap_or_default()
    )]
    Tampered { path: PathBuf, key: String, found: String, signed: Option<String> },
    #[error(
        "{}: signed by `{key}`, which may sign {patterns} and so not `{plugin}`: add it to `plugins` of that [[plugins.signing.key]]",
        path.display()
    )]
    NotAllowed { path: PathBuf, key: String, plugin: String, patterns: String },
}

/// Errors of signing and of key creation.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no secret key without a password, expected the FILE of `costwarden plugin keygen FILE`, not its FILE.pub")]
    Secret,
    #[error("the system gave no random numbers: {0}")]
    Random(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, pattern: &str) -> (TrustedKey, String) {
        let files = generate().expect("random numbers");
        let public = public_key(&files.public).expect("a public key");
        assert_eq!(public_key(&files.line).expect("a line").to_base64(), files.line);
        let may_sign = globset::Glob::new(pattern).expect("a pattern");
        let may_sign = GlobSet::builder().add(may_sign).build().expect("a set");
        (TrustedKey { name: name.to_owned(), public, may_sign, patterns: format!("{pattern:?}") }, files.secret)
    }

    fn artifact(bytes: &[u8]) -> Artifact {
        Artifact::new(Path::new("acme-web.wasm"), bytes.to_vec())
    }

    #[test]
    fn what_was_signed_is_what_counts() {
        let (trusted, secret) = key("acme", "acme-*");
        let good = artifact(b"plugin");
        let signature = sign(&secret, &good).expect("signed");
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
    fn a_damaged_signature_does_not_count() {
        let (trusted, secret) = key("acme", "*");
        let good = artifact(b"plugin");
        let text = sign(&secret, &good).expect("signed").text;
        let keys = [trusted];
        let lines: Vec<&str> = text.lines().collect();
        for (line, replaced) in [
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
            lines[line] = replaced;
            let signature = Signature { text: lines.join("\n") };
            let error = verify(&keys, "acme-web", &good, Ok(Some(signature))).map(|_| ()).expect_err("refused");
            let expected = match replaced {
                "trusted comment: other" => matches!(error, SignatureError::Tampered { signed: None, .. }),
                _ => matches!(error, SignatureError::Malformed { .. }),
            };
            assert!(expected, "line {line} {replaced:?}: {error}");
        }
        assert!(verify(&keys, "acme-web", &good, Ok(Some(Signature { text }))).is_ok());
    }

    #[test]
    fn a_folder_is_no_signature() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("a.wasm.minisig")).expect("a folder");
        let error = beside(&folder.path().join("a.wasm")).expect_err("refused").to_string();
        assert!(error.ends_with("a.wasm.minisig: cannot be read: not a regular file"), "{error}");
        assert_eq!(beside(&folder.path().join("b.wasm")).expect("none"), None);
    }
}
