//! `billing_hourly`: one day of one series as the hourly runs saw it.

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Document, RawDocument, doc};

use super::{Collection, Interner, Upsert, date, date_text, key_fields, name_fields, number, series, time};
use crate::history::Snapshot;
use crate::series::{Names, SeriesKey};

pub(in crate::store) const COLLECTION: Collection = Collection {
    name: "billing_hourly",
    key: &["date", "domainId", "projectId", "serviceId"],
    unique: "unique_hourly_snapshot",
    indexes: &[],
};

/// The field of an hour's cumulative amount.
pub(in crate::store) fn hour_field(hour: u8) -> String {
    format!("hours.{hour:02}")
}

/// Sets one hour's cumulative amount and leaves the others.
pub(in crate::store) fn upsert(
    date: Date,
    hour: u8,
    key: &SeriesKey,
    names: &Names,
    amount: f64,
    now: Timestamp,
) -> Upsert {
    let mut id = doc! { "date": date_text(date) };
    key_fields(&mut id, key);
    let mut set = Document::new();
    name_fields(&mut set, names);
    set.insert(hour_field(hour), amount);
    set.insert("fetchedAt", time(now));
    set.insert("updatedAt", time(now));
    Upsert { key: id, set, on_insert: doc! { "createdAt": time(now) } }
}

pub(in crate::store) fn read(document: &RawDocument, texts: &mut Interner) -> Result<Snapshot, String> {
    let (key, names) = series(document, texts)?;
    let date = date(document.get_str("date").map_err(|error| error.to_string())?)?;
    let mut hours = [f64::NAN; 24];
    for element in document.get_document("hours").map_err(|error| error.to_string())? {
        let (hour, amount) = element.map_err(|error| error.to_string())?;
        let slot = hour.parse::<usize>().ok().and_then(|hour| hours.get_mut(hour));
        let slot = slot.ok_or_else(|| format!("hours has a field `{hour}`, expected 00 to 23"))?;
        *slot = number(amount).unwrap_or(f64::NAN);
    }
    Ok(Snapshot { date, key, names, hours })
}
