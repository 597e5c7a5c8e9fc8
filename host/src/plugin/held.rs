//! Whether this host's runs were held to plugins.lock: whoever removes the file shall not do so unnoticed.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use super::lock::LockFile;
use crate::toml::Diagnostic;

/// A file of the state directory that is there once a run was held to a lock.
const MARK: &str = "held-to-lock";

/// Notes that a run was held to a lock.
///
/// # Errors
/// It cannot be noted.
pub(crate) fn note(state_dir: &Path) -> io::Result<()> {
    // Nothing is cut off: two runs may do so at once.
    OpenOptions::new().create(true).append(true).open(state_dir.join(MARK)).map(drop)
}

/// What is wrong with a lock that is not there: nothing, where no run was held to one.
pub(crate) fn missed(state_dir: &Path, lock: &LockFile) -> Option<Diagnostic> {
    let mark = state_dir.join(MARK);
    mark.exists().then(|| {
        let message = format!(
            "is absent, but earlier runs were held to it, and any plugin may run now: put it back, or run `costwarden plugin lock` to agree to what is there now; where none is wanted any more, remove {}",
            mark.display()
        );
        Diagnostic::of_file(&lock.path, message)
    })
}
