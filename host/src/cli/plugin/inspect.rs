//! The command `plugin inspect`: prints the contents of a plugin file without running the plugin.

use serde_json::json;

use super::{Ground, InspectArgs};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use plugin::inspect::{self, Inspection};
use plugin::{self, TrustedKey, schema};
use sandbox::Artifact;
use sandbox::packed::PackedManifest;

pub(super) fn inspect(args: &InspectArgs, ground: &Ground, form: Form) -> anyhow::Result<Grade> {
    let artifact = Artifact::read(&args.file, ground.limits.module_bytes)?;
    let shown =
        inspect::inspect(&artifact.bytes).map_err(|error| anyhow::anyhow!("{}: {error}", args.file.display()))?;
    let signature = signature(&artifact, &ground.keys);
    match form {
        Form::Text => text(&artifact, &shown, signature.as_ref()),
        Form::Json => as_json(&artifact, &shown, signature.as_ref()),
    }
    Ok(Grade::Done)
}

/// The signature file beside a plugin.
struct Signature {
    /// The key id in the file; `None` if the file is no minisign signature.
    key: Option<String>,
    proof: Proof,
}

/// The result of the verification.
enum Proof {
    /// The config has no key for a check.
    NotChecked,
    /// Verified by the key with the given name in the config.
    Verified(String),
    /// Not valid, with the reason.
    Refused(String),
}

fn signature(artifact: &Artifact, keys: &[TrustedKey]) -> Option<Signature> {
    let found = plugin::beside(&artifact.path).transpose()?;
    let key = found.as_ref().ok().and_then(|signature| inspect::signer(&signature.text));
    let proof = match plugin::verify_file(keys, artifact, found.map(Some)) {
        Ok(None) => Proof::NotChecked,
        Ok(Some(name)) => Proof::Verified(name.to_owned()),
        Err(error) => Proof::Refused(error.to_string()),
    };
    Some(Signature { key, proof })
}

impl Signature {
    fn words(&self) -> String {
        let key = self.key.as_ref().map_or_else(|| "unknown".to_owned(), |key| format!("key {key}"));
        match &self.proof {
            Proof::NotChecked if self.key.is_none() => "unknown: its .minisig is no minisign signature".to_owned(),
            Proof::NotChecked => format!("{key}, not checked: no config names a key under [[plugins.signing.key]]"),
            Proof::Verified(name) => format!("{key}, verified: it is `{name}` of [[plugins.signing.key]]"),
            Proof::Refused(why) => format!("{key}, NOT VERIFIED: {why}"),
        }
    }
}

fn text(artifact: &Artifact, shown: &Inspection, signature: Option<&Signature>) {
    let line = |name: &str, value: &str| present::out(&format!("{name:<11} {value}"));
    match &shown.manifest {
        Some(PackedManifest { name, version, summary, .. }) => {
            line("name", name);
            line("version", version);
            line("summary", summary);
        }
        None => line(
            "manifest",
            "none packed: `costwarden plugin build` packs one; `costwarden check` asks the plugin itself, in the sandbox",
        ),
    }
    line("contract", &contract(shown));
    line("digest", &format!("sha256:{}", artifact.digest));
    line("signer", &signature.map_or_else(|| "none: not signed".to_owned(), Signature::words));
    line("encoding", shown.encoding.as_str());
    line("size", &format!("{} bytes", artifact.bytes.len()));
    let imports: Vec<String> =
        shown.imports.iter().map(|import| format!("{}: {}", import.name, import.kind.words())).collect();
    line("imports", if imports.is_empty() { "nothing" } else { &imports[0] });
    imports.iter().skip(1).for_each(|import| line("", import));
    let Some(manifest) = &shown.manifest else { return };
    line("scope", manifest.scope.as_str());
    line("min points", &manifest.min_points.to_string());
    let settings = schema::settings(&manifest.settings_schema);
    if settings.is_empty() {
        return line("settings", "none");
    }
    let mut table = present::table(&["setting", "type", "default", "description"], &[]);
    for setting in settings {
        table.add_row([setting.name, setting.kind, setting.default, setting.description]);
    }
    present::out("");
    present::out(&table.to_string());
}

/// Returns the contract version of the plugin; both versions if manifest and exports differ.
fn contract(shown: &Inspection) -> String {
    let packed = shown.manifest.as_ref().map(|manifest| &manifest.contract);
    match (packed, &shown.contract) {
        (Some(packed), Some(exported)) if packed != exported => {
            format!("{exported} by its exports, {packed} by its manifest")
        }
        (_, Some(exported)) => exported.clone(),
        (Some(packed), None) => format!("{packed} by its manifest, but it exports no costwarden:detector/detector"),
        (None, None) => "none: it exports no costwarden:detector/detector".to_owned(),
    }
}

fn as_json(artifact: &Artifact, shown: &Inspection, signature: Option<&Signature>) {
    let imports = shown.imports.iter().map(|import| json!({"name": import.name, "meaning": import.kind.words()}));
    let signature = signature.map(|signature| {
        let (verified, signer, problem) = match &signature.proof {
            Proof::NotChecked => (None, None, None),
            Proof::Verified(name) => (Some(true), Some(name), None),
            Proof::Refused(why) => (Some(false), None, Some(why)),
        };
        json!({"key": signature.key, "verified": verified, "signer": signer, "problem": problem})
    });
    let shown = json!({
        "manifest": shown.manifest,
        "contract": shown.contract,
        "digest": artifact.digest,
        "signature": signature,
        "encoding": shown.encoding.as_str(),
        "bytes": artifact.bytes.len(),
        "imports": imports.collect::<Vec<_>>(),
    });
    present::out(&shown.to_string());
}
