//! The allowed imports and required exports of a plugin, and the conversion of a core module to a component.
//!
//! A core module carries a section with a description of its world. The host replaces this section with the host's
//! version: the names of imports and exports already show the interfaces, and the decoders of the section are made for
//! trusted input (wit-parser recurses without limit into mutually dependent packages). Types are checked at link time.

use serde::{Deserialize, Serialize};
use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, Parser, Payload};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};
use wit_component::metadata::Bindgen;
use wit_component::{ComponentEncoder, StringEncoding};

use super::{CONTRACT, fuel, output};

/// The contract of a plugin, derived from the names of imports and exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) asks: Asks,
    /// Version of the contract; supported by this host.
    version: String,
}

/// The optional import of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Reference,
}

/// The contract in the version of this host.
const WIT: &str = include_str!("../../../../plugin-sdk/wit/detector.wit");
const WORLD: &str = "plugin-with-reference";
const PACKAGE: &str = "costwarden:detector/";
/// Maximum bytes of a file's name or version string in a message.
const NAME_BYTES: usize = 128;
const VERSION_BYTES: usize = 32;

/// The form of a plugin file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Core,
    Component,
}

/// Returns the form according to the first bytes.
pub(super) fn recognise(bytes: &[u8]) -> Result<Encoding, Unfit> {
    match bytes.first_chunk::<8>() {
        Some(b"\0asm\x01\0\0\0") => return Ok(Encoding::Core),
        Some(b"\0asm\x0d\0\x01\0") => return Ok(Encoding::Component),
        _ => {}
    }
    let text = bytes.trim_ascii_start();
    if bytes.is_empty() {
        Err(Unfit::Empty)
    } else if text.starts_with(b"(") || text.starts_with(b";;") {
        Err(Unfit::Text)
    } else if bytes.starts_with(b"\x7fELF") {
        Err(Unfit::MachineCode)
    } else {
        Err(Unfit::Garbage)
    }
}

/// Checks the names of imports and exports. wasmtime checks the types while linking and instantiating.
pub(super) fn check(engine: &Engine, component: &Component) -> Result<Built, Unfit> {
    let ty = component.component_type();
    let mut asks = Asks::Nothing;
    // The host added the meter's import, so the contract does not apply to it.
    for (import, _) in ty.imports(engine).filter(|(import, _)| !fuel::is_own(import)) {
        if check_import(import)? == "reference" {
            asks = Asks::Reference;
        }
    }
    let mut exports = ty.exports(engine).filter_map(|(export, _)| interface(export));
    let (_, version) = exports.find(|(interface, _)| *interface == "detector").ok_or(Unfit::NoDetector)?;
    check_version(version)?;
    Ok(Built { asks, version: version.to_owned() })
}

impl Built {
    /// Converts a type error of a plugin with valid names.
    pub(super) fn misfit(&self, error: &wasmtime::Error) -> Unfit {
        misfit(&self.version, format!("{error:#}"))
    }
}

/// Refuses a component that joins several components with code. The host copies and transcodes values between
/// components without fuel: up to half a memory per call, any number of times. Also refuses an alias of a core module,
/// because the meter would not count the alias's instances. No SDK builds such a component.
pub(super) fn check_parts(component: &[u8]) -> Result<(), Unfit> {
    // Number of open parsers: 1 inside the outermost component.
    let mut open = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(damaged)? {
            Payload::ModuleSection { .. } | Payload::InstanceSection(_) | Payload::ComponentCanonicalSection(_)
                if open > 1 =>
            {
                return Err(Unfit::Joined);
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    if names_a_module(&alias.map_err(damaged)?) {
                        return Err(Unfit::Joined);
                    }
                }
            }
            Payload::Version { .. } => open += 1,
            Payload::End(_) => open = open.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn names_a_module(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. }
            | ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
    )
}

/// Converts a core module to a component.
pub(super) fn wrapped(engine: &Engine, core: &[u8]) -> Result<Vec<u8>, Unfit> {
    Module::validate(engine, core).map_err(|error| Unfit::Invalid(output::said(error)))?;
    let Stripped { mut module, version } = stripped(core)?;
    // Names of imports and exports include the version, so the world must have the plugin's version.
    let wit = WIT.replacen(&format!("@{CONTRACT};"), &format!("@{version};"), 1);
    let mut contract = Bindgen::default().resolve;
    let package = contract.push_str("detector.wit", &wit).expect("the contract is part of this program");
    let world = contract.select_world(&[package], Some(WORLD)).expect("the contract has this world");
    wit_component::embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode())
        .map_err(|error| misfit(&version, format!("{error:#}")))
}

/// A core module without custom sections, and the contract version in the names of its exports.
struct Stripped {
    module: Vec<u8>,
    version: String,
}

fn stripped(core: &[u8]) -> Result<Stripped, Unfit> {
    let mut module = core[..HEADER_BYTES].to_vec();
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
    Ok(Stripped { module, version: version.ok_or(Unfit::NoDetector)? })
}

fn damaged(error: wasmparser::BinaryReaderError) -> Unfit {
    Unfit::Invalid(output::said(error))
}

/// Length of the magic number and the version of WebAssembly, in bytes.
const HEADER_BYTES: usize = 8;

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

/// Returns the interface of an import, or an error for an import outside the contract.
fn check_import(import: &str) -> Result<&str, Unfit> {
    match interface(import) {
        Some((interface @ ("log" | "types" | "reference"), version)) => check_version(version).map(|()| interface),
        // An interface of a newer version, unknown to this host.
        Some((_, version)) if is_newer(version) => Err(another_contract(version)),
        _ => Err(Unfit::Import(output::plain(output::shortened(import.to_owned(), NAME_BYTES)))),
    }
}

/// Splits a name in the contract's package into interface and version.
fn interface(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE).map(|rest| rest.split_once('@').unwrap_or((rest, "none")))
}

/// Accepts every version with the host's major number. Minor versions only add, so a plugin for another minor version
/// runs if the host has the plugin's types.
fn check_version(found: &str) -> Result<(), Unfit> {
    let numbers: Vec<_> = found.split('.').map(str::parse::<u32>).collect();
    let (major, _) = CONTRACT.split_once('.').expect("a version has dots");
    match numbers[..] {
        [Ok(first), Ok(_), Ok(_)] if first.to_string() == major => Ok(()),
        _ => Err(another_contract(found)),
    }
}

/// Returns the error for a type mismatch. A plugin for a newer contract version mismatches in the newer additions.
fn misfit(version: &str, error: String) -> Unfit {
    if is_newer(version) { another_contract(version) } else { Unfit::Types(output::said(error)) }
}

fn another_contract(found: &str) -> Unfit {
    Unfit::Contract { found: output::plain(output::shortened(found.to_owned(), VERSION_BYTES)) }
}

fn is_newer(version: &str) -> bool {
    let numbers =
        |version: &str| version.split('.').map(|number| number.parse::<u32>().ok()).collect::<Option<Vec<_>>>();
    numbers(version).is_some_and(|version| Some(version) > numbers(CONTRACT))
}

/// The reason for refusing a file's bytes.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
pub enum Unfit {
    #[error("empty, expected {PLUGIN}")]
    Empty,
    #[error("WebAssembly as text, expected {PLUGIN}: convert it with `wasm-tools parse`")]
    Text,
    #[error("machine code, expected {PLUGIN}: this host compiles plugins itself")]
    MachineCode,
    #[error("not WebAssembly, expected {PLUGIN}")]
    Garbage,
    #[error("damaged or not a plugin, expected {PLUGIN}: {0}")]
    Invalid(String),
    #[error("joins several components that have code of their own, expected one: link them as core modules")]
    Joined,
    #[error(
        "imports `{0}`, but a plugin gets `costwarden:detector/log` and what is granted, no WASI and nothing else: build it for wasm32-unknown-unknown, or with WASI stubbed"
    )]
    Import(String),
    #[error("exports no `costwarden:detector/detector`: build it for the contract costwarden:detector@{CONTRACT}")]
    NoDetector,
    #[error(
        "built for the contract costwarden:detector@{found}, but this host speaks {CONTRACT}: build it with an SDK of {CONTRACT}{}",
        if is_newer(found) { ", or update costwarden" } else { "" }
    )]
    Contract { found: String },
    #[error("does not keep the contract costwarden:detector@{CONTRACT}: {0}")]
    Types(String),
}

pub(super) const PLUGIN: &str = "a .wasm core module or component that is built for costwarden:detector@1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_the_one_of_the_sdk() {
        assert!(WIT.starts_with(&format!("package costwarden:detector@{CONTRACT};")));
    }

    #[test]
    fn a_component_has_its_code_once_and_itself() {
        let module = "(core module $m (func (export \"f\")))";
        let whole = |text: &str| check_parts(&wat::parse_str(format!("(component {text})")).expect("text"));
        whole(&format!("{module} (core instance $i (instantiate $m)) (component (type u32))")).expect("taken");
        for text in [
            &format!("(component {module})"),
            &format!("{module} (alias outer 0 $m (core module $n)) (core instance (instantiate $n))"),
            &format!("{module} (component (alias outer 1 $m (core module $n)) (core instance (instantiate $n)))"),
        ] {
            assert!(matches!(whole(text), Err(Unfit::Joined)), "{text}");
        }
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
    fn newer_versions_are_told_from_others() {
        for version in ["1.0.1", "1.2.0", "2.0.0", "10.0.0"] {
            assert!(is_newer(version), "{version}");
        }
        for version in ["1.0.0", "0.9.0", "0.99.99", "none", "", "2.x.0"] {
            assert!(!is_newer(version), "{version}");
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
