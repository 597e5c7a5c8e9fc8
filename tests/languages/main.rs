//! Detectors in every language: a new project builds and passes its tests in any folder, and the examples give equal
//! verdicts to the digit.
//!
//! The tests need cargo with the wasm target. The compilers for Python and JavaScript come from `make examples`.
//! Without a compiler its tests are skipped aloud.

mod examples;
mod faults;
mod projects;
mod toolchains;
mod tutorial;
mod watch;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use costwarden_tests::{Run, binary, repository, run, skipped};

/// A folder for projects.
struct ProjectsFolder(tempfile::TempDir);

impl ProjectsFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs the binary in a subfolder, without a config.
    fn costwarden(&self, folder: &str, args: &[&str]) -> Run {
        run(self.command(folder, binary()).args(args))
    }

    /// Raises the compile limit of a project's plugin: an engine of ten megabytes takes long on a busy machine.
    fn has_time(&self, project: &str) {
        let project = self.path().join(project);
        let config = "[plugins]\ndirectory = \".\"\n[plugins.limits]\ncompile_seconds = 600\n";
        std::fs::write(project.join("costwarden.toml"), config).expect("written");
    }

    /// A command in a subfolder. Rust builds share a target folder.
    fn command(&self, folder: &str, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path().join(folder)).env_remove("COSTWARDEN_CONFIG").stdin(Stdio::null());
        command.env("CARGO_TARGET_DIR", repository().join("target/languages")).env("PATH", with_tools());
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        command
    }

    /// Replaces the path of the folder.
    fn plain(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "[projects]")
    }
}

/// `PATH` with the fetched componentize-py.
fn with_tools() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let fetched = repository().join("target/tools/python/bin");
    std::env::join_paths(std::iter::once(fetched).chain(std::env::split_paths(&path))).expect("folders")
}

/// The path of a fetched compiler; `None` if absent.
fn fetched(tool: &str) -> Option<PathBuf> {
    let path = repository().join("target/tools").join(tool);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{} is absent; make examples fetches it where it can be had", path.display()));
    None
}
