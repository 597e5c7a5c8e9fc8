//! `billing_hourly`: one day of one series as the hourly runs saw it.

use jiff::Timestamp;
use jiff::civil::Date;
use mongodb::bson::{Bson, Document, RawDocument, doc};

use super::{Collection, Upsert, date_text, key_fields, name_fields, number, time};
use model::series::{Names, SeriesKey};

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_hourly",
    key: &["date", "domainId", "projectId", "serviceId"],
    unique: "unique_hourly_snapshot",
    indexes: &[],
};

/// The field of an hour's cumulative amount.
pub(crate) fn hour_field(hour: u8) -> String {
    format!("hours.{hour:02}")
}

pub(crate) fn key(date: Date, series: &SeriesKey) -> Document {
    let mut key = doc! { "date": date_text(date) };
    key_fields(&mut key, series);
    key
}

/// Sets some hours' cumulative amounts and leaves the others.
pub(crate) fn upsert(
    date: Date,
    series: &SeriesKey,
    names: &Names,
    amounts: &[(u8, f64)],
    now: Timestamp,
) -> Upsert {
    let mut set = Document::new();
    name_fields(&mut set, names);
    set.extend(amounts.iter().map(|(hour, amount)| (hour_field(*hour), Bson::Double(*amount))));
    set.insert("fetchedAt", time(now));
    set.insert("updatedAt", time(now));
    Upsert { key: key(date, series), set, on_insert: doc! { "createdAt": time(now) } }
}

/// The hours at which any run looked at a day: a series without a row then cost nothing by then, if it was seen before.
///
/// With this the documents of a day do not depend on the order in which its hours are put.
#[derive(Debug, Default)]
pub(crate) struct Seen([bool; 24]);

impl Seen {
    pub(crate) fn add(&mut self, hours: &[f64; 24]) {
        for (seen, amount) in self.0.iter_mut().zip(hours) {
            *seen |= !amount.is_nan();
        }
    }

    /// What to set where a series has a row at an hour; `stored` is what is known of it.
    pub(crate) fn with_row(&self, hour: u8, amount: f64, stored: Option<&[f64; 24]>) -> Vec<(u8, f64)> {
        let later = (hour + 1..24).filter(|later| {
            let later = usize::from(*later);
            self.0[later] && stored.is_none_or(|hours| hours[later].is_nan())
        });
        std::iter::once((hour, amount)).chain(later.map(|later| (later, 0.0))).collect()
    }
}

/// Whether a series without a row at an hour cost nothing by then, rather than not being known yet.
pub(crate) fn is_gone(hour: u8, stored: &[f64; 24]) -> bool {
    stored[..=usize::from(hour)].iter().any(|amount| !amount.is_nan())
}

/// The amounts by hour out of the field `hours`; NaN where no run looked.
pub(crate) fn read_hours(field: &RawDocument) -> Result<[f64; 24], String> {
    let mut hours = [f64::NAN; 24];
    if read_as_written(field, &mut hours).is_some() {
        return Ok(hours);
    }
    for element in field {
        let (hour, amount) = element.map_err(|error| error.to_string())?;
        let slot = hour.parse::<usize>().ok().and_then(|hour| hours.get_mut(hour));
        let slot = slot.ok_or_else(|| format!("hours has a field `{hour}`, expected 00 to 23"))?;
        *slot = number(amount).unwrap_or(f64::NAN);
    }
    Ok(hours)
}

/// Reads hours as [`upsert`] writes them, each a double under two digits; none where anything else is among them. An
/// hour then has its place among the bytes, and the many hours of a history are read four times as fast.
fn read_as_written(field: &RawDocument, hours: &mut [f64; 24]) -> Option<()> {
    const DOUBLE: u8 = 1;
    // Around the elements: the length, and a NUL.
    let (elements, rest) = field.as_bytes().get(4..)?.as_chunks::<12>();
    if rest != [0] {
        return None;
    }
    for element in elements {
        let [DOUBLE, tens @ b'0'..=b'9', ones @ b'0'..=b'9', 0, amount @ ..] = *element else { return None };
        *hours.get_mut(usize::from(tens - b'0') * 10 + usize::from(ones - b'0'))? = f64::from_le_bytes(amount);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::RawDocumentBuf;

    use super::*;

    fn read(field: &Document) -> Result<Vec<(usize, f64)>, String> {
        let hours = read_hours(&RawDocumentBuf::from_document(field).unwrap())?;
        Ok(hours.into_iter().enumerate().filter(|(_, amount)| !amount.is_nan()).collect())
    }

    #[test]
    fn hours_are_read_however_they_are_stored() {
        assert_eq!(read(&doc! {}), Ok(vec![]));
        assert_eq!(read(&doc! { "09": 1.5, "23": 2.0, "00": 3.0 }), Ok(vec![(0, 3.0), (9, 1.5), (23, 2.0)]));
        assert_eq!(
            read(&doc! { "01": 1.5, "2": 2.0, "03": 3, "04": Bson::Null }),
            Ok(vec![(1, 1.5), (2, 2.0), (3, 3.0)])
        );
        for field in ["24", "x", "-1"] {
            assert_eq!(read(&doc! { field: 1.0 }), Err(format!("hours has a field `{field}`, expected 00 to 23")));
        }
    }
}
