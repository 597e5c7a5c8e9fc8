//! `billing_silences`: one silence per document.

use jiff::Timestamp;
use model::silence::Silence;
use mongodb::bson::{Document, doc};

use super::field::{bson_time, timestamp};
use super::key::Collection;
use super::scope;
use super::upsert::Upsert;

pub(crate) const COLLECTION: Collection =
    Collection { name: "billing_silences", key: &["silence"], unique_index: "unique_silence", indexes: &[] };

pub(crate) fn key(id: &str) -> Document {
    doc! { "silence": id }
}

pub(crate) fn upsert(silence: &Silence, now: Timestamp) -> Upsert {
    let Silence { id, scope, reason, author, created_at, until, expired_by } = silence;
    let set = doc! {
        "scope": scope::document(scope),
        "reason": reason,
        "author": author,
        "until": bson_time(*until),
        "expiredBy": expired_by.as_deref(),
        "updatedAt": bson_time(now),
    };
    Upsert { key: key(id), set, on_insert: doc! { "createdAt": bson_time(*created_at) } }
}

pub(crate) fn read(document: &Document) -> Result<Silence, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    let time = |field: &str| timestamp(*document.get_datetime(field).map_err(|error| error.to_string())?);
    Ok(Silence {
        id: text("silence")?,
        scope: scope::read(document.get_document("scope").map_err(|error| error.to_string())?)?,
        reason: text("reason")?,
        author: text("author")?,
        created_at: time("createdAt")?,
        until: time("until")?,
        expired_by: text("expiredBy").ok(),
    })
}
