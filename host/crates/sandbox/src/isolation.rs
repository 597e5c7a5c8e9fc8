//! The isolation of the bytes and the code of a plugin from costwarden.

use std::path::PathBuf;

/// The place where plugins are compiled and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Isolation {
    /// Child processes in a jail: this program, started again with the subcommands `compile-plugin` and `run-plugin`.
    Processes {
        program: PathBuf,
        /// Runs no plugin if the kernel does not enforce the whole jail.
        requires_jail: bool,
    },
    /// The calling process, without protection. For library tests: the running program is a test, not costwarden.
    InProcess,
}

impl Isolation {
    /// Returns the isolation for normal runs.
    pub fn processes(requires_jail: bool) -> Self {
        // Not the path of the executable: an upgrade may have replaced the file since this process started.
        Self::Processes { program: PathBuf::from("/proc/self/exe"), requires_jail }
    }
}
