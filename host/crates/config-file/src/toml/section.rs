//! A table of a document.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml_span::value::{Key, Table, Value, ValueInner};

use super::json::{JsonTable, to_json};
use super::{Diagnostic, Document};

/// A table of a document. [`Section::finish`] reports unread keys as errors.
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    path: String,
    table: Table<'t>,
    known_keys: Vec<&'static str>,
    offset: usize,
    /// Offset of each key's value, also after the value was taken.
    offsets: BTreeMap<String, usize>,
}

impl<'d, 't> Section<'d, 't> {
    pub(super) fn new(document: &'d Document<'t>, path: String, table: Table<'t>, offset: usize) -> Self {
        let offsets = table.iter().map(|(key, value)| (key.name.to_string(), value.span.start)).collect();
        Self { document, path, table, known_keys: Vec::new(), offset, offsets }
    }

    pub fn line(&self) -> usize {
        self.document.line(self.offset)
    }

    /// Returns the base folder of relative paths.
    pub fn folder(&self) -> &'t Path {
        self.document.file.parent().unwrap_or(Path::new(""))
    }

    /// Returns the location of a key for a later error.
    pub fn place(&self, key: &str) -> Diagnostic {
        let file = self.document.file.to_owned();
        Diagnostic { file, line: self.line_of(key), key: self.dotted(key), message: String::new() }
    }

    /// Records an error at a key, or at the table if the key is missing.
    pub fn fail(&self, key: &str, message: impl Into<String>) {
        self.fail_at(key, self.offsets.get(key).copied().unwrap_or(self.offset), message);
    }

    /// Records an error at an offset inside a key's value.
    pub fn fail_at(&self, key: &str, offset: usize, message: impl Into<String>) {
        self.document.record(offset, &self.dotted(key), message);
    }

    pub fn line_of(&self, key: &str) -> usize {
        self.document.line(self.offsets.get(key).copied().unwrap_or(self.offset))
    }

    pub fn has(&mut self, key: &'static str) -> bool {
        self.mark_known(key);
        self.offsets.contains_key(key)
    }

    /// Records an error if a required key is missing.
    pub fn need(&self, key: &str, expected: &str) {
        if !self.table.contains_key(key) {
            self.fail(key, format!("is missing, expected {expected}"));
        }
    }

    /// Returns the text of a key without reading the key.
    pub fn peek(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.as_str()
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.parse(key, "a string in quotes", |text| Some(text.to_owned()))
    }

    /// Reads a path relative to the file's folder.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let folder = self.folder();
        self.parse(key, "a path in quotes", |text| (!text.is_empty()).then(|| folder.join(text)))
    }

    pub fn parse<T>(&mut self, key: &'static str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let mut value = self.take(key)?;
        let offset = value.span.start;
        match &value.take() {
            ValueInner::String(text) => {
                let parsed = parse(text);
                if parsed.is_none() {
                    self.fail_at(key, offset, format!("expected {expected}, found {text:?}"));
                }
                parsed
            }
            other => self.wrong_type(key, offset, expected, other),
        }
    }

    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let expected = choices.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
        self.parse(key, &expected, |text| choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice))
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Boolean(flag) => Some(flag),
            other => self.wrong_type(key, value.span.start, "true or false", &other),
        }
    }

    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Integer(number) if range.contains(&number) => Some(number),
            other => self.wrong_type(key, value.span.start, &expected, &other),
        }
    }

    /// Reads a finite number of at least 0.
    pub fn amount(&mut self, key: &'static str) -> Option<f64> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Integer(number) if number >= 0 => Some(number as f64),
            ValueInner::Float(number) if number >= 0.0 && number.is_finite() => Some(number),
            other => self.wrong_type(key, value.span.start, "a number of at least 0", &other),
        }
    }

    /// Reads a list of texts, each with an offset.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<(String, usize)>> {
        let mut value = self.take(key)?;
        let offset = value.span.start;
        let ValueInner::Array(elements) = value.take() else {
            self.fail_at(key, offset, "expected a list of strings, like [\"a\", \"b\"]");
            return None;
        };
        let mut texts = Vec::new();
        for mut element in elements {
            match element.take() {
                ValueInner::String(text) => texts.push((text.into_owned(), element.span.start)),
                other => return self.wrong_type(key, element.span.start, "a list of strings", &other),
            }
        }
        Some(texts)
    }

    pub fn section(&mut self, key: &'static str) -> Option<Section<'d, 't>> {
        let value = self.take(key)?;
        self.open(key, value)
    }

    /// Reads the tables of `[[key]]`.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'d, 't>> {
        let Some(mut value) = self.take(key) else { return Vec::new() };
        let offset = value.span.start;
        let ValueInner::Array(elements) = value.take() else {
            self.fail_at(key, offset, format!("expected tables, each under [[{}]]", self.dotted(key)));
            return Vec::new();
        };
        elements.into_iter().filter_map(|element| self.open(key, element)).collect()
    }

    /// Reads the tables under `[key.<any name>]`, by name.
    pub fn named_sections(&mut self, key: &'static str) -> Vec<(String, Section<'d, 't>)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let outer = Section::new(section.document, section.path, Table::new(), section.offset);
        let open = |(name, value): (Key<'t>, Value<'t>)| Some((name.name.to_string(), outer.open(&name.name, value)?));
        section.table.into_iter().filter_map(open).collect()
    }

    /// Reads a table into JSON, with the line of each value.
    pub fn json(&mut self, key: &'static str) -> Option<JsonTable> {
        let value = self.take(key)?;
        if value.as_table().is_none() {
            self.fail_at(key, value.span.start, format!("expected a table under [{}]", self.dotted(key)));
            return None;
        }
        let mut lines = BTreeMap::new();
        let json = to_json(&value, "", &mut |pointer, value| {
            let offset = value.span.start;
            lines.insert(pointer.to_owned(), self.document.line(offset));
            if let ValueInner::Float(number) = value.as_ref()
                && !number.is_finite()
            {
                let path = self.dotted(&format!("{key}{}", pointer.replace('/', ".")));
                self.document.record(offset, &path, format!("expected a finite number, found {number}"));
            }
        });
        Some(JsonTable { json, lines })
    }

    /// Records an error for every unread key.
    pub fn finish(&self) {
        let known = self.known_keys.join(", ");
        for key in self.table.keys() {
            let similar = similar_key(&key.name, &self.known_keys);
            let suggestion = similar.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default();
            let message = format!("unknown key, expected one of {known}{suggestion}");
            self.document.record(key.span.start, &self.dotted(&key.name), message);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.mark_known(key);
        self.table.remove(key)
    }

    /// Marks a key as known, even if the key is missing.
    fn mark_known(&mut self, key: &'static str) {
        if !self.known_keys.contains(&key) {
            self.known_keys.push(key);
        }
    }

    fn open(&self, key: &str, mut value: Value<'t>) -> Option<Section<'d, 't>> {
        let offset = value.span.start;
        match value.take() {
            ValueInner::Table(table) => Some(Section::new(self.document, self.dotted(key), table, offset)),
            other => self.wrong_type(key, offset, "a table", &other),
        }
    }

    fn wrong_type<T>(&self, key: &str, offset: usize, expected: &str, found: &ValueInner<'_>) -> Option<T> {
        let found = match found {
            ValueInner::String(text) => format!("{text:?}"),
            ValueInner::Integer(number) => number.to_string(),
            ValueInner::Float(number) => number.to_string(),
            ValueInner::Boolean(flag) => flag.to_string(),
            ValueInner::Array(_) => "a list".to_owned(),
            ValueInner::Table(_) => "a table".to_owned(),
        };
        self.fail_at(key, offset, format!("expected {expected}, found {found}"));
        None
    }

    fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Reads a table with the single key `directory`.
pub fn directory(mut section: Section<'_, '_>) -> Option<PathBuf> {
    section.need("directory", "a folder, like \"some/folder\"");
    let directory = section.path("directory");
    section.finish();
    directory
}

/// Returns the known key that is most similar to a misspelled key, with at most one wrong letter of three.
fn similar_key<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |known: &str| strsim::damerau_levenshtein(key, known);
    let nearest = known.iter().copied().min_by_key(|known| (distance(known), known.len()))?;
    (distance(nearest) <= key.len() / 3).then_some(nearest)
}
