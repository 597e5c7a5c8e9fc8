//! A problem or a note of a report.

use model::language::Language;

/// A statement in both languages. JSON, the log and the run record have the English text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    korean: String,
    english: String,
}

impl Remark {
    pub(crate) fn new(korean: impl Into<String>, english: impl Into<String>) -> Self {
        Self { korean: korean.into(), english: english.into() }
    }

    /// Creates the statement of an error. An error has the English text in both languages.
    pub(crate) fn of(error: &impl ToString) -> Self {
        let text = error.to_string();
        Self { korean: text.clone(), english: text }
    }

    pub(crate) fn text(&self, language: Language) -> &str {
        language.choose(&self.korean, &self.english)
    }

    pub(crate) fn english(&self) -> &str {
        &self.english
    }
}
