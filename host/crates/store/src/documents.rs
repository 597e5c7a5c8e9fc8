//! The documents of both databases: collections, keys and fields.
//!
//! Each collection has a file with the conversions between the program's types and the documents. Transport to a disk
//! or a server is not part of this module.

pub(crate) mod anomaly;
pub(crate) mod baseline;
pub(crate) mod budget;
pub(crate) mod daily;
pub(crate) mod field;
pub(crate) mod hourly;
pub(crate) mod incident;
pub(crate) mod incident_query;
pub(crate) mod installation;
mod json;
pub(crate) mod key;
pub(crate) mod notification;
pub(crate) mod planned_event;
pub(crate) mod restatement;
pub(crate) mod run;
mod scope;
pub(crate) mod silence;
pub(crate) mod upsert;

use mongodb::bson::Document;

use self::key::Collection;

pub(crate) const COLLECTIONS: [&Collection; 12] = [
    &daily::COLLECTION,
    &restatement::COLLECTION,
    &hourly::COLLECTION,
    &baseline::COLLECTION,
    &anomaly::COLLECTION,
    &incident::COLLECTION,
    &run::COLLECTION,
    &notification::COLLECTION,
    &silence::COLLECTION,
    &planned_event::COLLECTION,
    &budget::COLLECTION,
    &installation::COLLECTION,
];

/// Returns the date and the series of a document for messages.
pub(crate) fn key_text(document: &Document) -> String {
    ["date", "domainId", "projectId", "serviceId"].map(|field| document.get_str(field).unwrap_or_default()).join("/")
}
