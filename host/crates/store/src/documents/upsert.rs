//! Keyed writes.

use model::run_id::RunId;
use mongodb::bson::{Bson, Document, RawDocument};

/// A keyed write: the key, the fields to set, and the fields to set only in a new document.
#[derive(Debug, Clone)]
pub(crate) struct Upsert {
    /// The key fields, in the order of [`super::key::Collection::key`].
    pub(crate) key: Document,
    /// A name may be a path into a sub-document (`hours.10`). A value replaces the old value.
    pub(crate) set: Document,
    pub(crate) on_insert: Document,
}

impl Upsert {
    /// Adds the id of the writing run.
    pub(crate) fn with_run(mut self, run: Option<RunId>) -> Self {
        self.set.extend(run_field(run));
        self
    }

    /// Returns the document that the write inserts.
    pub(crate) fn new_document(&self) -> Document {
        let mut document = self.key.clone();
        for (path, value) in self.on_insert.iter().chain(&self.set) {
            set_path(&mut document, path, value.clone());
        }
        document
    }

    /// Applies the write to an existing document.
    pub(crate) fn apply(&self, document: &mut Document) {
        for (path, value) in &self.set {
            set_path(document, path, value.clone());
        }
    }

    /// Returns whether the document already holds every field of the write, ignoring `updatedAt` and `runId`. Does not
    /// follow paths into sub-documents.
    pub(crate) fn is_applied_to(&self, document: &RawDocument) -> bool {
        self.set.iter().filter(|(field, _)| !["updatedAt", "runId"].contains(&field.as_str())).all(|(field, value)| {
            document.get(field).ok().flatten().and_then(|old| Bson::try_from(old).ok()).is_some_and(|old| old == *value)
        })
    }
}

/// Returns the field with the id of the run that wrote the document last; empty without a run.
pub(crate) fn run_field(run: Option<RunId>) -> Document {
    run.map(|run| ("runId".to_owned(), Bson::String(run.to_string()))).into_iter().collect()
}

fn set_path(document: &mut Document, path: &str, value: Bson) {
    let Some((head, rest)) = path.split_once('.') else {
        document.insert(path, value);
        return;
    };
    if !matches!(document.get(head), Some(Bson::Document(_))) {
        document.insert(head, Document::new());
    }
    if let Some(Bson::Document(inner)) = document.get_mut(head) {
        set_path(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, doc};

    use super::*;

    #[test]
    fn a_path_sets_one_field_of_a_sub_document() {
        let mut document = doc! { "hours": { "9": 1.0 }, "kept": true };
        let upsert =
            Upsert { key: doc! {}, set: doc! { "hours.10": 2.0, "new.deep.er": 3 }, on_insert: doc! { "kept": false } };
        upsert.apply(&mut document);
        let expected = doc! { "hours": { "9": 1.0, "10": 2.0 }, "kept": true, "new": { "deep": { "er": 3 } } };
        assert_eq!(document, expected);
    }

    #[test]
    fn a_write_without_a_change_is_recognised() {
        let upsert = |amount: f64| Upsert {
            key: doc! {},
            set: doc! { "a": amount, "b": ["x"], "updatedAt": 2 },
            on_insert: doc! {},
        };
        let stored = RawDocumentBuf::from_document(&doc! { "a": 1.0, "b": ["x"], "updatedAt": 1, "more": 1 }).unwrap();
        assert!(upsert(1.0).is_applied_to(&stored));
        assert!(!upsert(1.5).is_applied_to(&stored));
    }
}
