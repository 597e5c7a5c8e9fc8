//! The command `plugin rule`: prints a first rule for a plugin.

use super::{Ground, RuleArgs};
use crate::cli::present;
use crate::pipeline::Grade;
use plugin::{inspect, starter};
use sandbox::Artifact;

pub(super) fn rule(args: &RuleArgs, ground: &Ground) -> anyhow::Result<Grade> {
    let artifact = Artifact::read(&args.file, ground.limits.module_bytes)?;
    let file = args.file.display();
    let shown = inspect::inspect(&artifact.bytes).map_err(|error| anyhow::anyhow!("{file}: {error}"))?;
    let Some(manifest) = &shown.manifest else {
        anyhow::bail!(
            "{file}: has no packed manifest to read its settings from: `costwarden plugin build {file}` packs one"
        );
    };
    present::out(&starter::rule(manifest, &shown));
    Ok(Grade::Done)
}
