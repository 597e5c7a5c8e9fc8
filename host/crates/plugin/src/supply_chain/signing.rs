//! Signing of plugins, and creation of key pairs.

use std::io::Cursor;

use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKeyBox};
use sandbox::Artifact;

use super::signature::Signature;

/// A new key pair: the texts of the two key files.
pub struct KeyFiles {
    pub secret: String,
    pub public: String,
    /// Line of the public key, for the config.
    pub line: String,
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
    let trusted_comment = format!("file:{name}\tsha256:{}", artifact.digest);
    let untrusted_comment = "signature of a costwarden plugin";
    let signed =
        minisign::sign(None, &secret, Cursor::new(&artifact.bytes), Some(&trusted_comment), Some(untrusted_comment));
    Ok(Signature { text: signed.map_err(|error| KeyError::Random(error.to_string()))?.into_string() })
}

/// Creates a key pair. The secret key has no password: the file's mode protects the key, like all secrets.
///
/// # Errors
/// Fails if the system gives no random numbers.
pub fn generate_keys() -> Result<KeyFiles, KeyError> {
    let random = |error: minisign::PError| KeyError::Random(error.to_string());
    let pair = KeyPair::generate_unencrypted_keypair().map_err(random)?;
    let secret = pair.sk.to_box(Some("secret key of costwarden plugins")).map_err(random)?;
    let public = pair.pk.to_box().map_err(random)?;
    Ok(KeyFiles { secret: secret.into_string(), public: public.into_string(), line: pair.pk.to_base64() })
}

/// Parses a public key: the key's line, or the text of the key's file.
pub fn parse_public_key(text: &str) -> Option<PublicKey> {
    let text = text.trim();
    let key = if text.contains('\n') {
        PublicKeyBox::from_string(text).and_then(PublicKeyBox::into_public_key)
    } else {
        PublicKey::from_base64(text)
    };
    key.ok()
}

/// Errors of signing and of key creation.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("not a secret key without a password, expected FILE of `costwarden plugin keygen FILE`, not FILE.pub")]
    Secret,
    #[error("the system returns no random numbers: {0}")]
    Random(String),
}
