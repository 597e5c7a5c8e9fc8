//! Errors of loading a plugin.

use std::io;
use std::path::PathBuf;

use crate::compile::{CompileError, CompileRefusal};
use crate::contract::InvalidPlugin;
use crate::failure::CallError;
use crate::manifest::packed::{ManifestDifference, PackedError};

/// A load failure with the path of the plugin file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct LoadError {
    pub path: PathBuf,
    pub fault: LoadFault,
}

/// The cause of a load failure.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    #[error(transparent)]
    Invalid(#[from] InvalidPlugin),
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A refusal by the compiler in an earlier run.
    #[error(
        "{0} (result of an earlier run; costwarden compiles again after a change of the file, the limits or the release)"
    )]
    CachedRefusal(CompileRefusal),
    #[error(
        "reads reference data, but the config grants none: add `reference = \"DIRECTORY\"` under `[plugins.grants.{name}]`"
    )]
    NotGranted { name: String },
    #[error("the granted reference folder {} cannot be opened: {error}", folder.display())]
    ReferenceFolder { folder: PathBuf, error: io::Error },
    #[error("cannot be loaded: {0}")]
    Thread(CallError),
    #[error("`describe` failed: {0}")]
    Describe(CallError),
    #[error("`describe` returned a settings schema that is not a JSON object: {0}")]
    SettingsSchema(String),
    #[error(
        "declares the name `{declared}`, but the rules use `{expected}`: use `{declared}` as the name of the file and as `detector` in the rules"
    )]
    Name { expected: String, declared: String },
    #[error(transparent)]
    Packed(#[from] PackedError),
    #[error("{0}: build the plugin again with `costwarden plugin build`")]
    PackedManifest(ManifestDifference),
}
