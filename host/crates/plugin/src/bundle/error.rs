//! Errors of writing and installing a bundle.

use std::io;
use std::path::PathBuf;

use model::rule::image::Image;
use sandbox::ArtifactError;

use crate::{LockMismatch, PulledPluginsError, SignatureError};

/// Errors of writing and installing a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("{}: absent, and a bundle contains locked plugins only: write the lock with `costwarden plugin lock`", .0.display())]
    NoLock(PathBuf),
    #[error("{0}")]
    Lock(String),
    #[error(transparent)]
    Mismatch(#[from] LockMismatch),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    PulledPlugins(#[from] PulledPluginsError),
    #[error("{image} is not on this host: pull the plugin with `costwarden plugin pull {image}`")]
    NotPulled { image: Image },
    #[error("`{name}`: the name in plugins.lock is not a name of a plugin, expected lower-case letters, digits and -")]
    Name { name: String },
    #[error("{}: {fault}", path.display())]
    Reference { path: PathBuf, fault: String },
    #[error(
        "the bundle has reference data of `{name}`, but the config grants no folder: add `reference = \"DIRECTORY\"` under [plugins.grants.{name}]"
    )]
    NotGranted { name: String },
    #[error(
        "{}: not an intact bundle: {fault}; copy the file again, or write the bundle again with `costwarden plugin bundle`",
        file.display()
    )]
    Damaged { file: PathBuf, fault: String },
    #[error("{}: larger than {limit} bytes, the limit of {part}", file.display())]
    TooLarge { file: PathBuf, part: String, limit: u64 },
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
}
