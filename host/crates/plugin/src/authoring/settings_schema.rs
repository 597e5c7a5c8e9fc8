//! A settings schema in rows for people. Unknown parts of JSON Schema are omitted; machines receive the whole schema.

use std::cell::Cell;
use std::collections::HashSet;

use sandbox::single_line;
use serde_json::{Map, Value};

/// A setting of a detector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow {
    pub name: String,
    /// Kind of value, for example `number` or `auto, none or daily`.
    pub kind: String,
    /// JSON or `required`; empty if there is no default.
    pub default: String,
    pub description: String,
}

/// Maximum depth of nested references and alternatives: a schema may refer to itself.
const MAX_DEPTH: usize = 4;
/// Maximum number of visited parts of a schema: alternatives and references multiply. The kinds of the remaining settings
/// are omitted.
const MAX_PARTS: usize = 10_000;
/// Maximum length of a text in a row, in characters.
const TEXT_CHARS: usize = 1_000;
/// Largest number of described choices of a setting.
const MAX_CHOICES: usize = 20;

/// The schema of a walk and the number of parts that the walk may still visit.
struct SchemaWalk<'a> {
    schema: &'a Map<String, Value>,
    parts_left: Cell<usize>,
}

/// Returns the top-level properties of a schema in the schema's order.
pub fn setting_rows(schema: &Map<String, Value>) -> Vec<SettingRow> {
    let required: HashSet<&str> = list(schema.get("required")).filter_map(Value::as_str).collect();
    let walk = SchemaWalk { schema, parts_left: Cell::new(MAX_PARTS) };
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let row = |name: &String, property: &Value| {
        let default = match property.get("default") {
            Some(Value::Null) | None if required.contains(name.as_str()) => "required".to_owned(),
            Some(Value::Null) | None => String::new(),
            Some(default) => default.to_string(),
        };
        SettingRow {
            name: shown(name),
            kind: shown(&walk.kind(property, MAX_DEPTH)),
            default: shown(&default),
            description: shown(&walk.description(property)),
        }
    };
    properties.map(|(name, property)| row(name, property)).collect()
}

impl SchemaWalk<'_> {
    /// Returns the description of a property, and the description of each described choice.
    fn description(&self, property: &Value) -> String {
        let own = text(property, "description").replace('\n', " ");
        let definition = self.definition(property).unwrap_or(property);
        let choice = |choice: &Value| {
            let description = text(choice, "description").replace('\n', " ");
            Some(format!("{}: {description}", bare(choice.get("const")?))).filter(|_| !description.is_empty())
        };
        let choices = list(definition.get("oneOf")).filter_map(choice).take(MAX_CHOICES);
        let parts: Vec<String> = Some(own).filter(|own| !own.is_empty()).into_iter().chain(choices).collect();
        parts.join(" ")
    }

    /// Returns the definition that a property refers to, also as the alternative of an optional setting.
    fn definition(&self, property: &Value) -> Option<&Value> {
        let alternatives = list(property.get("anyOf")).chain(list(property.get("allOf")));
        let mut references = [property].into_iter().chain(alternatives).filter_map(|part| part.get("$ref")?.as_str());
        let name = references.find_map(|reference| reference.strip_prefix("#/$defs/"))?;
        self.schema.get("$defs")?.get(name)
    }

    fn kind(&self, property: &Value, depth: usize) -> String {
        // Ends the recursion in a schema with circular references.
        let Some(depth) = depth.checked_sub(1) else { return String::new() };
        let parts = 1 + list(property.get("enum")).count();
        let Some(parts_left) = self.parts_left.get().checked_sub(parts) else { return String::new() };
        self.parts_left.set(parts_left);
        if let Some(name) = property.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix("#/$defs/")) {
            let definition = self.schema.get("$defs").and_then(|definitions| definitions.get(name));
            return definition.map(|definition| self.kind(definition, depth)).unwrap_or_default();
        }
        if let Some(only) = property.get("const") {
            return bare(only);
        }
        let choices = list(property.get("enum")).map(bare);
        let alternatives = ["anyOf", "oneOf"].into_iter().flat_map(|key| list(property.get(key)));
        let alternatives = alternatives.map(|alternative| self.kind(alternative, depth));
        let types = match property.get("type") {
            Some(Value::String(one)) => vec![one.clone()],
            other => list(other).map(bare).collect(),
        };
        let mut kinds: Vec<String> = choices.chain(alternatives).collect();
        if kinds.is_empty() {
            kinds = types;
        }
        // `null` marks an optional setting and is not a kind of value.
        kinds.retain(|kind| !kind.is_empty() && kind != "null");
        let mut kind = match kinds.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        if let Some(items) = property.get("items") {
            kind.push_str(&format!(" of {}", self.kind(items, depth)));
        }
        for (key, word) in
            [("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to"), ("exclusiveMaximum", "below")]
        {
            if let Some(bound) = property.get(key) {
                kind.push_str(&format!(" {word} {}", short(bound)));
            }
        }
        kind
    }
}

/// Returns the beginning of a text, safe for a terminal.
fn shown(text: &str) -> String {
    single_line(text.chars().take(TEXT_CHARS).collect())
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(property: &'a Value, key: &str) -> &'a str {
    property.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Formats a string without quotes, and anything else in JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| short(value), str::to_owned)
}

/// Formats a whole number without a fraction.
fn short(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => number.to_string(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(schema: &str) -> String {
        let schema = serde_json::from_str(schema).expect("JSON");
        let line =
            |SettingRow { name, kind, default, description }| format!("{name} | {kind} | {default} | {description}.");
        setting_rows(&schema).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_schema_of_schemars_gives_a_row_per_setting() {
        let schema = r##"{
            "properties": {
                "k": {"description": "Times the spread.\nAbove 0.", "type": ["number", "null"], "minimum": 0.0},
                "season": {"$ref": "#/$defs/Season", "default": "auto"},
                "days": {"type": "integer", "minimum": 2, "maximum": 365, "default": 14},
                "names": {"type": "array", "items": {"type": "string"}, "default": []},
                "either": {"anyOf": [{"$ref": "#/$defs/Season"}, {"type": "null"}]}
            },
            "required": ["days", "names"],
            "$defs": {"Season": {"oneOf": [{"const": "auto"}, {"enum": ["none", "daily"]}]}}
        }"##;
        insta::assert_snapshot!(rows_of(schema), @r#"
        k | number from 0 |  | Times the spread. Above 0..
        season | auto or none or daily | "auto" | .
        days | integer from 2 to 365 | 14 | .
        names | array of string | [] | .
        either | auto or none or daily |  | .
        "#);
    }

    /// The documentation comments of the variants of an enum.
    #[test]
    fn choices_keep_their_descriptions() {
        let schema = r##"{
            "properties": {
                "season": {"description": "The season.", "$ref": "#/$defs/Season", "default": "auto"},
                "other": {"anyOf": [{"$ref": "#/$defs/Season"}, {"type": "null"}]}
            },
            "$defs": {"Season": {"oneOf": [
                {"const": "auto", "description": "Chosen by\nthe fit."},
                {"const": "none", "description": "No season."},
                {"const": "weekly"}
            ]}}
        }"##;
        insta::assert_snapshot!(rows_of(schema), @r#"
        season | auto, none or weekly | "auto" | The season. auto: Chosen by the fit. none: No season..
        other | auto, none or weekly |  | auto: Chosen by the fit. none: No season..
        "#);
    }

    /// Each of 100 references leads to 100 alternatives.
    #[test]
    fn a_schema_that_multiplies_is_cut() {
        let references = vec![r##"{"$ref": "#/$defs/b"}"##; 100].join(", ");
        let alternatives = vec![r#"{"enum": [1, 2, 3]}"#; 100].join(", ");
        let schema = format!(
            r#"{{"properties": {{"a": {{"anyOf": [{references}]}}}}, "$defs": {{"b": {{"anyOf": [{alternatives}]}}}}}}"#
        );
        let rows = rows_of(&schema);
        assert!(rows.starts_with("a | 1, 2 or 3, 1, 2 or 3, "), "{rows}");
        assert!(rows.len() < 2 * TEXT_CHARS, "{}", rows.len());
    }

    #[test]
    fn an_unusual_schema_gives_rows() {
        assert_eq!(rows_of("{}"), "");
        assert_eq!(rows_of(r#"{"properties": []}"#), "");
        assert_eq!(rows_of(r#"{"properties": {"a": 5}, "required": ["a"]}"#), "a |  | required | .");
        let endless =
            r##"{"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}"##;
        assert_eq!(rows_of(endless), "a |  |  | .");
        assert_eq!(rows_of(r#"{"properties": {"\u001b[2J": {"description": "\u202e"}}}"#), " [2J |  |  |  .");
    }
}
