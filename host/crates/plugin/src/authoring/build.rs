//! Builds a project or a compiled module into a plugin: a component with the manifest as the only custom section.
//!
//! The author's compiler does the work and writes messages to standard error. The result then answers `describe` once,
//! in the sandbox.

mod error;
mod javascript;
mod missing_tool;
mod python;
mod rust;
mod strip;
mod tool;
pub mod versions;
mod wit;

use std::path::{Path, PathBuf};

use sandbox::packed::{self, PackedManifest};
use sandbox::{Artifact, Grants, Isolation, Limits, Manifest, Sandbox};

use super::language::Language;
use super::project;

pub use self::error::BuildError;
pub use self::missing_tool::MissingTool;
pub use self::tool::ToolError;

/// A plugin ready for use.
#[derive(Debug)]
pub struct BuiltPlugin {
    pub manifest: Manifest,
    pub artifact: Artifact,
}

/// Builds the project or module at `path`. Writes no files except the compiler's caches.
///
/// # Errors
/// Fails if the path holds no project, a tool is missing, the source does not compile, or the compiled code is not a
/// plugin.
pub fn build(path: &Path, sandbox: &Sandbox) -> Result<BuiltPlugin, BuildError> {
    if path.is_file() {
        return package(&Artifact::read(path, sandbox.limits.module_bytes)?, sandbox);
    }
    let language = Language::of(path).ok_or_else(|| BuildError::NoProject(path.to_owned()))?;
    let project = path.canonicalize().map_err(|error| BuildError::Read(path.to_owned(), error))?;
    let bytes = match language {
        Language::Rust => rust::compile(&project),
        Language::Python => python::compile(&project),
        Language::Javascript => javascript::compile(&project),
    }?;
    package(&Artifact::new(path, bytes), sandbox)
}

/// Writes a plugin to `output`, by default to NAME.wasm in the project's folder or beside the module. Returns the path.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(built: &BuiltPlugin, path: &Path, output: Option<&Path>) -> Result<PathBuf, BuildError> {
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
pub fn describe_uncached(plugin: &Artifact, limits: Limits) -> Result<Manifest, BuildError> {
    // No cache: the described bytes will not run, or not on this host.
    describe(&Sandbox::new(limits, None, Isolation::processes(false))?, plugin)
}

fn describe(sandbox: &Sandbox, plugin: &Artifact) -> Result<Manifest, BuildError> {
    // `describe` needs no reference data. The empty folder satisfies the grant of a plugin with the `reference` import.
    let empty = tempfile::tempdir().map_err(BuildError::TemporaryFolder)?;
    let grants = Grants { reference: Some(empty.path().to_owned()) };
    Ok(sandbox.load_any(plugin, &grants)?.manifest.clone())
}

/// Turns compiled code into a component with a packed manifest.
fn package(compiled: &Artifact, sandbox: &Sandbox) -> Result<BuiltPlugin, BuildError> {
    let component = strip::strip_custom_sections(&sandbox.componentize(compiled)?);
    let unpacked = Artifact::new(&compiled.path, component);
    let manifest = describe(sandbox, &unpacked)?;
    // Rules refer to the plugin by this name.
    project::check_name(&manifest.name).map_err(|error| BuildError::Name(compiled.path.clone(), error))?;
    let packed = packed::pack(&unpacked.bytes, &PackedManifest::from_manifest(&manifest)).map_err(BuildError::Pack)?;
    let artifact = Artifact::new(&compiled.path, packed);
    // The manifest changes the digest but not the code, so a later trial needs no new compilation.
    sandbox.move_cached_code(&unpacked.digest, &artifact.digest);
    Ok(BuiltPlugin { manifest, artifact })
}
