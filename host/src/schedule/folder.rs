//! The folders needed before a job starts: the shell opens the lock and the output before costwarden runs.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Creates a missing folder for the user of the jobs. An existing folder stays unchanged.
///
/// # Errors
/// The folder cannot be created, is not writable to the user, or the user is unknown.
pub(crate) fn make(folder: &Path, user: Option<&str>) -> Result<(), FolderError> {
    let owner = user.map(|user| Ok::<_, FolderError>((id("-u", user)?, id("-g", user)?))).transpose()?;
    if !folder.is_dir() {
        create(folder, owner)?;
    }
    let path = || folder.to_owned();
    match user {
        None => tempfile::tempfile_in(folder).map(drop).map_err(|why| FolderError::Make { path: path(), why }),
        Some(user) => {
            // Tested under the user, because root may write to any folder.
            let mut test = Command::new("runuser");
            test.args(["-u", user, "--", "test", "-w"]).arg(folder);
            let may = test.status().map_err(|why| FolderError::Make { path: path(), why })?.success();
            if may { Ok(()) } else { Err(FolderError::NotTheirs { path: path(), user: user.to_owned() }) }
        }
    }
}

/// Creates a folder. `owner` is the ids of a user and a group.
fn create(folder: &Path, owner: Option<(u32, u32)>) -> Result<(), FolderError> {
    let failed = |why| FolderError::Make { path: folder.to_owned(), why };
    fs::create_dir_all(folder).map_err(failed)?;
    match owner {
        Some((uid, gid)) => chown(folder, Some(uid), Some(gid)).map_err(failed),
        None => Ok(()),
    }
}

/// Returns the user or group id from the program `id`, because `id` also knows users in a directory service.
fn id(flag: &str, user: &str) -> Result<u32, FolderError> {
    let unknown = || FolderError::User { user: user.to_owned() };
    let output = Command::new("id").args([flag, "--", user]).output().map_err(|_| unknown())?;
    let text = String::from_utf8(output.stdout).map_err(|_| unknown())?;
    text.trim().parse().map_err(|_| unknown())
}

/// An error of creating a folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error(
        "cannot create or write the folder {path}: {why}; create the folder with the owner of the crontab, or name another folder"
    )]
    Make { path: PathBuf, why: io::Error },
    #[error("{user} may not write to {path}: change the owner of the folder to that user, or name another folder")]
    NotTheirs { path: PathBuf, user: String },
    #[error("there is no user {user}: name one that `id {user}` knows")]
    User { user: String },
}
