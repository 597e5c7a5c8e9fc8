//! Prometheus, its node exporter, promtool and logrotate from Debian's packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use costwarden_tests::{repository, skipped};

/// The folder of the unpacked packages; `None` if unavailable.
pub(crate) fn folder() -> Option<PathBuf> {
    let got = Command::new(repository().join("tests/services.sh")).arg("monitoring").output().expect("bash");
    if !got.status.success() {
        skipped(&format!("Prometheus: {}", String::from_utf8_lossy(&got.stderr).trim()));
        return None;
    }
    Some(PathBuf::from(String::from_utf8(got.stdout).expect("UTF-8").trim()))
}

pub(crate) fn program(folder: &Path, name: &str) -> Command {
    let mut command = Command::new(folder.join(name));
    command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries(folder)).expect("paths"));
    command
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn libraries(folder: &Path) -> Vec<PathBuf> {
    let parts = std::fs::read_dir(folder.join("usr/lib")).into_iter().flatten();
    parts.map(|part| part.expect("an entry").path()).filter(|path| path.is_dir()).collect()
}
