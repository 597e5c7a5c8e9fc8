//! Errors of the compiler: refusals that repeat for the same bytes, and failures of the machine.

use serde::{Deserialize, Serialize};

use crate::contract::InvalidPlugin;

/// A failure to compile.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error(transparent)]
    Refused(#[from] CompileRefusal),
    /// The failure proves nothing about the bytes. The next run compiles again.
    #[error("cannot be compiled: {0}")]
    Transient(TransientCause),
}

/// A refusal that follows from the bytes of the plugin, the limits and the release. The cache stores the refusal, so
/// that later runs do not compile again.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum CompileRefusal {
    /// A thread of the compiler used the whole limit as processor time.
    #[error("takes longer than {0} seconds to compile (plugins.limits.compile_seconds)")]
    Time(u64),
    /// The compiler used more memory than the limit, or ran out of addresses although the machine had room for all of them.
    #[error("needs more memory than {0} bytes to compile (plugins.limits.compile_memory_bytes)")]
    Memory(u64),
    #[error("compiles to {0} bytes of machine code or more, a fixed limit: build a smaller plugin")]
    CodeSize(u64),
    #[error(transparent)]
    Invalid(InvalidPlugin),
    #[error(
        "needs more than {0} bytes in each instance for globals and functions, a fixed limit: build the plugin with fewer globals and functions"
    )]
    InstanceSize(usize),
    #[error("declares more memories, tables or instances than the sandbox can hold: {0}")]
    TooLarge(String),
}

/// The cause of a failure that depends on the machine.
#[derive(Debug, thiserror::Error)]
pub enum TransientCause {
    #[error("the compiler cannot be started: {0}")]
    NotStarted(String),
    #[error(
        "a thread cannot be started ({0}): raise the limit of threads (`ulimit -u`, pids.max), or stop other processes"
    )]
    Thread(String),
    #[error(
        "the machine is too busy: the compiler did not get {seconds} seconds of processor time (plugins.limits.compile_seconds) within {waited} seconds: stop other processes, or give the machine more cores"
    )]
    Busy { seconds: u64, waited: u64 },
    #[error(
        "memory ran out, and the machine has no room for the {0} bytes of plugins.limits.compile_memory_bytes: free memory, or raise the limit of addresses (`ulimit -v`)"
    )]
    Memory(u64),
    #[error("the run was asked to stop")]
    Stopped,
    /// The compiler was killed, failed, or returned something else than code.
    #[error("the compiler {0}")]
    Compiler(String),
}

impl CompileError {
    /// Creates an error about the behaviour of the compiler process.
    pub(super) fn compiler(behaviour: impl Into<String>) -> Self {
        Self::Transient(TransientCause::Compiler(behaviour.into()))
    }

    /// Returns the error for freshly compiled code that a worker cannot map.
    pub(crate) fn unusable_code(error: &str) -> Self {
        Self::compiler(format!("returned unusable code: {error}"))
    }
}

impl From<TransientCause> for CompileError {
    fn from(cause: TransientCause) -> Self {
        Self::Transient(cause)
    }
}
