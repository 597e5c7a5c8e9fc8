//! Names of raw documents. The tutorial's bucket has them, so they never change.

use jiff::civil::Date;

/// Hexadecimal digits of a content digest that a predecessor's name carries.
const DIGEST_DIGITS: usize = 12;

/// Where the document of a whole day, or of a day as it stood at an hour, is kept.
pub(crate) fn document_key(date: Date, hour: Option<u8>) -> String {
    format!("{}/{}.json", folder(date, hour), stem(date, hour))
}

/// Where a document that was superseded is kept: beside its successor, named by what it holds.
pub(super) fn predecessor_key(date: Date, hour: Option<u8>, digest: &str) -> String {
    format!("{}/{}.{}.json", folder(date, hour), stem(date, hour), &digest[..DIGEST_DIGITS])
}

pub(super) fn folder(date: Date, hour: Option<u8>) -> String {
    let day = date.strftime("raw/year=%Y/month=%m/day=%d");
    hour.map_or_else(|| day.to_string(), |hour| format!("{day}/hour={hour:02}"))
}

/// `billing_YYYYMMDD` or `billing_YYYYMMDD_HH`.
pub(super) fn stem(date: Date, hour: Option<u8>) -> String {
    let day = date.strftime("billing_%Y%m%d");
    hour.map_or_else(|| day.to_string(), |hour| format!("{day}_{hour:02}"))
}

/// Reads what [`stem`] wrote.
pub(super) fn parse_stem(stem: &str) -> Option<(Date, Option<u8>)> {
    let text = stem.strip_prefix("billing_")?;
    let (day, hour) = match text.split_once('_') {
        Some((day, hour)) => (day, Some(hour.parse::<u8>().ok().filter(|hour| *hour < 24)?)),
        None => (text, None),
    };
    Some((Date::strptime("%Y%m%d", day).ok()?, hour))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn keys_are_the_tutorials() {
        let day = date(2026, 3, 7);
        assert_eq!(document_key(day, None), "raw/year=2026/month=03/day=07/billing_20260307.json");
        assert_eq!(document_key(day, Some(9)), "raw/year=2026/month=03/day=07/hour=09/billing_20260307_09.json");
        let digest = "0123456789abcdef0123";
        assert_eq!(
            predecessor_key(day, None, digest),
            "raw/year=2026/month=03/day=07/billing_20260307.0123456789ab.json"
        );
        assert_eq!(
            predecessor_key(day, Some(23), digest),
            "raw/year=2026/month=03/day=07/hour=23/billing_20260307_23.0123456789ab.json"
        );
    }

    #[test]
    fn stems_are_read_as_they_were_written() {
        for hour in [None, Some(0), Some(23)] {
            assert_eq!(parse_stem(&stem(date(2026, 11, 23), hour)), Some((date(2026, 11, 23), hour)));
        }
        for text in ["billing_", "billing_2026", "billing_20261123_24", "billing_20261123_x", "20261123"] {
            assert_eq!(parse_stem(text), None, "{text}");
        }
    }
}
