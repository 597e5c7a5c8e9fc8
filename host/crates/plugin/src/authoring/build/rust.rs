//! Rust: cargo builds the project's cdylib for wasm32-unknown-unknown. The same source and the same compiler give the
//! same module on every machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::tool::{self, ToolError};
use super::{BuildError, MissingTool};

const TARGET: &str = "wasm32-unknown-unknown";

/// Profile settings for a small and fast module; they override the project's profile.
const SETTINGS: [&str; 5] = [
    "profile.release.codegen-units=1",
    "profile.release.lto=true",
    "profile.release.opt-level=3",
    "profile.release.panic='abort'",
    "profile.release.strip=true",
];

/// Vector instructions belong to WebAssembly 2.0, and every host of the contract supports WebAssembly 2.0.
const VECTORS: &str = "-Ctarget-feature=+simd128";

pub(super) fn compile(project: &Path) -> Result<Vec<u8>, BuildError> {
    let compiler = compiler()?;
    let mut flags = vec![OsString::from(VECTORS)];
    flags.extend(path_flags(&compiler, project)?);
    let mut command = compiler.cargo();
    command.current_dir(project).args(["build", "--release", "--lib", "--target", TARGET]);
    command
        .arg("--message-format=json-render-diagnostics")
        // The encoded form separates flags by 0x1f, so paths may contain spaces.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\u{1f}")));
    for setting in SETTINGS {
        command.args(["--config", setting]);
    }
    if compiler.builds_std {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    let messages = tool::standard_output("cargo build", &mut command)?;
    let module = module(&messages, project)?;
    std::fs::read(&module).map_err(|error| BuildError::Read(module, error))
}

/// A compiler for the target.
struct RustCompiler {
    /// Folder of cargo and rustc.
    folder: PathBuf,
    /// True if the target's standard library must be built from source, for example with Debian's second compiler.
    builds_std: bool,
}

impl RustCompiler {
    fn cargo(&self) -> Command {
        let mut command = Command::new(self.folder.join("cargo"));
        // Flags and targets in the environment are meant for this machine, not for the sandbox.
        command.env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS");
        command.env("RUSTC", self.folder.join("rustc"));
        if self.builds_std {
            // A stable compiler accepts `-Zbuild-std` only with RUSTC_BOOTSTRAP.
            command.env("RUSTC_BOOTSTRAP", "1").env("PATH", tool::path_with(&self.folder));
        }
        command
    }
}

/// Returns the first compiler on PATH with the target, otherwise the first able to build the target's standard library.
fn compiler() -> Result<RustCompiler, MissingTool> {
    let folders = tool::path_folders().into_iter();
    let mut builds_std = None;
    let mut has_rust = false;
    for folder in folders.filter(|folder| folder.join("cargo").is_file() && folder.join("rustc").is_file()) {
        has_rust = true;
        let rustc = folder.join("rustc");
        if is_folder(tool::first_line(&rustc, &["--print", "target-libdir", "--target", TARGET])) {
            return Ok(RustCompiler { folder, builds_std: false });
        }
        let source =
            tool::first_line(&rustc, &["--print", "sysroot"]).map(|root| root + "/lib/rustlib/src/rust/library/std");
        if builds_std.is_none() && is_folder(source) && tool::find_on_path("rust-lld").is_some() {
            builds_std = Some(RustCompiler { folder, builds_std: true });
        }
    }
    builds_std.ok_or(if has_rust { MissingTool::RustTarget } else { MissingTool::Rust })
}

fn is_folder(path: Option<String>) -> bool {
    path.is_some_and(|path| Path::new(&path).is_dir())
}

/// Returns flags to keep this machine's paths out of the module: a panic message contains the path of the source. The
/// flags are the same for all projects of a machine, so projects can share a target folder. Sources in the project's
/// workspace need no flag, because cargo compiles them with relative paths.
fn path_flags(compiler: &RustCompiler, project: &Path) -> Result<Vec<OsString>, BuildError> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
        workspace_root: PathBuf,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        source: Option<String>,
        manifest_path: PathBuf,
    }
    let mut command = compiler.cargo();
    command.current_dir(project).args(["metadata", "--format-version", "1", "--filter-platform", TARGET]);
    let metadata = tool::standard_output("cargo metadata", &mut command)?;
    let Metadata { packages, workspace_root } =
        serde_json::from_slice(&metadata).map_err(|error| unreadable_output("metadata", &error))?;
    let mut names = BTreeMap::new();
    for Package { name, source, manifest_path } in packages {
        let folder = manifest_path.parent().unwrap_or(Path::new("/"));
        if source.is_some() {
            // The parent folder is common to all packages of a registry.
            names.insert(folder.parent().unwrap_or(folder).to_owned(), "registry".to_owned());
        } else if !folder.starts_with(&workspace_root) {
            names.insert(folder.to_owned(), name);
        }
    }
    // In path order: of several matching flags, rustc uses the last, which has the longest path.
    Ok(names.iter().map(|(folder, name)| path_flag(folder, name)).collect())
}

/// Returns the flag that replaces a folder in the module's paths.
fn path_flag(folder: &Path, name: &str) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(folder);
    flag.push(format!("={name}"));
    flag
}

/// Returns the path of the module from cargo's messages.
fn module(messages: &[u8], project: &Path) -> Result<PathBuf, BuildError> {
    #[derive(Deserialize)]
    struct Message {
        manifest_path: Option<PathBuf>,
        target: Option<Target>,
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        kind: Vec<String>,
    }
    let manifest = project.join("Cargo.toml");
    for line in messages.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{")) {
        let message: Message = serde_json::from_slice(line).map_err(|error| unreadable_output("messages", &error))?;
        let is_cdylib = message.target.is_some_and(|target| target.kind.iter().any(|kind| kind == "cdylib"));
        if is_cdylib && message.manifest_path.as_deref() == Some(&manifest) {
            let mut files = message.filenames.into_iter();
            if let Some(file) = files.find(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
                return Ok(file);
            }
        }
    }
    Err(BuildError::Project {
        file: manifest,
        problem: "builds no module".to_owned(),
        expected: "a library with crate-type = [\"cdylib\"]",
    })
}

fn unreadable_output(kind: &str, error: &serde_json::Error) -> ToolError {
    ToolError::Output { name: "cargo", problem: format!("returned {kind} that cannot be read: {error}") }
}
