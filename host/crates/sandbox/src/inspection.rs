//! Inspection of a plugin file without execution: the packed manifest, and the names of imports and exports.
//!
//! The module validates, compiles and instantiates nothing. [`Sandbox::inspect`](crate::Sandbox::inspect) inspects in a
//! worker process.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentExportSectionReader, ComponentImportSectionReader, ExportSectionReader,
    ImportSectionReader,
};

use crate::artifact::Encoding;
use crate::bounded::at_most;
use crate::manifest::packed::{self, PackedError, PackedManifest};
use crate::text::single_line;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Name in the file, cut and safe for a terminal.
    pub name: String,
    pub kind: ImportKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
/// Maximum number of imported interfaces. A plugin has up to three.
const MAX_IMPORTS: usize = 1_000;
/// Maximum length of a displayed name, in characters.
const NAME_CHARS: usize = 120;

/// Section ids of a module (`CORE_`) and of a component.
const CORE_IMPORTS: u8 = 2;
const CORE_EXPORTS: u8 = 7;
const COMPONENT_IMPORTS: u8 = 10;
const COMPONENT_EXPORTS: u8 = 11;

/// The result of a worker, with the manifest in JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InspectedFile {
    encoding: Encoding,
    manifest: Option<ByteBuf>,
    contract: Option<String>,
    #[serde(deserialize_with = "at_most::<_, _, MAX_IMPORTS>")]
    imports: Vec<Import>,
}

impl InspectedFile {
    /// Inspects the bytes of a plugin file.
    ///
    /// # Errors
    /// See [`inspect`].
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, PackedError> {
        let Inspection { encoding, manifest, contract, imports } = inspect(bytes)?;
        let manifest = manifest.map(|manifest| serde_json::to_vec(&manifest)).transpose();
        let manifest = manifest.map_err(|error| PackedError::Json(error.to_string()))?.map(ByteBuf::from);
        Ok(Self { encoding, manifest, contract, imports })
    }

    /// Returns the inspection. The limits are checked again, because a plugin may have taken over the worker.
    ///
    /// # Errors
    /// The file exceeds a limit.
    pub(crate) fn checked(self) -> Result<Inspection, PackedError> {
        let Self { encoding, manifest, contract, imports } = self;
        let imports = imports.into_iter().map(|import| Import { name: shown_name(&import.name), ..import }).collect();
        Ok(Inspection {
            encoding,
            manifest: manifest.map(|json| packed::parse(&json)).transpose()?,
            contract: contract.map(|version| shown_name(&version)),
            imports,
        })
    }
}

/// Inspects the bytes of a plugin file in the calling process.
///
/// # Errors
/// Fails if the bytes are not a module or component, if a section to read is damaged, or if a limit is exceeded.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, PackedError> {
    let encoding = Encoding::of(bytes).ok_or(PackedError::Header)?;
    let mut imports = ImportNames::default();
    let mut contract = None;
    for section in packed::sections(bytes)? {
        let section = section?;
        let reader = BinaryReader::new(section.body, section.offset as u64);
        match (encoding, section.id) {
            (Encoding::Core, CORE_IMPORTS) => {
                for import in section_reader(ImportSectionReader::new(reader))?.into_imports() {
                    imports.add(import.map_err(damaged)?.module)?;
                }
            }
            (Encoding::Component, COMPONENT_IMPORTS) => {
                for import in section_reader(ComponentImportSectionReader::new(reader))? {
                    imports.add(import.map_err(damaged)?.name.name)?;
                }
            }
            (Encoding::Core, CORE_EXPORTS) => {
                for export in section_reader(ExportSectionReader::new(reader))? {
                    contract = contract.or(contract_version(export.map_err(damaged)?.name));
                }
            }
            (Encoding::Component, COMPONENT_EXPORTS) => {
                for export in section_reader(ComponentExportSectionReader::new(reader))? {
                    contract = contract.or(contract_version(export.map_err(damaged)?.name.name));
                }
            }
            _ => {}
        }
    }
    Ok(Inspection { encoding, manifest: packed::read(bytes)?, contract, imports: imports.imports })
}

/// The names of imports without duplicates.
#[derive(Default)]
struct ImportNames<'a> {
    known: HashSet<&'a str>,
    imports: Vec<Import>,
}

impl<'a> ImportNames<'a> {
    fn add(&mut self, name: &'a str) -> Result<(), PackedError> {
        if self.known.insert(name) {
            if self.imports.len() == MAX_IMPORTS {
                return Err(PackedError::Imports(MAX_IMPORTS));
            }
            self.imports.push(import(name));
        }
        Ok(())
    }
}

fn section_reader<R>(reader: Result<R, BinaryReaderError>) -> Result<R, PackedError> {
    reader.map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> PackedError {
    PackedError::Damaged(error.to_string())
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
fn contract_version(export: &str) -> Option<String> {
    let (interface, version) = export.strip_prefix(PACKAGE)?.split_once('@')?;
    // A core module exports `INTERFACE@VERSION#FUNCTION`.
    let version = version.split_once('#').map_or(version, |(version, _)| version);
    (interface == "detector").then(|| shown_name(version))
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
    use super::*;
    use crate::manifest::Scope;
    use crate::manifest::packed::pack;

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
}
