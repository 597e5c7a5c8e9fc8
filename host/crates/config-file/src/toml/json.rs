//! A table in JSON form, for checks outside the crate.

use std::collections::BTreeMap;

use toml_span::value::{Value, ValueInner};

/// A table in JSON form, for checks outside the crate.
pub struct JsonTable {
    pub json: serde_json::Value,
    /// Line of each value by JSON pointer.
    pub lines: BTreeMap<String, usize>,
}

/// Converts a value. Calls `visit` with the JSON pointer of every value. JSON has no numbers that are not finite.
pub(super) fn to_json(value: &Value<'_>, pointer: &str, visit: &mut impl FnMut(&str, &Value<'_>)) -> serde_json::Value {
    visit(pointer, value);
    match value.as_ref() {
        ValueInner::String(text) => text.as_ref().into(),
        ValueInner::Integer(number) => (*number).into(),
        ValueInner::Float(number) => (*number).into(),
        ValueInner::Boolean(flag) => (*flag).into(),
        ValueInner::Array(elements) => {
            let numbered = elements.iter().enumerate();
            numbered.map(|(index, value)| to_json(value, &format!("{pointer}/{index}"), visit)).collect()
        }
        ValueInner::Table(table) => {
            let mut entries = serde_json::Map::new();
            for (key, value) in table {
                // Escapes of a JSON pointer (RFC 6901).
                let token = key.name.replace('~', "~0").replace('/', "~1");
                entries.insert(key.name.to_string(), to_json(value, &format!("{pointer}/{token}"), visit));
            }
            serde_json::Value::Object(entries)
        }
    }
}
