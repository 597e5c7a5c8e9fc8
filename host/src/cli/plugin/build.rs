//! The command `plugin build`: builds a project into a .wasm file.

use plugin::authoring::build::BuiltPlugin;
use serde_json::json;

use super::built::{WrittenPlugin, build_plugin};
use super::{BuildArgs, TrialEnvironment};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;

pub(super) fn build(args: &BuildArgs, environment: &TrialEnvironment, form: Form) -> anyhow::Result<Grade> {
    let BuildArgs { path, output, cache } = args;
    let WrittenPlugin { file, built } = build_plugin(path, output.as_deref(), cache, environment)?;
    let BuiltPlugin { manifest, artifact } = &built;
    let bytes = artifact.bytes.len();
    present::out(&match form {
        Form::Text => {
            let size = bytes.div_ceil(1024);
            format!(
                "{}: {} {}, {size} KiB, sha256:{}",
                file.display(),
                manifest.name,
                manifest.version,
                artifact.digest
            )
        }
        Form::Json => json!({
            "file": file,
            "name": manifest.name,
            "version": manifest.version,
            "bytes": bytes,
            "digest": format!("sha256:{}", artifact.digest),
        })
        .to_string(),
    });
    Ok(Grade::Done)
}
