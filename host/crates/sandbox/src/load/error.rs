//! Errors of loading a plugin.

use std::io;
use std::path::PathBuf;

use super::record::StoredRefusal;
use crate::compile::CompileError;
use crate::contract::InvalidPlugin;
use crate::failure::CallError;
use crate::manifest::json_shape::JsonShapeError;
use crate::manifest::packed::{ManifestDifference, PackedError};

/// A load failure with the path of the plugin file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}{}", path.display(), next_step(fault))]
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
    /// A refusal in an earlier run.
    #[error(
        "{0} (result of an earlier run; costwarden tries again after a change of the file, the limits or the release)"
    )]
    CachedRefusal(StoredRefusal),
    #[error(
        "reads reference data, but the config grants none: add `reference = \"DIRECTORY\"` under `[plugins.grants.{name}]`"
    )]
    NotGranted { name: String },
    #[error("the granted reference folder {} cannot be opened: {error}", folder.display())]
    ReferenceFolder { folder: PathBuf, error: io::Error },
    /// A failure of the host, e.g. a thread that cannot be started.
    #[error(transparent)]
    Host(CallError),
    #[error("`describe` failed: {0}")]
    Describe(CallError),
    #[error("`describe` returned a settings schema of {bytes} bytes, more than {limit}")]
    LargeSchema { bytes: usize, limit: usize },
    #[error("`describe` returned a settings schema that is {0}")]
    SchemaShape(JsonShapeError),
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

/// The part of the installation that a load failure depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultClass {
    /// The bytes of the plugin, together with the limits and the release. The cache remembers the failure.
    Bytes,
    /// The config or the granted folder. A later run repeats the check, which is cheap.
    Config,
    /// The state of the machine, e.g. too few threads, little memory or too much other work. The next run tries again.
    Transient,
}

impl LoadError {
    /// Returns true if the plugin is not to blame and the next run tries again.
    pub fn is_transient(&self) -> bool {
        self.fault.class() == FaultClass::Transient
    }
}

impl LoadFault {
    /// Returns the part of the installation that the failure depends on.
    pub fn class(&self) -> FaultClass {
        match self {
            Self::Compile(CompileError::Transient(_)) | Self::Host(_) => FaultClass::Transient,
            Self::Describe(error) if error.is_transient() => FaultClass::Transient,
            Self::NotGranted { .. } | Self::ReferenceFolder { .. } => FaultClass::Config,
            Self::Invalid(_)
            | Self::Compile(CompileError::Refused(_))
            | Self::CachedRefusal(_)
            | Self::Describe(_)
            | Self::LargeSchema { .. }
            | Self::SchemaShape(_)
            | Self::SettingsSchema(_)
            | Self::Name { .. }
            | Self::Packed(_)
            | Self::PackedManifest(_) => FaultClass::Bytes,
        }
    }

    /// Returns advice for the author of the plugin; empty if the message is sufficient.
    pub fn advice(&self) -> &str {
        match self {
            Self::Describe(error) => error.advice(),
            Self::CachedRefusal(refusal) => refusal.advice(),
            _ => "",
        }
    }
}

/// Returns the next step of a transient failure.
fn next_step(fault: &LoadFault) -> &'static str {
    match fault.class() {
        FaultClass::Transient => " (temporary failure; the next run tries again)",
        FaultClass::Bytes | FaultClass::Config => "",
    }
}
