//! The atomic replacement of a file readable by all users, because the node exporter runs under another user.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::MetricsError;

/// Replaces a file. A missing folder is an error: nothing reads a folder created by mistake.
pub(super) fn write(path: &Path, text: &str) -> Result<(), MetricsError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        // The exporter reads only `*.prom`, so a partial file is ignored.
        let mut file = tempfile::Builder::new().prefix(".costwarden-").suffix(".tmp").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        // Temporary files have mode 0600, and the exporter is another user.
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        // On disk before the rename: after a crash the file is complete.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|why| MetricsError::File { action: "write", path: path.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_readable_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("costwarden.prom");
        for text in ["one\n", "two\n"] {
            write(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let error = write(&folder.path().join("absent/costwarden.prom"), "").unwrap_err().to_string();
        assert!(error.contains("absent/costwarden.prom") && error.contains("check that the folder exists"), "{error}");
    }
}
