//! Where billing rows come from.
//!
//! A source gives whole raw documents and knows nothing of sums, series or rules.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::value::RawValue;

/// All rows of one billing day, as the provider gave them.
#[derive(Debug)]
pub(crate) struct RawDocument {
    pub(crate) date: Date,
    /// The hour of a partial day's snapshot; none for a day asked for as a whole.
    pub(crate) hour: Option<u8>,
    /// The elements of `result.content`, byte for byte, in the order of the pages.
    pub(crate) rows: Vec<Box<RawValue>>,
    pub(crate) fetched_at: Timestamp,
    /// The query that was sent, kept in `_metadata.apiParams`.
    pub(crate) api_params: serde_json::Map<String, serde_json::Value>,
}
