//! A marker for runs under plugins.lock on this host, so that a removal of the file is noticed.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use config_file::toml::Diagnostic;

use super::lock::LockFile;

/// Marker file in the state directory, present after the first run under a lock.
const MARKER: &str = "plugins-were-locked";

/// Creates the marker for a run under a lock.
///
/// # Errors
/// Fails if the marker cannot be created.
pub fn create(state_dir: &Path) -> io::Result<()> {
    // No truncation: two runs may create the marker at the same time.
    OpenOptions::new().create(true).append(true).open(state_dir.join(MARKER)).map(drop)
}

/// Returns a diagnostic for an absent lock; `None` if no earlier run used a lock.
pub fn missing_lock(state_dir: &Path, lock: &LockFile) -> Option<Diagnostic> {
    let marker = state_dir.join(MARKER);
    marker.exists().then(|| {
        let message = format!(
            "is absent, but earlier runs used this file, and now any plugin may run: restore the file, or approve the present plugins with `costwarden plugin lock`; to work without a lock, remove {}",
            marker.display()
        );
        Diagnostic::of_file(&lock.path, message)
    })
}
