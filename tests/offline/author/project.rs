//! The project of a plugin author: a folder with files and without a config.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use costwarden_tests::{Run, binary, is_compiled_code, plugins, repository, run};

pub(crate) struct AuthorProject {
    folder: tempfile::TempDir,
}

impl AuthorProject {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the project")).expect("a folder");
        std::fs::write(path, bytes).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("a text")
    }

    /// Runs `costwarden plugin`.
    pub(crate) fn plugin(&self, args: &[&str]) -> Run {
        self.plugin_with(args, &[])
    }

    /// Runs `costwarden plugin` with additional environment variables.
    pub(crate) fn plugin_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let mut command = Command::new(binary());
        command.arg("plugin").args(args).current_dir(self.path()).env_remove("COSTWARDEN_CONFIG");
        command.env("XDG_CACHE_HOME", self.path().join("cache")).envs(env.iter().copied());
        run(&mut command)
    }

    /// Path and time of the last change of each compiled plugin in the user's cache.
    pub(crate) fn compiled(&self) -> Vec<(PathBuf, SystemTime)> {
        let entries = std::fs::read_dir(self.path().join("cache/costwarden/compiled"));
        let entry = |entry: std::io::Result<DirEntry>| {
            let entry = entry.expect("an entry");
            (entry.path(), entry.metadata().and_then(|metadata| metadata.modified()).expect("a time"))
        };
        entries.into_iter().flatten().map(entry).filter(|(path, _)| is_compiled_code(path)).collect()
    }

    /// Runs a command with exit code 2 and returns its output.
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let run = self.plugin(args).expect(2);
        format!("{}{}", run.stdout, run.stderr).replace(&repository().display().to_string(), "[repository]")
    }
}

/// The file of a bundled detector.
pub(crate) fn bundled(name: &str) -> String {
    plugins().join(format!("{name}.wasm")).display().to_string()
}

/// A detector as a core module, without a packed manifest.
pub(crate) fn core_module() -> String {
    repository().join("target/test-plugins/bare.wasm").display().to_string()
}

/// A file of a golden case of a bundled detector.
pub(crate) fn golden(plugin: &str, case: &str, file: &str) -> PathBuf {
    repository().join("plugins").join(plugin).join("golden").join(case).join(file)
}

/// Removes trailing blanks, as insta does with snapshots.
pub(crate) fn trimmed(text: &str) -> String {
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
