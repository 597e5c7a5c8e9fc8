//! Collections, and the order of their keys.

use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument};

/// A collection: the name, the key fields and the indexes.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [&'static str],
    /// The name of the unique index on the key.
    pub(crate) unique_index: &'static str,
    /// The name and the fields of each index, each field ascending (1) or descending (-1).
    pub(crate) indexes: &'static [(&'static str, &'static [(&'static str, i32)])],
}

/// Encodes key fields to bytes with the same order as the fields: absent and null first, then numbers, then texts.
///
/// The encoding of the first fields is a prefix of the encoding of all fields.
pub(crate) fn key_bytes<'a>(fields: impl IntoIterator<Item = Option<RawBsonRef<'a>>>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    for field in fields {
        let number = match field {
            Some(RawBsonRef::String(text)) => {
                bytes.push(2);
                // NUL becomes 00 FF and the text ends with 00 01: a text sorts before a longer text with the same
                // start.
                for byte in text.bytes() {
                    bytes.push(byte);
                    if byte == 0 {
                        bytes.push(0xFF);
                    }
                }
                bytes.extend([0, 1]);
                continue;
            }
            Some(RawBsonRef::Int32(number)) => i64::from(number),
            Some(RawBsonRef::Int64(number)) => number,
            #[expect(clippy::cast_possible_truncation, reason = "an hour that another program stored as a double")]
            Some(RawBsonRef::Double(number)) => number as i64,
            _ => {
                bytes.push(0);
                continue;
            }
        };
        bytes.push(1);
        // The flipped sign bit sorts negative numbers before positive numbers.
        bytes.extend((number ^ i64::MIN).to_be_bytes());
    }
    bytes
}

/// Returns the [`key_bytes`] of a document of the collection.
pub(crate) fn document_key_bytes(collection: &Collection, document: &RawDocument) -> Vec<u8> {
    key_bytes(collection.key.iter().map(|field| document.get(field).ok().flatten()))
}

/// Returns the [`key_bytes`] of an ordered key document.
pub(crate) fn key_document_bytes(key: &Document) -> Vec<u8> {
    key_bytes(key.values().map(|value| match value {
        Bson::String(text) => Some(RawBsonRef::String(text)),
        Bson::Int32(number) => Some(RawBsonRef::Int32(*number)),
        _ => None,
    }))
}

/// Returns the key fields of a document of the collection.
pub(crate) fn key_document(collection: &Collection, document: &Document) -> Document {
    let field = |field: &&str| ((*field).to_owned(), document.get(field).cloned().unwrap_or(Bson::Null));
    collection.key.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_bytes_have_the_order_of_the_fields() {
        let text = |text| Some(RawBsonRef::String(text));
        let hour = |hour| Some(RawBsonRef::Int32(hour));
        let keys = [
            key_bytes([text("20261122"), None, text("b")]),
            key_bytes([text("20261122"), hour(0), text("a")]),
            key_bytes([text("20261122"), hour(9), text("a")]),
            key_bytes([text("20261122"), hour(9), text("a\0")]),
            key_bytes([text("20261122"), hour(9), text("ab")]),
            key_bytes([text("20261122"), hour(10), text("")]),
            key_bytes([text("20261123"), None, text("")]),
        ];
        assert!(keys.is_sorted());
        assert!(keys[1].starts_with(&key_bytes([text("20261122"), hour(0)])));
        assert_ne!(key_bytes([text("a"), text("b")]), key_bytes([text("ab"), text("")]));
    }

    #[test]
    fn key_bytes_do_not_depend_on_the_number_type_of_the_hour() {
        let hour = |value| key_bytes([Some(value)]);
        assert_eq!(hour(RawBsonRef::Int32(7)), hour(RawBsonRef::Int64(7)));
        assert_eq!(hour(RawBsonRef::Int32(7)), hour(RawBsonRef::Double(7.0)));
    }
}
