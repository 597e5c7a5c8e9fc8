//! The command `plugin build`: builds a project into a .wasm file.
use serde_json::json;

use super::BuildArgs;
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use plugin::build;
use sandbox::Limits;

pub(super) fn build(args: &BuildArgs, limits: Limits, form: Form) -> anyhow::Result<Grade> {
    let BuildArgs { path, output, cache } = args;
    let built = build::build(path, &cache.sandbox(limits)?)?;
    let file = build::write(&built, path, output.as_deref())?;
    let (manifest, artifact) = (&built.manifest, &built.artifact);
    let bytes = artifact.bytes.len();
    present::out(&match form {
        Form::Text => {
            let size = bytes.div_ceil(1024);
            let (name, version, digest) = (&manifest.name, &manifest.version, &artifact.digest);
            format!("{}: {name} {version}, {size} KiB, sha256:{digest}", file.display())
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
