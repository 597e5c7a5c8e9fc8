//! The collections that are stored as BSON documents under their key bytes.

use std::collections::HashSet;

use mongodb::bson::{self, Document, RawDocument, doc};
use redb::{ReadableTable, ReadableTableMetadata as _, Table};

use super::cause::Cause;
use super::columns;
use super::file::Embedded;
use super::tables::has_columns;
use crate::documents::COLLECTIONS;
use crate::documents::field::date_text;
use crate::documents::key::{Collection, key_document_bytes};
use crate::documents::upsert::Upsert;
use crate::error::StoreError;
use crate::records::DateRange;

impl Embedded {
    /// Writes documents with the semantics of the server's upsert, and removes the documents with a key in `obsolete`
    /// that are not among the upserts.
    pub(super) fn put(
        &self,
        collection: &'static Collection,
        upserts: impl IntoIterator<Item = Upsert>,
        mut obsolete: HashSet<Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.change(collection, |tables| {
            let mut table = tables.documents_mut(collection)?;
            for upsert in upserts {
                let upsert = upsert.with_run(self.run);
                write_document(&mut table, &upsert)?;
                obsolete.remove(&key_document_bytes(&upsert.key));
            }
            for key in obsolete {
                table.remove(key.as_slice())?;
            }
            Ok(())
        })
    }

    /// Visits the documents of a span, in key order.
    pub(crate) fn visit(
        &self,
        span: KeySpan<'_>,
        visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        self.read(span.collection, |tables| visit_documents(&tables.documents(span.collection)?, span, visit))
    }

    /// Visits the documents of a range of days, in key order. The date must be the first key field.
    pub(super) fn visit_days(
        &self,
        collection: &Collection,
        range: DateRange,
        visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let key = |date| key_document_bytes(&doc! { "date": date_text(date) });
        self.visit(KeySpan { collection, from: &key(range.from), to: &key(range.to) }, visit)
    }

    /// Returns the records of the documents of a span, in key order.
    pub(super) fn records<T>(
        &self,
        span: KeySpan<'_>,
        mut read: impl FnMut(&Document) -> Result<T, String>,
    ) -> Result<Vec<T>, StoreError> {
        let mut records = Vec::new();
        self.visit(span, |document| {
            records.push(read(&whole_document(document)?)?);
            Ok(())
        })?;
        Ok(records)
    }

    pub(crate) fn nonempty_collections(&self) -> Result<Vec<&'static str>, StoreError> {
        let mut names = Vec::new();
        for collection in COLLECTIONS {
            let is_empty = self.read(collection, |tables| {
                if has_columns(collection) {
                    return Ok(columns::newest_day(tables, collection)?.is_none());
                }
                Ok(tables.documents(collection)?.is_empty()?)
            })?;
            if !is_empty {
                names.push(collection.name);
            }
        }
        Ok(names)
    }
}

/// A span of keys: from the first key that starts with `from` to the last key that starts with `to`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySpan<'k> {
    collection: &'k Collection,
    from: &'k [u8],
    to: &'k [u8],
}

impl<'k> KeySpan<'k> {
    /// Returns the span of all keys.
    pub(crate) fn all(collection: &'k Collection) -> Self {
        Self::prefix(collection, &[])
    }

    /// Returns the span of the keys that start with `prefix`.
    pub(super) fn prefix(collection: &'k Collection, prefix: &'k [u8]) -> Self {
        Self { collection, from: prefix, to: prefix }
    }
}

/// Visits the documents of a span, in key order.
pub(super) fn visit_documents(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    span: KeySpan<'_>,
    mut visit: impl FnMut(&RawDocument) -> Result<(), String>,
) -> Result<(), Cause> {
    // No key continues with FF, so this end lies behind all keys that start with `to`.
    let end = [span.to, &[0xFF]].concat();
    for item in table.range::<&[u8]>(span.from..end.as_slice())? {
        let (_, value) = item?;
        let document = RawDocument::from_bytes(value.value()).map_err(|error| Cause::unreadable("", error))?;
        visit(document).map_err(|cause| Cause::unreadable(key_text(span.collection, document), cause))?;
    }
    Ok(())
}

/// Inserts or updates a document.
pub(super) fn write_document(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    upsert: &Upsert,
) -> Result<(), Cause> {
    let key = key_document_bytes(&upsert.key);
    let old = table.get(key.as_slice())?.map(|old| Document::from_reader(old.value())).transpose();
    let document = match old.map_err(|error| Cause::unreadable(upsert.key.to_string(), error))? {
        Some(mut old) => {
            upsert.apply(&mut old);
            old
        }
        None => upsert.new_document(),
    };
    let bytes = bson::to_vec(&document).map_err(|error| Cause::unreadable(upsert.key.to_string(), error))?;
    table.insert(key.as_slice(), bytes.as_slice())?;
    Ok(())
}

/// Converts all fields of a document.
pub(super) fn whole_document(document: &RawDocument) -> Result<Document, String> {
    document.try_into().map_err(|error| format!("{error}"))
}

fn key_text(collection: &Collection, document: &RawDocument) -> String {
    let field = |field: &&str| format!("{field} {:?}", document.get(field).ok().flatten());
    collection.key.iter().map(field).collect::<Vec<_>>().join(", ")
}
