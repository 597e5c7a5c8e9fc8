//! A marker for runs under plugins.lock on this host, so that a removal of the file is noticed.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use super::lock::LockFile;
use config_file::toml::Diagnostic;

/// Marker file in the state directory, present after the first run under a lock.
const MARK: &str = "held-to-lock";

/// Creates the marker for a run under a lock.
///
/// # Errors
/// Fails if the marker cannot be created.
pub fn note(state_dir: &Path) -> io::Result<()> {
    // No truncation: two runs may create the marker at the same time.
    OpenOptions::new().create(true).append(true).open(state_dir.join(MARK)).map(drop)
}

/// Returns a diagnostic for an absent lock; `None` if no earlier run used a lock.
pub fn missed(state_dir: &Path, lock: &LockFile) -> Option<Diagnostic> {
    let mark = state_dir.join(MARK);
    mark.exists().then(|| {
        let message = format!(
            "is absent, but earlier runs were held to it, and any plugin may run now: put it back, or run `costwarden plugin lock` to agree to what is there now; where none is wanted any more, remove {}",
            mark.display()
        );
        Diagnostic::of_file(&lock.path, message)
    })
}
