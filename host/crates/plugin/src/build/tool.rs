//! External tools such as compilers: search on PATH, execution and results.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// Returns the file `name` in the first folder of PATH with such a file.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    folders_of_path().into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The folders of PATH.
pub(super) fn folders_of_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// Runs a compiler to completion. All output goes to standard error, because standard output belongs to the caller.
///
/// # Errors
/// Fails if the compiler does not start or does not succeed.
pub(super) fn run(name: &'static str, command: &mut Command) -> Result<(), ToolError> {
    let stdout = io::stderr().as_fd().try_clone_to_owned().map_err(|error| ToolError::Start { name, error })?;
    let status =
        command.stdin(Stdio::null()).stdout(stdout).status().map_err(|error| ToolError::Start { name, error })?;
    if status.success() { Ok(()) } else { Err(ToolError::Failed { name, status }) }
}

/// Runs a compiler like [`run`], but shortens the error output of a failed compiler with `cut`. The standard output of
/// a successful compiler is dropped.
///
/// # Errors
/// See [`run`].
pub(super) fn run_cut(
    name: &'static str,
    command: &mut Command,
    cut: impl Fn(&str) -> String,
) -> Result<(), ToolError> {
    let ran = command.stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = ran.map_err(|error| ToolError::Start { name, error })?;
    let [said, complaint] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let (passed_on, end) = if status.success() {
        (complaint, Ok(()))
    } else {
        (said + &cut(&complaint), Err(ToolError::Failed { name, status }))
    };
    // A closed standard error must not fail the build.
    let _ = io::stderr().write_all(passed_on.as_bytes());
    end
}

/// Runs a tool and returns the standard output; standard error is passed on.
///
/// # Errors
/// See [`run`].
pub(super) fn output(name: &'static str, command: &mut Command) -> Result<Vec<u8>, ToolError> {
    let ran = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let Output { status, stdout, .. } = ran.map_err(|error| ToolError::Start { name, error })?;
    if status.success() { Ok(stdout) } else { Err(ToolError::Failed { name, status }) }
}

/// Returns the first output line of a tool, `None` if the tool fails; standard error is dropped.
pub(super) fn line(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|_| output.status.success()).map(str::to_owned)
}

/// Returns PATH with the folder `first` at the beginning.
pub(super) fn path_with(first: &Path) -> std::ffi::OsString {
    let folders = std::iter::once(first.to_owned()).chain(folders_of_path());
    std::env::join_paths(folders).unwrap_or_else(|_| OsStr::new("").to_owned())
}

/// A missing tool, with an installation hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error(
        "Rust is needed, but there is no cargo beside a rustc on PATH: install it with rustup, then run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: {DEBIAN_RUST}"
    )]
    Rust,
    #[error(
        "Rust cannot compile for wasm32-unknown-unknown: run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: {DEBIAN_RUST}"
    )]
    Target,
    #[error(
        "componentize-py is needed, but it is neither in the project's .venv nor on PATH: run `python3 -m venv .venv && .venv/bin/pip install componentize-py=={}` in the project's folder",
        super::python::VERSION
    )]
    ComponentizePy,
    #[error(
        "Node.js is needed, but there is no node on PATH: install it; on Debian, as root: apt-get install nodejs npm"
    )]
    Node,
    #[error(
        "@bytecodealliance/componentize-js is needed, but it is not among the project's node_modules: run `npm install` in the project's folder, or `npm install --save-dev @bytecodealliance/componentize-js@{}` where its package.json does not name it",
        super::javascript::VERSION
    )]
    ComponentizeJs,
}

/// Command to install Debian's second compiler, able to build the target's standard library from source.
const DEBIAN_RUST: &str =
    "apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22";

/// Failures of an installed tool.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("{name} does not start: {error}")]
    Start { name: &'static str, error: io::Error },
    #[error("{name} failed ({status}); what it said is above")]
    Failed { name: &'static str, status: ExitStatus },
    #[error("{name} {problem}")]
    Output { name: &'static str, problem: String },
}
