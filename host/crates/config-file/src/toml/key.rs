//! One key of a table: the name, the description for operators, and the value.
//!
//! A key is both the parser of a value and the source of the JSON Schema of the value, so the two cannot differ.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};
use toml_span::value::{Table, Value, ValueInner};

use super::json::{JsonTable, to_json};
use super::section::Section;
use super::shape::Form;

/// A key to read. The methods that return a value consume the key.
pub struct Key<'s, 'd, 't> {
    pub(super) section: &'s mut Section<'d, 't>,
    pub(super) name: &'static str,
    schema: Map<String, Json>,
}

/// A text of a list, with its offset in the file.
pub struct ListText {
    pub text: String,
    pub offset: usize,
}

/// A choice of a list, with its offset in the file.
pub struct ListChoice<T> {
    pub choice: T,
    pub offset: usize,
}

/// The text of a secret or of a reference, with its place.
pub struct SecretText<'s, 'd, 't> {
    pub section: &'s mut Section<'d, 't>,
    pub name: &'static str,
    pub text: String,
}

impl<'s, 'd, 't> Key<'s, 'd, 't> {
    pub(super) fn new(section: &'s mut Section<'d, 't>, name: &'static str, description: &'static str) -> Self {
        let schema = Map::from_iter([("description".to_owned(), Json::from(description))]);
        Self { section, name, schema }
    }

    /// Documents the value of a missing key, if the reader computes the value.
    #[must_use]
    pub fn default(self, value: impl Into<Json>) -> Self {
        self.with("default", value.into())
    }

    /// Documents a regular expression that every accepted text matches.
    #[must_use]
    pub fn pattern(self, pattern: &str) -> Self {
        self.with("pattern", pattern.into())
    }

    /// Documents the format of a text, by a name of JSON Schema.
    #[must_use]
    pub fn format(self, format: &str) -> Self {
        self.with("format", format.into())
    }

    /// Documents that the reader refuses an empty list.
    #[must_use]
    pub fn not_empty(self) -> Self {
        self.with("minItems", 1.into())
    }

    /// Documents that the reader refuses a repeated element.
    #[must_use]
    pub fn unique(self) -> Self {
        self.with("uniqueItems", true.into())
    }

    /// Documents that the key is a number of at least 0 if another key has a certain value.
    #[must_use]
    pub fn or_number(self) -> Self {
        let pattern = self.schema.get("pattern").cloned().unwrap_or_default();
        let mut key =
            self.with("anyOf", json!([{"type": "string", "pattern": pattern}, {"type": "number", "minimum": 0}]));
        key.schema.remove("pattern");
        key
    }

    pub fn text(self) -> Option<String> {
        self.parse("a string in quotes", |text| Some(text.to_owned()))
    }

    /// Reads the text of a secret.
    pub fn secret(mut self) -> Option<SecretText<'s, 'd, 't>> {
        let text = self.reborrow().text()?;
        let Self { section, name, .. } = self;
        Some(SecretText { section, name, text })
    }

    pub fn text_or(self, default: &str) -> String {
        self.default(default).text().unwrap_or_else(|| default.to_owned())
    }

    /// Reads a path relative to the file's folder.
    pub fn path(self) -> Option<PathBuf> {
        let folder = self.section.folder();
        let key = self.with("minLength", 1.into());
        key.parse("a path in quotes", |text| (!text.is_empty()).then(|| folder.join(text)))
    }

    pub fn parse<T>(self, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let Self { section, name, .. } = self.typed("string").record();
        let mut value = section.take(name)?;
        let offset = value.span.start;
        match &value.take() {
            ValueInner::String(text) => {
                let parsed = parse(text);
                if parsed.is_none() {
                    section.fail_at(name, offset, format!("expected {expected}, found {text:?}"));
                }
                parsed
            }
            other => section.wrong_type(name, offset, expected, other),
        }
    }

    pub fn choice<T: Copy>(self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let find = |text: &str| choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
        self.with("enum", words.clone().into()).parse(&quoted(&words), find)
    }

    /// Reads a choice. `default` is the word of a choice.
    pub fn choice_or<T: Copy>(self, choices: &[(&str, T)], default: &str) -> T {
        let key = self.default(default);
        key.choice(choices).unwrap_or_else(|| default_choice(choices, default))
    }

    /// Reads a choice that decides on the other keys of the table.
    pub fn variant<T: Copy>(self, choices: &[(&str, T)]) -> Option<T> {
        let Some(index) = self.section.assumed(self.name, choices.len()) else { return self.choice(choices) };
        let (word, choice) = choices[index];
        self.with("const", word.into()).typed("string").record();
        Some(choice)
    }

    /// Reads a choice that decides on the other keys of the table. `default` is the word of a choice.
    pub fn variant_or<T: Copy>(self, choices: &[(&str, T)], default: &str) -> T {
        let key = self.default(default);
        key.variant(choices).unwrap_or_else(|| default_choice(choices, default))
    }

    pub fn flag_or(self, default: bool) -> bool {
        self.default(default).flag().unwrap_or(default)
    }

    pub fn flag(self) -> Option<bool> {
        let Self { section, name, .. } = self.typed("boolean").record();
        let mut value = section.take(name)?;
        match value.take() {
            ValueInner::Boolean(flag) => Some(flag),
            other => section.wrong_type(name, value.span.start, "true or false", &other),
        }
    }

    pub fn whole_or(self, range: RangeInclusive<i64>, default: i64) -> i64 {
        self.default(default).whole(range).unwrap_or(default)
    }

    pub fn whole(self, range: RangeInclusive<i64>) -> Option<i64> {
        let key = self.with("minimum", (*range.start()).into()).with("maximum", (*range.end()).into());
        let Self { section, name, .. } = key.typed("integer").record();
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let mut value = section.take(name)?;
        match value.take() {
            ValueInner::Integer(number) if range.contains(&number) => Some(number),
            other => section.wrong_type(name, value.span.start, &expected, &other),
        }
    }

    pub fn amount_or(self, default: f64) -> f64 {
        self.default(default).amount().unwrap_or(default)
    }

    /// Reads a finite number of at least 0.
    pub fn amount(self) -> Option<f64> {
        self.with("minimum", 0.into()).number("a number of at least 0", |number| number >= 0.0)
    }

    /// Reads a number from 0 to 1.
    pub fn share(self, expected: &str) -> Option<f64> {
        let key = self.with("minimum", 0.into()).with("maximum", 1.into());
        key.number(expected, |number| (0.0..=1.0).contains(&number))
    }

    /// Reads a finite number above a limit.
    pub fn above(self, limit: f64, expected: &str) -> Option<f64> {
        self.with("exclusiveMinimum", limit.into()).number(expected, |number| number > limit)
    }

    fn number(self, expected: &str, is_valid: impl Fn(f64) -> bool) -> Option<f64> {
        let Self { section, name, .. } = self.typed("number").record();
        let mut value = section.take(name)?;
        match value.take() {
            ValueInner::Integer(number) if is_valid(number as f64) => Some(number as f64),
            ValueInner::Float(number) if number.is_finite() && is_valid(number) => Some(number),
            other => section.wrong_type(name, value.span.start, expected, &other),
        }
    }

    /// Reads a list of texts.
    pub fn texts(self) -> Option<Vec<ListText>> {
        let Self { section, name, .. } = self.items(json!({"type": "string"})).typed("array").record();
        let mut value = section.take(name)?;
        let offset = value.span.start;
        let ValueInner::Array(elements) = value.take() else {
            section.fail_at(name, offset, "expected a list of strings, like [\"a\", \"b\"]");
            return None;
        };
        let mut texts = Vec::new();
        for mut element in elements {
            let offset = element.span.start;
            match element.take() {
                ValueInner::String(text) => texts.push(ListText { text: text.into_owned(), offset }),
                other => return section.wrong_type(name, offset, "a list of strings", &other),
            }
        }
        Some(texts)
    }

    /// Reads a list of finite numbers above 0, each once.
    pub fn numbers(self, expected: &str) -> Option<Vec<f64>> {
        let items = json!({"type": "number", "exclusiveMinimum": 0});
        let Self { section, name, .. } = self.items(items).unique().typed("array").record();
        let mut value = section.take(name)?;
        let offset = value.span.start;
        let ValueInner::Array(elements) = value.take() else {
            section.fail_at(name, offset, format!("expected {expected}"));
            return None;
        };
        let mut numbers: Vec<f64> = Vec::new();
        for mut element in elements {
            let offset = element.span.start;
            let number = match element.take() {
                ValueInner::Integer(number) => number as f64,
                ValueInner::Float(number) => number,
                other => return section.wrong_type(name, offset, expected, &other),
            };
            if !number.is_finite() || number <= 0.0 || numbers.contains(&number) {
                section.fail_at(name, offset, format!("expected {expected}, found {number}"));
                return None;
            }
            numbers.push(number);
        }
        Some(numbers)
    }

    /// Reads a list of choices. An unknown word is an error and left out.
    pub fn choices<T: Copy>(self, choices: &[(&str, T)]) -> Option<Vec<ListChoice<T>>> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let name = self.name;
        let mut key = self.items(json!({"type": "string", "enum": words}));
        let texts = key.reborrow().texts()?;
        let mut found = Vec::new();
        for ListText { text, offset } in texts {
            match choices.iter().find(|(word, _)| *word == text) {
                Some((_, choice)) => found.push(ListChoice { choice: *choice, offset }),
                None => {
                    let message = format!("expected {}, found {text:?}", quoted(&words));
                    key.section.fail_at(name, offset, message);
                }
            }
        }
        Some(found)
    }

    pub fn section(self) -> Option<Section<'d, 't>> {
        let Self { section, name, .. } = self.record_table(Form::Table);
        match section.described(name) {
            Some(described) => Some(described),
            None => section.take(name).and_then(|value| section.open(name, value)),
        }
    }

    /// Reads the tables of `[[key]]`.
    pub fn sections(self) -> Vec<Section<'d, 't>> {
        let Self { section, name, .. } = self.record_table(Form::Tables);
        if let Some(described) = section.described(name) {
            return vec![described];
        }
        let Some(mut value) = section.take(name) else { return Vec::new() };
        let offset = value.span.start;
        let ValueInner::Array(elements) = value.take() else {
            section.fail_at(name, offset, format!("expected tables, each under [[{}]]", section.dotted(name)));
            return Vec::new();
        };
        elements.into_iter().filter_map(|element| section.open(name, element)).collect()
    }

    /// Reads the tables under `[key.<any name>]`, by name.
    pub fn named_sections(self) -> Vec<(String, Section<'d, 't>)> {
        let Self { section, name, .. } = self.record_table(Form::NamedTables);
        if let Some(described) = section.described(name) {
            return vec![(name.to_owned(), described)];
        }
        let Some(inner) = section.take(name).and_then(|value| section.open(name, value)) else { return Vec::new() };
        inner.into_named()
    }

    /// Reads a table into JSON, with the line of each value.
    pub fn json(self) -> Option<JsonTable> {
        let Self { section, name, .. } = self.typed("object").record();
        let value = section.take(name)?;
        if value.as_table().is_none() {
            section.fail_at(name, value.span.start, format!("expected a table under [{}]", section.dotted(name)));
            return None;
        }
        Some(table_to_json(section, name, &value))
    }

    fn with(mut self, keyword: &str, value: Json) -> Self {
        self.schema.insert(keyword.to_owned(), value);
        self
    }

    fn typed(self, name: &str) -> Self {
        if self.schema.contains_key("anyOf") { self } else { self.with("type", name.into()) }
    }

    /// Sets the schema of the elements of a list, unless the schema is set.
    fn items(self, schema: Json) -> Self {
        if self.schema.contains_key("items") { self } else { self.with("items", schema) }
    }

    /// Returns whether the key is present. True for a schema.
    pub fn is_present(&mut self) -> bool {
        self.section.has(self.name)
    }

    /// Records an error at the key.
    pub fn fail(&self, message: impl Into<String>) {
        self.section.fail(self.name, message);
    }

    /// Returns the same key for a read before another use of the key.
    pub fn reborrow(&mut self) -> Key<'_, 'd, 't> {
        Key { section: &mut *self.section, name: self.name, schema: self.schema.clone() }
    }

    fn record(self) -> Self {
        self.section.record_key(self.name, &self.schema);
        self
    }

    fn record_table(self, form: Form) -> Self {
        self.section.record_table(self.name, &self.schema, form);
        self
    }
}

fn default_choice<T: Copy>(choices: &[(&str, T)], default: &str) -> T {
    choices.iter().find(|(word, _)| *word == default).map(|(_, choice)| *choice).expect("the default is a choice")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ")
}

/// Converts a table, and records an error for a number that is not finite.
fn table_to_json(section: &Section<'_, '_>, name: &str, value: &Value<'_>) -> JsonTable {
    let mut lines = std::collections::BTreeMap::new();
    let json = to_json(value, "", &mut |pointer, value| {
        let offset = value.span.start;
        lines.insert(pointer.to_owned(), section.line_at(offset));
        if let ValueInner::Float(number) = value.as_ref()
            && !number.is_finite()
        {
            let key = format!("{name}{}", pointer.replace('/', "."));
            section.fail_at(&key, offset, format!("expected a finite number, found {number}"));
        }
    });
    JsonTable { json, lines }
}

/// Splits a table of tables by name.
pub(super) fn named<'d, 't>(outer: &Section<'d, 't>, table: Table<'t>) -> Vec<(String, Section<'d, 't>)> {
    let open = |(key, value): (toml_span::value::Key<'t>, Value<'t>)| {
        Some((key.name.to_string(), outer.open(&key.name, value)?))
    };
    table.into_iter().filter_map(open).collect()
}
