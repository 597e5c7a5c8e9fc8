//! A plugin's bytes to machine code. This parses deeply what others wrote, so it happens where it can be stopped: in a
//! child process with limits of its own, which is ended when it takes too long.
//!
//! What the bytes ask for is held against the contract here as far as it shows in them ([`super::contract`]).

mod child;
mod parent;

use std::path::PathBuf;

use wasmtime::Engine;

pub(crate) use self::child::{Order, serve};

use super::compiled::Compiled;
use super::contract::{self, Unfit};
use super::loading::Fault;
use super::{Limits, fuel, output};

/// Who compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// This program, called again as `compile-plugin`.
    Child(PathBuf),
    /// The calling process, which nothing protects: for tests of the library, whose program is a test.
    Here,
}

/// Stack for the parsers and the compiler, which recurse into what the file holds.
pub(super) const STACK_BYTES: usize = 16 * 1024 * 1024;

impl Compiler {
    /// What every run uses.
    pub(crate) fn this_program() -> Self {
        // Not the path: the file there may have been replaced by another release since this process started.
        Self::Child(PathBuf::from("/proc/self/exe"))
    }
}

/// Compiles a core module or a component, which need not be one of the contract.
pub(super) fn compile(compiler: &Compiler, engine: &Engine, limits: &Limits, bytes: &[u8]) -> Result<Compiled, Fault> {
    let code = match compiler {
        Compiler::Child(program) => parent::ask(program, limits, bytes)?,
        Compiler::Here => translated(engine, bytes)?,
    };
    Ok(Compiled::by_this_host(code))
}

/// On the calling thread, which must have [`STACK_BYTES`].
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
