//! A file that is there as a whole or not at all, and that the node exporter, another user, may read.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::MetricsError;

/// Replaces a file. The folder must be there: one that is made by mistake would be read by nobody.
pub(super) fn write(path: &Path, text: &str) -> Result<(), MetricsError> {
    let write = || {
        let folder = path.parent().unwrap_or(Path::new("."));
        // The exporter reads *.prom alone, and not what is half written.
        let mut file = tempfile::Builder::new().prefix(".costwarden-").suffix(".tmp").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
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
