//! `billing_notices`: notifications about costwarden itself. The record prevents a second delivery.

use jiff::Timestamp;
use mongodb::bson::{Document, doc};

use super::{Collection, Upsert, time, timestamp};
use crate::Notice;

pub(crate) const COLLECTION: Collection =
    Collection { name: "billing_notices", key: &["notice"], unique: "unique_notice", indexes: &[] };

pub(crate) fn key(key: &str) -> Document {
    doc! { "notice": key }
}

pub(crate) fn upsert(notice: &Notice, now: Timestamp) -> Upsert {
    let set = doc! {
        "text": &notice.text,
        "times": i64::from(notice.times),
        "since": time(notice.since),
        "told": notice.told.iter().collect::<Vec<_>>(),
        "updatedAt": time(now),
    };
    Upsert { key: key(&notice.key), set, on_insert: doc! { "createdAt": time(now) } }
}

pub(crate) fn read(document: &Document) -> Result<Notice, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    let times = document.get_i64("times").map_err(|error| error.to_string())?;
    let told = document.get_array("told").map_err(|error| error.to_string())?;
    Ok(Notice {
        key: text("notice")?,
        text: text("text")?,
        times: u32::try_from(times).map_err(|_| format!("times is {times}"))?,
        since: timestamp(*document.get_datetime("since").map_err(|error| error.to_string())?)?,
        told: told.iter().filter_map(|sink| sink.as_str().map(str::to_owned)).collect(),
    })
}
