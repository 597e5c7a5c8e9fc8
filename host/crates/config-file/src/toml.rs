//! A TOML reader. All errors of a file are reported at once, with file, line, key and expected value.
//!
//! The module walks the tables and collects the errors. The config of the host and [`model::rule`] define the meaning of
//! the keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml_span::ErrorKind;
use toml_span::value::{Key, Table, Value, ValueInner};

/// One error in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub file: PathBuf,
    /// Line from 1; 0 for the whole file.
    pub line: usize,
    /// Dotted key; empty for an error without a key.
    pub key: String,
    pub message: String,
}

/// The text of a file, and the collected errors.
pub struct Document<'t> {
    file: &'t Path,
    text: &'t str,
    errors: RefCell<Vec<Diagnostic>>,
}

/// A table of a document. [`Section::finish`] reports unread keys as errors.
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    path: String,
    table: Table<'t>,
    known: Vec<&'static str>,
    offset: usize,
    /// Offset of each key's value, also after the value was taken.
    places: BTreeMap<String, usize>,
}

impl Diagnostic {
    /// Creates an error about a whole file.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, key: String::new(), message: message.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl<'t> Document<'t> {
    pub fn new(file: &'t Path, text: &'t str) -> Self {
        Self { file, text, errors: RefCell::default() }
    }

    /// Returns the root table. For invalid TOML, records the error and returns `None`.
    pub fn root(&self) -> Option<Section<'_, 't>> {
        match toml_span::parse(self.text) {
            Ok(mut value) => match value.take() {
                ValueInner::Table(table) => Some(Section::new(self, String::new(), table, 0)),
                _ => None,
            },
            Err(error) => {
                self.note(error.span.start, "", syntax(&error.kind));
                None
            }
        }
    }

    pub fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(self.text);
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    /// Returns the number of collected errors.
    pub fn errors(&self) -> usize {
        self.errors.borrow().len()
    }

    /// Returns all errors in line order.
    pub fn into_errors(self) -> Vec<Diagnostic> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| error.line);
        errors
    }

    fn note(&self, offset: usize, key: &str, message: impl Into<String>) {
        let (file, line) = (self.file.to_owned(), self.line(offset));
        self.errors.borrow_mut().push(Diagnostic { file, line, key: key.to_owned(), message: message.into() });
    }
}

impl<'d, 't> Section<'d, 't> {
    fn new(document: &'d Document<'t>, path: String, table: Table<'t>, offset: usize) -> Self {
        let places = table.iter().map(|(key, value)| (key.name.to_string(), value.span.start)).collect();
        Self { document, path, table, known: Vec::new(), offset, places }
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
        let (file, line) = (self.document.file.to_owned(), self.line_of(key));
        Diagnostic { file, line, key: self.key(key), message: String::new() }
    }

    /// Records an error at a key, or at the table if the key is missing.
    pub fn fail(&self, key: &str, message: impl Into<String>) {
        self.fail_at(key, self.places.get(key).copied().unwrap_or(self.offset), message);
    }

    /// Records an error at an offset inside a key's value.
    pub fn fail_at(&self, key: &str, offset: usize, message: impl Into<String>) {
        self.document.note(offset, &self.key(key), message);
    }

    pub fn line_of(&self, key: &str) -> usize {
        self.document.line(self.places.get(key).copied().unwrap_or(self.offset))
    }

    pub fn has(&mut self, key: &'static str) -> bool {
        self.know(key);
        self.places.contains_key(key)
    }

    /// Records an error if a required key is missing.
    pub fn need(&self, key: &str, expected: &str) {
        if !self.table.contains_key(key) {
            self.fail(key, format!("is missing, expected {expected}"));
        }
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.parse(key, "a text in quotes", |text| Some(text.to_owned()))
    }

    /// Reads a path relative to the file's folder.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let folder = self.folder();
        self.parse(key, "a path in quotes", |text| (!text.is_empty()).then(|| folder.join(text)))
    }

    pub fn parse<T>(&mut self, key: &'static str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let mut value = self.take(key)?;
        let (inner, offset) = (value.take(), value.span.start);
        match &inner {
            ValueInner::String(text) => {
                let parsed = parse(text);
                if parsed.is_none() {
                    self.fail_at(key, offset, format!("expected {expected}, found {text:?}"));
                }
                parsed
            }
            other => self.wrong(key, offset, expected, other),
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
            other => self.wrong(key, value.span.start, "true or false", &other),
        }
    }

    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Integer(number) if range.contains(&number) => Some(number),
            other => self.wrong(key, value.span.start, &expected, &other),
        }
    }

    /// Reads a finite number of at least 0.
    pub fn amount(&mut self, key: &'static str) -> Option<f64> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Integer(number) if number >= 0 => Some(number as f64),
            ValueInner::Float(number) if number >= 0.0 && number.is_finite() => Some(number),
            other => self.wrong(key, value.span.start, "a number of at least 0", &other),
        }
    }

    /// Reads a list of texts, each with an offset.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<(String, usize)>> {
        let mut value = self.take(key)?;
        let offset = value.span.start;
        let ValueInner::Array(elements) = value.take() else {
            self.fail_at(key, offset, "expected a list of texts, like [\"a\", \"b\"]");
            return None;
        };
        let mut texts = Vec::new();
        for mut element in elements {
            match element.take() {
                ValueInner::String(text) => texts.push((text.into_owned(), element.span.start)),
                other => return self.wrong(key, element.span.start, "a list of texts", &other),
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
            self.fail_at(key, offset, format!("expected tables, each under [[{}]]", self.key(key)));
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
    pub fn json(&mut self, key: &'static str) -> Option<Json> {
        let value = self.take(key)?;
        if value.as_table().is_none() {
            self.fail_at(key, value.span.start, format!("expected a table under [{}]", self.key(key)));
            return None;
        }
        let mut lines = BTreeMap::new();
        let json = to_json(&value, "", &mut |pointer, offset| {
            lines.insert(pointer.to_owned(), self.document.line(offset));
        });
        Some(Json { json, lines })
    }

    /// Records an error for every unread key.
    pub fn finish(self) {
        for key in self.table.keys() {
            let known = self.known.join(", ");
            let meant =
                meant(&key.name, &self.known).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
            let message = format!("unknown key, expected one of {known}{meant}");
            self.document.note(key.span.start, &self.key(&key.name), message);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.know(key);
        self.table.remove(key)
    }

    /// Marks a key as known, even if the key is missing.
    fn know(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }

    fn open(&self, key: &str, mut value: Value<'t>) -> Option<Section<'d, 't>> {
        let offset = value.span.start;
        match value.take() {
            ValueInner::Table(table) => Some(Section::new(self.document, self.key(key), table, offset)),
            other => self.wrong(key, offset, "a table", &other),
        }
    }

    fn wrong<T>(&self, key: &str, offset: usize, expected: &str, found: &ValueInner<'_>) -> Option<T> {
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

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// A table in JSON form, for checks outside the module.
pub struct Json {
    pub json: serde_json::Value,
    /// Line of each value by JSON pointer.
    pub lines: BTreeMap<String, usize>,
}

/// Reads a table with the single key `directory`.
pub fn directory(mut section: Section<'_, '_>) -> Option<PathBuf> {
    section.need("directory", "a folder, like \"some/folder\"");
    let directory = section.path("directory");
    section.finish();
    directory
}

/// Returns the probable meaning of a misspelled key: at most one wrong letter of three.
fn meant<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = |known: &&str| (strsim::damerau_levenshtein(key, known), known.len());
    let nearest = known.iter().copied().min_by_key(|known| near(known))?;
    (near(&nearest).0 <= key.len() / 3).then_some(nearest)
}

/// Calls `place` with the JSON pointer and the offset of every value.
fn to_json(value: &Value<'_>, pointer: &str, place: &mut impl FnMut(&str, usize)) -> serde_json::Value {
    place(pointer, value.span.start);
    match value.as_ref() {
        ValueInner::String(text) => text.as_ref().into(),
        ValueInner::Integer(number) => (*number).into(),
        ValueInner::Float(number) => (*number).into(),
        ValueInner::Boolean(flag) => (*flag).into(),
        ValueInner::Array(elements) => {
            let numbered = elements.iter().enumerate();
            numbered.map(|(index, value)| to_json(value, &format!("{pointer}/{index}"), place)).collect()
        }
        ValueInner::Table(table) => {
            let mut entries = serde_json::Map::new();
            for (key, value) in table {
                // Escapes of a JSON pointer (RFC 6901).
                let token = key.name.replace('~', "~0").replace('/', "~1");
                entries.insert(key.name.to_string(), to_json(value, &format!("{pointer}/{token}"), place));
            }
            serde_json::Value::Object(entries)
        }
    }
}

fn syntax(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnexpectedEof => "the file ends in the middle of a value".to_owned(),
        ErrorKind::Unexpected(found) => format!("not TOML: unexpected {found:?}"),
        ErrorKind::UnterminatedString => "a text lacks its closing quote".to_owned(),
        ErrorKind::UnquotedString => "a text must stand in quotes".to_owned(),
        ErrorKind::Wanted { expected, found } => format!("not TOML: expected {expected}, found {found}"),
        ErrorKind::DuplicateKey { key, .. } => format!("{key} is set twice"),
        ErrorKind::DuplicateTable { name, .. } => format!("[{name}] is there twice"),
        other => format!("not TOML: {other}"),
    }
}
