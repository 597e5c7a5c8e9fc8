//! The command `plugin rule`: prints a first rule for a plugin.

use plugin::authoring::rule_template::rule_template;
use sandbox::Artifact;

use super::{RuleArgs, TrialEnvironment};
use crate::cli::present;
use crate::pipeline::Grade;

pub(super) fn rule(args: &RuleArgs, environment: &TrialEnvironment) -> anyhow::Result<Grade> {
    let artifact = Artifact::read(&args.file, environment.limits.module_bytes)?;
    let file = args.file.display();
    let inspection = environment.inspect(&artifact)?;
    let Some(manifest) = &inspection.manifest else {
        anyhow::bail!(
            "{file}: no packed manifest with the settings: pack a manifest with `costwarden plugin build {file}`"
        );
    };
    present::out(&rule_template(manifest, &inspection, &environment.currency));
    Ok(Grade::Done)
}
