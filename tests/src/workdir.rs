//! A working directory with a config.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Run, binary, plugins, repository, run};

/// A temporary folder with `costwarden.toml`. The binary runs in this folder.
pub struct Workdir {
    folder: tempfile::TempDir,
}

impl Workdir {
    /// Creates a folder with the given config. A config without a language is English. A config without `[plugins]` or
    /// `[rules]` uses the bundled plugins or the default rules.
    pub fn new(config: &str) -> Self {
        let workdir = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut text = config.to_owned();
        if !config.contains("language = ") {
            text.insert_str(0, "language = \"en\"\n");
        }
        if !config.contains("[plugins]") {
            text.push_str(&format!("\n[plugins]\ndirectory = {:?}\n", plugins()));
        }
        if !config.contains("[rules]") {
            text.push_str(&format!("\n[rules]\ndirectory = {:?}\n", repository().join("rules/default")));
        }
        workdir.write("costwarden.toml", &text);
        workdir
    }

    /// The absolute path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and creates its parent folders.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Runs the binary with the config of the folder.
    pub fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, &[])
    }

    /// Runs the binary with additional environment variables.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        run(&mut self.command(args, env))
    }

    /// The command of [`Workdir::run`], for tests that end the process early.
    pub fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        self.command_of(Path::new(binary()), args, env)
    }

    /// As [`Workdir::command`], for another program.
    pub fn command_of(&self, program: &Path, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path()).env("COSTWARDEN_CONFIG", self.path().join("costwarden.toml"));
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        // The summary line of a run differs from run to run.
        command.env("COSTWARDEN_LOG", "error,costwarden=warn,costwarden::run=off").env("COSTWARDEN_LOG_FORMAT", "text");
        command.envs(env.iter().copied()).stdin(Stdio::null());
        command
    }

    /// Runs the binary and parses each line of standard output as JSON. Exit code 2 is a failure.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        let run = self.run(args);
        assert!(run.code < 2, "{args:?}: {run:?}");
        run.json()
    }
}
