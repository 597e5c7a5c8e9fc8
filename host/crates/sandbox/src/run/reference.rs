//! Reference data: read-only access to the files of a granted folder. [`crate::load`] checks the grant.

use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_bytes::ByteBuf;

use super::log::PLUGIN_LOG_TARGET;
use crate::protocol::ReferenceAnswer;
use crate::text;

/// The reference data that a call may still read.
pub(super) struct ReferenceBudget<'a> {
    folder: Option<&'a ReferenceFolder>,
    bytes_left: u64,
}

/// A granted folder. A symbolic link is followed only if the target is inside the folder.
pub(crate) struct ReferenceFolder {
    folder: Dir,
    limit_bytes: u64,
    names_logged: AtomicBool,
}

/// Largest number of names in a log line.
const MAX_NAMES: usize = 20;

impl<'a> ReferenceBudget<'a> {
    pub(super) fn new(folder: Option<&'a ReferenceFolder>, bytes: u64) -> Self {
        Self { folder, bytes_left: bytes }
    }

    /// Returns the bytes of the named file, or an error text for the plugin.
    pub(super) fn read(&mut self, name: &str) -> ReferenceAnswer {
        ReferenceAnswer(self.content(name).map(ByteBuf::from))
    }

    fn content(&mut self, name: &str) -> Result<Vec<u8>, String> {
        let folder = self.folder.ok_or("not granted")?;
        // A call without bytes left reads nothing: this process does the work of a read.
        let exhausted = "no more in this call (plugins.limits.reference_bytes_per_call)";
        if self.bytes_left == 0 {
            return Err(exhausted.to_owned());
        }
        let content = folder.read(name)?;
        let left = self.bytes_left.checked_sub(content.len() as u64);
        self.bytes_left = left.unwrap_or(0);
        left.map(|_| content).ok_or_else(|| exhausted.to_owned())
    }
}

impl ReferenceFolder {
    /// Opens the folder; each file may have at most `limit_bytes`.
    pub(crate) fn open(folder: &Path, limit_bytes: u64) -> io::Result<Self> {
        let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
        Ok(Self { folder, limit_bytes, names_logged: AtomicBool::new(false) })
    }

    /// Returns the bytes of the named file, or an error text that reveals nothing about the host.
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
            return Err("not a file name: a name of reference data has no separators".to_owned());
        }
        // Checked before the open: opening a pipe would wait for a writer.
        let metadata = self.folder.metadata(name).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                self.log_names(name);
            }
            error_text(&error)
        })?;
        if !metadata.is_file() {
            return Err("not a regular file".to_owned());
        }
        let mut bytes = Vec::new();
        let file = self.folder.open(name).map_err(|error| error_text(&error))?;
        file.take(self.limit_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error_text(&error))?;
        if bytes.len() as u64 > self.limit_bytes {
            return Err(format!("larger than {} bytes (plugins.limits.reference_bytes)", self.limit_bytes));
        }
        Ok(bytes)
    }

    /// Logs the names in the folder once for the author: a plugin may read absent files without end. The plugin does not
    /// receive the names.
    fn log_names(&self, absent: &str) {
        if self.names_logged.swap(true, Ordering::Relaxed) {
            return;
        }
        let entries = self.folder.entries().into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        let more = names.len().saturating_sub(MAX_NAMES);
        names.truncate(MAX_NAMES);
        let names = if names.is_empty() { "no files".to_owned() } else { names.join(", ") };
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let line = text::single_line(format!("no reference data {absent:?}: the granted folder has {names}{more}"));
        tracing::info!(target: PLUGIN_LOG_TARGET, "{line}");
    }
}

fn error_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such reference data".to_owned(),
        _ => "cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::logged;

    #[test]
    fn a_name_cannot_leave_the_granted_folder() {
        let parent = tempfile::tempdir().expect("a folder");
        let granted = parent.path().join("granted");
        std::fs::create_dir(&granted).expect("created");
        std::fs::write(parent.path().join("secret"), "secret").expect("written");
        std::fs::write(granted.join("holidays.csv"), "2026-12-25").expect("written");
        std::fs::write(granted.join("large"), [0; 17]).expect("written");
        std::fs::create_dir(granted.join("inner")).expect("created");
        std::os::unix::fs::symlink("holidays.csv", granted.join("inside")).expect("linked");
        std::os::unix::fs::symlink("../secret", granted.join("outside")).expect("linked");
        let reference = ReferenceFolder::open(&granted, 16).expect("opened");
        let read = |name: &str| reference.read(name).map(|bytes| String::from_utf8(bytes).expect("text"));
        assert_eq!(read("holidays.csv").as_deref(), Ok("2026-12-25"));
        assert_eq!(read("inside").as_deref(), Ok("2026-12-25"));
        assert_eq!(read("large").expect_err("refused"), "larger than 16 bytes (plugins.limits.reference_bytes)");
        assert_eq!(read("outside").expect_err("refused"), "cannot be read");
        assert_eq!(read("inner").expect_err("refused"), "not a regular file");
        let (absent, log) = logged(|| read("absent").expect_err("refused"));
        assert_eq!(absent, "no such reference data");
        let names = "no reference data \"absent\": the granted folder has holidays.csv, inner, inside, large, outside";
        assert!(log.contains(names), "{log}");
        for name in ["", ".", "..", "../secret", "/etc/passwd", "inner/x", "a\\b", "a\0b"] {
            assert_eq!(
                read(name).expect_err("refused"),
                "not a file name: a name of reference data has no separators",
                "{name:?}"
            );
        }
    }
}
