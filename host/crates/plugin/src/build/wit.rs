//! The contract in a folder of WIT files, for compilers with such an input.

use std::io;
use std::path::{Path, PathBuf};

use crate::project::WIT;

/// A WIT folder: the project's folder, or a temporary folder removed on drop.
pub(super) enum Wit {
    OfProject(PathBuf),
    OfHost(tempfile::TempDir),
}

/// The WIT world of a detector in Python or JavaScript. A detector with the `reference` import runs only with a grant,
/// so a project must request the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// Imports only `log`.
    Plugin,
    PluginWithReference,
}

impl World {
    /// Selects the world from the project's `reference` setting.
    pub(super) fn asked(reference: Option<bool>) -> Self {
        if reference == Some(true) { Self::PluginWithReference } else { Self::Plugin }
    }

    /// Returns the name of the world in the contract.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::PluginWithReference => "plugin-with-reference",
        }
    }
}

impl Wit {
    /// Uses the project's `wit/` folder if present, because a project is built for the contract of its creation.
    /// Otherwise writes this host's contract to a temporary folder.
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
