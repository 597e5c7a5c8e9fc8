//! Reads in raw batches, without a conversion of the unrequested fields.

use std::collections::HashMap;

use futures_util::TryStreamExt as _;
use jiff::civil::Date;
use model::series::{ALL, SeriesKey};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;

use super::Mongodb;
use crate::documents::COLLECTIONS;
use crate::documents::field::date_text;
use crate::documents::key::{Collection, document_key_bytes};
use crate::error::StoreError;
use crate::latency::Operation;
use crate::records::DateRange;

/// Documents per reply of the server, about 1 to 2 MB.
const BATCH: u32 = 4_000;

/// The documents to read.
#[derive(Debug, Default)]
pub(super) struct Find {
    pub(super) filter: Document,
    /// The projection; empty for all fields.
    pub(super) fields: Document,
    pub(super) sort: Option<Document>,
    pub(super) limit: Option<usize>,
}

/// An existing document, with the requested fields.
#[derive(Clone)]
pub(super) struct ExistingDocument {
    pub(super) id: Bson,
    pub(super) fields: RawDocumentBuf,
}

/// Existing documents by key bytes.
pub(super) type ExistingDocuments = HashMap<Vec<u8>, ExistingDocument>;

impl Mongodb {
    /// Visits documents in the order of the sort, or in any order.
    pub(super) async fn visit(
        &self,
        collection: &'static Collection,
        find: Find,
        mut visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let failed = |error: Error| self.failure("read", collection.name, &error);
        let handle = self.database().collection::<Document>(collection.name);
        let mut command = handle.find(find.filter).projection(find.fields).batch_size(BATCH);
        if let Some(sort) = find.sort {
            command = command.sort(sort);
        }
        if let Some(limit) = find.limit {
            // For the server, a limit of 0 means no limit.
            command = command.limit(i64::try_from(limit.max(1)).unwrap_or(i64::MAX));
        }
        let batches = self.latency.measure(Operation::Read, self.answer(command.batch()));
        let mut batches = batches.await.map_err(failed)?;
        while let Some(batch) =
            self.latency.measure(Operation::Read, self.answer(batches.try_next())).await.map_err(failed)?
        {
            for document in batch.doc_slices().map_err(failed)? {
                let Ok(RawBsonRef::Document(document)) = document else {
                    return Err(StoreError::Unreadable {
                        collection: collection.name,
                        key: "?".to_owned(),
                        cause: "the server's reply is broken".to_owned(),
                    });
                };
                visit(document).map_err(|error| unreadable(collection, document, error))?;
            }
        }
        Ok(())
    }

    /// Returns the existing documents that match the filter. Reads the key fields and the given fields.
    pub(super) async fn existing(
        &self,
        collection: &'static Collection,
        filter: Document,
        fields: &[&str],
    ) -> Result<ExistingDocuments, StoreError> {
        let fields = collection.key.iter().chain(fields).map(|field| ((*field).to_owned(), Bson::Int32(1))).collect();
        let mut existing = HashMap::new();
        self.visit(collection, Find { filter, fields, ..Find::default() }, |document| {
            let id = document.get("_id").ok().flatten().and_then(|id| Bson::try_from(id).ok());
            let id = id.ok_or("_id is missing")?;
            let fields = document.to_raw_document_buf();
            existing.insert(document_key_bytes(collection, document), ExistingDocument { id, fields });
            Ok(())
        })
        .await?;
        Ok(existing)
    }

    /// Returns whole documents in key order.
    pub(crate) async fn documents(
        &self,
        collection: &'static Collection,
        filter: Document,
    ) -> Result<Vec<Document>, StoreError> {
        let mut documents: Vec<(Vec<u8>, Document)> = Vec::new();
        self.visit(collection, Find { filter, fields: doc! { "_id": 0 }, ..Find::default() }, |document| {
            let key = document_key_bytes(collection, document);
            documents.push((key, document.try_into().map_err(|error| format!("{error}"))?));
            Ok(())
        })
        .await?;
        documents.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(documents.into_iter().map(|(_, document)| document).collect())
    }

    /// Returns the records of whole documents in key order.
    pub(super) async fn records<T>(
        &self,
        collection: &'static Collection,
        filter: Document,
        mut read: impl FnMut(&Document) -> Result<T, String>,
    ) -> Result<Vec<T>, StoreError> {
        let documents = self.documents(collection, filter).await?;
        let record = |document| read(document).map_err(|cause| unreadable_document(collection, document, cause));
        documents.iter().map(record).collect()
    }

    pub(crate) async fn nonempty_collections(&self) -> Result<Vec<&'static str>, StoreError> {
        let mut names = Vec::new();
        for collection in COLLECTIONS {
            let handle = self.database().collection::<Document>(collection.name);
            let one = handle.find_one(doc! {}).projection(doc! { "_id": 1 });
            if self.answer(one).await.map_err(|error| self.failure("read", collection.name, &error))?.is_some() {
                names.push(collection.name);
            }
        }
        Ok(names)
    }
}

pub(super) fn day_filter(date: Date) -> Document {
    doc! { "date": date_text(date) }
}

pub(super) fn range_filter(range: DateRange) -> Document {
    doc! { "date": { "$gte": date_text(range.from), "$lte": date_text(range.to) } }
}

/// Returns a filter for the days of a series; [`ALL`] matches any id.
pub(super) fn series_filter(range: DateRange, series: &SeriesKey) -> Document {
    let mut filter = range_filter(range);
    for (field, id) in [("domainId", &series.account), ("projectId", &series.project), ("serviceId", &series.service)] {
        if &**id != ALL {
            filter.insert(field, &**id);
        }
    }
    filter
}

pub(super) fn unreadable(collection: &Collection, document: &RawDocument, cause: String) -> StoreError {
    let field = |field: &&str| {
        let value = document.get(field).ok().flatten().and_then(|value| Bson::try_from(value).ok());
        format!("{field} {}", value.unwrap_or(Bson::Null))
    };
    let key = collection.key.iter().map(field).collect::<Vec<_>>().join(", ");
    StoreError::Unreadable { collection: collection.name, key, cause }
}

pub(super) fn unreadable_document(collection: &Collection, document: &Document, cause: String) -> StoreError {
    let raw = RawDocumentBuf::from_document(document).unwrap_or_default();
    unreadable(collection, &raw, cause)
}
