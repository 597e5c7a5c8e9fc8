//! The commands `plugin push` and `plugin pull`: exchange plugins with OCI registries.

use std::path::Path;

use anyhow::Context as _;
use serde_json::json;

use super::{PullArgs, PushArgs};
use crate::cli::present::{self, Form};
use crate::config::Exchange;
use crate::pipeline::Grade;
use model::image::Image;
use plugin::build;
use plugin::options::ExchangeOptions;
use plugin::{self, Pulled, RegistryOptions, Shelf};
use sandbox::packed::{self, PackedManifest};
use sandbox::{Artifact, Limits};

pub(super) async fn push(args: &PushArgs, exchange: Exchange, form: Form) -> anyhow::Result<Grade> {
    let image = image(&args.reference)?;
    let artifact = Artifact::read(&args.file, u64::MAX)?;
    check_name(&artifact, &image, &exchange.plugins.limits)?;
    let signature = plugin::beside(&args.file)?;
    let pushed = plugin::push(&image, &registry(&image, &exchange.plugins), &artifact, signature.as_ref()).await?;
    let signed = if signature.is_some() { "with its signature" } else { "unsigned" };
    present::out(&match form {
        Form::Text => format!("{pushed}: pushed, {signed} (sha256:{})", artifact.digest),
        Form::Json => json!({"image": pushed.to_string(), "digest": format!("sha256:{}", artifact.digest),
                             "signed": signature.is_some()})
        .to_string(),
    });
    Ok(Grade::Done)
}

pub(super) async fn pull(args: &PullArgs, exchange: Exchange, form: Form) -> anyhow::Result<Grade> {
    let image = image(&args.reference)?;
    let Exchange { state_dir, plugins } = exchange;
    anyhow::ensure!(
        state_dir.is_some() || args.output.is_some(),
        "nowhere to keep what is pulled: name a config with --config FILE, or a file with --output FILE"
    );
    let pulled = plugin::pull(&image, &registry(&image, &plugins), plugins.limits.module_bytes).await?;
    // Verified before anything is written.
    let signer = plugin::verify(&plugins.keys, image.name(), &pulled.artifact, Ok(pulled.signature.clone()))?;
    let mut path = None;
    if let Some(state_dir) = &state_dir {
        path = Some(Shelf::new(state_dir).keep(&image, &pulled)?);
    }
    if let Some(output) = &args.output {
        write(output, &pulled)?;
        path = Some(output.clone());
    }
    let (path, digest) = (path.unwrap_or_default(), &pulled.artifact.digest);
    present::out(&match form {
        Form::Text => {
            let signed = signer.map(|signer| format!(", signed by {signer}")).unwrap_or_default();
            format!("{}: sha256:{digest}{signed}, kept as {}", pulled.image, path.display())
        }
        Form::Json => json!({"image": pulled.image.to_string(), "digest": format!("sha256:{digest}"),
                             "signer": signer, "path": path})
        .to_string(),
    });
    Ok(Grade::Done)
}

fn write(output: &Path, pulled: &Pulled) -> anyhow::Result<()> {
    let signature = pulled.signature.as_ref().map(|signature| signature.text.as_str());
    let files = [(output.to_owned(), Some(pulled.artifact.bytes.as_slice()))];
    let beside = [(plugin::signature_path(output), signature.map(str::as_bytes))];
    for (path, bytes) in files.into_iter().chain(beside) {
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(())
}

/// Checks that the image has the name of the plugin, because a pulled plugin with another name is refused. A plugin
/// without a packed manifest is run in the sandbox for the name.
fn check_name(artifact: &Artifact, image: &Image, limits: &Limits) -> anyhow::Result<()> {
    let (file, other) = (artifact.path.display(), image.name());
    let packed = packed::read(&artifact.bytes).with_context(|| artifact.path.display().to_string())?;
    let name = match packed {
        Some(PackedManifest { name, .. }) => name,
        None => {
            let name = build::described(artifact, limits.clone())?.name;
            present::complaint(
                tracing::Level::WARN,
                &format!(
                    "{file}: has no packed manifest, so that nobody can inspect it without running it: `costwarden plugin build {file}` packs one"
                ),
            );
            name
        }
    };
    if name == other {
        return Ok(());
    }
    anyhow::bail!(
        "{file}: is the plugin `{name}`, but would be pushed as `{other}`: expected {name} as the last part of {image}"
    )
}

fn image(text: &str) -> anyhow::Result<Image> {
    text.parse().with_context(|| format!("{text:?}"))
}

fn registry(image: &Image, plugins: &ExchangeOptions) -> RegistryOptions {
    RegistryOptions::of(image.host(), &plugins.registries)
}
