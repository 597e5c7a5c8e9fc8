//! `billing_notifications`: notifications about costwarden itself. The record prevents a second delivery.

use jiff::Timestamp;
use mongodb::bson::{Document, doc};

use super::{Collection, Upsert, time, timestamp};
use crate::OperationalNotification;

pub(crate) const COLLECTION: Collection =
    Collection { name: "billing_notifications", key: &["notification"], unique: "unique_notification", indexes: &[] };

pub(crate) fn key(key: &str) -> Document {
    doc! { "notification": key }
}

pub(crate) fn upsert(notification: &OperationalNotification, now: Timestamp) -> Upsert {
    let set = doc! {
        "text": &notification.text,
        "times": i64::from(notification.times),
        "since": time(notification.since),
        "told": notification.told.iter().collect::<Vec<_>>(),
        "updatedAt": time(now),
    };
    Upsert { key: key(&notification.key), set, on_insert: doc! { "createdAt": time(now) } }
}

pub(crate) fn read(document: &Document) -> Result<OperationalNotification, String> {
    let text = |field: &str| document.get_str(field).map(str::to_owned).map_err(|error| error.to_string());
    let times = document.get_i64("times").map_err(|error| error.to_string())?;
    let told = document.get_array("told").map_err(|error| error.to_string())?;
    Ok(OperationalNotification {
        key: text("notification")?,
        text: text("text")?,
        times: u32::try_from(times).map_err(|_| format!("times is {times}"))?,
        since: timestamp(*document.get_datetime("since").map_err(|error| error.to_string())?)?,
        told: told.iter().filter_map(|receiver| receiver.as_str().map(str::to_owned)).collect(),
    })
}
