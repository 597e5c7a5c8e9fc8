//! The limits on the shape of JSON from a plugin. They are checked before the JSON is parsed, because a parser builds a
//! value for each part of the text.

use serde::{Deserialize, Serialize};

/// Maximum levels of a settings schema.
pub(crate) const SCHEMA_LEVELS: usize = 32;
/// Maximum number of entries of an array or an object.
const MAX_ENTRIES: usize = 1_000;
/// Maximum number of entries of all arrays and objects.
const MAX_VALUES: usize = 20_000;

/// An exceeded limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum JsonShapeError {
    #[error("JSON with more than {0} levels")]
    Levels(usize),
    #[error("JSON with more than {MAX_ENTRIES} entries in an array or object")]
    Entries,
    #[error("JSON with more than {MAX_VALUES} values")]
    Values,
}

/// Checks the levels, the entries and the values of a text. The text need not be valid JSON.
pub(crate) fn check(json: &[u8], levels: usize) -> Result<(), JsonShapeError> {
    let mut entries = Vec::with_capacity(levels);
    let mut values = 0;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                if entries.len() == levels {
                    return Err(JsonShapeError::Levels(levels));
                }
                entries.push(1);
                values += 1;
            }
            b'}' | b']' => drop(entries.pop()),
            b',' => {
                values += 1;
                if let Some(last) = entries.last_mut() {
                    *last += 1;
                    if *last > MAX_ENTRIES {
                        return Err(JsonShapeError::Entries);
                    }
                }
            }
            _ => {}
        }
        if values > MAX_VALUES {
            return Err(JsonShapeError::Values);
        }
    }
    Ok(())
}

/// Moves behind the end of a string.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(check(br#"{"a": "[[[,\",[\\", "b": [1]}"#, 2), Ok(()));
        assert_eq!(check(b"\"[", 1), Ok(()));
    }

    #[test]
    fn every_limit_is_checked() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(check(nested(32).as_bytes(), 32), Ok(()));
        assert_eq!(check(nested(33).as_bytes(), 32), Err(JsonShapeError::Levels(32)));
        let wide = |entries: usize| format!("[{}0]", "0,".repeat(entries - 1));
        assert_eq!(check(wide(1_000).as_bytes(), 32), Ok(()));
        assert_eq!(check(wide(1_001).as_bytes(), 32), Err(JsonShapeError::Entries));
        let many = format!("[{}]", vec![wide(1_000); 21].join(","));
        assert_eq!(check(many.as_bytes(), 32), Err(JsonShapeError::Values));
        assert_eq!(check("[],".repeat(20_000).as_bytes(), 32), Err(JsonShapeError::Values));
    }
}
