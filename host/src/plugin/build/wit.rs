//! The contract as a folder of WIT, for compilers that ask for one.

use std::io;
use std::path::{Path, PathBuf};

use crate::plugin::project::WIT;

/// A folder that is removed when this is dropped, unless it is the project's own.
pub(super) enum Wit {
    OfProject(PathBuf),
    OfHost(tempfile::TempDir),
}

/// What a detector in Python or JavaScript is built for. One that imports reference data runs only where it is granted, so
/// that a project has to ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// Of all the contract's imports, `log` alone.
    Plugin,
    PluginWithReference,
}

impl World {
    /// By what a project says of `reference`, if anything.
    pub(super) fn asked(reference: Option<bool>) -> Self {
        if reference == Some(true) { Self::PluginWithReference } else { Self::Plugin }
    }

    /// As the contract spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::PluginWithReference => "plugin-with-reference",
        }
    }
}

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
