//! The conversion of a core module to a component.
//!
//! A core module carries a section with a description of its world. The host replaces this section with the host's
//! version: the names of imports and exports already show the interfaces, and the decoders of the section are made for
//! trusted input (wit-parser recurses without limit into mutually dependent packages). Types are checked at link time.

use wasmparser::{Parser, Payload};
use wasmtime::{Engine, Module};
use wit_component::metadata::Bindgen;
use wit_component::{ComponentEncoder, StringEncoding};

use super::version::check_version;
use super::{InvalidPlugin, check_import, damaged, interface, type_error};
use crate::{CONTRACT, text};

/// The contract in the version of this host.
const WIT: &str = include_str!("../../../../../plugin-sdk/wit/detector.wit");
const WORLD: &str = "plugin-with-reference";
/// Length of the magic number and the version of WebAssembly, in bytes.
const HEADER_BYTES: usize = 8;

/// Converts a core module to a component.
pub(crate) fn to_component(engine: &Engine, core: &[u8]) -> Result<Vec<u8>, InvalidPlugin> {
    Module::validate(engine, core).map_err(|error| InvalidPlugin::Invalid(text::error_text(error)))?;
    let StrippedModule { mut bytes, version } = strip(core)?;
    // Names of imports and exports include the version, so the world must have the plugin's version.
    let wit = WIT.replacen(&format!("@{CONTRACT};"), &format!("@{version};"), 1);
    let mut contract = Bindgen::default().resolve;
    let package = contract.push_str("detector.wit", &wit).expect("the contract is part of this program");
    let world = contract.select_world(&[package], Some(WORLD)).expect("the contract has this world");
    wit_component::embed_component_metadata(&mut bytes, &contract, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&bytes)?.encode())
        .map_err(|error| type_error(&version, format!("{error:#}")))
}

/// A core module without custom sections, and the contract version in the names of its exports.
struct StrippedModule {
    bytes: Vec<u8>,
    version: String,
}

fn strip(core: &[u8]) -> Result<StrippedModule, InvalidPlugin> {
    let mut bytes = core[..HEADER_BYTES].to_vec();
    let mut version = None;
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload.map_err(damaged)?;
        match &payload {
            // Includes the description of the world.
            Payload::CustomSection(_) => continue,
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    check_import(import.map_err(damaged)?.module)?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export.map_err(damaged)?.name;
                    if let Some(("detector", exported)) = name.split_once('#').and_then(|(name, _)| interface(name)) {
                        check_version(exported)?;
                        version = Some(exported.to_owned());
                    }
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let section = &core[range.start as usize..range.end as usize];
            bytes.push(id);
            bytes.extend(leb128(section.len()));
            bytes.extend(section);
        }
    }
    Ok(StrippedModule { bytes, version: version.ok_or(InvalidPlugin::NoDetector)? })
}

/// Encodes an unsigned number in LEB128, the encoding of WebAssembly.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_has_the_version_of_the_host() {
        assert!(WIT.starts_with(&format!("package costwarden:detector@{CONTRACT};")));
    }

    #[test]
    fn numbers_are_encoded_in_leb128() {
        assert_eq!(leb128(0), [0]);
        assert_eq!(leb128(127), [127]);
        assert_eq!(leb128(128), [0x80, 1]);
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
    }
}
