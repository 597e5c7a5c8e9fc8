//! The plugin of a project for a test: built again if a source is newer.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use plugin::authoring::build::BuiltPlugin;
use plugin::authoring::language::Language;
use plugin::authoring::sources::Sources;
use plugin::authoring::{build, golden};
use tracing::Level;

use super::{CacheArgs, TrialEnvironment};
use crate::cli::present;

/// Returns the plugin of a project. A plugin that is older than a source file is built again, in the same place. A folder
/// without a project of a known language has no sources to compare.
///
/// # Errors
/// Fails if there is no plugin, or the build fails.
pub(super) fn current_plugin(
    project: &Path,
    cache: &CacheArgs,
    environment: &TrialEnvironment,
) -> anyhow::Result<PathBuf> {
    let plugin = golden::find_plugin(project)?;
    if Language::of(project).is_none() {
        return Ok(plugin);
    }
    let sources = Sources::of(project).with_context(|| format!("{} cannot be read", project.display()))?;
    let stale = sources.newer_than(&plugin).with_context(|| format!("{} cannot be read", plugin.display()))?;
    let Some(source) = stale else { return Ok(plugin) };
    let shown = plugin.display();
    present::complaint(Level::INFO, &format!("{shown} is older than {}: building", source.display()));
    build_plugin(project, Some(&plugin), cache, environment).with_context(|| {
        format!(
            "{shown} is older than {}, and the build failed; to test {shown} as it is, name the file with --plugin",
            source.display()
        )
    })?;
    Ok(plugin)
}

/// A plugin, and the file of the plugin.
pub(super) struct WrittenPlugin {
    pub(super) file: PathBuf,
    pub(super) built: BuiltPlugin,
}

/// Builds a project or a module and writes the plugin, by default to NAME.wasm in the folder of the project.
pub(super) fn build_plugin(
    project: &Path,
    output: Option<&Path>,
    cache: &CacheArgs,
    environment: &TrialEnvironment,
) -> anyhow::Result<WrittenPlugin> {
    let sources = if project.is_dir() { Some(Sources::of(project)?) } else { None };
    let built = build::build(project, &cache.sandbox(environment.limits.clone())?)?;
    let file = build::write(&built, project, output)?;
    if let Some(sources) = sources {
        sources.mark_if_changed(project, &file)?;
    }
    Ok(WrittenPlugin { file, built })
}
