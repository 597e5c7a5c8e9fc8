//! Compiles a plugin's bytes to machine code. The parsers and the compiler read untrusted bytes, so both run in a child
//! process with limits. The parent kills the child at its limits.
//!
//! Checks only the parts of the contract that the bytes show ([`crate::contract`]). Does not run the code.

mod address_space;
pub(crate) mod cache;
mod cache_key;
mod child;
mod cpu_time;
pub(crate) mod engine;
mod error;
mod machine_code;
mod parent;
pub(crate) mod pool;
pub mod retention;
mod translate;

use std::thread;

use wasmtime::Engine;

use crate::isolation::Isolation;
use crate::limits::Limits;

pub(crate) use self::address_space::{AddressSpace, status_bytes};
pub(crate) use self::cache_key::CacheKey;
pub use self::child::{CompileOptions, run_compiler};
pub(crate) use self::cpu_time::processor_time;
pub use self::error::{CompileError, CompileRefusal, TransientCause};
pub(crate) use self::machine_code::MachineCode;
use self::parent::Compiler;
pub use self::pool::SandboxError;
use self::translate::STACK_BYTES;
pub use self::translate::Translation;

impl Isolation {
    /// Compiles a core module or a component. The bytes need not follow the contract.
    pub(crate) fn compile(&self, engine: &Engine, limits: &Limits, bytes: &[u8]) -> Result<MachineCode, CompileError> {
        let code = self.translate(engine, limits, bytes, Translation::MachineCode)?;
        Ok(MachineCode::from_this_host(code))
    }

    /// Converts a core module to a component. Returns a component unchanged.
    pub(crate) fn componentize(&self, engine: &Engine, limits: &Limits, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.translate(engine, limits, bytes, Translation::Component)
    }

    fn translate(
        &self,
        engine: &Engine,
        limits: &Limits,
        bytes: &[u8],
        to: Translation,
    ) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::Processes { program, requires_jail } => {
                let compiler = Compiler { program, requires_jail: *requires_jail };
                parent::translate_in_child(compiler, limits, bytes, to)
            }
            Self::InProcess => translate_on_thread(engine, bytes, to),
        }
    }
}

/// Translates on a thread with enough stack.
fn translate_on_thread(engine: &Engine, bytes: &[u8], to: Translation) -> Result<Vec<u8>, CompileError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("compiler".to_owned()).stack_size(STACK_BYTES);
        let started = thread.spawn_scoped(scope, || translate::translate(engine, bytes, to));
        let started = started.map_err(|error| TransientCause::Thread(error.to_string()))?;
        let translated = started.join().map_err(|_| CompileError::compiler("panicked"))?;
        Ok(translated.map_err(CompileRefusal::Invalid)?)
    })
}
