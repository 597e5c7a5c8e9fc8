//! The documents of both databases: collections, keys and fields.
//!
//! Each collection has a file with the conversions between the program's types and the documents. Transport to a disk
//! or a server is not part of this module.

pub(super) mod anomaly;
pub(super) mod baseline;
pub(super) mod daily;
pub(super) mod hourly;
pub(super) mod incident;
mod json;
pub(super) mod notification;
pub(super) mod restated;
pub(super) mod run;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{self, Bson, Document, RawBsonRef, RawDocument};

use model::intern::Interner;
use model::run_id::RunId;
use model::series::{Names, SeriesKey};

/// A collection: the name, the key fields and the indexes.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) name: &'static str,
    pub(super) key: &'static [&'static str],
    /// The name of the unique index on the key.
    pub(super) unique: &'static str,
    /// The name and the fields of each index, each field ascending (1) or descending (-1).
    pub(super) indexes: &'static [(&'static str, &'static [(&'static str, i32)])],
}

pub(super) const COLLECTIONS: [&Collection; 8] = [
    &daily::COLLECTION,
    &restated::COLLECTION,
    &hourly::COLLECTION,
    &baseline::COLLECTION,
    &anomaly::COLLECTION,
    &incident::COLLECTION,
    &run::COLLECTION,
    &notification::COLLECTION,
];

/// A keyed write: the key, the fields to set, and the fields to set only in a new document.
#[derive(Debug, Clone)]
pub(super) struct Upsert {
    /// The key fields, in the order of [`Collection::key`].
    pub(super) key: Document,
    /// A name may be a path into a sub-document (`hours.10`). A value replaces the old value.
    pub(super) set: Document,
    pub(super) on_insert: Document,
}

impl Upsert {
    /// Adds the run's id to the write.
    pub(super) fn by(mut self, run: Option<RunId>) -> Self {
        self.set.extend(run_field(run));
        self
    }

    /// Returns the document that the write inserts.
    pub(super) fn fresh(&self) -> Document {
        let mut document = self.key.clone();
        for (path, value) in self.on_insert.iter().chain(&self.set) {
            set_path(&mut document, path, value.clone());
        }
        document
    }

    /// Applies the write to an existing document.
    pub(super) fn apply(&self, document: &mut Document) {
        for (path, value) in &self.set {
            set_path(document, path, value.clone());
        }
    }

    /// Returns whether the document already holds every field of the write, ignoring `updatedAt` and `runId`. Does not
    /// follow paths into sub-documents.
    pub(super) fn is_in(&self, document: &RawDocument) -> bool {
        self.set.iter().filter(|(field, _)| !["updatedAt", "runId"].contains(&field.as_str())).all(|(field, value)| {
            document.get(field).ok().flatten().and_then(|old| Bson::try_from(old).ok()).is_some_and(|old| old == *value)
        })
    }
}

/// Returns the field with the id of the run that wrote the document last; empty without a run.
pub(super) fn run_field(run: Option<RunId>) -> Document {
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

/// Encodes key fields to bytes with the same order as the fields: absent and null first, then numbers, then texts.
///
/// The encoding of the first fields is a prefix of the encoding of all fields.
pub(super) fn key_bytes<'a>(fields: impl IntoIterator<Item = Option<RawBsonRef<'a>>>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    for field in fields {
        let number = match field {
            Some(RawBsonRef::String(text)) => {
                bytes.push(2);
                // NUL becomes 00 FF and the text ends with 00 01: a text sorts before a longer text with the same
                // start.
                for byte in text.bytes() {
                    bytes.push(byte);
                    if byte == 0 {
                        bytes.push(0xFF);
                    }
                }
                bytes.extend([0, 1]);
                continue;
            }
            Some(RawBsonRef::Int32(number)) => i64::from(number),
            Some(RawBsonRef::Int64(number)) => number,
            #[expect(clippy::cast_possible_truncation, reason = "an hour that another program stored as a double")]
            Some(RawBsonRef::Double(number)) => number as i64,
            _ => {
                bytes.push(0);
                continue;
            }
        };
        bytes.push(1);
        // The flipped sign bit sorts negative numbers before positive numbers.
        bytes.extend((number ^ i64::MIN).to_be_bytes());
    }
    bytes
}

/// Returns the [`key_bytes`] of a document of the collection.
pub(super) fn key_of_raw(collection: &Collection, document: &RawDocument) -> Vec<u8> {
    key_bytes(collection.key.iter().map(|field| document.get(field).ok().flatten()))
}

/// Returns the [`key_bytes`] of an ordered key document.
pub(super) fn key_of(key: &Document) -> Vec<u8> {
    key_bytes(key.values().map(|value| match value {
        Bson::String(text) => Some(RawBsonRef::String(text)),
        Bson::Int32(number) => Some(RawBsonRef::Int32(*number)),
        _ => None,
    }))
}

/// The key and names of a document's series; a name that is missing is the id.
pub(super) fn series(document: &RawDocument, texts: &mut Interner) -> Result<(SeriesKey, Names), String> {
    let mut id = |field: &str| document.get_str(field).map(|text| texts.get(text)).map_err(|error| error.to_string());
    let key = SeriesKey { account: id("domainId")?, project: id("projectId")?, service: id("serviceId")? };
    let mut name = |field: &str, id: &Arc<str>| match document.get(field) {
        Ok(Some(RawBsonRef::String(text))) => texts.get(text),
        _ => Arc::clone(id),
    };
    let names = Names {
        account: name("domainName", &key.account),
        project: name("projectName", &key.project),
        service: name("serviceName", &key.service),
    };
    Ok((key, names))
}

/// Returns the series of a document for messages.
pub(super) fn series_text(document: &Document) -> String {
    ["date", "domainId", "projectId", "serviceId"].map(|field| document.get_str(field).unwrap_or_default()).join("/")
}

/// Any of BSON's numbers; none where there is no number.
pub(super) fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Double(number) => Some(number),
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        #[expect(clippy::cast_precision_loss, reason = "amounts are doubles everywhere else")]
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Decimal128(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// Returns the texts of an array; skips elements of another type.
pub(super) fn texts(value: RawBsonRef<'_>) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(|item| item.ok()?.as_str())
}

/// Formats a date like `20261122`.
pub(super) fn date_text(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// Parses the format of [`date_text`].
pub(super) fn date(text: &str) -> Result<Date, String> {
    // The digit check matters: `parse` alone accepts a sign, like in `+2026112`.
    let part =
        |from: usize, to: usize| text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let parsed = (text.len() == 8).then(|| {
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
    });
    parsed.flatten().ok_or_else(|| format!("date is `{text}`, expected YYYYMMDD"))
}

/// Converts a timestamp to the documents' type, in milliseconds since 1970.
pub(super) fn time(timestamp: Timestamp) -> bson::DateTime {
    bson::DateTime::from_millis(timestamp.as_millisecond())
}

fn timestamp(time: bson::DateTime) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(time.timestamp_millis()).map_err(|error| error.to_string())
}

/// Converts a number to BSON; null if not finite.
fn finite(number: f64) -> Bson {
    if number.is_finite() { Bson::Double(number) } else { Bson::Null }
}

/// Makes an external text usable for a field name. BSON names end at the first NUL.
fn field_name(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

fn figures_document(figures: &BTreeMap<String, f64>) -> Document {
    figures.iter().map(|(name, figure)| (field_name(name).into_owned(), Bson::Double(*figure))).collect()
}

fn hour_value(hour: Option<u8>) -> Bson {
    hour.map_or(Bson::Null, |hour| Bson::Int32(hour.into()))
}

fn key_fields(document: &mut Document, key: &SeriesKey) {
    document.insert("domainId", &*key.account);
    document.insert("projectId", &*key.project);
    document.insert("serviceId", &*key.service);
}

fn name_fields(document: &mut Document, names: &Names) {
    document.insert("domainName", &*names.account);
    document.insert("projectName", &*names.project);
    document.insert("serviceName", &*names.service);
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, doc};

    use super::*;

    #[test]
    fn keys_order_as_their_fields() {
        let text = |text| Some(RawBsonRef::String(text));
        let hour = |hour| Some(RawBsonRef::Int32(hour));
        let keys = [
            key_bytes([text("20261122"), None, text("b")]),
            key_bytes([text("20261122"), hour(0), text("a")]),
            key_bytes([text("20261122"), hour(9), text("a")]),
            key_bytes([text("20261122"), hour(9), text("a\0")]),
            key_bytes([text("20261122"), hour(9), text("ab")]),
            key_bytes([text("20261122"), hour(10), text("")]),
            key_bytes([text("20261123"), None, text("")]),
        ];
        assert!(keys.is_sorted());
        assert!(keys[1].starts_with(&key_bytes([text("20261122"), hour(0)])));
        assert_ne!(key_bytes([text("a"), text("b")]), key_bytes([text("ab"), text("")]));
    }

    #[test]
    fn a_key_is_the_same_however_its_hour_is_stored() {
        let hour = |value| key_bytes([Some(value)]);
        assert_eq!(hour(RawBsonRef::Int32(7)), hour(RawBsonRef::Int64(7)));
        assert_eq!(hour(RawBsonRef::Int32(7)), hour(RawBsonRef::Double(7.0)));
    }

    #[test]
    fn paths_set_what_they_name_alone() {
        let mut document = doc! { "hours": { "9": 1.0 }, "kept": true };
        let upsert =
            Upsert { key: doc! {}, set: doc! { "hours.10": 2.0, "new.deep.er": 3 }, on_insert: doc! { "kept": false } };
        upsert.apply(&mut document);
        let expected = doc! { "hours": { "9": 1.0, "10": 2.0 }, "kept": true, "new": { "deep": { "er": 3 } } };
        assert_eq!(document, expected);
    }

    #[test]
    fn a_write_of_what_stands_there_is_told_from_a_change() {
        let upsert = |amount: f64| Upsert {
            key: doc! {},
            set: doc! { "a": amount, "b": ["x"], "updatedAt": 2 },
            on_insert: doc! {},
        };
        let stored = RawDocumentBuf::from_document(&doc! { "a": 1.0, "b": ["x"], "updatedAt": 1, "more": 1 }).unwrap();
        assert!(upsert(1.0).is_in(&stored));
        assert!(!upsert(1.5).is_in(&stored));
    }

    #[test]
    fn dates_are_eight_digits() {
        assert_eq!(date("20261122"), Ok(jiff::civil::date(2026, 11, 22)));
        assert_eq!(date_text(jiff::civil::date(2026, 1, 2)), "20260102");
        for text in ["2026-11-22", "20261332", "2026112", "+2026112", "2026112가"] {
            assert!(date(text).is_err(), "{text}");
        }
    }
}
