//! The values of fields: dates, times, numbers, series keys and names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use model::intern::Interner;
use model::series::{ALL, Names, SeriesKey};
use mongodb::bson::{self, Bson, Document, RawBsonRef, RawDocument};

/// Reads the key and the names of a document's series. A missing name is replaced by the id.
pub(crate) fn read_series(document: &RawDocument, interner: &mut Interner) -> Result<(SeriesKey, Names), String> {
    let mut id =
        |field: &str| document.get_str(field).map(|text| interner.get(text)).map_err(|error| error.to_string());
    let key = SeriesKey { account: id("domainId")?, project: id("projectId")?, service: id("serviceId")? };
    let mut name = |field: &str, id: &Arc<str>| match document.get(field) {
        Ok(Some(RawBsonRef::String(text))) => interner.get(text),
        _ => Arc::clone(id),
    };
    let names = Names {
        account: name("domainName", &key.account),
        project: name("projectName", &key.project),
        service: name("serviceName", &key.service),
    };
    Ok((key, names))
}

/// Returns whether `key` matches `pattern`; [`ALL`] in the pattern matches any id.
pub(crate) fn matches_series(pattern: &SeriesKey, key: &SeriesKey) -> bool {
    let ids = [(&pattern.account, &key.account), (&pattern.project, &key.project), (&pattern.service, &key.service)];
    ids.iter().all(|(pattern, id)| &***pattern == ALL || pattern == id)
}

/// Converts a number of any BSON type; `None` for another value.
pub(crate) fn number(value: RawBsonRef<'_>) -> Option<f64> {
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
pub(crate) fn texts(value: RawBsonRef<'_>) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(|item| item.ok()?.as_str())
}

/// Formats a date like `20261122`.
pub(crate) fn date_text(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// Parses the format of [`date_text`].
pub(crate) fn parse_date(text: &str) -> Result<Date, String> {
    // The digit check matters: `parse` alone accepts a sign, like in `+2026112`.
    let digits =
        |from: usize, to: usize| text.get(from..to).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let parsed = (text.len() == 8).then(|| {
        let year = digits(0, 4)?.parse().ok()?;
        let month = digits(4, 6)?.parse().ok()?;
        let day = digits(6, 8)?.parse().ok()?;
        Date::new(year, month, day).ok()
    });
    parsed.flatten().ok_or_else(|| format!("date is `{text}`, expected YYYYMMDD"))
}

/// Converts a timestamp to the documents' type, in milliseconds since 1970.
pub(crate) fn bson_time(timestamp: Timestamp) -> bson::DateTime {
    bson::DateTime::from_millis(timestamp.as_millisecond())
}

pub(super) fn timestamp(time: bson::DateTime) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(time.timestamp_millis()).map_err(|error| error.to_string())
}

/// Converts a number to BSON; null if not finite.
pub(super) fn finite(number: f64) -> Bson {
    if number.is_finite() { Bson::Double(number) } else { Bson::Null }
}

/// Makes an external text usable for a field name. BSON names end at the first NUL.
pub(super) fn field_name(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

pub(super) fn figures_document(figures: &BTreeMap<String, f64>) -> Document {
    figures.iter().map(|(name, figure)| (field_name(name).into_owned(), Bson::Double(*figure))).collect()
}

pub(super) fn hour_value(hour: Option<u8>) -> Bson {
    hour.map_or(Bson::Null, |hour| Bson::Int32(hour.into()))
}

pub(super) fn insert_key(document: &mut Document, key: &SeriesKey) {
    document.insert("domainId", &*key.account);
    document.insert("projectId", &*key.project);
    document.insert("serviceId", &*key.service);
}

pub(super) fn insert_names(document: &mut Document, names: &Names) {
    document.insert("domainName", &*names.account);
    document.insert("projectName", &*names.project);
    document.insert("serviceName", &*names.service);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_eight_digits() {
        assert_eq!(parse_date("20261122"), Ok(jiff::civil::date(2026, 11, 22)));
        assert_eq!(date_text(jiff::civil::date(2026, 1, 2)), "20260102");
        for text in ["2026-11-22", "20261332", "2026112", "+2026112", "2026112가"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
    }
}
