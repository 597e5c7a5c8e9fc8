//! Compiles a plugin's bytes to machine code. The parsers and the compiler read untrusted bytes, so both run in a child
//! process with limits. The parent kills the child on timeout.
//!
//! Checks only the parts of the contract that the bytes show ([`super::contract`]). Does not cache or load the code.

mod child;
mod parent;

use std::path::PathBuf;

use wasmtime::Engine;

pub use self::child::{Order, serve};

use super::compiled::Compiled;
use super::contract::{self, Unfit};
use super::loading::Fault;
use super::{Limits, fuel, output};

/// The process that compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// This program, started again with the subcommand `compile-plugin`.
    Child(PathBuf),
    /// The calling process, without protection. For library tests: the running program is a test, not costwarden.
    Here,
}

/// Stack of the parsers and the compiler, in bytes. Both recurse into the contents of the file.
pub(super) const STACK_BYTES: usize = 16 * 1024 * 1024;

impl Compiler {
    /// Returns the compiler for normal runs.
    pub fn this_program() -> Self {
        // Not the path of the executable: an upgrade may have replaced the file since this process started.
        Self::Child(PathBuf::from("/proc/self/exe"))
    }
}

/// Compiles a core module or a component. The bytes need not follow the contract.
pub(super) fn compile(compiler: &Compiler, engine: &Engine, limits: &Limits, bytes: &[u8]) -> Result<Compiled, Fault> {
    let code = match compiler {
        Compiler::Child(program) => parent::ask(program, limits, bytes)?,
        Compiler::Here => translated(engine, bytes)?,
    };
    Ok(Compiled::by_this_host(code))
}

/// Compiles on the calling thread. The thread needs a stack of [`STACK_BYTES`].
fn translated(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, Unfit> {
    let metered = match contract::recognise(bytes)? {
        contract::Encoding::Component => {
            contract::check_parts(bytes)?;
            fuel::metered(bytes)?
        }
        contract::Encoding::Core => fuel::metered(&contract::wrapped(engine, bytes)?)?,
    };
    engine.precompile_component(&metered).map_err(|error| Unfit::Invalid(output::said(error)))
}
