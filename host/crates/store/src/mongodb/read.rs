//! Reads in raw batches, without a conversion of the unrequested fields.

use std::cell::RefCell;
use std::collections::HashMap;

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use jiff::civil::Date;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;

use super::Mongodb;
use crate::collector::{Collector, Reader};
use crate::documents::{COLLECTIONS, Collection, daily, date, date_text, hourly, key_of_raw, number, texts};
use crate::latency::Operation;
use crate::{DateRange, StoreError};
use model::history::{History, Measure, Snapshots};
use model::series::SeriesKey;

/// Documents per reply of the server, about 1 to 2 MB.
const BATCH: u32 = 4_000;

/// Number of cursors over consecutive days: the server works on two while the client decodes a batch of the third.
const CURSORS: usize = 3;

/// An existing document, with the requested fields.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) id: Bson,
    pub(super) fields: RawDocumentBuf,
}

impl Mongodb {
    pub(crate) async fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError> {
        let mut fields = vec!["isAnomaly", "pricingTypes"];
        fields.extend(measures.iter().copied().map(daily::field));
        let read = |document: &RawDocument, reading: &mut Reading<'_>| reading.add_day(document, measures);
        let collector = self.read_days(&daily::COLLECTION, range, &fields, measures.len(), &read).await?;
        Ok(collector.history(measures))
    }

    pub(crate) async fn day_sizes(&self, range: DateRange) -> Result<Vec<(Date, u64)>, StoreError> {
        let handle = self.database().collection::<Document>(daily::COLLECTION.name);
        let failed = |error: Error| self.failure("read", daily::COLLECTION.name, &error);
        let counted = doc! { "$group": { "_id": "$date", "series": { "$sum": 1 } } };
        let stages = [doc! { "$match": of_days(range) }, counted, doc! { "$sort": { "_id": 1 } }];
        let mut days = self.answer(handle.aggregate(stages)).await.map_err(failed)?;
        let mut sizes = Vec::new();
        while let Some(day) = self.answer(days.try_next()).await.map_err(failed)? {
            let text = day.get_str("_id").map_err(|error| error.to_string());
            let date = text.and_then(date).map_err(|cause| unreadable_document(&daily::COLLECTION, &day, cause))?;
            let series = day.get("series").and_then(|count| count.as_i64().or(count.as_i32().map(i64::from)));
            sizes.push((date, series.and_then(|series| u64::try_from(series).ok()).unwrap_or(0)));
        }
        Ok(sizes)
    }

    pub(crate) async fn newest_day(&self) -> Result<Option<Date>, StoreError> {
        let handle = self.database().collection::<Document>(daily::COLLECTION.name);
        // The comparison with a text skips dates of another type.
        let dated = handle.find_one(doc! { "date": { "$lte": date_text(Date::MAX) } }).sort(doc! { "date": -1 });
        let newest = self.answer(dated.projection(doc! { "_id": 0, "date": 1 })).await;
        let newest = newest.map_err(|error| self.failure("read", daily::COLLECTION.name, &error))?;
        let day = |newest: Document| {
            let text = newest.get_str("date").map_err(|error| error.to_string());
            text.and_then(date).map_err(|cause| unreadable_document(&daily::COLLECTION, &newest, cause))
        };
        newest.map(day).transpose()
    }

    pub(crate) async fn days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.dates(&daily::COLLECTION, range).await
    }

    pub(crate) async fn snapshot_days(&self, range: DateRange) -> Result<Vec<Date>, StoreError> {
        self.dates(&hourly::COLLECTION, range).await
    }

    /// Returns the distinct dates in the range, ascending. The server answers from the unique index, because the date
    /// is the first key field.
    async fn dates(&self, collection: &'static Collection, range: DateRange) -> Result<Vec<Date>, StoreError> {
        let handle = self.database().collection::<Document>(collection.name);
        let found = self.answer(handle.distinct("date", of_days(range))).await;
        let found = found.map_err(|error| self.failure("read", collection.name, &error))?;
        let day = |text: Bson| {
            let day = text.as_str().ok_or_else(|| "date must be a text".to_owned()).and_then(date);
            day.map_err(|cause| unreadable_document(collection, &doc! { "date": text }, cause))
        };
        let mut days = found.into_iter().map(day).collect::<Result<Vec<Date>, StoreError>>()?;
        days.sort_unstable();
        Ok(days)
    }

    pub(crate) async fn filled(&self) -> Result<Vec<&'static str>, StoreError> {
        let mut filled = Vec::new();
        for collection in COLLECTIONS {
            let handle = self.database().collection::<Document>(collection.name);
            let one = handle.find_one(doc! {}).projection(doc! { "_id": 1 });
            if self.answer(one).await.map_err(|error| self.failure("read", collection.name, &error))?.is_some() {
                filled.push(collection.name);
            }
        }
        Ok(filled)
    }

    pub(crate) async fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError> {
        let read = |document: &RawDocument, reading: &mut Reading<'_>| reading.add_hours(document);
        Ok(self.read_days(&hourly::COLLECTION, range, &["hours"], 24, &read).await?.snapshots())
    }

    /// Reads a range of days with several cursors at once.
    async fn read_days(
        &self,
        collection: &'static Collection,
        range: DateRange,
        fields: &[&str],
        width: usize,
        read: &impl Fn(&RawDocument, &mut Reading<'_>) -> Result<(), String>,
    ) -> Result<Collector, StoreError> {
        let always = ["date", "domainId", "projectId", "serviceId", "domainName", "projectName", "serviceName"];
        let projection = always.iter().chain(fields).map(|field| ((*field).to_owned(), Bson::Int32(1)));
        let projection: Document = projection.chain([("_id".to_owned(), Bson::Int32(0))]).collect();
        // A `RefCell` suffices: `try_join_all` polls all cursors in the same task.
        let collector = RefCell::new(Collector::new(range, width));
        let parts = range.split(CURSORS).into_iter().map(async |part| {
            let mut reading = Reading::new(&collector, width);
            // Ascending key order: a backward walk of the index takes a server half as long again.
            let by_key = Some(doc! { "date": 1, "domainId": 1, "projectId": 1, "serviceId": 1 });
            let visit = |document: &RawDocument| read(document, &mut reading);
            self.scan(collection, of_days(part), projection.clone(), by_key, visit).await
        });
        try_join_all(parts).await?;
        Ok(collector.into_inner())
    }

    /// Returns the existing documents that match the filter, by key bytes. Reads the key fields and the given fields.
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

    /// Returns whole documents in key order.
    pub(crate) async fn documents(
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

    /// Visits the first documents in a sort order.
    pub(super) async fn first(
        &self,
        collection: &'static Collection,
        filter: Document,
        sort: Document,
        limit: usize,
        mut visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        let failed = |error: Error| self.failure("read", collection.name, &error);
        let handle = self.database().collection::<RawDocumentBuf>(collection.name);
        // For the server, a limit of 0 means no limit.
        let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let mut found = self.answer(handle.find(filter).sort(sort).limit(limit)).await.map_err(failed)?;
        while let Some(document) = self.answer(found.try_next()).await.map_err(failed)? {
            visit(&document).map_err(|error| unreadable(collection, &document, error))?;
        }
        Ok(())
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
        let mut batches = self.latency.of(Operation::Read, self.answer(find.batch())).await.map_err(failed)?;
        while let Some(batch) =
            self.latency.of(Operation::Read, self.answer(batches.try_next())).await.map_err(failed)?
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
}

/// The read of a part of the days, with buffers shared between the documents.
struct Reading<'c> {
    collector: &'c RefCell<Collector>,
    reader: Reader,
    values: Vec<f64>,
    last_date: String,
    last_day: Option<usize>,
}

/// The common fields of daily and hourly documents.
#[derive(Default)]
struct Labels<'a> {
    date: Option<&'a str>,
    ids: [Option<&'a str>; 3],
    names: [&'a str; 3],
}

impl<'c> Reading<'c> {
    fn new(collector: &'c RefCell<Collector>, width: usize) -> Self {
        Self {
            collector,
            reader: Reader::default(),
            values: vec![f64::NAN; width],
            last_date: String::new(),
            last_day: None,
        }
    }

    fn add_day(&mut self, document: &RawDocument, measures: &[Measure]) -> Result<(), String> {
        let mut labels = Labels::default();
        let (mut anomalous, mut pricing_categories) = (false, None);
        self.values.fill(f64::NAN);
        for element in document.iter_elements() {
            let element = element.map_err(|error| error.to_string())?;
            let value = element.value().map_err(|error| error.to_string())?;
            match element.key() {
                "isAnomaly" => anomalous = value.as_bool().unwrap_or(false),
                "pricingTypes" => pricing_categories = Some(value),
                field => {
                    if let Some(place) = measures.iter().position(|measure| daily::field(*measure) == field) {
                        self.values[place] = number(value).unwrap_or(f64::NAN);
                    } else {
                        labels.read(field, value);
                    }
                }
            }
        }
        self.add(&labels, pricing_categories, anomalous)
    }

    fn add_hours(&mut self, document: &RawDocument) -> Result<(), String> {
        let mut labels = Labels::default();
        let mut hours = None;
        for element in document {
            match element.map_err(|error| error.to_string())? {
                ("hours", value) => hours = value.as_document(),
                (field, value) => labels.read(field, value),
            }
        }
        self.values.copy_from_slice(&hourly::read_hours(hours.ok_or("hours must be a document")?)?);
        self.add(&labels, None, false)
    }

    fn add(
        &mut self,
        labels: &Labels<'_>,
        pricing_categories: Option<RawBsonRef<'_>>,
        anomalous: bool,
    ) -> Result<(), String> {
        let (Some(text), [Some(account), Some(project), Some(service)]) = (labels.date, labels.ids) else {
            return Err("date, domainId, projectId and serviceId must be texts".to_owned());
        };
        let mut collector = self.collector.borrow_mut();
        // Documents come in date order, so the date is rarely parsed.
        if self.last_date != text {
            self.last_day = collector.day(date(text)?);
            text.clone_into(&mut self.last_date);
        }
        let day = self.last_day.ok_or("its date is not one that was asked for")?;
        let row = collector.row_of(&mut self.reader, [account, project, service]);
        if collector.wants_labels(row, day) {
            collector.label(row, day, labels.names, || pricing_categories.into_iter().flat_map(texts));
        }
        collector.add(row, day, &self.values, anomalous);
        Ok(())
    }
}

impl<'a> Labels<'a> {
    fn read(&mut self, field: &str, value: RawBsonRef<'a>) {
        let text = value.as_str();
        match field {
            "date" => self.date = text,
            "domainId" => self.ids[0] = text,
            "projectId" => self.ids[1] = text,
            "serviceId" => self.ids[2] = text,
            "domainName" => self.names[0] = text.unwrap_or(""),
            "projectName" => self.names[1] = text.unwrap_or(""),
            "serviceName" => self.names[2] = text.unwrap_or(""),
            _ => {}
        }
    }
}

pub(super) fn of_day(date: jiff::civil::Date) -> Document {
    doc! { "date": date_text(date) }
}

pub(super) fn of_days(range: DateRange) -> Document {
    doc! { "date": { "$gte": date_text(range.from), "$lte": date_text(range.to) } }
}

/// Returns a filter for the days of a series; [`crate::series::ALL`] matches any id.
pub(super) fn of_series(range: DateRange, series: &SeriesKey) -> Document {
    let mut filter = of_days(range);
    for (field, id) in [("domainId", &series.account), ("projectId", &series.project), ("serviceId", &series.service)] {
        if &**id != model::series::ALL {
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
