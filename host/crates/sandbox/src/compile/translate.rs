//! The translation of a plugin's bytes on the calling thread: of a core module to a component, and of a component to machine
//! code.

use wasmtime::Engine;

use crate::artifact::Encoding;
use crate::contract::{self, InvalidPlugin};
use crate::{meter, text};

/// Stack of the parsers and the compiler, in bytes. Both recurse into the contents of the file.
pub(crate) const STACK_BYTES: usize = 16 * 1024 * 1024;

/// The result of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Translation {
    /// A component without the fuel meter, for a plugin file.
    Component,
    /// Machine code with the fuel meter.
    MachineCode,
}

/// Translates the bytes. The calling thread needs a stack of [`STACK_BYTES`].
pub(super) fn translate(engine: &Engine, bytes: &[u8], to: Translation) -> Result<Vec<u8>, InvalidPlugin> {
    match (to, contract::encoding(bytes)?) {
        (Translation::Component, Encoding::Component) => Ok(bytes.to_vec()),
        (Translation::Component, Encoding::Core) => contract::to_component(engine, bytes),
        (Translation::MachineCode, Encoding::Component) => {
            contract::check_nesting(bytes)?;
            machine_code(engine, bytes)
        }
        (Translation::MachineCode, Encoding::Core) => machine_code(engine, &contract::to_component(engine, bytes)?),
    }
}

/// Adds the fuel meter and compiles.
fn machine_code(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, InvalidPlugin> {
    let metered = meter::metered_component(component)?;
    engine.precompile_component(&metered).map_err(|error| InvalidPlugin::Invalid(text::error_text(error)))
}
