//! What a plugin may import and must export, and how a core module becomes a component of the contract.
//!
//! A core module carries a section that describes its world. That section is dropped and the host's own put in its
//! place: the interfaces show in the names of imports and exports, and what decodes such a section is made for trusted
//! input (wit-parser recurses without end into packages that depend on each other).

use wasmparser::{Parser, Payload};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::metadata::Bindgen;
use wit_component::{ComponentEncoder, StringEncoding};

use super::loading::Fault;
use super::{CONTRACT, output};

/// What a plugin asks for besides its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Reference,
}

/// The contract as this host speaks it.
const WIT: &str = include_str!("../../../plugin-sdk/wit/detector.wit");
const WORLD: &str = "plugin-with-reference";
const PACKAGE: &str = "costwarden:detector/";

/// Holds names against the contract. Types are held against it when the component is linked and instantiated.
pub(super) fn check(engine: &Engine, component: &Component) -> Result<Asks, Fault> {
    let ty = component.component_type();
    let mut asks = Asks::Nothing;
    for (import, _) in ty.imports(engine) {
        if check_import(import)? == "reference" {
            asks = Asks::Reference;
        }
    }
    let mut exports = ty.exports(engine).filter_map(|(export, _)| interface(export));
    let (_, version) = exports.find(|(interface, _)| *interface == "detector").ok_or(Fault::NoDetector)?;
    check_version(version).map(|()| asks)
}

/// A core module as a component.
pub(super) fn wrapped(engine: &Engine, core: &[u8]) -> Result<Vec<u8>, Fault> {
    Module::validate(engine, core).map_err(|error| Fault::Invalid(output::plain(format!("{error:#}"))))?;
    let Stripped { mut module, version } = stripped(core)?;
    let wit = WIT.replacen(&format!("@{CONTRACT};"), &format!("@{version};"), 1);
    let mut contract = Bindgen::default().resolve;
    let package = contract.push_str("detector.wit", &wit).expect("the contract is part of this program");
    let world = contract.select_world(&[package], Some(WORLD)).expect("the contract has this world");
    wit_component::embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode())
        .map_err(|error| Fault::Types(output::plain(format!("{error:#}"))))
}

/// A core module without its custom sections, and the version of the contract that its exports name.
struct Stripped {
    module: Vec<u8>,
    version: String,
}

fn stripped(core: &[u8]) -> Result<Stripped, Fault> {
    let damaged = |error: wasmparser::BinaryReaderError| Fault::Invalid(error.to_string());
    let mut module = core[..HEADER_BYTES].to_vec();
    let mut version = None;
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload.map_err(damaged)?;
        match &payload {
            Payload::CustomSection(_) => continue,
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    check_import(import.map_err(damaged)?.module)?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export.map_err(damaged)?.name;
                    if let Some(("detector", found)) = name.split_once('#').and_then(|(name, _)| interface(name)) {
                        check_version(found)?;
                        version = Some(found.to_owned());
                    }
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let section = &core[range.start as usize..range.end as usize];
            module.push(id);
            module.extend(leb128(section.len()));
            module.extend(section);
        }
    }
    Ok(Stripped { module, version: version.ok_or(Fault::NoDetector)? })
}

/// Magic number and version.
const HEADER_BYTES: usize = 8;

/// An unsigned number as WebAssembly writes it.
fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The interface of an import, if it is one of the contract's.
fn check_import(import: &str) -> Result<&str, Fault> {
    match interface(import) {
        Some((interface @ ("log" | "types" | "reference"), version)) => check_version(version).map(|()| interface),
        _ => Err(Fault::Import(output::plain(import.to_owned()))),
    }
}

/// Interface and version of a name that belongs to the contract's package.
fn interface(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE).map(|rest| rest.split_once('@').unwrap_or((rest, "none")))
}

/// Minor versions only add, so that what is built for one runs here as long as its types are found.
fn check_version(found: &str) -> Result<(), Fault> {
    let numbers: Vec<_> = found.split('.').map(str::parse::<u32>).collect();
    let (major, _) = CONTRACT.split_once('.').expect("a version has dots");
    match numbers[..] {
        [Ok(first), Ok(_), Ok(_)] if first.to_string() == major => Ok(()),
        _ => Err(Fault::Contract { found: output::plain(output::shortened(found.to_owned(), 32)) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_the_one_of_the_sdk() {
        assert!(WIT.starts_with(&format!("package costwarden:detector@{CONTRACT};")));
    }

    #[test]
    fn versions_of_the_same_major_number_are_spoken() {
        for version in ["1.0.0", "1.0.7", "1.2.0"] {
            assert!(check_version(version).is_ok(), "{version}");
        }
        for version in ["2.0.0", "0.9.0", "1", "1.0", "1.0.0-rc1", "1.0.0;", "none", ""] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }

    #[test]
    fn numbers_are_written_as_webassembly_reads_them() {
        assert_eq!(leb128(0), [0]);
        assert_eq!(leb128(127), [127]);
        assert_eq!(leb128(128), [0x80, 1]);
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
    }
}
