//! `billing_notifications`: notifications about costwarden itself. The record prevents a second delivery.

use jiff::Timestamp;
use mongodb::bson::{Document, doc};

use super::field::{bson_time, timestamp};
use super::key::Collection;
use super::upsert::Upsert;
use crate::records::OperationalNotification;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_notifications",
    key: &["notification"],
    unique_index: "unique_notification",
    indexes: &[],
};

pub(crate) fn key(key: &str) -> Document {
    doc! { "notification": key }
}

pub(crate) fn upsert(notification: &OperationalNotification, now: Timestamp) -> Upsert {
    let set = doc! {
        "text": &notification.text,
        "times": i64::from(notification.times),
        "since": bson_time(notification.since),
        "delivered": notification.delivered.iter().collect::<Vec<_>>(),
        "updatedAt": bson_time(now),
    };
    Upsert { key: key(&notification.key), set, on_insert: doc! { "createdAt": bson_time(now) } }
}

pub(crate) fn read(document: &Document) -> Result<OperationalNotification, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    let times = document.get_i64("times").map_err(|error| error.to_string())?;
    let delivered = document.get_array("delivered").map_err(|error| error.to_string())?;
    Ok(OperationalNotification {
        key: text("notification")?,
        text: text("text")?,
        times: u32::try_from(times).map_err(|_| format!("times is {times}, expected a count"))?,
        since: timestamp(*document.get_datetime("since").map_err(|error| error.to_string())?)?,
        delivered: delivered.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
    })
}
