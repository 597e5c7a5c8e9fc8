//! External tools such as compilers: search on PATH, execution and results.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

/// Returns the file `name` in the first folder of PATH with such a file.
pub(super) fn find_on_path(name: &str) -> Option<PathBuf> {
    path_folders().into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The folders of PATH.
pub(super) fn path_folders() -> Vec<PathBuf> {
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

/// Runs a compiler like [`run`], but shortens the error output of a failed compiler with `shorten`. The standard output of
/// a successful compiler is dropped.
///
/// # Errors
/// See [`run`].
pub(super) fn run_quietly(
    name: &'static str,
    command: &mut Command,
    shorten: impl Fn(&str) -> String,
) -> Result<(), ToolError> {
    let output = command.stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.map_err(|error| ToolError::Start { name, error })?;
    let [stdout, errors] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let is_success = status.success();
    let shown = if is_success { errors } else { stdout + &shorten(&errors) };
    // A closed standard error must not fail the build.
    let _ = io::stderr().write_all(shown.as_bytes());
    if is_success { Ok(()) } else { Err(ToolError::Failed { name, status }) }
}

/// Runs a tool and returns the standard output; standard error is passed on.
///
/// # Errors
/// See [`run`].
pub(super) fn standard_output(name: &'static str, command: &mut Command) -> Result<Vec<u8>, ToolError> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let Output { status, stdout, .. } = output.map_err(|error| ToolError::Start { name, error })?;
    if status.success() { Ok(stdout) } else { Err(ToolError::Failed { name, status }) }
}

/// Returns the first output line of a tool, `None` if the tool fails; standard error is dropped.
pub(super) fn first_line(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|_| output.status.success()).map(str::to_owned)
}

/// Returns PATH with the folder `first` at the beginning.
pub(super) fn path_with(first: &Path) -> std::ffi::OsString {
    let folders = std::iter::once(first.to_owned()).chain(path_folders());
    std::env::join_paths(folders).unwrap_or_else(|_| OsStr::new("").to_owned())
}

/// Failures of an installed tool.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("{name} does not start: {error}")]
    Start { name: &'static str, error: io::Error },
    #[error("{name} failed ({status}); the output of {name} is above")]
    Failed { name: &'static str, status: ExitStatus },
    #[error("{name} {problem}")]
    Output { name: &'static str, problem: String },
}
