//! `plugin inspect`: what a plugin's file shows without being run.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::InspectArgs;
use crate::cli::present::{self, Form};
use crate::detector::{Artifact, Limits};
use crate::job::Grade;
use crate::plugin::inspect::{self, Inspection};
use crate::plugin::packed::PackedManifest;
use crate::plugin::schema;

pub(super) fn inspect(args: &InspectArgs, limits: &Limits, form: Form) -> anyhow::Result<Grade> {
    let artifact = Artifact::read(&args.file, limits.module_bytes)?;
    let shown =
        inspect::inspect(&artifact.bytes).map_err(|error| anyhow::anyhow!("{}: {error}", args.file.display()))?;
    let signature = signature(&args.file);
    match form {
        Form::Text => text(&artifact, &shown, signature.as_ref()),
        Form::Json => as_json(&artifact, &shown, signature.as_ref()),
    }
    Ok(Grade::Done)
}

/// A signature that lies beside the file, of which nothing was verified.
struct Signature {
    file: PathBuf,
    /// None where it is no signature of the format.
    key: Option<String>,
}

/// The largest file that is read as a signature.
const SIGNATURE_BYTES: u64 = 16 * 1024;

fn signature(file: &Path) -> Option<Signature> {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    let file = PathBuf::from(name);
    let is_small = std::fs::metadata(&file).ok()?.len() <= SIGNATURE_BYTES;
    let text = if is_small { std::fs::read_to_string(&file).unwrap_or_default() } else { String::new() };
    Some(Signature { key: inspect::signer(&text), file })
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
    line(
        "signer",
        &match signature {
            Some(Signature { key: Some(key), .. }) => {
                format!("key {key}, not verified: `costwarden plugin verify` does")
            }
            Some(Signature { key: None, file }) => format!("unknown: {} is no minisign signature", file.display()),
            None => "none: not signed".to_owned(),
        },
    );
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

/// What the manifest says and what the exports name, where these differ.
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
    let signature = signature.map(|signature| json!({"key": signature.key, "verified": false}));
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
