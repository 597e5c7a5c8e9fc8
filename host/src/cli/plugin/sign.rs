//! The commands `plugin keygen`, `plugin sign` and `plugin verify`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use globset::{Glob, GlobSet};
use serde_json::json;

use super::{Ground, KeygenArgs, SignArgs, VerifyArgs};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use config_file::secret::read_file as read_secret_file;
use plugin::{self, SignatureError, TrustedKey};
use sandbox::Artifact;

pub(super) fn keygen(args: &KeygenArgs, form: Form) -> anyhow::Result<Grade> {
    let (secret, public) = (&args.file, with_suffix(&args.file, ".pub"));
    for path in [secret, &public] {
        anyhow::ensure!(
            !path.exists(),
            "{} is there already: name another file, no key is overwritten",
            path.display()
        );
    }
    let files = plugin::generate()?;
    create(secret, 0o600, &files.secret)?;
    create(&public, 0o644, &files.public)?;
    if form == Form::Json {
        present::out(&json!({"secretKey": secret, "publicKey": public, "line": files.line}).to_string());
        return Ok(Grade::Done);
    }
    present::out(&format!("{}: the secret key, to sign with; keep it to yourself", secret.display()));
    present::out(&format!("{}: the public key; whoever is to trust it has in the config:\n", public.display()));
    present::out(&format!(
        "[[plugins.signing.key]]\nname = \"NAME\"\npublic_key = \"{}\"\nplugins = [\"*\"]",
        files.line
    ));
    Ok(Grade::Done)
}

pub(super) fn sign(args: &SignArgs, form: Form) -> anyhow::Result<Grade> {
    anyhow::ensure!(
        args.key.exists(),
        "{key}: no such key: make one with `costwarden plugin keygen {key}`",
        key = args.key.display()
    );
    let secret = read_secret_file(&args.key).map_err(|why| anyhow::anyhow!("{why}"))?;
    // No size limit: the plugin is hashed, not loaded.
    let artifact = Artifact::read(&args.file, u64::MAX)?;
    let signature = plugin::sign(&secret, &artifact).with_context(|| args.key.display().to_string())?;
    let path = plugin::signature_path(&args.file);
    std::fs::write(&path, &signature.text).with_context(|| format!("{} cannot be written", path.display()))?;
    present::out(&match form {
        Form::Text => format!("{}: signature of sha256:{}", path.display(), artifact.digest),
        Form::Json => json!({"signature": path, "digest": format!("sha256:{}", artifact.digest)}).to_string(),
    });
    Ok(Grade::Done)
}

pub(super) fn verify(args: &VerifyArgs, ground: &Ground, form: Form) -> anyhow::Result<Grade> {
    let keys = match &args.key {
        Some(path) => vec![any_plugin(path)?],
        None => ground.keys.clone(),
    };
    anyhow::ensure!(
        !keys.is_empty(),
        "no key to verify with: name one with --key FILE, or trust one under [[plugins.signing.key]]"
    );
    let artifact = Artifact::read(&args.file, u64::MAX)?;
    let signature = plugin::beside(&args.file)?;
    let comment = signature.as_ref().and_then(plugin::Signature::trusted_comment).unwrap_or_default();
    let signer =
        plugin::verify_file(&keys, &artifact, Ok(signature)).map_err(|error| told(error, args))?.unwrap_or_default();
    // The comment comes from the signature file: no control character may reach the terminal.
    let comment: String = comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    present::out(&match form {
        Form::Text => format!("{}: signed by {signer} ({comment})", args.file.display()),
        Form::Json => json!({"file": args.file, "digest": format!("sha256:{}", artifact.digest), "signer": signer,
                             "comment": comment})
        .to_string(),
    });
    Ok(Grade::Done)
}

/// Rewords an error for a key from the command line, without a reference to the config.
fn told(error: SignatureError, args: &VerifyArgs) -> anyhow::Error {
    let file = args.file.display();
    match (error, &args.key) {
        (SignatureError::Unsigned { .. }, Some(_)) => {
            anyhow::anyhow!("{file}: unsigned, expected {file}.minisig beside it, which `costwarden plugin sign` makes")
        }
        (SignatureError::Untrusted { key, .. }, Some(wanted)) => {
            anyhow::anyhow!("{file}: signed by the key {key}, which is not that of {}", wanted.display())
        }
        (error, _) => error.into(),
    }
}

/// Reads a public key that is trusted for all plugins in the present command.
fn any_plugin(path: &Path) -> anyhow::Result<TrustedKey> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read"))?;
    let public = plugin::public_key(&text).with_context(|| {
        format!("{shown}: no public key of minisign, expected one like the FILE.pub of `costwarden plugin keygen FILE`")
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
