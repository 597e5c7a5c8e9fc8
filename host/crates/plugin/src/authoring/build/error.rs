//! Errors of building a plugin.

use std::io;
use std::path::PathBuf;

use sandbox::packed::PackedError;
use sandbox::{ArtifactError, LoadError, SandboxError};

use super::missing_tool::MissingTool;
use super::tool::ToolError;
use crate::authoring::project::NameError;

/// A failure to build a plugin.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(
        "{}: not a project, expected a folder with Cargo.toml, pyproject.toml, app.py or package.json, or a compiled .wasm module: create a project with `costwarden plugin new NAME`",
        .0.display()
    )]
    NoProject(PathBuf),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("a temporary folder cannot be created: {0}")]
    TemporaryFolder(io::Error),
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    #[error(transparent)]
    MissingTool(#[from] MissingTool),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("{}: {problem}, expected {expected}", file.display())]
    Project { file: PathBuf, problem: String, expected: &'static str },
    #[error("{}: `describe` returns a name that rules cannot use: {}", .0.display(), .1)]
    Name(PathBuf, NameError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("{0}{advice}", advice = advice(.0))]
    Load(LoadError),
    #[error("the manifest cannot be packed: {0}")]
    Pack(PackedError),
}

// Written by hand: with `#[from]`, the load error would be the source too, and a chain of errors would show it twice.
impl From<LoadError> for BuildError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

/// Returns a hint if `describe` trapped without a message; otherwise an empty text.
fn advice(error: &LoadError) -> &str {
    error.fault.advice()
}
