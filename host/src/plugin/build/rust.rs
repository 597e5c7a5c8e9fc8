//! Rust: cargo builds the project's cdylib for wasm32-unknown-unknown. The same source gives the same module on every
//! machine that has the same compiler.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::BuildError;
use super::tool::{self, Missing, ToolError};

const TARGET: &str = "wasm32-unknown-unknown";

/// Whatever the project's own profile says: one small module, as fast inside the sandbox as it gets.
const SETTINGS: [&str; 5] = [
    "profile.release.codegen-units=1",
    "profile.release.lto=true",
    "profile.release.opt-level=3",
    "profile.release.panic='abort'",
    "profile.release.strip=true",
];

/// Vectors are a part of WebAssembly 2.0, which every host of the contract runs.
const VECTORS: &str = "-Ctarget-feature=+simd128";

pub(super) fn compiled(project: &Path) -> Result<Vec<u8>, BuildError> {
    let compiler = compiler()?;
    let mut flags = vec![OsString::from(VECTORS)];
    flags.extend(remapped(&compiler, project)?);
    let mut command = compiler.cargo();
    command.current_dir(project).args(["build", "--release", "--lib", "--target", TARGET]);
    command
        .arg("--message-format=json-render-diagnostics")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\u{1f}")));
    for setting in SETTINGS {
        command.args(["--config", setting]);
    }
    if compiler.builds_std {
        command.arg("-Zbuild-std=std,panic_abort");
    }
    let messages = tool::output("cargo build", &mut command)?;
    let module = module(&messages, project)?;
    std::fs::read(&module).map_err(|error| BuildError::Read(module, error))
}

/// A compiler that can compile for the target.
struct Compiler {
    /// The folder of cargo and rustc.
    folder: PathBuf,
    /// It has no standard library for the target, but its source, as Debian's second compiler has.
    builds_std: bool,
}

impl Compiler {
    fn cargo(&self) -> Command {
        let mut command = Command::new(self.folder.join("cargo"));
        // Flags and targets that the environment holds for this machine's processor are not for the sandbox.
        command.env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS");
        command.env("RUSTC", self.folder.join("rustc"));
        if self.builds_std {
            command.env("RUSTC_BOOTSTRAP", "1").env("PATH", tool::path_with(&self.folder));
        }
        command
    }
}

/// The first compiler on PATH that has the target, else the first that can build its standard library.
fn compiler() -> Result<Compiler, Missing> {
    let folders = tool::folders_of_path().into_iter();
    let mut builds_std = None;
    let mut any = false;
    for folder in folders.filter(|folder| folder.join("cargo").is_file() && folder.join("rustc").is_file()) {
        any = true;
        let rustc = folder.join("rustc");
        if is_folder(tool::line(&rustc, &["--print", "target-libdir", "--target", TARGET])) {
            return Ok(Compiler { folder, builds_std: false });
        }
        let source = tool::line(&rustc, &["--print", "sysroot"]).map(|root| root + "/lib/rustlib/src/rust/library/std");
        if builds_std.is_none() && is_folder(source) && tool::on_path("rust-lld").is_some() {
            builds_std = Some(Compiler { folder, builds_std: true });
        }
    }
    builds_std.ok_or(if any { Missing::Target } else { Missing::Rust })
}

fn is_folder(path: Option<String>) -> bool {
    path.is_some_and(|path| Path::new(&path).is_dir())
}

/// Flags that keep this machine's paths out of the module: a panic's message holds the path of its source. They are the
/// same for all projects of one machine, so that those can share a target folder: what lies in the project's own
/// workspace is compiled by relative paths anyway.
fn remapped(compiler: &Compiler, project: &Path) -> Result<Vec<OsString>, BuildError> {
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
    let metadata = tool::output("cargo metadata", &mut command)?;
    let Metadata { packages, workspace_root } =
        serde_json::from_slice(&metadata).map_err(|error| unreadable("metadata", &error))?;
    let mut prefixes = BTreeSet::new();
    for Package { name, source, manifest_path } in packages {
        let folder = manifest_path.parent().unwrap_or(Path::new("/"));
        if source.is_some() {
            prefixes.insert((folder.parent().unwrap_or(folder).to_owned(), "registry".to_owned()));
        } else if !folder.starts_with(&workspace_root) {
            prefixes.insert((folder.to_owned(), name));
        }
    }
    let flag = |(prefix, name): (PathBuf, String)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(prefix);
        flag.push(format!("={name}"));
        flag
    };
    Ok(prefixes.into_iter().map(flag).collect())
}

/// The file that cargo says it left.
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
        let message: Message = serde_json::from_slice(line).map_err(|error| unreadable("messages", &error))?;
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
        what: "builds no module".to_owned(),
        expected: "a library with crate-type = [\"cdylib\"]",
    })
}

fn unreadable(what: &str, error: &serde_json::Error) -> ToolError {
    ToolError::Output { name: "cargo", problem: format!("gave {what} that cannot be read: {error}") }
}
