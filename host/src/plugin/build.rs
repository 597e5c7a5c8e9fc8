//! A project, or a module that was compiled already, to a plugin: one component with no custom section but its
//! manifest.
//!
//! The author's own compiler does the compiling, and says to standard error what it has to say. What it leaves is asked
//! once, in the sandbox, who it is.

mod javascript;
mod python;
mod rust;
mod strip;
mod tool;
mod wit;

use std::io;
use std::path::{Path, PathBuf};

use self::tool::{Missing, ToolError};
use super::language::Language;
use super::packed::{self, PackedError, PackedManifest};
use super::project::{self, NameError};
use crate::detector::{Artifact, Compiler, Grants, Limits, LoadError, LoadFault, Manifest, Sandbox, SandboxError};

#[cfg(test)]
pub(crate) use self::javascript::VERSION as COMPONENTIZE_JS;
pub(crate) use self::python::VERSION as COMPONENTIZE_PY;

/// A plugin that is ready to be used.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) manifest: Manifest,
    pub(crate) artifact: Artifact,
}

/// Builds what is at the path. Nothing is written but what the compiler keeps for itself.
///
/// # Errors
/// There is no project, a tool is missing, the source does not compile, or what it compiles to is no plugin.
pub(crate) fn build(path: &Path, sandbox: &Sandbox) -> Result<Built, BuildError> {
    if path.is_file() {
        return finished(&Artifact::read(path, sandbox.limits.module_bytes)?, sandbox);
    }
    let language = Language::of(path).ok_or_else(|| BuildError::NoProject(path.to_owned()))?;
    let project = path.canonicalize().map_err(|error| BuildError::Read(path.to_owned(), error))?;
    let bytes = match language {
        Language::Rust => rust::compiled(&project),
        Language::Python => python::compiled(&project),
        Language::Javascript => javascript::compiled(&project),
    }?;
    finished(&Artifact::new(path, bytes), sandbox)
}

/// Writes a plugin where it is asked for, else as NAME.wasm into the project's folder or beside the module. Says where.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(built: &Built, path: &Path, output: Option<&Path>) -> Result<PathBuf, BuildError> {
    let output = output.map_or_else(
        || {
            let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
            // Said as `watch.wasm`, not as `./watch.wasm`.
            folder.strip_prefix(".").unwrap_or(folder).join(format!("{}.wasm", built.manifest.name))
        },
        Path::to_owned,
    );
    // Then renamed, for a reader sees the old plugin or the new one, never half of one.
    let draft = output.with_extension(format!("wasm.{}", std::process::id()));
    let written = std::fs::write(&draft, &built.artifact.bytes).and_then(|()| std::fs::rename(&draft, &output));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&draft);
        return Err(BuildError::Write(output, error));
    }
    Ok(output)
}

/// Asks a plugin in the sandbox who it is. Nothing of it is kept.
///
/// # Errors
/// It is no plugin, or does not load under these limits.
pub(crate) fn described(plugin: &Artifact, limits: Limits) -> Result<Manifest, BuildError> {
    // Nothing is cached: what is asked is not what will be run, or not here.
    describe(&Sandbox::new(limits, None, Compiler::this_program())?, plugin)
}

fn describe(sandbox: &Sandbox, plugin: &Artifact) -> Result<Manifest, BuildError> {
    // It is only asked who it is: reference data may be imported, and there is none.
    let empty = tempfile::tempdir().map_err(BuildError::Folder)?;
    let grants = Grants { reference: Some(empty.path().to_owned()) };
    Ok(sandbox.load_any(plugin, &grants)?.manifest.clone())
}

fn finished(compiled: &Artifact, sandbox: &Sandbox) -> Result<Built, BuildError> {
    let component = strip::customs(&sandbox.componentize(compiled)?);
    let asked = Artifact::new(&compiled.path, component);
    let manifest = describe(sandbox, &asked)?;
    project::check_name(&manifest.name).map_err(|error| BuildError::Name(compiled.path.clone(), error))?;
    let bytes = packed::pack(&asked.bytes, &PackedManifest::of(&manifest)).map_err(BuildError::Pack)?;
    let artifact = Artifact::new(&compiled.path, bytes);
    // A manifest more is no code more: who tries the plugin out next need not compile it again.
    sandbox.hand_on(&asked.digest, &artifact.digest);
    Ok(Built { manifest, artifact })
}

impl From<LoadError> for BuildError {
    fn from(error: LoadError) -> Self {
        Self::Load { error }
    }
}

/// What may be behind a description that ended without a word.
fn advice(error: &LoadError) -> &'static str {
    match &error.fault {
        LoadFault::Broken(breach) => breach.advice(),
        _ => "",
    }
}

/// Why there is no plugin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(
        "{}: no project, expected a folder with Cargo.toml, pyproject.toml, app.py or package.json, or a compiled .wasm module: start one with `costwarden plugin new NAME`",
        .0.display()
    )]
    NoProject(PathBuf),
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Read(PathBuf, io::Error),
    #[error("a temporary folder cannot be made: {0}")]
    Folder(io::Error),
    #[error("{} cannot be written: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("{}: {what}, expected {expected}", file.display())]
    Project { file: PathBuf, what: String, expected: &'static str },
    #[error("{}: its describe gives a name that rules cannot use: {}", .0.display(), .1)]
    Name(PathBuf, NameError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("{error}{}", advice(.error))]
    Load { error: LoadError },
    #[error("its manifest cannot be packed: {0}")]
    Pack(PackedError),
}
