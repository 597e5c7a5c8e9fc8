//! Stored documents in plain JSON.

use mongodb::bson::{Bson, Document};
use serde_json::{Map, Value};

/// Converts a document: dates in RFC 3339, numbers unchanged, bytes in hex.
pub(super) fn object(document: Document) -> Map<String, Value> {
    document.into_iter().map(|(field, value)| (field, value_of(value))).collect()
}

fn value_of(value: Bson) -> Value {
    match value {
        Bson::Document(document) => object(document).into(),
        Bson::Array(elements) => elements.into_iter().map(value_of).collect(),
        Bson::DateTime(at) => at.try_to_rfc3339_string().map_or(Value::Null, Value::from),
        Bson::Binary(binary) => hex::encode(&binary.bytes).into(),
        Bson::ObjectId(id) => id.to_hex().into(),
        other => other.into_relaxed_extjson(),
    }
}
