//! The format of a raw document: the shape of an API page with the rows of all pages, plus metadata about the fetch.
//!
//! Rows pass through byte for byte. Archive, spool, sources and the simulated API use only this module to write or read
//! the format.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Date;
use model::count::{counted, one_or};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// All rows of one billing day in the provider's form.
#[derive(Debug)]
pub struct RawDocument {
    pub date: Date,
    /// Hour of a partial day's snapshot; `None` for a request of the whole day.
    pub hour: Option<u8>,
    /// Elements of `result.content`, byte for byte, in page order.
    pub rows: Vec<Box<RawValue>>,
    pub fetched_at: Timestamp,
    /// Parameters of the query, stored in `_metadata.apiParams`.
    pub api_params: Map<String, Value>,
    /// Doubts about the rows of a fetch. The archive does not keep the problems.
    pub problems: Vec<DocumentProblem>,
}

/// A doubt about the rows of a fetched document. The rows are complete as far as the source can tell, and unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentProblem {
    #[error(
        "the billing API reports {} of the day, and its pages have {received}: expected the same number; the next fetch \
         of the day requests the rows again",
        counted(*reported, "row")
    )]
    WrongTotal { reported: u64, received: u64 },
    #[error(
        "{} {} an earlier row of the day, first row {first}: expected different rows; every row counts, so compare the \
         total of the day with the provider's console",
        counted(*rows, "row"),
        one_or(*rows, "repeats", "repeat")
    )]
    RepeatedRows {
        /// Number of rows that equal an earlier row byte for byte.
        rows: u64,
        /// Position of the first of these rows, counted from 0.
        first: usize,
    },
}

/// The content of an encoded raw document or of an API page.
#[derive(Debug)]
pub struct DocumentContent {
    /// Elements of `result.content`, byte for byte.
    pub rows: Vec<Box<RawValue>>,
    /// `None` if the time is missing or unreadable.
    pub fetched_at: Option<Timestamp>,
    /// Empty if missing.
    pub api_params: Map<String, Value>,
    /// Number of rows of the day on all pages, from `result.totalElements`; `None` if missing.
    pub total_rows: Option<u64>,
}

impl DocumentContent {
    /// Returns the raw document of a day. `default_fetched_at` replaces a missing fetch time.
    pub(crate) fn into_document(self, date: Date, hour: Option<u8>, default_fetched_at: Timestamp) -> RawDocument {
        RawDocument {
            date,
            hour,
            rows: self.rows,
            fetched_at: self.fetched_at.unwrap_or(default_fetched_at),
            api_params: self.api_params,
            problems: Vec::new(),
        }
    }
}

/// Encodes a document. Without an upload time, `_metadata.uploadedAt` is omitted.
pub(crate) fn encode(document: &RawDocument, uploaded_at: Option<Timestamp>) -> Vec<u8> {
    let metadata = EncodedMetadata { fetched_at: document.fetched_at, api_params: &document.api_params, uploaded_at };
    let metadata = serde_json::to_string(&metadata).expect("maps with string keys and timestamps are JSON");
    let rows = document.rows.iter().map(|row| row.get());
    let mut text = String::with_capacity(metadata.len() + 64 + rows.clone().map(|row| row.len() + 1).sum::<usize>());
    write_content(&mut text, rows);
    // The text ends with a closing brace. The metadata goes before the brace.
    text.insert_str(text.len() - 1, ",\"_metadata\":");
    text.insert_str(text.len() - 1, &metadata);
    text.into_bytes()
}

/// Writes `{"result":{"content":[...]}}` with unchanged rows.
pub fn write_content<'a>(text: &mut String, rows: impl Iterator<Item = &'a str>) {
    text.push_str("{\"result\":{\"content\":[");
    for (index, row) in rows.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(row);
    }
    text.push_str("]}}");
}

/// Decodes a document or a page.
///
/// # Errors
/// The body is not JSON, or `result.content` is not an array.
pub fn decode(body: &[u8]) -> Result<DocumentContent, serde_json::Error> {
    let encoded: EncodedDocument = serde_json::from_slice(body)?;
    let metadata = encoded.metadata.unwrap_or_default();
    Ok(DocumentContent {
        rows: encoded.result.content,
        total_rows: encoded.result.total_elements.as_ref().and_then(Value::as_u64),
        fetched_at: fetched_at(&metadata),
        api_params: metadata.get("apiParams").and_then(Value::as_object).cloned().unwrap_or_default(),
    })
}

/// Reads the fetch time from the last bytes of a document. Returns `None` if the bytes are ambiguous.
///
/// [`encode`] writes the metadata at the end. A similar text inside a row has more bytes behind it and does not parse.
pub(crate) fn fetched_at_of_end(end: &[u8]) -> Option<Timestamp> {
    const FIELD: &[u8] = b",\"_metadata\":";
    let start = end.windows(FIELD.len()).rposition(|window| window == FIELD)?;
    let metadata = end[start + FIELD.len()..].strip_suffix(b"}")?;
    fetched_at(&serde_json::from_slice(metadata).ok()?)
}

fn fetched_at(metadata: &Value) -> Option<Timestamp> {
    metadata.get("fetchedAt").and_then(Value::as_str).and_then(|text| text.parse().ok())
}

/// Returns the problem of rows that equal an earlier row byte for byte; `None` if all rows differ.
pub fn repeated_rows(rows: &[Box<RawValue>]) -> Option<DocumentProblem> {
    let mut earlier = HashSet::with_capacity(rows.len());
    let mut repeated = rows.iter().enumerate().filter(|(_, row)| !earlier.insert(row.get()));
    let (first, _) = repeated.next()?;
    let rows = 1 + repeated.count() as u64;
    Some(DocumentProblem::RepeatedRows { rows, first })
}

/// Returns the SHA-256 in hex of the rows as a multiset. The order of the rows and the metadata have no effect.
pub(crate) fn content_digest(rows: &[Box<RawValue>]) -> String {
    let mut sorted: Vec<&str> = rows.iter().map(|row| row.get()).collect();
    sorted.sort_unstable();
    let mut hasher = Sha256::new();
    for row in sorted {
        // The length prefix separates the rows: `1`, `2` and `12` have different digests.
        hasher.update((row.len() as u64).to_le_bytes());
        hasher.update(row.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// Returns the SHA-256 in hex of an unreadable document.
pub(crate) fn bytes_digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EncodedMetadata<'a> {
    fetched_at: Timestamp,
    api_params: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct EncodedDocument {
    result: EncodedResult,
    /// Any JSON value, because documents of foreign writers must stay readable.
    #[serde(rename = "_metadata")]
    metadata: Option<Value>,
}

#[derive(Deserialize)]
struct EncodedResult {
    content: Vec<Box<RawValue>>,
    /// Any JSON value, because the field is optional and undocumented.
    #[serde(rename = "totalElements")]
    total_elements: Option<Value>,
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::civil::date;

    use super::*;

    pub(crate) fn document(rows: &[&str], fetched_at: &str) -> RawDocument {
        RawDocument {
            date: date(2026, 11, 22),
            hour: None,
            rows: rows.iter().map(|row| RawValue::from_string((*row).to_owned()).unwrap()).collect(),
            fetched_at: fetched_at.parse().unwrap(),
            api_params: Map::from_iter([("from".to_owned(), Value::from("20261122"))]),
            problems: Vec::new(),
        }
    }

    #[test]
    fn rows_pass_through_byte_for_byte() {
        let rows = [r#"{"expectAmount": 1.50,"b":1e3 }"#, "null", r#"{"이름":"\u00e9"}"#];
        let written = encode(&document(&rows, "2026-11-23T00:10:00Z"), Some("2026-11-23T00:11:00Z".parse().unwrap()));
        assert_eq!(
            String::from_utf8(written.clone()).unwrap(),
            r#"{"result":{"content":[{"expectAmount": 1.50,"b":1e3 },null,{"이름":"\u00e9"}]},"_metadata":"#.to_owned()
                + r#"{"fetchedAt":"2026-11-23T00:10:00Z","apiParams":{"from":"20261122"},"#
                + r#""uploadedAt":"2026-11-23T00:11:00Z"}}"#
        );
        let read = decode(&written).unwrap();
        assert_eq!(read.rows.iter().map(|row| row.get()).collect::<Vec<_>>(), rows);
        assert_eq!(read.fetched_at, Some("2026-11-23T00:10:00Z".parse().unwrap()));
        assert_eq!(read.api_params["from"], "20261122");
    }

    #[test]
    fn the_end_of_a_document_contains_the_fetch_time() {
        let at = "2026-11-23T00:10:00Z";
        let misleading = r#"{"a":1,"_metadata":{"fetchedAt":"2020-01-01T00:00:00Z"}}"#;
        let written = encode(&document(&["1", misleading], at), None);
        for bytes in [110, 130, written.len()] {
            let end = &written[written.len() - bytes..];
            assert_eq!(fetched_at_of_end(end), Some(at.parse().unwrap()), "{bytes}");
        }
        let without = format!("{{\"result\":{{\"content\":[1,{misleading}]}}}}");
        for end in [&written[written.len() - 60..], &b""[..], &b"{}"[..], without.as_bytes(), b",\"_metadata\":7}"] {
            assert_eq!(fetched_at_of_end(end), None, "{}", String::from_utf8_lossy(end));
        }
    }

    #[test]
    fn documents_of_foreign_writers_are_readable() {
        for metadata in ["", r#","_metadata":null"#, r#","_metadata":7"#, r#","_metadata":{"fetchedAt":"yesterday"}"#] {
            let read = decode(format!(r#"{{"result":{{"content":[{{}}],"x":1}}{metadata}}}"#).as_bytes()).unwrap();
            assert_eq!((read.rows.len(), read.fetched_at, read.api_params.len()), (1, None, 0), "{metadata}");
        }
    }

    #[test]
    fn a_document_without_an_array_of_rows_is_refused() {
        for body in
            ["", "[]", "{}", r#"{"result":{}}"#, r#"{"result":{"content":null}}"#, r#"{"result":{"content":{}}}"#]
        {
            assert!(decode(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_total_is_optional() {
        let total =
            |field: &str| decode(format!(r#"{{"result":{{"content":[]{field}}}}}"#).as_bytes()).unwrap().total_rows;
        assert_eq!(total(r#","totalElements":12"#), Some(12));
        for field in ["", r#","totalElements":null"#, r#","totalElements":"many""#, r#","totalElements":-1"#] {
            assert_eq!(total(field), None, "{field}");
        }
    }

    #[test]
    fn repeated_rows_are_counted() {
        let problem = |rows: &[&str]| {
            let problem = repeated_rows(&document(rows, "2026-11-23T00:10:00Z").rows);
            problem.map_or_else(String::new, |problem| problem.to_string())
        };
        assert_eq!(problem(&["1", "2", "3"]), "");
        let end =
            "expected different rows; every row counts, so compare the total of the day with the provider's console";
        assert_eq!(problem(&["1", "2", "1"]), format!("1 row repeats an earlier row of the day, first row 2: {end}"));
        assert_eq!(
            problem(&["1", "1", "2", "2", "1"]),
            format!("3 rows repeat an earlier row of the day, first row 1: {end}")
        );
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_of_rows() {
        let digest = |rows: &[&str]| content_digest(&document(rows, "2026-11-23T00:10:00Z").rows);
        assert_eq!(digest(&["1", "2", "2"]), digest(&["2", "1", "2"]));
        assert_ne!(digest(&["1", "2", "2"]), digest(&["1", "1", "2"]));
        assert_ne!(digest(&["12"]), digest(&["1", "2"]));
    }
}
