//! The rule sets of this host: the live folder, and the replaced sets in the state directory.
//!
//! The live folder is exchanged with a complete copy in one step. A killed run leaves either set, never a part of a set.
//! Every change is recorded. This module evaluates nothing and reads no rule.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The folders of rule sets.
#[derive(Debug)]
pub(crate) struct RuleSets {
    /// The folder that the jobs read.
    live: PathBuf,
    /// One folder per replaced set, named by time, and the file of the records.
    replaced: PathBuf,
}

/// A change of the live folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleSetRecord {
    pub(crate) at: Timestamp,
    pub(crate) author: String,
    pub(crate) action: RuleSetAction,
    /// The folder with the source of the live set.
    pub(crate) from: PathBuf,
    /// SHA-256 of the names and contents of the files, in hex.
    pub(crate) digest: String,
    pub(crate) replaced_digest: String,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuleSetAction {
    Apply,
    Rollback,
}

/// The author and the time of a change.
#[derive(Debug, Clone)]
pub(crate) struct Authorship {
    pub(crate) author: String,
    pub(crate) at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RuleSetError {
    #[error("{} cannot be {action}: {cause}; the live rules are unchanged", path.display())]
    File { path: PathBuf, action: &'static str, cause: io::Error },
    #[error("the live rules are exchanged, but {} cannot be {action}: {cause}; repair the folder by hand", path.display())]
    AfterExchange { path: PathBuf, action: &'static str, cause: io::Error },
    #[error("no replaced rule set in {}: costwarden rules apply keeps the set that it replaces", folder.display())]
    NothingReplaced { folder: PathBuf },
}

const RECORDS: &str = "history.jsonl";
/// Folder of the sets that a rollback replaced. A rollback does not restore these sets.
const ROLLED_BACK: &str = "rolled-back";

impl RuleSets {
    pub(crate) fn new(live: &Path, state_dir: &Path) -> Self {
        Self { live: live.to_owned(), replaced: state_dir.join("rule-sets") }
    }

    /// Replaces the live set with the files of a folder, and keeps the replaced set.
    ///
    /// # Errors
    /// A folder cannot be read or written.
    pub(crate) fn apply(&self, from: &Path, authorship: Authorship) -> Result<RuleSetRecord, RuleSetError> {
        let change = Change::new(RuleSetAction::Apply, from, &self.live)?;
        self.keep(&self.replaced, &change, &authorship)?;
        self.exchange(from)?;
        self.record(change, authorship)
    }

    /// Replaces the live set with the newest replaced set, and keeps the live set with its edits. A second rollback goes
    /// one set further back.
    ///
    /// # Errors
    /// No set was replaced, or a folder cannot be read or written.
    pub(crate) fn rollback(&self, authorship: Authorship) -> Result<RuleSetRecord, RuleSetError> {
        let newest = self.newest_replaced()?;
        let change = Change::new(RuleSetAction::Rollback, &newest, &self.live)?;
        self.keep(&self.replaced.join(ROLLED_BACK), &change, &authorship)?;
        self.exchange(&newest)?;
        let record = self.record(change, authorship)?;
        fs::remove_dir_all(&newest).map_err(failed_after_exchange(&newest, "removed"))?;
        Ok(record)
    }

    /// Keeps a copy of the live set, under the time and the digest.
    fn keep(&self, folder: &Path, change: &Change<'_>, authorship: &Authorship) -> Result<(), RuleSetError> {
        let name = format!("{}-{}", authorship.at.strftime("%Y%m%dT%H%M%S%.3fZ"), &change.replaced_digest[..8]);
        copy(&self.live, &folder.join(name))
    }

    /// Exchanges the live folder with a copy of a folder, in one step.
    fn exchange(&self, from: &Path) -> Result<(), RuleSetError> {
        // A link to a folder keeps its place.
        let live = fs::canonicalize(&self.live).map_err(failed(&self.live, "read"))?;
        let mut next = live.clone().into_os_string();
        next.push(".next");
        let next = PathBuf::from(next);
        if next.exists() {
            // The rest of a killed run.
            fs::remove_dir_all(&next).map_err(failed(&next, "removed"))?;
        }
        copy(from, &next)?;
        renameat_with(CWD, &next, CWD, &live, RenameFlags::EXCHANGE)
            .map_err(|cause| failed(&live, "exchanged")(cause.into()))?;
        fs::remove_dir_all(&next).map_err(failed_after_exchange(&next, "removed"))
    }

    fn record(&self, change: Change<'_>, authorship: Authorship) -> Result<RuleSetRecord, RuleSetError> {
        let Authorship { author, at } = authorship;
        let Change { action, from, digest, replaced_digest } = change;
        let record = RuleSetRecord { at, author, action, from: from.to_owned(), digest, replaced_digest };
        let path = self.replaced.join(RECORDS);
        let line = serde_json::to_string(&record).expect("a record has only texts") + "\n";
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(failed_after_exchange(&path, "written"))?;
        Ok(record)
    }

    /// Returns the newest replaced set. The names of the folders begin with the time.
    fn newest_replaced(&self) -> Result<PathBuf, RuleSetError> {
        let entries = match fs::read_dir(&self.replaced) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => {
                let entries = entries.and_then(Iterator::collect::<Result<Vec<_>, _>>);
                entries.map_err(failed(&self.replaced, "read"))?
            }
        };
        let is_set = |path: &PathBuf| path.is_dir() && !path.ends_with(ROLLED_BACK);
        let sets = entries.into_iter().map(|entry| entry.path()).filter(is_set);
        sets.max().ok_or_else(|| RuleSetError::NothingReplaced { folder: self.replaced.clone() })
    }
}

/// A change before its record.
struct Change<'a> {
    action: RuleSetAction,
    from: &'a Path,
    digest: String,
    replaced_digest: String,
}

impl<'a> Change<'a> {
    fn new(action: RuleSetAction, from: &'a Path, live: &Path) -> Result<Self, RuleSetError> {
        Ok(Self { action, from, digest: digest(from)?, replaced_digest: digest(live)? })
    }
}

fn failed_after_exchange(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> RuleSetError {
    let path = path.to_owned();
    move |cause| RuleSetError::AfterExchange { path, action, cause }
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> RuleSetError {
    let path = path.to_owned();
    move |cause| RuleSetError::File { path, action, cause }
}

/// Returns the files of a folder in order, without its folders.
fn files(folder: &Path) -> Result<Vec<PathBuf>, RuleSetError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(failed(folder, "read"))?;
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn digest(folder: &Path) -> Result<String, RuleSetError> {
    let mut digest = Sha256::new();
    for file in files(folder)? {
        let content = fs::read(&file).map_err(failed(&file, "read"))?;
        digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update([0]);
        digest.update(content.len().to_le_bytes());
        digest.update(content);
    }
    Ok(hex::encode(digest.finalize()))
}

/// Copies the files of a folder to a new folder, and syncs the copies to the disk.
fn copy(from: &Path, to: &Path) -> Result<(), RuleSetError> {
    fs::create_dir_all(to).map_err(failed(to, "created"))?;
    for file in files(from)? {
        let copy = to.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy).and_then(|_| File::open(&copy)?.sync_all()).map_err(failed(&copy, "written"))?;
    }
    File::open(to).and_then(|folder| folder.sync_all()).map_err(failed(to, "written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let fixture = Self { folder: tempfile::tempdir().expect("a folder") };
            ["live", "one", "two"].iter().for_each(|set| fixture.write(set));
            fixture
        }

        fn write(&self, set: &str) {
            let folder = self.folder.path().join(set);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join(format!("{set}.toml")), set).expect("written");
        }

        fn sets(&self) -> RuleSets {
            RuleSets::new(&self.folder.path().join("live"), &self.folder.path().join("state"))
        }

        fn apply(&self, set: &str, second: i64) {
            self.sets().apply(&self.folder.path().join(set), at(second)).expect("applied");
        }

        fn live(&self) -> Vec<String> {
            let files = files(&self.folder.path().join("live")).expect("files");
            files.iter().map(|file| file.file_name().expect("a name").to_string_lossy().into_owned()).collect()
        }
    }

    fn at(second: i64) -> Authorship {
        Authorship { author: "kim".to_owned(), at: Timestamp::from_second(second).expect("a time") }
    }

    #[test]
    fn a_rollback_restores_the_replaced_sets_in_reverse_order() {
        let fixture = Fixture::new();
        fixture.apply("one", 1);
        fixture.apply("two", 2);
        assert_eq!(fixture.live(), ["two.toml"]);
        let mut restored = Vec::new();
        for second in [3, 4] {
            let record = fixture.sets().rollback(at(second)).expect("rolled back");
            assert_eq!((record.action, record.author), (RuleSetAction::Rollback, "kim".to_owned()));
            restored.extend(fixture.live());
        }
        assert_eq!(restored, ["one.toml", "live.toml"]);
        assert!(matches!(fixture.sets().rollback(at(5)), Err(RuleSetError::NothingReplaced { .. })));
        let records = fs::read_to_string(fixture.folder.path().join("state/rule-sets/history.jsonl")).expect("records");
        assert_eq!(records.lines().count(), 4);
        assert!(!fixture.folder.path().join("live.next").exists());
    }

    #[test]
    fn the_rest_of_a_killed_run_does_not_reach_the_live_set() {
        let fixture = Fixture::new();
        fixture.write("live.next");
        fixture.apply("one", 1);
        assert_eq!(fixture.live(), ["one.toml"]);
    }

    #[test]
    fn a_missing_folder_leaves_the_live_set_unchanged() {
        let fixture = Fixture::new();
        let error = fixture.sets().apply(&fixture.folder.path().join("absent"), at(1)).expect_err("refused");
        assert!(error.to_string().ends_with("the live rules are unchanged"), "{error}");
        assert_eq!(fixture.live(), ["live.toml"]);
    }
}
