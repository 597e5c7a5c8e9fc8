//! Keys of raw documents. Existing buckets of the replaced pipeline have the same keys, therefore the keys never
//! change.

use std::fmt;

use jiff::civil::Date;

/// Number of hexadecimal digits of the content digest in a predecessor's name.
const DIGEST_DIGITS: usize = 12;

/// The common prefix of all keys.
pub(super) const ROOT: &str = "raw/";

/// A parsed archive key. In order, the hours of a day follow the whole day, and predecessors follow the current
/// document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey {
    pub date: Date,
    pub hour: Option<u8>,
    /// First digits of a predecessor's content digest; `None` for the current document.
    pub predecessor: Option<String>,
}

impl DocumentKey {
    /// Parses a key of this archive. Any deviation marks a foreign key and gives `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.rsplit('/').next()?.strip_suffix(".json")?;
        let stem = name.split('.').next()?;
        let predecessor = name.split_once('.').map(|(_, digest)| digest.to_owned());
        let is_digest = |text: &String| {
            text.len() == DIGEST_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let (date, hour) = parse_stem(stem)?;
        let key = Self { date, hour, predecessor };
        // The round trip accepts only the canonical spelling.
        (key.predecessor.iter().all(is_digest) && key.to_string() == text).then_some(key)
    }

    /// Returns the key of the current document.
    pub fn document(date: Date, hour: Option<u8>) -> Self {
        Self { date, hour, predecessor: None }
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, hour, predecessor } = self;
        match predecessor {
            None => f.write_str(&document_key(*date, *hour)),
            Some(digest) => f.write_str(&predecessor_key(*date, *hour, digest)),
        }
    }
}

/// Returns the key of a whole day's document, or of a day's document at an hour.
pub fn document_key(date: Date, hour: Option<u8>) -> String {
    format!("{}/{}.json", folder(date, hour), stem(date, hour))
}

/// Returns the key of a superseded document: beside the successor, with the content digest in the name.
pub(super) fn predecessor_key(date: Date, hour: Option<u8>, digest: &str) -> String {
    format!("{}/{}.{}.json", folder(date, hour), stem(date, hour), &digest[..DIGEST_DIGITS])
}

pub(super) fn folder(date: Date, hour: Option<u8>) -> String {
    let day = date.strftime("raw/year=%Y/month=%m/day=%d");
    hour.map_or_else(|| day.to_string(), |hour| format!("{day}/hour={hour:02}"))
}

/// Returns `billing_YYYYMMDD` or `billing_YYYYMMDD_HH`.
pub(super) fn stem(date: Date, hour: Option<u8>) -> String {
    let day = date.strftime("billing_%Y%m%d");
    hour.map_or_else(|| day.to_string(), |hour| format!("{day}_{hour:02}"))
}

/// Parses the result of [`stem`].
pub(super) fn parse_stem(stem: &str) -> Option<(Date, Option<u8>)> {
    let text = stem.strip_prefix("billing_")?;
    let day = text.split('_').next()?;
    let hour = match text.split_once('_') {
        Some((_, hour)) => Some(hour.parse::<u8>().ok().filter(|hour| *hour < 24)?),
        None => None,
    };
    Some((Date::strptime("%Y%m%d", day).ok()?, hour))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn keys_equal_the_keys_of_the_replaced_pipeline() {
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
    fn parsing_restores_a_displayed_key_and_refuses_foreign_keys() {
        for hour in [None, Some(9)] {
            for predecessor in [None, Some("0123456789ab".to_owned())] {
                let key = DocumentKey { date: date(2026, 3, 7), hour, predecessor };
                assert_eq!(DocumentKey::parse(&key.to_string()), Some(key));
            }
        }
        for text in [
            "",
            "raw/notes.json",
            "raw/year=2026/month=03/day=07/billing_20260308.json",
            "raw/year=2026/month=3/day=07/billing_20260307.json",
            "raw/year=2026/month=03/day=07/billing_20260307.json.gz",
            "raw/year=2026/month=03/day=07/billing_20260307_09.json",
            "raw/year=2026/month=03/day=07/hour=09/billing_20260307.json",
            "raw/year=2026/month=03/day=07/hour=9/billing_20260307_9.json",
            "raw/year=2026/month=03/day=07/billing_20260307.0123456789AB.json",
            "raw/year=2026/month=03/day=07/billing_20260307.0123456789abc.json",
            "raw/year=2026/month=03/day=07/billing_20260307..json",
            "other/raw/year=2026/month=03/day=07/billing_20260307.json",
            "raw/year=2026/month=03/day=07/more/billing_20260307.json",
            "/raw/year=2026/month=03/day=07/billing_20260307.json",
        ] {
            assert_eq!(DocumentKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parsing_restores_a_stem() {
        for hour in [None, Some(0), Some(23)] {
            assert_eq!(parse_stem(&stem(date(2026, 11, 23), hour)), Some((date(2026, 11, 23), hour)));
        }
        for text in ["billing_", "billing_2026", "billing_20261123_24", "billing_20261123_x", "20261123"] {
            assert_eq!(parse_stem(text), None, "{text}");
        }
    }
}
