//! Removal of all custom sections from a component and its inner modules and components: names, debug information and
//! producers. The host reads no such section, and custom sections can take half of the file.

use sandbox::Encoding;
use wasm_encoder::Encode as _;
use wasmparser::BinaryReader;

/// Length of the magic number and the version, in bytes.
const HEADER_BYTES: usize = 8;
const CUSTOM: u8 = 0;
/// Section ids of inner modules and components; not valid in a module.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// Returns the component without custom sections at any depth. A damaged component stays unchanged; the loader reports
/// the damage.
pub(super) fn strip_custom_sections(component: &[u8]) -> Vec<u8> {
    without_custom_sections(component).unwrap_or_else(|| component.to_owned())
}

fn without_custom_sections(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = bytes.get(..HEADER_BYTES)?;
    let is_component = Encoding::of(bytes) == Some(Encoding::Component);
    let mut kept = header.to_vec();
    let mut reader = BinaryReader::new(&bytes[HEADER_BYTES..], HEADER_BYTES as u64);
    while !reader.eof() {
        let id = reader.read_u8().ok()?;
        let length = reader.read_var_u32().ok()? as usize;
        let body = reader.read_bytes(length).ok()?;
        match id {
            CUSTOM => continue,
            CORE_MODULE | COMPONENT if is_component => {
                kept.push(id);
                without_custom_sections(body)?.encode(&mut kept);
            }
            _ => {
                kept.push(id);
                body.encode(&mut kept);
            }
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_are_removed_at_any_depth() {
        let text = r#"(component $outer
            (core module $named (func $f (export "f")) (@custom "notes" "of the compiler"))
            (component $inner (core module $deep (memory $m 1)))
            (@custom "notes" "of the linker"))"#;
        let bytes = wat::parse_str(text).expect("the text is right");
        let stripped = strip_custom_sections(&bytes);
        wasmparser::Validator::new().validate_all(&stripped).expect("still valid");
        let plain = r#"(component (core module (func (export "f"))) (component (core module (memory 1))))"#;
        assert_eq!(stripped, wat::parse_str(plain).expect("the text is right"));
        assert_eq!(strip_custom_sections(&stripped), stripped);
    }

    #[test]
    fn damaged_bytes_are_kept() {
        let bytes = wat::parse_str("(component (core module $named (func $f)))").expect("the text is right");
        for end in 0..bytes.len() {
            let cut = strip_custom_sections(&bytes[..end]);
            assert!(cut.len() <= end, "{end}");
        }
    }
}
