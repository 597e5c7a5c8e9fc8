//! Raw rows to exact sums per series: decimal arithmetic, so the order of rows and pages does not matter.

use bigdecimal::BigDecimal;
use jiff::civil::Date;

use crate::series::{Names, SeriesKey};

/// One billing day, summed. Entries are in the order of their keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DayLedger {
    pub(crate) date: Date,
    pub(crate) entries: Vec<Entry>,
    /// Of `expectAmount`, over all entries.
    pub(crate) total: BigDecimal,
    /// Rows that were summed.
    pub(crate) rows: u64,
    /// Rows that could not be used, by why, in order of their place.
    pub(crate) rejected: Vec<Rejected>,
}

/// The sums of one series on one day. Doubles, rounded once from exact decimals.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: SeriesKey,
    pub(crate) names: Names,
    pub(crate) amounts: Amounts,
    /// Sorted, each once.
    pub(crate) pricing_types: Vec<String>,
    /// Sorted, each once.
    pub(crate) regions: Vec<String>,
}

/// The summed figures of the billing rows, under the API's names.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Amounts {
    pub(crate) expect: f64,
    pub(crate) general: f64,
    pub(crate) discount: f64,
    pub(crate) usage_time: f64,
    pub(crate) usage_size: f64,
}

/// A row that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// Its place in `result.content`, from 0.
    pub(crate) row: usize,
    pub(crate) why: String,
}
