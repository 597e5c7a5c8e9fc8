//! `billing_restated`: what a day of one series was known to cost before its bill was corrected.
//!
//! The amounts that are known now stand in `billing_daily`. Each correction leaves what it replaced here, numbered from
//! 0 on, with the moments from which and until which it was known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Document, RawDocument, doc};

use super::{daily, Collection, Upsert, date_text, key_fields, key_of, name_fields, number, time};
use model::history::Measure;
use model::bill::Amounts;
use model::series::{Names, SeriesKey};

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_restated",
    key: &["date", "domainId", "projectId", "serviceId", "revision"],
    unique: "unique_restated",
    indexes: &[],
};

/// What is about to be replaced, or removed.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    pub(crate) amounts: Amounts,
    /// When the document of `billing_daily` was made, in milliseconds since 1970.
    pub(crate) created: i64,
}

/// The newest that is kept of one series' day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revision {
    revision: i32,
    amounts: Amounts,
    /// Milliseconds since 1970.
    until: i64,
}

/// The key of a day of one series, without the revision.
pub(crate) fn key(date: Date, series: &SeriesKey) -> Document {
    let mut key = doc! { "date": date_text(date) };
    key_fields(&mut key, series);
    key
}

/// Keeps what is replaced, given the newest that was kept before. A run that was killed between this and the
/// correction keeps the same once more.
pub(crate) fn upsert(date: Date, earlier: &Earlier, newest: Option<&Revision>, now: Timestamp) -> Upsert {
    // One that left the day and came back later was not known in between.
    let repeats = newest.is_some_and(|newest| newest.until >= earlier.created && newest.amounts == earlier.amounts);
    let revision = newest.map_or(0, |newest| newest.revision + i32::from(!repeats));
    let from = newest.map_or(earlier.created, |newest| newest.until.max(earlier.created));
    let mut id = key(date, &earlier.key);
    id.insert("revision", revision);
    let mut set = Document::new();
    name_fields(&mut set, &earlier.names);
    for measure in Measure::ALL {
        set.insert(daily::field(measure), measure.of(&earlier.amounts));
    }
    set.extend(doc! { "knownUntil": time(now), "updatedAt": time(now) });
    let from = mongodb::bson::DateTime::from_millis(from);
    Upsert { key: id, set, on_insert: doc! { "knownFrom": from, "createdAt": time(now) } }
}

/// Reads a revision, and the key of its day and series in bytes.
pub(crate) fn read(document: &RawDocument) -> Result<(Vec<u8>, Revision), String> {
    let revision = document.get_i32("revision").map_err(|error| error.to_string())?;
    let until = document.get_datetime("knownUntil").map_err(|error| error.to_string())?.timestamp_millis();
    let fields = COLLECTION.key.iter().filter(|field| **field != "revision");
    let key = super::key_bytes(fields.map(|field| document.get(field).ok().flatten()));
    Ok((key, Revision { revision, amounts: amounts(document), until }))
}

/// The sums out of a document of this collection or of `billing_daily`; what is missing is 0.
pub(crate) fn amounts(document: &RawDocument) -> Amounts {
    let amount = |measure: Measure| document.get(daily::field(measure)).ok().flatten().and_then(number).unwrap_or(0.0);
    Amounts {
        billed_cost: amount(Measure::BilledCost),
        list_cost: amount(Measure::ListCost),
        discount: amount(Measure::Discount),
        usage_time: amount(Measure::UsageTime),
        usage_quantity: amount(Measure::UsageQuantity),
    }
}

/// The newest revision of each series among some of one day.
pub(crate) fn newest(
    revisions: impl IntoIterator<Item = (Vec<u8>, Revision)>,
) -> BTreeMap<Vec<u8>, Revision> {
    let mut newest: BTreeMap<Vec<u8>, Revision> = BTreeMap::new();
    for (key, revision) in revisions {
        let place = newest.entry(key).or_insert(revision);
        if place.revision < revision.revision {
            *place = revision;
        }
    }
    newest
}

/// What was known at a moment: of each series and day the document of `billing_daily`, or the one that it had replaced
/// since. Both are in the order of their keys, and so is the result.
pub(crate) fn as_of(
    current: Vec<Document>,
    earlier: Vec<Document>,
    moment: Timestamp,
) -> Result<Vec<Document>, String> {
    let moment = moment.as_millisecond();
    let millis = |document: &Document, field: &str| {
        document.get_datetime(field).map(|at| at.timestamp_millis()).map_err(|error| format!("{field}: {error}"))
    };
    let day = |document: &Document| {
        let fields = COLLECTION.key.iter().filter(|field| **field != "revision");
        key_of(&fields.filter_map(|field| Some(((*field).to_owned(), document.get(field)?.clone()))).collect())
    };
    let mut known: BTreeMap<Vec<u8>, Document> = BTreeMap::new();
    let mut last_until: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for document in earlier {
        let (from, until) = (millis(&document, "knownFrom")?, millis(&document, "knownUntil")?);
        let key = day(&document);
        let last = last_until.entry(key.clone()).or_insert(until);
        *last = until.max(*last);
        if (from..until).contains(&moment) {
            known.insert(key, document);
        }
    }
    for document in current {
        let key = day(&document);
        // Other programs need not say it.
        let created = millis(&document, "createdAt").unwrap_or(i64::MIN);
        let from = last_until.get(&key).map_or(created, |until| created.max(*until));
        if from <= moment {
            known.insert(key, document);
        }
    }
    Ok(known.into_values().collect())
}
