//! Errors of reading a series.

use std::io;

use model::count::counted;

use super::MAX_POINTS;
use super::timestamp::Clock;

/// An unreadable series, with the path of the file or the id of the series.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {fault}")]
pub struct SeriesFileError {
    pub(super) origin: String,
    pub(super) fault: SeriesFileFault,
}

/// The cause of an unreadable series.
#[derive(Debug, thiserror::Error)]
pub(super) enum SeriesFileFault {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("empty, expected a first line `timestamp,value` and a row for each point")]
    Empty,
    #[error(
        "line 1: no column `{name}`, expected the columns timestamp and value, separated by commas, found `{header}`"
    )]
    Column { name: &'static str, header: String },
    #[error("line {line}: {}, expected {expected} as in the first line", counted(*fields, "field"))]
    Fields { line: u64, fields: usize, expected: usize },
    #[error("line {line}: not UTF-8")]
    Utf8 { line: u64 },
    #[error("not CSV: {0}")]
    NotCsv(String),
    #[error(
        "line {line}: expected a timestamp like 2026-01-31, 2026-01-31 10:00:00, 2026-01-31T10:00:00+09:00, a month like 2026-01, or Unix seconds, found {text:?}"
    )]
    Timestamp { line: u64, text: String },
    #[error("line {line}: expected a number, or an empty field for an unknown value, found {text:?}")]
    Value { line: u64, text: String },
    #[error("line {line}: {clock}, expected {previous} as in the previous lines")]
    Clock { line: u64, clock: Clock, previous: Clock },
    #[error(
        "line {line}: expected a label: 0 or empty for a usual row, another number for a row inside an event, found {text:?}"
    )]
    Label { line: u64, text: String },
    #[error("no CSV file, expected a file NAME.csv for each series")]
    NoFiles,
    #[error("{}, expected at least two rows with different times: the step is the time between rows", counted(*.0, "row"))]
    TooFew(usize),
    #[error("more than {MAX_POINTS} rows: shorten the file")]
    TooMany,
    #[error(
        "line {line}: {timestamp} is more than {MAX_POINTS} steps of {step} seconds after the first row: check the timestamp, or shorten the file"
    )]
    TooLong { line: u64, timestamp: String, step: i64 },
    #[error("the step of {0} seconds is too long, expected at most {max}", max = u32::MAX)]
    Step(i64),
}
