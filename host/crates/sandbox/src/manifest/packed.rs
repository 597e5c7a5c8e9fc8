//! The packed manifest: a copy of the `describe` result in a custom section of the plugin file, readable without
//! running the plugin.
//!
//! The copy is for display only. The result of `describe` counts, and a plugin with a different copy does not load. The
//! reader walks only the sections of the outermost module or component by length and parses nothing inside them, so any
//! bytes are safe to read.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wasm_encoder::{CustomSection, Encode as _};
use wasmparser::{BinaryReader, BinaryReaderError};

use super::json_shape::{self, JsonShapeError, SCHEMA_LEVELS};
use super::{Manifest, Scope};
use crate::CONTRACT;
use crate::text::{error_text, single_line, truncated};

/// The content of the section, in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackedManifest {
    /// Contract version that the plugin is built for.
    pub contract: String,
    pub name: String,
    pub version: String,
    pub summary: String,
    pub min_points: u32,
    pub scope: Scope,
    /// JSON Schema.
    pub settings_schema: Map<String, Value>,
}

/// A field with different values in the packed manifest and in `describe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestDifference {
    pub field: &'static str,
    pub packed: String,
    pub described: String,
}

/// Name of the custom section.
const SECTION: &str = "costwarden:manifest";
/// Maximum size of the section and of a settings schema, in bytes. A settings schema has a few thousand.
pub(crate) const LIMIT_BYTES: usize = 1024 * 1024;
/// Maximum bytes of a text in a manifest.
const TEXT_BYTES: usize = 1024;
/// Maximum length of a field in a message, in characters.
const EXCERPT_CHARS: usize = 160;
/// Length of the magic number and the version, in bytes.
const HEADER_BYTES: usize = 8;
/// Section id of custom sections, equal in modules and components.
const CUSTOM: u8 = 0;

impl PackedManifest {
    /// Converts the manifest of a loaded plugin.
    pub fn from_manifest(manifest: &Manifest) -> Self {
        let Manifest { name, version, summary, settings_schema, min_points, scope } = manifest.clone();
        let settings_schema =
            serde_json::from_str(&settings_schema).expect("a loaded plugin's schema is a JSON object");
        Self { contract: CONTRACT.to_owned(), name, version, summary, min_points, scope, settings_schema }
    }

    /// Returns the first field with a different value in `describe`.
    pub fn difference(&self, described: &Manifest) -> Option<ManifestDifference> {
        let other = Self::from_manifest(described);
        let text = |field, packed: &str, described: &str| {
            (packed != described).then(|| ManifestDifference {
                field,
                packed: excerpt(packed),
                described: excerpt(described),
            })
        };
        let schema = || {
            // Compared by content: the order of the keys does not matter.
            let differ = self.settings_schema != other.settings_schema;
            let [packed, described] = [self, &other].map(|manifest| Value::from(manifest.settings_schema.clone()));
            differ.then(|| text("settingsSchema", &packed.to_string(), &described.to_string())).flatten()
        };
        text("name", &self.name, &other.name)
            .or_else(|| text("version", &self.version, &other.version))
            .or_else(|| text("summary", &self.summary, &other.summary))
            .or_else(|| text("minPoints", &self.min_points.to_string(), &other.min_points.to_string()))
            .or_else(|| text("scope", self.scope.as_str(), other.scope.as_str()))
            .or_else(schema)
    }
}

/// Returns the beginning of a text of any length, safe for a terminal.
fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    single_line(excerpt)
}

/// Appends the manifest as the last section of a module or component and removes any previous manifest.
///
/// # Errors
/// Fails if the bytes are not an intact module or component, or if the manifest is too large.
pub fn pack(bytes: &[u8], manifest: &PackedManifest) -> Result<Vec<u8>, PackedError> {
    let mut packed = bytes.get(..HEADER_BYTES).ok_or(PackedError::Header)?.to_vec();
    for section in sections(bytes)? {
        let section = section?;
        if section.manifest().is_none() {
            packed.extend_from_slice(section.whole);
        }
    }
    let json = serde_json::to_vec(manifest).map_err(|error| PackedError::Json(error_text(error)))?;
    if json.len() > LIMIT_BYTES {
        return Err(PackedError::TooLarge(json.len()));
    }
    // `CustomSection` encodes the length and the content, but not the section id.
    packed.push(CUSTOM);
    CustomSection { name: SECTION.into(), data: (&json).into() }.encode(&mut packed);
    Ok(packed)
}

/// Returns the manifest of a module or component, or `None` without a manifest section. The contract, name, version and
/// summary are safe for a terminal.
///
/// # Errors
/// Fails if the bytes are not a module or component, are truncated, or contain an invalid or a second manifest.
pub fn read(bytes: &[u8]) -> Result<Option<PackedManifest>, PackedError> {
    let mut manifest = None;
    for section in sections(bytes)? {
        let Some(json) = section?.manifest() else { continue };
        if manifest.is_some() {
            return Err(PackedError::Twice);
        }
        manifest = Some(parse(json)?);
    }
    Ok(manifest)
}

/// Parses the content of the section within the limits of a schema. The contract, name, version and summary are safe for a
/// terminal.
pub(crate) fn parse(json: &[u8]) -> Result<PackedManifest, PackedError> {
    if json.len() > LIMIT_BYTES {
        return Err(PackedError::TooLarge(json.len()));
    }
    // The manifest is one level around the schema.
    json_shape::check(json, SCHEMA_LEVELS + 1).map_err(PackedError::Shape)?;
    let read: PackedManifest = serde_json::from_slice(json).map_err(|error| PackedError::Json(error_text(error)))?;
    let plain = |text| single_line(truncated(text, TEXT_BYTES));
    Ok(PackedManifest {
        contract: plain(read.contract),
        name: plain(read.name),
        version: plain(read.version),
        summary: plain(read.summary),
        ..read
    })
}

/// A section of the outermost module or component.
pub struct WasmSection<'a> {
    pub id: u8,
    pub body: &'a [u8],
    /// Offset of the body in the file, in bytes.
    pub offset: usize,
    /// The section's id, length and body.
    whole: &'a [u8],
}

impl<'a> WasmSection<'a> {
    /// Returns the JSON if the section holds a manifest.
    fn manifest(&self) -> Option<&'a [u8]> {
        let mut reader = BinaryReader::new(self.body, self.offset as u64);
        let is_manifest = self.id == CUSTOM && reader.read_string().is_ok_and(|name| name == SECTION);
        is_manifest.then(|| &self.body[reader.current_position()..])
    }
}

/// Checks the header and iterates over the sections in file order, up to the first error.
pub fn sections(bytes: &[u8]) -> Result<impl Iterator<Item = Result<WasmSection<'_>, PackedError>>, PackedError> {
    let header = bytes.get(..HEADER_BYTES).filter(|header| header.starts_with(b"\0asm"));
    header.ok_or(PackedError::Header)?;
    let mut rest = Some(BinaryReader::new(&bytes[HEADER_BYTES..], HEADER_BYTES as u64));
    Ok(std::iter::from_fn(move || {
        // `rest` stays empty after an error and so ends the iteration.
        let mut reader = rest.take().filter(|reader| !reader.eof())?;
        let start = reader.original_position() as usize;
        let section = section(&mut reader).map(|(id, body)| {
            let end = reader.original_position() as usize;
            rest = Some(reader);
            WasmSection { id, body, offset: end - body.len(), whole: &bytes[start..end] }
        });
        Some(section.map_err(|error| PackedError::Damaged(error.to_string())))
    }))
}

fn section<'a>(reader: &mut BinaryReader<'a>) -> Result<(u8, &'a [u8]), BinaryReaderError> {
    let id = reader.read_u8()?;
    let length = reader.read_var_u32()? as usize;
    Ok((id, reader.read_bytes(length)?))
}

impl fmt::Display for ManifestDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, packed, described } = self;
        write!(f, "`{field}` is `{packed}` in the packed manifest, but `{described}` in the result of `describe`")
    }
}

/// Errors of packing or reading a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum PackedError {
    #[error("not WebAssembly, expected a module or component")]
    Header,
    #[error("damaged: {0}")]
    Damaged(String),
    #[error("the section `{SECTION}` has {0} bytes, more than {LIMIT_BYTES}")]
    TooLarge(usize),
    #[error(
        "the file has two sections `{SECTION}`, expected one: build the plugin again with `costwarden plugin build`"
    )]
    Twice,
    #[error("the section `{SECTION}` is not a manifest: {0}")]
    Json(String),
    #[error("the section `{SECTION}` is not a manifest: {0}")]
    Shape(JsonShapeError),
    #[error("imports more than {0} interfaces")]
    Imports(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(summary: &str) -> PackedManifest {
        let settings_schema = serde_json::from_str(r#"{"type": "object", "properties": {"k": {}}}"#).expect("JSON");
        PackedManifest {
            contract: CONTRACT.to_owned(),
            name: "watch".to_owned(),
            version: "0.1.0".to_owned(),
            summary: summary.to_owned(),
            min_points: 7,
            scope: Scope::Each,
            settings_schema,
        }
    }

    fn module() -> Vec<u8> {
        wat::parse_str(r#"(module $name (memory 1) (func (export "f")) (data (i32.const 0) "text"))"#)
            .expect("a module")
    }

    fn raw(json: &[u8]) -> Vec<u8> {
        let mut bytes = module();
        bytes.push(CUSTOM);
        CustomSection { name: SECTION.into(), data: json.into() }.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_packed_manifest_can_be_read() {
        for bytes in [module(), wat::parse_str("(component (core module) (component))").expect("a component")] {
            assert_eq!(read(&bytes).expect("readable"), None);
            let packed = pack(&bytes, &manifest("one")).expect("packed");
            assert_eq!(read(&packed).expect("readable"), Some(manifest("one")));
            assert!(packed.starts_with(&bytes), "nothing else changes");
            wasmparser::Validator::new().validate_all(&packed).expect("valid");
        }
    }

    #[test]
    fn packing_again_replaces_the_manifest() {
        let once = pack(&module(), &manifest("another")).expect("packed");
        let twice = pack(&once, &manifest("one")).expect("packed");
        assert_eq!(twice, pack(&module(), &manifest("one")).expect("packed"));
    }

    #[test]
    fn a_manifest_of_a_nested_module_is_ignored() {
        let mut bytes = wat::parse_str("(component)").expect("a component");
        let inner = pack(&module(), &manifest("one")).expect("packed");
        // 1 is the section id of a core module inside a component.
        bytes.push(1);
        inner.encode(&mut bytes);
        assert_eq!(read(&bytes).expect("readable"), None);
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let packed = pack(&module(), &manifest("one")).expect("packed");
        for end in 0..packed.len() {
            if let Ok(read) = read(&packed[..end]) {
                assert_eq!(read, None, "cut at {end}, between two sections");
            }
            let _ = pack(&packed[..end], &manifest("one"));
        }
    }

    #[test]
    fn an_invalid_manifest_is_an_error() {
        let message = |bytes: &[u8]| read(bytes).expect_err("refused").to_string();
        insta::assert_snapshot!(message(b"\x7fELF...."), @"not WebAssembly, expected a module or component");
        insta::assert_snapshot!(message(&module()[..20]), @"damaged: unexpected end-of-file (at offset 0x14)");
        insta::assert_snapshot!(message(&raw(&vec![b' '; LIMIT_BYTES + 1])), @"the section `costwarden:manifest` has 1048577 bytes, more than 1048576");
        insta::assert_snapshot!(message(&raw(b"{}")), @"the section `costwarden:manifest` is not a manifest: missing field `contract` at line 1 column 2");
        insta::assert_snapshot!(message(&raw(&vec![b'['; 100_000])), @"the section `costwarden:manifest` is not a manifest: JSON with more than 33 levels");
        let json = serde_json::to_vec(&manifest("one")).expect("JSON");
        let mut twice = raw(&json);
        twice.extend_from_slice(&raw(&json)[module().len()..]);
        insta::assert_snapshot!(message(&twice), @"the file has two sections `costwarden:manifest`, expected one: build the plugin again with `costwarden plugin build`");
    }

    #[test]
    fn texts_are_safe_for_a_terminal() {
        let packed = pack(&module(), &manifest("\u{1b}[2Jone\nline")).expect("packed");
        assert_eq!(read(&packed).expect("readable").expect("there").summary, " [2Jone line");
    }

    #[test]
    fn the_first_different_field_is_reported() {
        let described = |summary: &str, schema: &str| Manifest {
            name: "watch".to_owned(),
            version: "0.1.0".to_owned(),
            summary: summary.to_owned(),
            settings_schema: schema.to_owned(),
            min_points: 7,
            scope: Scope::Each,
        };
        let schema = r#"{ "properties": { "k": {} }, "type": "object" }"#;
        assert_eq!(manifest("one").difference(&described("one", schema)), None, "the order of keys is no difference");
        let message = |described: Manifest| manifest("one").difference(&described).expect("differs").to_string();
        insta::assert_snapshot!(message(described("two", "{}")), @"`summary` is `one` in the packed manifest, but `two` in the result of `describe`");
        insta::assert_snapshot!(message(Manifest { scope: Scope::Group, ..described("one", schema) }), @"`scope` is `each` in the packed manifest, but `group` in the result of `describe`");
        let settings_schema = serde_json::from_str(r#"{"type": "object"}"#).expect("JSON");
        let manifest = PackedManifest { settings_schema, ..manifest("one") };
        let difference = manifest.difference(&described("one", "{}")).expect("differs").to_string();
        insta::assert_snapshot!(difference, @r#"`settingsSchema` is `{"type":"object"}` in the packed manifest, but `{}` in the result of `describe`"#);
    }
}
