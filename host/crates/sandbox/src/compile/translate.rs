//! The translation of WebAssembly to machine code on the calling thread.

use wasmtime::Engine;

use crate::artifact::Encoding;
use crate::contract::{self, InvalidPlugin};
use crate::{meter, text};

/// Stack of the parsers and the compiler, in bytes. Both recurse into the contents of the file.
pub(crate) const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Adds the fuel meter and compiles. The calling thread needs a stack of [`STACK_BYTES`].
pub(super) fn translate(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, InvalidPlugin> {
    let metered = match contract::encoding(bytes)? {
        Encoding::Component => {
            contract::check_nesting(bytes)?;
            meter::metered_component(bytes)?
        }
        Encoding::Core => meter::metered_component(&contract::to_component(engine, bytes)?)?,
    };
    engine.precompile_component(&metered).map_err(|error| InvalidPlugin::Invalid(text::error_text(error)))
}
