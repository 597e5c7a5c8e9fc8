//! `billing_restatements`: the amounts of a day and series before a restatement.
//!
//! `billing_daily` holds the current amounts. Each restatement adds a revision with the replaced amounts, numbered from
//! 0, with the times from and until which the amounts were known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use model::bill::Amounts;
use model::history::Measure;
use model::series::{Names, SeriesKey};
use mongodb::bson::{self, Document, RawDocument, doc};

use super::daily;
use super::field::{bson_time, date_text, insert_key, insert_names, number};
use super::key::{Collection, key_bytes, key_document_bytes};
use super::upsert::Upsert;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_restatements",
    key: &["date", "domainId", "projectId", "serviceId", "revision"],
    unique_index: "unique_restatement",
    indexes: &[],
};

/// The amounts of a series that a restatement replaces or removes.
#[derive(Debug, Clone)]
pub(crate) struct ReplacedAmounts {
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    pub(crate) amounts: Amounts,
    /// Creation time of the `billing_daily` document, in milliseconds since 1970.
    pub(crate) created: i64,
}

/// A stored revision of a day and series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revision {
    revision: i32,
    amounts: Amounts,
    /// End of validity, in milliseconds since 1970.
    until: i64,
}

/// Returns the key of a day and series, without the revision.
pub(crate) fn series_day_key(date: Date, series: &SeriesKey) -> Document {
    let mut key = doc! { "date": date_text(date) };
    insert_key(&mut key, series);
    key
}

/// Stores replaced amounts after the newest stored revision. If a run was killed between this write and the
/// restatement, the next run updates the same revision.
pub(crate) fn upsert(date: Date, replaced: &ReplacedAmounts, newest: Option<&Revision>, now: Timestamp) -> Upsert {
    let is_repeated =
        newest.is_some_and(|newest| newest.until >= replaced.created && newest.amounts == replaced.amounts);
    let revision = newest.map_or(0, |newest| newest.revision + i32::from(!is_repeated));
    // A series that left the day and came back was not known in between, so the start is the later time.
    let from = newest.map_or(replaced.created, |newest| newest.until.max(replaced.created));
    let mut key = series_day_key(date, &replaced.key);
    key.insert("revision", revision);
    let mut set = Document::new();
    insert_names(&mut set, &replaced.names);
    for measure in Measure::ALL {
        set.insert(daily::field(measure), measure.value(&replaced.amounts));
    }
    set.extend(doc! { "knownUntil": bson_time(now), "updatedAt": bson_time(now) });
    let from = bson::DateTime::from_millis(from);
    Upsert { key, set, on_insert: doc! { "knownFrom": from, "createdAt": bson_time(now) } }
}

/// Reads a revision and the key bytes of the day and series.
pub(crate) fn read(document: &RawDocument) -> Result<(Vec<u8>, Revision), String> {
    let revision = document.get_i32("revision").map_err(|error| error.to_string())?;
    let until = document.get_datetime("knownUntil").map_err(|error| error.to_string())?.timestamp_millis();
    let fields = COLLECTION.key.iter().filter(|field| **field != "revision");
    let key = key_bytes(fields.map(|field| document.get(field).ok().flatten()));
    Ok((key, Revision { revision, amounts: read_amounts(document), until }))
}

/// Reads the sums of a document of this collection or of `billing_daily`; 0 for a missing field.
pub(crate) fn read_amounts(document: &RawDocument) -> Amounts {
    let amount = |measure: Measure| document.get(daily::field(measure)).ok().flatten().and_then(number).unwrap_or(0.0);
    Amounts {
        billed_cost: amount(Measure::BilledCost),
        list_cost: amount(Measure::ListCost),
        discount: amount(Measure::Discount),
        usage_time: amount(Measure::UsageTime),
        usage_quantity: amount(Measure::UsageQuantity),
    }
}

/// Returns the newest revision of each series of a day, by the key bytes of [`read`].
pub(crate) fn newest_revisions(
    revisions: impl IntoIterator<Item = (Vec<u8>, Revision)>,
) -> BTreeMap<Vec<u8>, Revision> {
    let mut newest: BTreeMap<Vec<u8>, Revision> = BTreeMap::new();
    for (key, revision) in revisions {
        let known = newest.entry(key).or_insert(revision);
        if known.revision < revision.revision {
            *known = revision;
        }
    }
    newest
}

/// Returns the documents known at a time: for each day and series the `billing_daily` document, or the revision valid at
/// the time. `current` are documents of `billing_daily`, `replaced` those of this collection. Input and result are in key
/// order.
pub(crate) fn documents_as_of(
    current: Vec<Document>,
    replaced: Vec<Document>,
    time: Timestamp,
) -> Result<Vec<Document>, String> {
    let time = time.as_millisecond();
    let millis = |document: &Document, field: &str| {
        document.get_datetime(field).map(|at| at.timestamp_millis()).map_err(|error| format!("{field}: {error}"))
    };
    let series_day = |document: &Document| {
        let fields = COLLECTION.key.iter().filter(|field| **field != "revision");
        key_document_bytes(
            &fields.filter_map(|field| Some(((*field).to_owned(), document.get(field)?.clone()))).collect(),
        )
    };
    let mut known: BTreeMap<Vec<u8>, Document> = BTreeMap::new();
    let mut last_until: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for document in replaced {
        let from = millis(&document, "knownFrom")?;
        let until = millis(&document, "knownUntil")?;
        let key = series_day(&document);
        let last = last_until.entry(key.clone()).or_insert(until);
        *last = until.max(*last);
        if (from..until).contains(&time) {
            known.insert(key, document);
        }
    }
    for document in current {
        let key = series_day(&document);
        // Documents of another program may lack the creation time.
        let created = millis(&document, "createdAt").unwrap_or(i64::MIN);
        let from = last_until.get(&key).map_or(created, |until| created.max(*until));
        if from <= time {
            known.insert(key, document);
        }
    }
    Ok(known.into_values().collect())
}
