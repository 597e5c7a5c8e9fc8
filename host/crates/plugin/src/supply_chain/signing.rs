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

/// Signs a plugin with the text of a secret key's file, and with the password of an encrypted key.
///
/// # Errors
/// Fails if the text is not a secret key, if the password is missing or wrong, or if the key has no password.
pub fn sign(secret_key: &str, password: Option<String>, artifact: &Artifact) -> Result<Signature, KeyError> {
    let key = || SecretKeyBox::from_string(secret_key).map_err(|_| KeyError::Secret);
    let secret = match (key()?.into_unencrypted_secret_key(), password) {
        (Ok(secret), None) => secret,
        (Ok(_), Some(_)) => return Err(KeyError::NotEncrypted),
        (Err(_), None) => return Err(KeyError::Secret),
        (Err(_), Some(password)) => key()?.into_secret_key(Some(password)).map_err(|_| KeyError::Password)?,
    };
    let name = artifact.path.file_name().unwrap_or_default().to_string_lossy();
    // The comment is a single line with a tab before the digest: control characters in the name would break it.
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let trusted_comment = format!("file:{name}\tsha256:{}", artifact.digest);
    let untrusted_comment = "signature of a costwarden plugin";
    let signed =
        minisign::sign(None, &secret, Cursor::new(&artifact.bytes), Some(&trusted_comment), Some(untrusted_comment));
    Ok(Signature { text: signed.map_err(|error| KeyError::Random(error.to_string()))?.into_string() })
}

/// Creates a key pair. A password encrypts the secret key; without a password only the mode of the file protects the key.
///
/// # Errors
/// Fails if the system gives no random numbers, or too little memory to derive a key from the password.
pub fn generate_keys(password: Option<String>) -> Result<KeyFiles, KeyError> {
    let random = |error: minisign::PError| KeyError::Random(error.to_string());
    let pair = match password {
        // `None` would ask the terminal.
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password)),
        None => KeyPair::generate_unencrypted_keypair(),
    };
    let pair = pair.map_err(random)?;
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
    #[error(
        "not a secret key, or an encrypted key without --password-file: expected FILE of `costwarden plugin keygen FILE`, not FILE.pub"
    )]
    Secret,
    #[error("not an encrypted key, or another password: expected the password of `costwarden plugin keygen`")]
    Password,
    #[error("not an encrypted key: leave out --password-file")]
    NotEncrypted,
    #[error("no key was created: {0}")]
    Random(String),
}
