//! A TOML reader. All errors of a file are reported at once, with file, line, key and expected value.
//!
//! The module walks the tables and collects the errors. The config of the host and the rules in `model` define the
//! meaning of the keys.

mod diagnostic;
mod json;
mod key;
mod section;
mod shape;

use std::cell::RefCell;
use std::path::Path;

use toml_span::ErrorKind;
use toml_span::value::ValueInner;

pub use self::diagnostic::Diagnostic;
pub use self::json::JsonTable;
pub use self::key::{Key, ListChoice, ListText, SecretText};
pub use self::section::{Section, directory};
use self::shape::Recorder;
pub use self::shape::schema;

/// The text of a file, and the collected errors.
pub struct Document<'t> {
    file: &'t Path,
    text: &'t str,
    errors: RefCell<Vec<Diagnostic>>,
    /// Records the keys for a schema instead of reading the text.
    recorder: Option<RefCell<Recorder>>,
}

/// Limit of a file in bytes. The parser limits the depth.
const LIMIT_BYTES: usize = 4 << 20;

impl<'t> Document<'t> {
    pub fn new(file: &'t Path, text: &'t str) -> Self {
        Self { file, text, errors: RefCell::default(), recorder: None }
    }

    /// Returns the root table. For invalid TOML and for a too large file, records the error and returns `None`.
    pub fn root(&self) -> Option<Section<'_, 't>> {
        if self.text.len() > LIMIT_BYTES {
            self.record(0, "", format!("larger than {LIMIT_BYTES} bytes, expected a TOML file written by a person"));
            return None;
        }
        match toml_span::parse(self.text) {
            Ok(mut value) => match value.take() {
                ValueInner::Table(table) => Some(Section::new(self, String::new(), table, 0)),
                _ => None,
            },
            Err(error) => {
                self.record(error.span.start, "", syntax_error(&error.kind));
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

    fn record(&self, offset: usize, key: &str, message: impl Into<String>) {
        let file = self.file.to_owned();
        let line = self.line(offset);
        self.errors.borrow_mut().push(Diagnostic { file, line, key: key.to_owned(), message: message.into() });
    }
}

fn syntax_error(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnexpectedEof => "the file ends in the middle of a value".to_owned(),
        ErrorKind::Unexpected(found) => format!("invalid TOML: unexpected {found:?}"),
        ErrorKind::UnterminatedString => "a string has no closing quote".to_owned(),
        ErrorKind::UnquotedString => "a string must be in quotes".to_owned(),
        ErrorKind::Wanted { expected, found } => format!("invalid TOML: expected {expected}, found {found}"),
        ErrorKind::DuplicateKey { key, .. } => format!("{key} is set twice"),
        ErrorKind::DuplicateTable { name, .. } => format!("[{name}] occurs twice"),
        other => format!("invalid TOML: {other}"),
    }
}
