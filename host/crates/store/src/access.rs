//! The purpose of an open database, and the rights of its user.

use model::run_id::RunId;

/// The purpose of an open database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Creates the missing database, collections and indexes. Every written document names this run in `runId`.
    Write(RunId),
    /// Creates nothing. A missing database or collection reads like an empty one.
    Read,
}

/// The missing permissions of the database user, and the missing indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Required actions without a grant.
    pub missing_actions: Vec<&'static str>,
    /// Number of indexes to be created by the next run.
    pub missing_indexes: usize,
}

impl Access {
    /// Returns the writing run; `None` for a reader.
    pub(crate) fn run(self) -> Option<RunId> {
        match self {
            Self::Write(run) => Some(run),
            Self::Read => None,
        }
    }
}
