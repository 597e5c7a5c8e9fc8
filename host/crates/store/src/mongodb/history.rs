//! Reads of a range of days as a history or as snapshots.

use std::cell::RefCell;

use futures_util::future::try_join_all;
use model::history::{DayMarks, History, Measure, Snapshots};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};

use super::Mongodb;
use super::collector::{Collector, ReadPosition};
use super::read::{Find, range_filter};
use crate::documents::field::{number, parse_date, texts};
use crate::documents::key::Collection;
use crate::documents::{daily, hourly};
use crate::error::StoreError;
use crate::records::DateRange;

/// Number of cursors over consecutive days: the server works on two while the client decodes a batch of the third.
const CURSORS: usize = 3;

/// The fields of every read document.
const SERIES_FIELDS: [&str; 7] =
    ["date", "domainId", "projectId", "serviceId", "domainName", "projectName", "serviceName"];

/// A collection with one document per day and series, and the fields to read.
struct DaySource<'f> {
    collection: &'static Collection,
    fields: &'f [&'f str],
    /// Number of amounts per document.
    width: usize,
}

impl Mongodb {
    pub(crate) async fn history(&self, range: DateRange, measures: &[Measure]) -> Result<History, StoreError> {
        let mut fields = vec!["isAnomaly", "isIncomplete", "pricingTypes"];
        fields.extend(measures.iter().copied().map(daily::field));
        let source = DaySource { collection: &daily::COLLECTION, fields: &fields, width: measures.len() };
        let read = |document: &RawDocument, reader: &mut DayReader<'_>| reader.add_day(document, measures);
        Ok(self.read_days(source, range, &read).await?.history(measures))
    }

    pub(crate) async fn snapshots(&self, range: DateRange) -> Result<Snapshots, StoreError> {
        let source = DaySource { collection: &hourly::COLLECTION, fields: &["hours"], width: 24 };
        let read = |document: &RawDocument, reader: &mut DayReader<'_>| reader.add_hours(document);
        Ok(self.read_days(source, range, &read).await?.snapshots())
    }

    /// Reads a range of days with several cursors at once.
    async fn read_days(
        &self,
        source: DaySource<'_>,
        range: DateRange,
        read: &impl Fn(&RawDocument, &mut DayReader<'_>) -> Result<(), String>,
    ) -> Result<Collector, StoreError> {
        let fields = SERIES_FIELDS.iter().chain(source.fields).map(|field| ((*field).to_owned(), Bson::Int32(1)));
        let fields: Document = fields.chain([("_id".to_owned(), Bson::Int32(0))]).collect();
        // A `RefCell` suffices: `try_join_all` polls all cursors in the same task.
        let collector = RefCell::new(Collector::new(range, source.width));
        let reads = range.split(CURSORS).into_iter().map(async |range| {
            let mut reader = DayReader::new(&collector, source.width);
            let find = Find {
                filter: range_filter(range),
                fields: fields.clone(),
                // Ascending key order: a backward walk of the index takes a server half as long again.
                sort: Some(doc! { "date": 1, "domainId": 1, "projectId": 1, "serviceId": 1 }),
                limit: None,
            };
            self.visit(source.collection, find, |document| read(document, &mut reader)).await
        });
        try_join_all(reads).await?;
        Ok(collector.into_inner())
    }
}

/// The reader of a part of the days, with buffers shared between the documents.
struct DayReader<'c> {
    collector: &'c RefCell<Collector>,
    position: ReadPosition,
    values: Vec<f64>,
    last_date: String,
    last_day: Option<usize>,
}

/// The common fields of daily and hourly documents.
#[derive(Default)]
struct SeriesFields<'a> {
    date: Option<&'a str>,
    ids: [Option<&'a str>; 3],
    names: [&'a str; 3],
    pricing_categories: Option<RawBsonRef<'a>>,
    marks: DayMarks,
}

impl<'c> DayReader<'c> {
    fn new(collector: &'c RefCell<Collector>, width: usize) -> Self {
        Self {
            collector,
            position: ReadPosition::default(),
            values: vec![f64::NAN; width],
            last_date: String::new(),
            last_day: None,
        }
    }

    fn add_day(&mut self, document: &RawDocument, measures: &[Measure]) -> Result<(), String> {
        let mut fields = SeriesFields::default();
        self.values.fill(f64::NAN);
        for element in document.iter_elements() {
            let element = element.map_err(|error| error.to_string())?;
            let value = element.value().map_err(|error| error.to_string())?;
            match element.key() {
                "isAnomaly" => fields.marks.is_anomalous = value.as_bool().unwrap_or(false),
                "isIncomplete" => fields.marks.is_incomplete = value.as_bool().unwrap_or(false),
                "pricingTypes" => fields.pricing_categories = Some(value),
                field => {
                    if let Some(index) = measures.iter().position(|measure| daily::field(*measure) == field) {
                        self.values[index] = number(value).unwrap_or(f64::NAN);
                    } else {
                        fields.read(field, value);
                    }
                }
            }
        }
        self.add(&fields)
    }

    fn add_hours(&mut self, document: &RawDocument) -> Result<(), String> {
        let mut fields = SeriesFields::default();
        let mut hours = None;
        for element in document {
            match element.map_err(|error| error.to_string())? {
                ("hours", value) => hours = value.as_document(),
                (field, value) => fields.read(field, value),
            }
        }
        self.values.copy_from_slice(&hourly::read_hours(hours.ok_or("hours must be a document")?)?);
        self.add(&fields)
    }

    fn add(&mut self, fields: &SeriesFields<'_>) -> Result<(), String> {
        let (Some(date), [Some(account), Some(project), Some(service)]) = (fields.date, fields.ids) else {
            return Err("date, domainId, projectId and serviceId must be texts".to_owned());
        };
        let mut collector = self.collector.borrow_mut();
        // Documents come in date order, so the date is rarely parsed.
        if self.last_date != date {
            self.last_day = collector.day(parse_date(date)?);
            date.clone_into(&mut self.last_date);
        }
        let day = self.last_day.ok_or("date is outside the requested range")?;
        let row = collector.next_row(&mut self.position, [account, project, service]);
        if collector.has_older_names(row, day) {
            let pricing_categories = || fields.pricing_categories.into_iter().flat_map(texts);
            collector.set_names(row, day, fields.names, pricing_categories);
        }
        collector.add(row, day, &self.values, fields.marks);
        Ok(())
    }
}

impl<'a> SeriesFields<'a> {
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
