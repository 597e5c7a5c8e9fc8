//! Compiles a plugin's bytes to machine code. The parsers and the compiler read untrusted bytes, so both run in a child
//! process with limits. The parent kills the child at its limits.
//!
//! Checks only the parts of the contract that the bytes show ([`crate::contract`]). Does not run the code.

mod address_space;
pub(crate) mod cache;
mod cache_key;
mod child;
mod cpu_time;
mod engine;
mod error;
mod machine_code;
mod parent;
pub(crate) mod pool;
pub mod retention;
mod translate;

use std::path::PathBuf;

use wasmtime::Engine;

use crate::limits::Limits;

pub(crate) use self::cache_key::CacheKey;
pub use self::child::{CompileOptions, run_compiler};
pub use self::error::{CompileError, CompileRefusal, TransientCause};
pub(crate) use self::machine_code::MachineCode;
pub use self::pool::SandboxError;
pub(crate) use self::translate::STACK_BYTES;

/// The process that compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// A child process: this program, started again with the subcommand `compile-plugin`.
    ChildProcess(PathBuf),
    /// The calling process, without protection. For library tests: the running program is a test, not costwarden.
    InProcess,
}

impl Compiler {
    /// Returns the compiler for normal runs.
    pub fn this_program() -> Self {
        // Not the path of the executable: an upgrade may have replaced the file since this process started.
        Self::ChildProcess(PathBuf::from("/proc/self/exe"))
    }

    /// Compiles a core module or a component. The bytes need not follow the contract.
    pub(crate) fn compile(&self, engine: &Engine, limits: &Limits, bytes: &[u8]) -> Result<MachineCode, CompileError> {
        let code = match self {
            Self::ChildProcess(program) => parent::compile_in_child(program, limits, bytes)?,
            Self::InProcess => translate::translate(engine, bytes).map_err(CompileRefusal::Invalid)?,
        };
        Ok(MachineCode::from_this_host(code))
    }
}
