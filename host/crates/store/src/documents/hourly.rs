//! `billing_hourly`: one document per day and series, with the cumulative amounts of the hourly runs.

use jiff::Timestamp;
use jiff::civil::Date;
use model::ledger::LedgerEntry;
use model::series::SeriesKey;
use mongodb::bson::{Bson, Document, RawDocument, doc};

use super::field::{bson_time, date_text, insert_key, insert_names, number};
use super::key::Collection;
use super::upsert::Upsert;

pub(crate) const COLLECTION: Collection = Collection {
    name: "billing_hourly",
    key: &["date", "domainId", "projectId", "serviceId"],
    unique_index: "unique_hourly_snapshot",
    indexes: &[],
};

/// Returns the path of an hour's cumulative amount.
pub(crate) fn hour_field(hour: u8) -> String {
    format!("hours.{hour:02}")
}

pub(crate) fn key(date: Date, series: &SeriesKey) -> Document {
    let mut key = doc! { "date": date_text(date) };
    insert_key(&mut key, series);
    key
}

/// Sets the cumulative amounts of some hours and keeps the rest.
pub(crate) fn upsert(date: Date, entry: &LedgerEntry, amounts: &[(u8, f64)], now: Timestamp) -> Upsert {
    let mut set = Document::new();
    insert_names(&mut set, &entry.names);
    set.extend(amounts.iter().map(|(hour, amount)| (hour_field(*hour), Bson::Double(*amount))));
    set.insert("fetchedAt", bson_time(now));
    set.insert("updatedAt", bson_time(now));
    Upsert { key: key(date, &entry.key), set, on_insert: doc! { "createdAt": bson_time(now) } }
}

/// The hours of a day with a snapshot. If a series has an earlier amount but no row in a snapshot, the cumulative
/// amount at the snapshot is 0.
///
/// With the snapshot hours, the documents of a day do not depend on the write order of the hours.
#[derive(Debug, Default)]
pub(crate) struct SnapshotHours([bool; 24]);

impl SnapshotHours {
    pub(crate) fn add(&mut self, hours: &[f64; 24]) {
        for (has_snapshot, amount) in self.0.iter_mut().zip(hours) {
            *has_snapshot |= !amount.is_nan();
        }
    }

    /// Returns the hours and amounts to set for a series with a row at `hour`; `stored` holds the known hours. Later
    /// snapshot hours without a known amount become 0.
    pub(crate) fn amounts_to_set(&self, hour: u8, amount: f64, stored: Option<&[f64; 24]>) -> Vec<(u8, f64)> {
        let later = (hour + 1..24).filter(|later| {
            let later = usize::from(*later);
            self.0[later] && stored.is_none_or(|hours| hours[later].is_nan())
        });
        std::iter::once((hour, amount)).chain(later.map(|later| (later, 0.0))).collect()
    }
}

/// Returns whether a series without a row at an hour is known to have no cost by then: an amount at this hour or
/// earlier exists. False means that the series had no row yet.
pub(crate) fn has_begun(hour: u8, stored: &[f64; 24]) -> bool {
    stored[..=usize::from(hour)].iter().any(|amount| !amount.is_nan())
}

/// Reads the amounts by hour from the field `hours`; NaN for an hour without a snapshot.
pub(crate) fn read_hours(field: &RawDocument) -> Result<[f64; 24], String> {
    let mut hours = [f64::NAN; 24];
    if read_fixed_layout(field, &mut hours).is_some() {
        return Ok(hours);
    }
    for element in field {
        let (hour, amount) = element.map_err(|error| error.to_string())?;
        let stored = hour.parse::<usize>().ok().and_then(|hour| hours.get_mut(hour));
        let stored = stored.ok_or_else(|| format!("hours has a field `{hour}`, expected 00 to 23"))?;
        *stored = number(amount).unwrap_or(f64::NAN);
    }
    Ok(hours)
}

/// Reads hours in the exact format of [`upsert`]: each a double under two digits. Returns `None` for any other content.
/// Fixed byte positions make the read of a long history four times faster.
fn read_fixed_layout(field: &RawDocument, hours: &mut [f64; 24]) -> Option<()> {
    const DOUBLE: u8 = 1;
    // The elements stand between the 4-byte length and a NUL; each takes 12 bytes: type, two digits, NUL, double.
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
    fn hours_are_read_in_every_number_type() {
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
