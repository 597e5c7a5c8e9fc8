//! The body of one page. Limits keep the memory small, whatever the body contains.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Map;
use serde_json::value::RawValue;

use crate::document::DocumentContent;

/// Limit of a body: some six times a full page of 10,000 rows.
pub(super) const PAGE_BYTES: u64 = 128 << 20;
/// Ten times the rows that a request may ask for.
const PAGE_ROWS: usize = 100_000;
/// A row of Kakao Cloud has some 2 KiB.
const ROW_BYTES: usize = 64 << 10;

/// A page. Other fields are skipped.
#[derive(Deserialize)]
struct EncodedPage {
    result: EncodedResult,
}

#[derive(Deserialize)]
struct EncodedResult {
    content: Rows,
    /// Any JSON value, because the field is optional and undocumented.
    #[serde(rename = "totalElements")]
    total_elements: Option<Box<RawValue>>,
}

struct Rows(Vec<Box<RawValue>>);

/// Decodes a page.
///
/// # Errors
/// The body is not JSON, `result.content` is not an array, or the array exceeds a limit.
pub(super) fn decode(body: &[u8]) -> Result<DocumentContent, serde_json::Error> {
    let EncodedPage { result: EncodedResult { content, total_elements } } = serde_json::from_slice(body)?;
    let total_rows = total_elements.and_then(|total| total.get().parse().ok());
    Ok(DocumentContent { rows: content.0, fetched_at: None, api_params: Map::new(), total_rows })
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = elements.next_element::<Box<RawValue>>()? {
            if rows.len() == PAGE_ROWS {
                return Err(A::Error::custom(format_args!("more than {PAGE_ROWS} rows")));
            }
            if row.get().len() > ROW_BYTES {
                return Err(A::Error::custom(format_args!("row {} has more than {ROW_BYTES} bytes", rows.len())));
            }
            rows.push(row);
        }
        Ok(Rows(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(content: &str) -> Result<DocumentContent, String> {
        decode(format!(r#"{{"result":{{"content":[{content}]}}}}"#).as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_has_limits() {
        let rows = |count: usize| vec!["0"; count].join(",");
        assert_eq!(page(&rows(PAGE_ROWS)).expect("a page").rows.len(), PAGE_ROWS);
        let error = page(&rows(PAGE_ROWS + 1)).expect_err("refused");
        assert!(error.starts_with("more than 100000 rows at "), "{error}");
        let row = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert_eq!(page(&row(ROW_BYTES)).expect("a page").rows.len(), 1);
        let error = page(&format!("0,{}", row(ROW_BYTES + 1))).expect_err("refused");
        assert!(error.starts_with("row 1 has more than 65536 bytes at "), "{error}");
    }

    #[test]
    fn the_number_of_rows_is_optional() {
        let total = |field: &str| {
            let body = format!(r#"{{"_metadata":[[]],"result":{{"content":[]{field}}}}}"#);
            decode(body.as_bytes()).expect("a page").total_rows
        };
        assert_eq!(total(r#","totalElements":12"#), Some(12));
        for other in ["", r#","totalElements":null"#, r#","totalElements":-1"#, r#","totalElements":"many""#] {
            assert_eq!(total(other), None, "{other}");
        }
    }
}
