//! Programs that `tests/services.sh` downloads on demand.

use std::path::PathBuf;
use std::process::Command;

use crate::{repository, skipped};

/// The path that `tests/services.sh NAME` prints; `None` if the download is unavailable.
pub fn download(name: &str) -> Option<PathBuf> {
    let got = Command::new(repository().join("tests/services.sh")).arg(name).output().expect("bash");
    if !got.status.success() {
        skipped(&format!("{name}: {}", String::from_utf8_lossy(&got.stderr).trim()));
        return None;
    }
    Some(PathBuf::from(String::from_utf8(got.stdout).expect("UTF-8").trim()))
}
