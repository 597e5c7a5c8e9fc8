//! The contract of plugins: the allowed imports, the required exports and the version.
//!
//! Only names are checked here. wasmtime checks the types while linking and instantiating.

mod component;
mod invalid_plugin;
mod nesting;
mod version;

use wasmtime::Engine;
use wasmtime::component::Component;

use self::version::{check_version, is_newer, unsupported_version};
use crate::artifact::Encoding;
use crate::text;

pub(crate) use self::component::to_component;
pub use self::invalid_plugin::InvalidPlugin;
pub(crate) use self::nesting::check_nesting;

/// The contract of a plugin, derived from the names of imports and exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContractUse {
    pub(crate) imports_reference: bool,
    /// Version of the contract; supported by this host.
    version: String,
}

/// Prefix of the names of the contract's interfaces.
const PACKAGE: &str = "costwarden:detector/";
/// Maximum bytes of an import's name in a message.
const NAME_BYTES: usize = 128;

/// Returns the form of a plugin file.
pub(crate) fn encoding(bytes: &[u8]) -> Result<Encoding, InvalidPlugin> {
    if let Some(encoding) = Encoding::of(bytes) {
        return Ok(encoding);
    }
    let text = bytes.trim_ascii_start();
    if bytes.is_empty() {
        Err(InvalidPlugin::Empty)
    } else if text.starts_with(b"(") || text.starts_with(b";;") {
        Err(InvalidPlugin::Text)
    } else if bytes.starts_with(b"\x7fELF") {
        Err(InvalidPlugin::MachineCode)
    } else {
        Err(InvalidPlugin::NotWasm)
    }
}

/// Checks the names of imports and exports. The contract does not apply to the imports for which `is_of_host` is true.
pub(crate) fn check(
    engine: &Engine,
    component: &Component,
    is_of_host: impl Fn(&str) -> bool,
) -> Result<ContractUse, InvalidPlugin> {
    let ty = component.component_type();
    let mut imports_reference = false;
    for (import, _) in ty.imports(engine).filter(|(import, _)| !is_of_host(import)) {
        imports_reference |= check_import(import)? == "reference";
    }
    let mut exports = ty.exports(engine).filter_map(|(export, _)| interface(export));
    let (_, version) = exports.find(|(interface, _)| *interface == "detector").ok_or(InvalidPlugin::NoDetector)?;
    check_version(version)?;
    Ok(ContractUse { imports_reference, version: version.to_owned() })
}

impl ContractUse {
    /// Converts a type error of a plugin with valid names.
    pub(crate) fn type_error(&self, error: &wasmtime::Error) -> InvalidPlugin {
        type_error(&self.version, format!("{error:#}"))
    }
}

/// Returns the interface of an import, or an error for an import outside the contract.
fn check_import(import: &str) -> Result<&str, InvalidPlugin> {
    match interface(import) {
        Some((interface @ ("log" | "types" | "reference"), version)) => check_version(version).map(|()| interface),
        // An interface of a newer version, unknown to this host.
        Some((_, version)) if is_newer(version) => Err(unsupported_version(version)),
        _ => {
            let name = text::single_line(text::truncated(import.to_owned(), NAME_BYTES));
            let is_wasm_bindgen = import.starts_with("__wbindgen") || import == "wbg";
            Err(if is_wasm_bindgen { InvalidPlugin::WasmBindgen(name) } else { InvalidPlugin::Import(name) })
        }
    }
}

/// Splits a name in the contract's package into interface and version.
fn interface(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE).map(|rest| rest.split_once('@').unwrap_or((rest, "none")))
}

/// Returns the error for a type mismatch. A plugin for a newer contract version mismatches in the newer additions.
fn type_error(version: &str, error: String) -> InvalidPlugin {
    if is_newer(version) { unsupported_version(version) } else { InvalidPlugin::Types(text::error_text(error)) }
}

fn damaged(error: wasmparser::BinaryReaderError) -> InvalidPlugin {
    InvalidPlugin::Invalid(text::error_text(error))
}
