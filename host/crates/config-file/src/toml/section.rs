//! A table of a document.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Map;
use toml_span::value::{Table, Value, ValueInner};

use super::key::{self, Key};
use super::shape::{Form, Recorder};
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

    /// Returns whether the key is present. True for a schema, so that the reader reads the key.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.mark_known(key);
        self.offsets.contains_key(key) || self.recorder().is_some()
    }

    /// Records an error if a required key is missing.
    pub fn need(&self, key: &str, expected: &str) {
        if let Some(recorder) = self.recorder() {
            recorder.borrow_mut().require(&self.path, key);
            return;
        }
        if !self.table.contains_key(key) {
            self.fail(key, format!("is missing, expected {expected}"));
        }
    }

    /// Returns the text of a key without reading the key.
    pub fn peek(&self, key: &str) -> Option<&str> {
        self.table.get(key)?.as_str()
    }

    /// Names a key to read. The description tells the operator the meaning, the unit and the effect.
    pub fn key(&mut self, name: &'static str, description: &'static str) -> Key<'_, 'd, 't> {
        Key::new(self, name, description)
    }

    /// Returns whether one of two keys is present. Records an error if the other key is missing.
    pub fn together(&mut self, keys: [&'static str; 2]) -> bool {
        let [one, other] = keys;
        let present = [self.has(one), self.has(other)];
        if let Some(recorder) = self.recorder() {
            recorder.borrow_mut().together(&self.path, keys);
            return true;
        }
        match present {
            [true, false] => self.fail(one, format!("is set without {other}, expected both keys or neither")),
            [false, true] => self.fail(other, format!("is set without {one}, expected both keys or neither")),
            _ => {}
        }
        present != [false, false]
    }

    /// Returns the choice with a present key. `None` if the keys of no choice or of several choices are present.
    pub fn alternative<T: Copy>(&mut self, choices: &[(&[&'static str], T)]) -> Option<T> {
        choices.iter().flat_map(|(keys, _)| *keys).for_each(|key| self.mark_known(key));
        if let Some(index) = self.assumed(choices[0].0[0], choices.len()) {
            return Some(choices[index].1);
        }
        let mut present = choices.iter().filter(|(keys, _)| keys.iter().any(|key| self.offsets.contains_key(*key)));
        match (present.next(), present.next()) {
            (Some((_, choice)), None) => Some(*choice),
            _ => None,
        }
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

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.mark_known(key);
        self.table.remove(key)
    }

    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.document.line(offset)
    }

    /// Splits a table of tables by name.
    pub(super) fn into_named(mut self) -> Vec<(String, Section<'d, 't>)> {
        let table = std::mem::take(&mut self.table);
        key::named(&self, table)
    }

    /// Returns the recorder of a schema.
    fn recorder(&self) -> Option<&'d RefCell<Recorder>> {
        self.document.recorder.as_ref()
    }

    /// Returns the assumed choice of a key that decides on other keys. `None` without a recorder.
    pub(super) fn assumed(&self, key: &'static str, choices: usize) -> Option<usize> {
        Some(self.recorder()?.borrow_mut().assumed(&self.path, key, choices))
    }

    pub(super) fn record_key(&self, key: &'static str, schema: &Map<String, serde_json::Value>) {
        if let Some(recorder) = self.recorder() {
            recorder.borrow_mut().key(&self.path, key, schema, None);
        }
    }

    pub(super) fn record_table(&self, key: &'static str, schema: &Map<String, serde_json::Value>, form: Form) {
        if let Some(recorder) = self.recorder() {
            recorder.borrow_mut().key(&self.path, key, schema, Some(form));
        }
    }

    /// Returns an empty table for the recorder of a schema.
    pub(super) fn described(&self, key: &str) -> Option<Section<'d, 't>> {
        self.recorder()?;
        Some(Section::new(self.document, self.dotted(key), Table::new(), 0))
    }

    /// Marks a key as known, even if the key is missing.
    fn mark_known(&mut self, key: &'static str) {
        if !self.known_keys.contains(&key) {
            self.known_keys.push(key);
        }
    }

    pub(super) fn open(&self, key: &str, mut value: Value<'t>) -> Option<Section<'d, 't>> {
        let offset = value.span.start;
        match value.take() {
            ValueInner::Table(table) => Some(Section::new(self.document, self.dotted(key), table, offset)),
            other => self.wrong_type(key, offset, "a table", &other),
        }
    }

    pub(super) fn wrong_type<T>(&self, key: &str, offset: usize, expected: &str, found: &ValueInner<'_>) -> Option<T> {
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

    pub(super) fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Reads a table with the single key `directory`.
pub fn directory(mut section: Section<'_, '_>, description: &'static str) -> Option<PathBuf> {
    section.need("directory", "a folder, like \"some/folder\"");
    let directory = section.key("directory", description).path();
    section.finish();
    directory
}

/// Returns the known key that is most similar to a misspelled key, with at most one wrong letter of three.
fn similar_key<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |known: &str| strsim::damerau_levenshtein(key, known);
    let nearest = known.iter().copied().min_by_key(|known| (distance(known), known.len()))?;
    (distance(nearest) <= key.len() / 3).then_some(nearest)
}
