//! Alertmanager and aiosmtpd, which `tests/services.sh` downloads.

use std::path::PathBuf;
use std::process::Command;

use costwarden_tests::repository;

/// The folder of `tests/services.sh NAME`; `None` if the download is unavailable.
pub(super) fn folder(name: &str) -> Option<PathBuf> {
    let got = Command::new(repository().join("tests/services.sh")).arg(name).output().expect("bash");
    if !got.status.success() {
        eprintln!("SKIPPED with {name}: {}", String::from_utf8_lossy(&got.stderr).trim());
        return None;
    }
    Some(PathBuf::from(String::from_utf8(got.stdout).expect("UTF-8").trim()))
}
