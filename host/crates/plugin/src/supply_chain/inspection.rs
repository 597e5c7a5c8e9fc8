//! Inspection of a plugin file without execution: packed manifest, names of imports and exports, and the signature's
//! key.
//!
//! The module validates, compiles and instantiates nothing. It walks sections by length and reads only names, so any
//! bytes are safe to inspect.

use std::collections::HashSet;

use sandbox::packed::{self, PackedError, PackedManifest};
use sandbox::{Encoding, single_line};
use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentExportSectionReader, ComponentImportSectionReader, ExportSectionReader,
    ImportSectionReader,
};

use super::signature::key_id;

/// Facts about a plugin file.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    pub encoding: Encoding,
    /// `None` if the file has no manifest, for example a core module straight from a compiler.
    pub manifest: Option<PackedManifest>,
    /// Contract version in the export names.
    pub contract: Option<String>,
    /// Imported interfaces, or modules of a core module, without duplicates in file order.
    pub imports: Vec<Import>,
}

/// An import of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Name in the file, cut and safe for a terminal.
    pub name: String,
    pub kind: ImportKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    Log,
    /// Types only, no functions.
    Types,
    Reference,
    /// Glue to JavaScript, which a plugin does not have; a plugin with such an import does not load.
    WasmBindgen,
    /// Never granted; a plugin with such an import does not load.
    Unknown,
}

/// Prefix of the names of the contract's interfaces.
const PACKAGE: &str = "costwarden:detector/";
/// Maximum length of a displayed name, in characters.
const NAME_CHARS: usize = 120;

/// Section ids of a module (`CORE_`) and of a component.
const CORE_IMPORTS: u8 = 2;
const CORE_EXPORTS: u8 = 7;
const COMPONENT_IMPORTS: u8 = 10;
const COMPONENT_EXPORTS: u8 = 11;

/// Inspects the bytes of a plugin file.
///
/// # Errors
/// Fails if the bytes are not a module or component, or if a section to read is damaged.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, PackedError> {
    let encoding = Encoding::of(bytes).ok_or(PackedError::Header)?;
    let mut imports = Vec::new();
    let mut known = HashSet::new();
    let mut contract = None;
    for section in packed::sections(bytes)? {
        let section = section?;
        let reader = BinaryReader::new(section.body, section.offset as u64);
        let names = match (encoding, section.id) {
            (Encoding::Core, CORE_IMPORTS) | (Encoding::Component, COMPONENT_IMPORTS) => import_names(encoding, reader)
                .map(|names| imports.extend(names.into_iter().filter(|name| known.insert(*name)).map(import))),
            (Encoding::Core, CORE_EXPORTS) | (Encoding::Component, COMPONENT_EXPORTS) => export_names(encoding, reader)
                .map(|names| contract = contract.take().or_else(|| contract_version(&names))),
            _ => Ok(()),
        };
        names.map_err(|error| PackedError::Damaged(error.to_string()))?;
    }
    Ok(Inspection { encoding, manifest: packed::read(bytes)?, contract, imports })
}

/// Returns the id of a signature's key in hex, without verification.
pub fn key_id_of(signature: &str) -> Option<String> {
    let signature = minisign::SignatureBox::from_string(signature).ok()?;
    Some(key_id(signature.keynum()))
}

fn import_names<'a>(encoding: Encoding, reader: BinaryReader<'a>) -> Result<Vec<&'a str>, BinaryReaderError> {
    match encoding {
        Encoding::Core => ImportSectionReader::new(reader)?.into_imports().map(|import| Ok(import?.module)).collect(),
        Encoding::Component => {
            ComponentImportSectionReader::new(reader)?.into_iter().map(|import| Ok(import?.name.name)).collect()
        }
    }
}

fn export_names<'a>(encoding: Encoding, reader: BinaryReader<'a>) -> Result<Vec<&'a str>, BinaryReaderError> {
    match encoding {
        Encoding::Core => ExportSectionReader::new(reader)?.into_iter().map(|export| Ok(export?.name)).collect(),
        Encoding::Component => {
            ComponentExportSectionReader::new(reader)?.into_iter().map(|export| Ok(export?.name.name)).collect()
        }
    }
}

fn import(name: &str) -> Import {
    let interface = name.strip_prefix(PACKAGE).map(|rest| rest.split_once('@').map_or(rest, |(name, _)| name));
    let kind = match interface {
        Some("log") => ImportKind::Log,
        Some("types") => ImportKind::Types,
        Some("reference") => ImportKind::Reference,
        _ if is_wasm_bindgen(name) => ImportKind::WasmBindgen,
        _ => ImportKind::Unknown,
    };
    Import { name: shown_name(name), kind }
}

/// Returns whether an import belongs to the crate wasm-bindgen.
fn is_wasm_bindgen(import: &str) -> bool {
    import.starts_with("__wbindgen") || import == "wbg"
}

/// Returns the contract version in the export name of the `detector` interface.
fn contract_version(exports: &[&str]) -> Option<String> {
    exports.iter().find_map(|export| {
        let (interface, version) = export.strip_prefix(PACKAGE)?.split_once('@')?;
        // A core module exports `INTERFACE@VERSION#FUNCTION`.
        let version = version.split_once('#').map_or(version, |(version, _)| version);
        (interface == "detector").then(|| shown_name(version))
    })
}

/// Returns the beginning of a name, safe for a terminal.
fn shown_name(text: &str) -> String {
    single_line(text.chars().take(NAME_CHARS).collect())
}

impl ImportKind {
    /// Returns the meaning of the import for an operator.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Types => "types",
            Self::Reference => "reference (needs a grant)",
            Self::WasmBindgen => "not allowed: needs JavaScript; build without wasm-bindgen",
            Self::Unknown => "not allowed: the plugin does not load",
        }
    }
}

#[cfg(test)]
mod tests {
    use sandbox::Scope;
    use sandbox::packed::pack;

    use super::*;

    fn manifest() -> PackedManifest {
        PackedManifest {
            contract: "1.0.0".to_owned(),
            name: "watch".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "watches".to_owned(),
            min_points: 7,
            scope: Scope::Each,
            settings_schema: serde_json::Map::new(),
        }
    }

    fn component() -> Vec<u8> {
        let text = r#"(component
            (import "costwarden:detector/log@1.0.0" (instance $log))
            (import "costwarden:detector/reference@1.0.0" (instance))
            (core module (func $start (loop (br 0))) (start $start))
            (core instance (instantiate 0))
            (export "costwarden:detector/detector@1.0.0" (instance $log)))"#;
        pack(&wat::parse_str(text).expect("a component"), &manifest()).expect("packed")
    }

    fn core() -> Vec<u8> {
        let text = r#"(module
            (import "costwarden:detector/log@1.0.0" "emit" (func (param i32 i32 i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func))
            (import "wasi_snapshot_preview1" "fd_read" (func))
            (func $start (loop (br 0))) (start $start)
            (func (export "costwarden:detector/detector@2.1.0#fit")))"#;
        wat::parse_str(text).expect("a module")
    }

    fn kinds(inspection: &Inspection) -> Vec<(&str, ImportKind)> {
        inspection.imports.iter().map(|import| (import.name.as_str(), import.kind)).collect()
    }

    #[test]
    fn a_plugin_is_inspected_without_running() {
        let inspection = inspect(&component()).expect("readable");
        assert_eq!((inspection.encoding, inspection.contract.as_deref()), (Encoding::Component, Some("1.0.0")));
        assert_eq!(inspection.manifest, Some(manifest()));
        let log = ("costwarden:detector/log@1.0.0", ImportKind::Log);
        assert_eq!(kinds(&inspection), [log, ("costwarden:detector/reference@1.0.0", ImportKind::Reference)]);
        let inspection = inspect(&core()).expect("readable");
        assert_eq!((inspection.encoding, inspection.contract.as_deref()), (Encoding::Core, Some("2.1.0")));
        assert_eq!(inspection.manifest, None);
        assert_eq!(kinds(&inspection), [log, ("wasi_snapshot_preview1", ImportKind::Unknown)]);
    }

    #[test]
    fn damaged_bytes_cause_no_panic() {
        for bytes in [component(), core()] {
            for end in 0..bytes.len() {
                if let Ok(inspection) = inspect(&bytes[..end]) {
                    assert_eq!(inspection.manifest, None, "cut at {end}, between two sections");
                }
            }
            for index in 0..bytes.len() {
                for wrong in [0, 0x7f, 0x80, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes[index] = wrong;
                    let _ = inspect(&bytes);
                }
            }
        }
    }

    #[test]
    fn a_signature_has_the_id_of_the_key() {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("a key");
        let signature = minisign::sign(None, &pair.sk, &b"bytes"[..], None, None).expect("signed").into_string();
        let key = key_id_of(&signature).expect("named");
        // minisign omits leading zeros in this comment.
        let comment = pair.pk.to_box().expect("a box").to_string();
        assert!(comment.contains(key.trim_start_matches('0')), "{key}: {comment}");
        assert_eq!(key_id_of("untrusted comment: none\n"), None);
        assert_eq!(key_id_of(""), None);
    }

    #[test]
    fn a_key_id_keeps_leading_zeros() {
        // Algorithm `ED`, the key id 0102030405060708 in little-endian order, and an empty signature.
        let signature = "A".repeat(83);
        let global = "A".repeat(86);
        let text = format!("untrusted comment: \nRUQIBwYFBAMCAQAA{signature}=\ntrusted comment: \n{global}==\n");
        assert_eq!(key_id_of(&text).as_deref(), Some("0102030405060708"));
    }
}
