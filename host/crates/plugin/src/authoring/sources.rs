//! The files of a project and their last changes, to compare a built plugin with the source.
//!
//! A change is the later of the modification time and the status change time: a file that is moved or restored with an old
//! modification time counts as changed.

use std::collections::BTreeMap;
use std::fs::{DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The files below a folder, with the last change and the size of each file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(BTreeMap<PathBuf, Stamp>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    changed: SystemTime,
    bytes: u64,
}

/// Folders without sources of the plugin.
const OTHER_FOLDERS: [&str; 5] = ["target", "dist", "golden", "node_modules", "__pycache__"];
/// Extensions of files that are no sources: plugins, plots and texts for people.
const OTHER_EXTENSIONS: [&str; 4] = ["wasm", "minisig", "svg", "md"];
/// Files that a build writes.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

impl Sources {
    /// Returns the source files of a project: all files below the folder, except hidden files, build results, golden cases
    /// and texts.
    ///
    /// # Errors
    /// Fails if a folder cannot be read.
    pub fn of(project: &Path) -> io::Result<Self> {
        let mut sources = Self::default();
        sources.add_folder(project, Path::new(""), &is_source)?;
        Ok(sources)
    }

    /// Returns all files below a folder; none if the folder is absent.
    ///
    /// # Errors
    /// Fails if a folder cannot be read.
    pub fn all_of(folder: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        match files.add_folder(folder, Path::new(""), &|_| true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            other => other.map(|()| files),
        }
    }

    /// Returns the state of one file; an empty state if the file is absent.
    pub fn of_file(file: &Path) -> Self {
        let stamp = std::fs::metadata(file).and_then(|metadata| Stamp::of(&metadata));
        Self(stamp.ok().map(|stamp| (file.to_owned(), stamp)).into_iter().collect())
    }

    /// Returns true for the same files with the same changes, apart from lock files: a build writes lock files.
    pub fn equals_without_locks(&self, other: &Self) -> bool {
        self.without_locks() == other.without_locks()
    }

    /// Returns the newest file if the file changed after the plugin was written.
    ///
    /// # Errors
    /// Fails if the plugin cannot be read.
    pub fn newer_than(&self, plugin: &Path) -> io::Result<Option<&Path>> {
        let written = std::fs::metadata(plugin)?.modified()?;
        let newest = self.newest().filter(|(_, changed)| *changed > written);
        Ok(newest.map(|(path, _)| path.as_path()))
    }

    /// Makes a plugin older than the sources if a source changed between the start of the build and now.
    ///
    /// # Errors
    /// Fails if the project cannot be read, or the plugin cannot be written.
    pub fn mark_if_changed(&self, project: &Path, plugin: &Path) -> io::Result<()> {
        let now = Self::of(project)?;
        if now.equals_without_locks(self) {
            return Ok(());
        }
        let oldest = self.newest().map_or(SystemTime::UNIX_EPOCH, |(_, changed)| changed);
        std::fs::File::options().append(true).open(plugin)?.set_modified(oldest)
    }

    fn newest(&self) -> Option<(&PathBuf, SystemTime)> {
        self.0.iter().map(|(path, stamp)| (path, stamp.changed)).max_by_key(|(_, changed)| *changed)
    }

    fn without_locks(&self) -> BTreeMap<&PathBuf, &Stamp> {
        self.0.iter().filter(|(path, _)| !LOCKS.iter().any(|lock| path.ends_with(lock))).collect()
    }

    fn add_folder(&mut self, root: &Path, below: &Path, selects: &dyn Fn(&DirEntry) -> bool) -> io::Result<()> {
        for entry in std::fs::read_dir(root.join(below))? {
            let entry = entry?;
            if !selects(&entry) {
                continue;
            }
            let path = below.join(entry.file_name());
            // An editor may replace the file at this moment.
            let Ok(metadata) = std::fs::metadata(root.join(&path)) else { continue };
            if metadata.is_dir() {
                self.add_folder(root, &path, selects)?;
            } else {
                self.0.insert(path, Stamp::of(&metadata)?);
            }
        }
        Ok(())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> io::Result<Self> {
        let status_change = SystemTime::UNIX_EPOCH
            + Duration::new(metadata.ctime().unsigned_abs(), u32::try_from(metadata.ctime_nsec()).unwrap_or(0));
        Ok(Self { changed: metadata.modified()?.max(status_change), bytes: metadata.len() })
    }
}

fn is_source(entry: &DirEntry) -> bool {
    let path = entry.path();
    let name = entry.file_name();
    let is_hidden = name.as_encoded_bytes().starts_with(b".");
    let is_other = if path.is_dir() {
        OTHER_FOLDERS.iter().any(|folder| name == *folder)
    } else {
        path.extension().is_some_and(|extension| OTHER_EXTENSIONS.iter().any(|other| extension == *other))
    };
    !is_hidden && !is_other
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project with a source, a plugin that is one hour newer, and files that are no sources.
    fn project() -> tempfile::TempDir {
        let project = tempfile::tempdir().expect("a folder");
        for path in ["src/lib.rs", "Cargo.toml", "target/a.rs", "golden/b/input.csv", ".git/c", "README.md", "p.wasm"] {
            let path = project.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below the project")).expect("a folder");
            std::fs::write(path, "text").expect("written");
        }
        set_age(project.path(), "p.wasm", 0);
        project
    }

    /// Sets the modification time to a number of hours before one hour after the status change of the source.
    fn set_age(project: &Path, file: &str, hours: u64) {
        let (_, newest) =
            Sources::of(project).expect("read").newest().map(|(path, time)| (path.clone(), time)).expect("a source");
        let time = newest + Duration::from_secs(3_600) - Duration::from_secs(3_600 * hours);
        let file = std::fs::File::options().append(true).open(project.join(file)).expect("opened");
        file.set_modified(time).expect("set");
    }

    #[test]
    fn a_plugin_is_stale_after_a_change_of_a_source() {
        let project = project();
        let plugin = project.path().join("p.wasm");
        let sources = Sources::of(project.path()).expect("read");
        assert_eq!(sources.newer_than(&plugin).expect("read"), None);
        set_age(project.path(), "p.wasm", 2);
        assert!(sources.newer_than(&plugin).expect("read").is_some());
    }

    /// The modification time is old, the status change time is not.
    #[test]
    fn a_restored_file_is_a_change() {
        let project = project();
        let source = project.path().join("src/lib.rs");
        let file = std::fs::File::options().append(true).open(&source).expect("opened");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set");
        set_age(project.path(), "p.wasm", 2);
        let sources = Sources::of(project.path()).expect("read");
        let stale = sources.newer_than(&project.path().join("p.wasm")).expect("read");
        assert_eq!(stale, Some(Path::new("src/lib.rs")));
    }

    #[test]
    fn results_of_builds_and_texts_are_no_sources() {
        let sources = Sources::of(project().path()).expect("read");
        let paths: Vec<&Path> = sources.0.keys().map(PathBuf::as_path).collect();
        assert_eq!(paths, [Path::new("Cargo.toml"), Path::new("src/lib.rs")]);
    }

    #[test]
    fn a_change_during_the_build_makes_the_plugin_stale() {
        let project = project();
        let plugin = project.path().join("p.wasm");
        let before = Sources::of(project.path()).expect("read");
        std::fs::write(project.path().join("Cargo.lock"), "").expect("written");
        set_age(project.path(), "p.wasm", 0);
        before.mark_if_changed(project.path(), &plugin).expect("read");
        assert_eq!(
            Sources::of(project.path()).expect("read").newer_than(&plugin).expect("read"),
            None,
            "a lock of the build"
        );
        std::fs::write(project.path().join("src/lib.rs"), "another text").expect("written");
        before.mark_if_changed(project.path(), &plugin).expect("read");
        let after = Sources::of(project.path()).expect("read");
        assert_eq!(after.newer_than(&plugin).expect("read"), Some(Path::new("src/lib.rs")));
        assert!(!after.equals_without_locks(&before));
    }
}
