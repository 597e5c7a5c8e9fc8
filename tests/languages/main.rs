//! Detectors in every language, as their authors make them: a new project builds and passes its own tests at once, in
//! any folder; and the examples give the same verdicts to the digit, whatever they are written in.
//!
//! Rust needs cargo with the target. The compilers of Python and JavaScript are those that `make examples` fetched; where
//! one is absent its tests say so and pass over.

mod examples;
mod faults;
mod projects;
mod toolchains;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use costwarden_tests::{Run, binary, repository, run, skipped};

/// A folder to make projects in.
struct ProjectsFolder(tempfile::TempDir);

impl ProjectsFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs the binary in a folder of the projects, with no config.
    fn costwarden(&self, folder: &str, args: &[&str]) -> Run {
        run(self.command(folder, binary()).args(args))
    }

    /// Gives a project's plugin all the time that compiling takes: an engine of ten megabytes takes long where others are
    /// at work.
    fn has_time(&self, project: &str) {
        let project = self.path().join(project);
        let config = "[plugins]\ndirectory = \".\"\n[plugins.limits]\ncompile_seconds = 600\n";
        std::fs::write(project.join("costwarden.toml"), config).expect("written");
    }

    /// Any program in a folder of the projects; what it builds in Rust shares one target folder.
    fn command(&self, folder: &str, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path().join(folder)).env_remove("COSTWARDEN_CONFIG").stdin(Stdio::null());
        command.env("CARGO_TARGET_DIR", repository().join("target/languages")).env("PATH", with_tools());
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        command
    }

    /// Text without where the projects stands.
    fn plain(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "[projects]")
    }
}

/// PATH with componentize-py where it was fetched.
fn with_tools() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let fetched = repository().join("target/tools/python/bin");
    std::env::join_paths(std::iter::once(fetched).chain(std::env::split_paths(&path))).expect("folders")
}

/// A compiler that `make examples` fetched; none, said aloud, where it is absent.
fn fetched(tool: &str) -> Option<PathBuf> {
    let path = repository().join("target/tools").join(tool);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{} is absent; make examples fetches it where it can be had", path.display()));
    None
}
