//! The command `plugin inspect`: prints the contents of a plugin file without running the plugin. A worker process reads
//! the file.

use plugin::authoring::settings_schema::setting_rows;
use plugin::{self, TrustedKey};
use sandbox::Artifact;
use sandbox::inspection::Inspection;
use sandbox::packed::PackedManifest;
use serde_json::json;

use super::{InspectArgs, TrialEnvironment};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

pub(super) fn inspect(args: &InspectArgs, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
    let artifact = Artifact::read(&args.file, environment.limits.module_bytes)?;
    let inspection = environment.inspect(&artifact)?;
    let signature = signature_status(&artifact, &inspection, &environment.keys);
    match form {
        Form::Text => text(&artifact, &inspection, signature.as_ref()),
        Form::Json => as_json(&artifact, &inspection, signature.as_ref()),
    }
    Ok(Grade::Done)
}

/// The signature file beside a plugin.
struct SignatureStatus {
    /// The key id in the file; `None` if the file is no minisign signature.
    key: Option<String>,
    verification: Verification,
}

/// The result of the verification.
enum Verification {
    /// The config has no key for a check.
    NotChecked,
    /// Verified by the key with the given name in the config.
    Verified(String),
    /// Not valid, with the reason.
    Refused(String),
}

fn signature_status(artifact: &Artifact, inspection: &Inspection, keys: &[TrustedKey]) -> Option<SignatureStatus> {
    let signature = plugin::read_signature(&artifact.path).transpose()?;
    let key = signature.as_ref().ok().and_then(|signature| plugin::key_id_of(&signature.text));
    let name = || inspection.manifest.as_ref().map_or_else(|| artifact.stem(), |manifest| manifest.name.clone());
    let verification = match plugin::verify_file(keys, artifact, signature.map(Some), name) {
        Ok(None) => Verification::NotChecked,
        Ok(Some(name)) => Verification::Verified(name.to_owned()),
        Err(error) => Verification::Refused(error.to_string()),
    };
    Some(SignatureStatus { key, verification })
}

impl SignatureStatus {
    fn text(&self) -> String {
        let key = self.key.as_ref().map_or_else(|| "unknown".to_owned(), |key| format!("key {key}"));
        match &self.verification {
            Verification::NotChecked if self.key.is_none() => {
                "unknown: the .minisig file is not a minisign signature".to_owned()
            }
            Verification::NotChecked => format!("{key}, not verified: the config has no [[plugins.signing.key]]"),
            Verification::Verified(name) => format!("{key}, verified: `{name}` of [[plugins.signing.key]]"),
            Verification::Refused(reason) => format!("{key}, NOT VERIFIED: {reason}"),
        }
    }
}

fn text(artifact: &Artifact, inspection: &Inspection, signature: Option<&SignatureStatus>) {
    let line = |name: &str, value: &str| present::out(&format!("{name:<11} {value}"));
    match &inspection.manifest {
        Some(PackedManifest { name, version, summary, .. }) => {
            line("name", name);
            line("version", version);
            line("summary", summary);
        }
        None => line(
            "manifest",
            "not packed: `costwarden plugin build` packs the manifest; `costwarden check` calls `describe` in the sandbox",
        ),
    }
    line("contract", &contract(inspection));
    line("digest", &format!("sha256:{}", artifact.digest));
    line("signer", &signature.map_or_else(|| "none: unsigned".to_owned(), SignatureStatus::text));
    line("encoding", inspection.encoding.as_str());
    line("size", &format!("{} bytes", artifact.bytes.len()));
    let imports: Vec<String> =
        inspection.imports.iter().map(|import| format!("{}: {}", import.name, import.kind.meaning())).collect();
    line("imports", if imports.is_empty() { "nothing" } else { &imports[0] });
    imports.iter().skip(1).for_each(|import| line("", import));
    let Some(manifest) = &inspection.manifest else { return };
    line("scope", manifest.scope.as_str());
    line("min points", &manifest.min_points.to_string());
    let settings = setting_rows(&manifest.settings_schema);
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
fn contract(inspection: &Inspection) -> String {
    let packed = inspection.manifest.as_ref().map(|manifest| &manifest.contract);
    match (packed, &inspection.contract) {
        (Some(packed), Some(exported)) if packed != exported => {
            format!("{exported} in the exports, {packed} in the manifest")
        }
        (_, Some(exported)) => exported.clone(),
        (Some(packed), None) => format!("{packed} in the manifest, but no export costwarden:detector/detector"),
        (None, None) => "none: no export costwarden:detector/detector".to_owned(),
    }
}

fn as_json(artifact: &Artifact, inspection: &Inspection, signature: Option<&SignatureStatus>) {
    let imports =
        inspection.imports.iter().map(|import| json!({"name": import.name, "meaning": import.kind.meaning()}));
    let signature = signature.map(|signature| {
        let (verified, signer, problem) = match &signature.verification {
            Verification::NotChecked => (None, None, None),
            Verification::Verified(name) => (Some(true), Some(name), None),
            Verification::Refused(reason) => (Some(false), None, Some(reason)),
        };
        json!({"key": signature.key, "verified": verified, "signer": signer, "problem": problem})
    });
    let output = json!({
        "manifest": inspection.manifest,
        "contract": inspection.contract,
        "digest": artifact.digest,
        "signature": signature,
        "encoding": inspection.encoding.as_str(),
        "bytes": artifact.bytes.len(),
        "imports": imports.collect::<Vec<_>>(),
    });
    present::out(&output.to_string());
}
