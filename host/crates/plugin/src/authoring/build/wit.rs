//! The contract in a folder of WIT files, for compilers with such an input.

use std::io;
use std::path::{Path, PathBuf};

use crate::authoring::project::WIT;

/// A WIT folder: the project's folder, or a temporary folder removed on drop.
pub(super) enum WitFolder {
    Project(PathBuf),
    Temporary(tempfile::TempDir),
}

/// The WIT world of a detector in Python or JavaScript. A detector with the `reference` import runs only with a grant,
/// so a project must request the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WitWorld {
    /// Imports only `log`.
    Plugin,
    PluginWithReference,
}

impl WitWorld {
    /// Selects the world from the project's `reference` setting.
    pub(super) fn with_reference(reference: Option<bool>) -> Self {
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

impl WitFolder {
    /// Uses the project's `wit/` folder if present, because a project is built for the contract of its creation.
    /// Otherwise writes this host's contract to a temporary folder.
    pub(super) fn of(project: &Path) -> io::Result<Self> {
        let own = project.join("wit");
        if own.is_dir() {
            return Ok(Self::Project(own));
        }
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("detector.wit"), WIT)?;
        Ok(Self::Temporary(folder))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Project(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}
