//! Removal of files without use for 30 days. Without the removal, files of former rules would stay for ever.
//!
//! The modification time of a file is the time of the last use, with a precision of a day. Every run updates the
//! modification times of the files in use.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);
const RETENTION: Duration = Duration::from_secs(30 * 86_400);

/// Considers the files accepted by `is_ours`: updates the modification time of files `in_use`, and removes files without
/// use for more than 30 days. An absent folder counts as empty.
///
/// # Errors
/// Fails if the folder or a file cannot be read, updated or removed.
pub fn tidy_folder(
    folder: &Path,
    in_use: &BTreeSet<String>,
    is_ours: impl Fn(&str) -> bool,
    now: Timestamp,
) -> io::Result<()> {
    let now = SystemTime::from(now);
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // `metadata` does not follow symbolic links, and costwarden creates no links here.
        let metadata = entry.metadata()?;
        if !metadata.is_file() || !is_ours(&name) {
            continue;
        }
        // A modification time in the future counts as a use right now.
        let unused = now.duration_since(metadata.modified()?).unwrap_or_default();
        if in_use.contains(&name) {
            // At most a single update per file and day.
            if unused > DAY {
                File::open(entry.path())?.set_modified(now)?;
            }
        } else if unused > RETENTION {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + day * 86_400).expect("a time")
    }

    #[test]
    fn files_without_use_for_a_month_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["used", "unused", "foreign"] {
            let file = File::create(folder.path().join(name)).expect("made");
            file.set_modified(at(0).into()).expect("marked");
        }
        let tidy = |in_use: &[&str], day: i64| {
            let in_use = in_use.iter().map(|name| (*name).to_owned()).collect();
            tidy_folder(folder.path(), &in_use, |name| name != "foreign", at(day)).expect("tidied");
            let entries = std::fs::read_dir(folder.path()).expect("there");
            let mut left: Vec<_> = entries.map(|entry| entry.expect("read").file_name()).collect();
            left.sort();
            left.join(std::ffi::OsStr::new(" ")).into_string().expect("text")
        };
        assert_eq!(tidy(&["used"], 30), "foreign unused used");
        assert_eq!(tidy(&["used"], 31), "foreign used");
        // The 30 days count from the last use, not from the creation.
        assert_eq!(tidy(&[], 60), "foreign used");
        assert_eq!(tidy(&[], 62), "foreign");
    }

    #[test]
    fn an_absent_folder_is_not_created() {
        let folder = tempfile::tempdir().expect("a folder");
        let absent = folder.path().join("absent");
        assert!(tidy_folder(&absent, &BTreeSet::new(), |_| true, at(0)).is_ok() && !absent.exists());
    }
}
