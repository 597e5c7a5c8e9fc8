//! Reading in raw batches: no document is turned into anything but what is asked for.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;

use super::Mongodb;
use crate::history::{History, Measure};
use crate::store::documents::{Collection, daily, date, date_text, key_of_raw, number, texts};
use crate::store::history::Collector;
use crate::store::{DateRange, StoreError};

/// Documents that the server gathers for one reply: a few megabytes.
const BATCH: u32 = 20_000;

/// Cursors over consecutive days: the server works on two while one's batch is decoded.
const CURSORS: usize = 3;

/// A document that is there already, as far as it was asked for.
pub(super) struct Stored {
    pub(super) id: Bson,
    pub(super) fields: RawDocumentBuf,
}

impl Mongodb {
    pub(in crate::store) async fn history(
        &self,
        range: DateRange,
        measures: &[Measure],
    ) -> Result<History, StoreError> {
        let parts = range.split(CURSORS).into_iter().map(|part| self.history_part(part, measures));
        Ok(Collector::join(try_join_all(parts).await?))
    }

    async fn history_part(&self, range: DateRange, measures: &[Measure]) -> Result<Collector, StoreError> {
        let mut fields = doc! {
            "_id": 0, "date": 1, "domainId": 1, "projectId": 1, "serviceId": 1, "isAnomaly": 1,
            "domainName": 1, "projectName": 1, "serviceName": 1, "pricingTypes": 1,
        };
        fields.extend(measures.iter().map(|measure| (measure.field().to_owned(), Bson::Int32(1))));
        let mut collector = Collector::new(range, measures);
        let mut values = vec![f64::NAN; measures.len()];
        let mut last_day = (String::new(), None);
        // Then only the first document of a series has names to keep.
        let newest_first = Some(doc! { "date": -1 });
        self.scan(&daily::COLLECTION, of_days(range), fields, newest_first, |document| {
            add_day(document, measures, &mut collector, &mut values, &mut last_day)
        })
        .await?;
        Ok(collector)
    }

    /// What the collection holds already under the filter, by key, with the given fields beside the key's.
    pub(super) async fn stored(
        &self,
        collection: &'static Collection,
        filter: Document,
        fields: &[&str],
    ) -> Result<HashMap<Vec<u8>, Stored>, StoreError> {
        let fields = collection.key.iter().chain(fields).map(|field| ((*field).to_owned(), Bson::Int32(1))).collect();
        let mut stored = HashMap::new();
        self.each(collection, filter, fields, |document| {
            let id =
                document.get("_id").ok().flatten().and_then(|id| Bson::try_from(id).ok()).ok_or("it has no _id")?;
            stored.insert(key_of_raw(collection, document), Stored { id, fields: document.to_raw_document_buf() });
            Ok(())
        })
        .await?;
        Ok(stored)
    }

    /// Whole documents in the order of their keys.
    pub(in crate::store) async fn documents(
        &self,
        collection: &'static Collection,
        filter: Document,
    ) -> Result<Vec<Document>, StoreError> {
        let mut found = Vec::new();
        self.each(collection, filter, doc! { "_id": 0 }, |document| {
            found.push((key_of_raw(collection, document), document.try_into().map_err(|error| format!("{error}"))?));
            Ok(())
        })
        .await?;
        found.sort_by(|one: &(Vec<u8>, Document), other| one.0.cmp(&other.0));
        Ok(found.into_iter().map(|(_, document)| document).collect())
    }

    pub(super) async fn each(
        &self,
        collection: &'static Collection,
        filter: Document,
        fields: Document,
        visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        self.scan(collection, filter, fields, None, visit).await
    }

    async fn scan(
        &self,
        collection: &'static Collection,
        filter: Document,
        fields: Document,
        sort: Option<Document>,
        mut visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let failed = |error: Error| self.failure("read", collection.name, &error);
        let handle = self.database().collection::<Document>(collection.name);
        let mut find = handle.find(filter).projection(fields).batch_size(BATCH);
        if let Some(sort) = sort {
            find = find.sort(sort);
        }
        let mut batches = find.batch().await.map_err(failed)?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(failed)?;
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
}

/// One document of `billing_daily` into its place; `last_day` saves reading a date again and again.
fn add_day(
    document: &RawDocument,
    measures: &[Measure],
    collector: &mut Collector,
    values: &mut [f64],
    last_day: &mut (String, Option<usize>),
) -> Result<(), String> {
    let (mut day, mut domain, mut project, mut service) = (None, None, None, None);
    let (mut anomalous, mut names, mut pricing_types) = (false, [""; 3], None);
    values.fill(f64::NAN);
    for element in document.iter_elements() {
        let element = element.map_err(|error| error.to_string())?;
        let value = element.value().map_err(|error| error.to_string())?;
        match element.key() {
            "date" => {
                let text = value.as_str().ok_or("date is not a text")?;
                if last_day.0 != text {
                    *last_day = (text.to_owned(), collector.day(date(text)?));
                }
                day = last_day.1;
            }
            "domainId" => domain = value.as_str(),
            "projectId" => project = value.as_str(),
            "serviceId" => service = value.as_str(),
            "domainName" => names[0] = value.as_str().unwrap_or(""),
            "projectName" => names[1] = value.as_str().unwrap_or(""),
            "serviceName" => names[2] = value.as_str().unwrap_or(""),
            "isAnomaly" => anomalous = value.as_bool().unwrap_or(false),
            "pricingTypes" => pricing_types = Some(value),
            field => {
                if let Some(place) = measures.iter().position(|measure| measure.field() == field) {
                    values[place] = number(value).unwrap_or(f64::NAN);
                }
            }
        }
    }
    let (Some(day), Some(domain), Some(project), Some(service)) = (day, domain, project, service) else {
        return Err("date, domainId, projectId and serviceId must be texts".to_owned());
    };
    let row = collector.row(domain, project, service);
    if collector.wants_labels(row, day) {
        collector.label(row, day, names, pricing_types.map(texts).unwrap_or_default());
    }
    collector.add(row, day, values, anomalous);
    Ok(())
}

pub(super) fn of_day(date: jiff::civil::Date) -> Document {
    doc! { "date": date_text(date) }
}

pub(super) fn of_days(range: DateRange) -> Document {
    doc! { "date": { "$gte": date_text(range.from), "$lte": date_text(range.to) } }
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
