//! The commands `plugin push` and `plugin pull`: exchange plugins with OCI registries.

use std::path::Path;

use anyhow::Context as _;
use model::rule::image::Image;
use plugin::authoring::build;
use plugin::options::ExchangeOptions;
use plugin::{self, InspectedPlugin, PulledPlugin, PulledPlugins, RegistryOptions};
use sandbox::{Artifact, Isolation, Limits, Sandbox};
use serde_json::json;

use super::{PullArgs, PushArgs};
use crate::cli::present::{self, Form};
use crate::config::Exchange;
use crate::pipeline::Grade;

pub(super) async fn push(args: &PushArgs, exchange: Exchange, form: Form) -> anyhow::Result<Grade> {
    let image = parse_image(&args.reference)?;
    let artifact = Artifact::read(&args.file, u64::MAX)?;
    let limits = &exchange.plugins.limits;
    let inspection = Sandbox::new(limits.clone(), None, Isolation::processes(false))?.inspect(&artifact)?;
    let plugin = InspectedPlugin { artifact: &artifact, inspection: &inspection };
    check_name(plugin, &image, limits)?;
    let signature = plugin::read_signature(&args.file)?;
    let pushed = plugin::push(&image, &registry_options(&image, &exchange.plugins), plugin, signature.as_ref()).await?;
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
    let image = parse_image(&args.reference)?;
    let Exchange { state_dir, plugins } = exchange;
    anyhow::ensure!(
        state_dir.is_some() || args.output.is_some(),
        "no destination for the pulled plugin: name a config with --config FILE, or a file with --output FILE"
    );
    let pulled = plugin::pull(&image, &registry_options(&image, &plugins), plugins.limits.module_bytes).await?;
    // Verified before anything is written.
    let signer = plugin::verify(&plugins.keys, image.name(), &pulled.artifact, Ok(pulled.signature.clone()))?;
    let mut path = None;
    if let Some(state_dir) = &state_dir {
        path = Some(PulledPlugins::new(state_dir).save(&image, &pulled)?);
    }
    if let Some(output) = &args.output {
        write(output, &pulled)?;
        path = Some(output.clone());
    }
    let path = path.unwrap_or_default();
    let digest = &pulled.artifact.digest;
    present::out(&match form {
        Form::Text => {
            let signed = signer.map(|signer| format!(", signed by {signer}")).unwrap_or_default();
            format!("{}: sha256:{digest}{signed}, stored as {}", pulled.image, path.display())
        }
        Form::Json => json!({"image": pulled.image.to_string(), "digest": format!("sha256:{digest}"),
                             "signer": signer, "path": path})
        .to_string(),
    });
    Ok(Grade::Done)
}

fn write(output: &Path, pulled: &PulledPlugin) -> anyhow::Result<()> {
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
    };
    write(output, &pulled.artifact.bytes)?;
    match &pulled.signature {
        Some(signature) => write(&plugin::signature_path(output), signature.text.as_bytes()),
        None => Ok(()),
    }
}

/// Checks that the image has the name of the plugin, because a pulled plugin with another name is refused. A plugin
/// without a packed manifest is run in the sandbox for the name.
fn check_name(plugin: InspectedPlugin<'_>, image: &Image, limits: &Limits) -> anyhow::Result<()> {
    let InspectedPlugin { artifact, inspection } = plugin;
    let file = artifact.path.display();
    let image_name = image.name();
    let name = match &inspection.manifest {
        Some(manifest) => manifest.name.clone(),
        None => {
            let name = build::describe_uncached(artifact, limits.clone())?.name;
            present::complaint(
                tracing::Level::WARN,
                &format!(
                    "{file}: no packed manifest, so an inspection must run the plugin: pack a manifest with `costwarden plugin build {file}`"
                ),
            );
            name
        }
    };
    if name == image_name {
        return Ok(());
    }
    anyhow::bail!(
        "{file}: the name of the plugin is `{name}`, but the image is named `{image_name}`: expected {name} as the last part of {image}"
    )
}

fn parse_image(text: &str) -> anyhow::Result<Image> {
    text.parse().with_context(|| format!("{text:?}"))
}

fn registry_options(image: &Image, plugins: &ExchangeOptions) -> RegistryOptions {
    RegistryOptions::for_host(image.host(), &plugins.registries)
}
