//! The contract as a folder of WIT, for compilers that ask for one.

use std::io;
use std::path::{Path, PathBuf};

use crate::plugin::project::WIT;

/// A folder that is removed when this is dropped, unless it is the project's own.
pub(super) enum Wit {
    OfProject(PathBuf),
    OfHost(tempfile::TempDir),
}

/// What detectors in Python and JavaScript are built for: of all the contract's imports, `log` alone.
pub(super) const WORLD: &str = "plugin";

impl Wit {
    /// The project's `wit/` where there is one: a project is built for the contract that it was written for. Else the
    /// contract of this host.
    pub(super) fn of(project: &Path) -> io::Result<Self> {
        let own = project.join("wit");
        if own.is_dir() {
            return Ok(Self::OfProject(own));
        }
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("detector.wit"), WIT)?;
        Ok(Self::OfHost(folder))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::OfProject(path) => path,
            Self::OfHost(folder) => folder.path(),
        }
    }
}
