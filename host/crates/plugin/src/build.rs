//! Builds a project or a compiled module into a plugin: a component with the manifest as the only custom section.
//!
//! The author's compiler does the work and writes messages to standard error. The result then answers `describe` once,
//! in the sandbox.

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
use super::project::{self, NameError};
use sandbox::packed::{self, PackedError, PackedManifest};
use sandbox::{Artifact, Compiler, Grants, Limits, LoadError, LoadFault, Manifest, Sandbox, SandboxError};

pub use self::javascript::VERSION as COMPONENTIZE_JS;
pub use self::python::VERSION as COMPONENTIZE_PY;

/// A plugin ready for use.
#[derive(Debug)]
pub struct Built {
    pub manifest: Manifest,
    pub artifact: Artifact,
}

/// Builds the project or module at `path`. Writes no files except the compiler's caches.
///
/// # Errors
/// Fails if the path holds no project, a tool is missing, the source does not compile, or the compiled code is not a
/// plugin.
pub fn build(path: &Path, sandbox: &Sandbox) -> Result<Built, BuildError> {
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

/// Writes a plugin to `output`, by default to NAME.wasm in the project's folder or beside the module. Returns the path.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(built: &Built, path: &Path, output: Option<&Path>) -> Result<PathBuf, BuildError> {
    let output = output.map_or_else(
        || {
            let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
            // Messages show `watch.wasm`, not `./watch.wasm`.
            folder.strip_prefix(".").unwrap_or(folder).join(format!("{}.wasm", built.manifest.name))
        },
        Path::to_owned,
    );
    // Written first and then renamed: a reader sees the old or the new plugin, never a partial file.
    let draft = output.with_extension(format!("wasm.{}", std::process::id()));
    let written = std::fs::write(&draft, &built.artifact.bytes).and_then(|()| std::fs::rename(&draft, &output));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&draft);
        return Err(BuildError::Write(output, error));
    }
    Ok(output)
}

/// Calls `describe` of a plugin in a sandbox and stores nothing.
///
/// # Errors
/// Fails if the file is not a plugin or does not load under `limits`.
pub fn described(plugin: &Artifact, limits: Limits) -> Result<Manifest, BuildError> {
    // No cache: the described bytes will not run, or not on this host.
    describe(&Sandbox::new(limits, None, Compiler::this_program())?, plugin)
}

fn describe(sandbox: &Sandbox, plugin: &Artifact) -> Result<Manifest, BuildError> {
    // `describe` needs no reference data. The empty folder satisfies the grant of a plugin with the `reference` import.
    let empty = tempfile::tempdir().map_err(BuildError::Folder)?;
    let grants = Grants { reference: Some(empty.path().to_owned()) };
    Ok(sandbox.load_any(plugin, &grants)?.manifest.clone())
}

fn finished(compiled: &Artifact, sandbox: &Sandbox) -> Result<Built, BuildError> {
    let component = strip::customs(&sandbox.componentize(compiled)?);
    let asked = Artifact::new(&compiled.path, component);
    let manifest = describe(sandbox, &asked)?;
    // Rules refer to the plugin by this name.
    project::check_name(&manifest.name).map_err(|error| BuildError::Name(compiled.path.clone(), error))?;
    let bytes = packed::pack(&asked.bytes, &PackedManifest::of(&manifest)).map_err(BuildError::Pack)?;
    let artifact = Artifact::new(&compiled.path, bytes);
    // The manifest changes the digest but not the code, so a later trial needs no new compilation.
    sandbox.hand_on(&asked.digest, &artifact.digest);
    Ok(Built { manifest, artifact })
}

impl From<LoadError> for BuildError {
    fn from(error: LoadError) -> Self {
        Self::Load { error }
    }
}

/// Returns a hint if `describe` trapped without a message; otherwise an empty text.
fn advice(error: &LoadError) -> &'static str {
    match &error.fault {
        LoadFault::Broken(breach) => breach.advice(),
        _ => "",
    }
}

/// Errors of building a plugin.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
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
