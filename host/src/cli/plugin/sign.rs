//! The commands `plugin keygen`, `plugin sign` and `plugin verify`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use config_file::secret::read_file as read_secret_file;
use globset::{Glob, GlobSet};
use plugin::{self, SignatureError, TrustedKey};
use sandbox::{Artifact, single_line};
use serde_json::json;

use super::{KeygenArgs, SignArgs, TrialEnvironment, VerifyArgs};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

pub(super) fn keygen(args: &KeygenArgs, form: Form) -> anyhow::Result<Grade> {
    let secret = &args.file;
    let public = with_suffix(secret, ".pub");
    for path in [secret, &public] {
        anyhow::ensure!(
            !path.exists(),
            "{} already exists: name another file, because a key is never overwritten",
            path.display()
        );
    }
    let password = password(args.password_file.as_deref())?;
    let is_encrypted = password.is_some();
    let files = plugin::generate_keys(password)?;
    create(secret, 0o600, &files.secret)?;
    create(&public, 0o644, &files.public)?;
    if form == Form::Json {
        present::out(
            &json!({"secretKey": secret, "encrypted": is_encrypted, "publicKey": public, "line": files.line})
                .to_string(),
        );
        return Ok(Grade::Done);
    }
    let protection = match is_encrypted {
        true => "encrypted with the password",
        false => "not encrypted: keep the file where only the signer can read it",
    };
    present::out(&format!("{}: the secret key for signing, {protection}", secret.display()));
    present::out(&format!("{}: the public key; to trust the key, add to the config:\n", public.display()));
    present::out(&format!(
        "[[plugins.signing.key]]\nname = \"NAME\"\npublic_key = \"{}\"\nplugins = [\"*\"]",
        files.line
    ));
    Ok(Grade::Done)
}

pub(super) fn sign(args: &SignArgs, form: Form) -> anyhow::Result<Grade> {
    anyhow::ensure!(
        args.key.exists(),
        "{key}: no such file: create a key with `costwarden plugin keygen {key}`",
        key = args.key.display()
    );
    let secret = read_secret_file(&args.key).map_err(anyhow::Error::msg)?;
    // No size limit: the plugin is hashed, not loaded.
    let artifact = Artifact::read(&args.file, u64::MAX)?;
    let password = password(args.password_file.as_deref())?;
    let signature = plugin::sign(&secret, password, &artifact).with_context(|| args.key.display().to_string())?;
    let path = plugin::signature_path(&args.file);
    std::fs::write(&path, &signature.text).with_context(|| format!("{} cannot be written", path.display()))?;
    present::out(&match form {
        Form::Text => format!("{}: signature of sha256:{}", path.display(), artifact.digest),
        Form::Json => json!({"signature": path, "digest": format!("sha256:{}", artifact.digest)}).to_string(),
    });
    Ok(Grade::Done)
}

/// Reads the password of a secret key. Only the owner may be able to read the file.
fn password(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    file.map(read_secret_file).transpose().map_err(anyhow::Error::msg)
}

pub(super) fn verify(args: &VerifyArgs, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
    let keys = match &args.key {
        Some(path) => vec![key_for_all_plugins(path)?],
        None => environment.keys.clone(),
    };
    anyhow::ensure!(
        !keys.is_empty(),
        "no key for the verification: name a key with --key FILE, or add a trusted key under [[plugins.signing.key]]"
    );
    let artifact = Artifact::read(&args.file, u64::MAX)?;
    let signature = plugin::read_signature(&args.file)?;
    let comment = signature.as_ref().and_then(plugin::Signature::trusted_comment).unwrap_or_default();
    let signer = plugin::verify_file(&keys, &artifact, Ok(signature), || environment.name(&artifact))
        .map_err(|error| without_config(error, args))?
        .unwrap_or_default();
    // The comment comes from the signature file: no control character may reach the terminal.
    let comment = single_line(comment);
    present::out(&match form {
        Form::Text => format!("{}: signed by {signer} ({comment})", args.file.display()),
        Form::Json => json!({"file": args.file, "digest": format!("sha256:{}", artifact.digest), "signer": signer,
                             "comment": comment})
        .to_string(),
    });
    Ok(Grade::Done)
}

/// Rewords an error for a key from the command line, without a reference to the config.
fn without_config(error: SignatureError, args: &VerifyArgs) -> anyhow::Error {
    let file = args.file.display();
    match (error, &args.key) {
        (SignatureError::Unsigned { .. }, Some(_)) => {
            anyhow::anyhow!(
                "{file}: unsigned, expected the signature {file}.minisig: sign the plugin with `costwarden plugin sign`"
            )
        }
        (SignatureError::Untrusted { key, .. }, Some(expected)) => {
            anyhow::anyhow!("{file}: signed by the key {key}, expected the key of {}", expected.display())
        }
        (error, _) => error.into(),
    }
}

/// Reads a public key that is trusted for all plugins in the present command.
fn key_for_all_plugins(path: &Path) -> anyhow::Result<TrustedKey> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    let public = plugin::parse_public_key(&text).with_context(|| {
        format!("{shown}: not a public key of minisign, expected FILE.pub of `costwarden plugin keygen FILE`")
    })?;
    let may_sign = GlobSet::builder().add(Glob::new("*")?).build()?;
    Ok(TrustedKey { name: shown.to_string(), public, may_sign, patterns: "\"*\"".to_owned() })
}

fn create(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    // `create_new` never overwrites a key, and the mode applies before the first byte is written.
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
