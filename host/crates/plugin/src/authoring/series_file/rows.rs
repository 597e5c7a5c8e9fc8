//! The rows of a CSV file.

use std::io::Read;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use super::MAX_POINTS;
use super::error::SeriesFileFault;
use super::timestamp::Timestamp;

/// A row of the file.
#[derive(Debug, Clone)]
pub struct SeriesRow {
    /// Original text.
    pub timestamp: String,
    /// NaN if unknown.
    pub value: f64,
    /// Index into the values of the series; `None` if an earlier row has the same point.
    pub point: Option<usize>,
    /// Number of the labelled event with the row; 0 outside of all events, `None` for a file without labels.
    pub label: Option<i64>,
    pub(super) time: Timestamp,
    pub(super) line: u64,
}

impl SeriesRow {
    /// Returns the local time of the row, in seconds since 1970-01-01 on the same clock.
    pub fn local_seconds(&self) -> i64 {
        self.time.local
    }
}

/// Texts for an unknown value in any letter case; an empty field is unknown too.
const UNKNOWN: [&str; 6] = ["nan", "na", "n/a", "null", "none", "-"];

/// Reads all rows in file order.
pub(super) fn read(file: impl Read) -> Result<Vec<SeriesRow>, SeriesFileFault> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(file);
    let header = reader.headers().map_err(csv_fault)?.clone();
    if header.iter().all(str::is_empty) {
        return Err(SeriesFileFault::Empty);
    }
    let timestamp = column(&header, "timestamp")?;
    let value = column(&header, "value")?;
    let label = header.iter().position(|header| header.eq_ignore_ascii_case("label"));
    let mut rows: Vec<SeriesRow> = Vec::new();
    let mut record = StringRecord::new();
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let fields = record.len();
        let expected = header.len();
        // A blank line is not a row, and trailing commas are not fields.
        if fields == 1 && record[0].is_empty() {
            continue;
        }
        if fields < expected || record.iter().skip(expected).any(|field| !field.is_empty()) {
            return Err(SeriesFileFault::Fields { line, fields, expected });
        }
        let mut row = parse_row(&record[timestamp], &record[value], line)?;
        row.label = label.map(|label| parse_label(&record[label], line)).transpose()?;
        if let Some(previous) = rows.last()
            && row.time.clock != previous.time.clock
        {
            // Times of different clocks have no common order.
            return Err(SeriesFileFault::Clock { line, clock: row.time.clock, previous: previous.time.clock });
        }
        rows.push(row);
        if rows.len() > MAX_POINTS {
            return Err(SeriesFileFault::TooMany);
        }
    }
    Ok(rows)
}

fn column(header: &StringRecord, name: &'static str) -> Result<usize, SeriesFileFault> {
    let index = header.iter().position(|header| header.eq_ignore_ascii_case(name));
    index.ok_or_else(|| SeriesFileFault::Column { name, header: header.iter().collect::<Vec<_>>().join(",") })
}

fn next(reader: &mut Reader<impl Read>, record: &mut StringRecord) -> Result<bool, SeriesFileFault> {
    reader.read_record(record).map_err(csv_fault)
}

fn parse_row(timestamp: &str, value: &str, line: u64) -> Result<SeriesRow, SeriesFileFault> {
    let time =
        Timestamp::parse(timestamp).ok_or_else(|| SeriesFileFault::Timestamp { line, text: timestamp.to_owned() })?;
    let is_unknown = value.is_empty() || UNKNOWN.iter().any(|unknown| value.eq_ignore_ascii_case(unknown));
    let parsed = if is_unknown { Some(f64::NAN) } else { value.parse().ok().filter(|value: &f64| value.is_finite()) };
    let value = parsed.ok_or_else(|| SeriesFileFault::Value { line, text: value.to_owned() })?;
    Ok(SeriesRow { timestamp: timestamp.to_owned(), value, point: None, label: None, time, line })
}

/// Parses the number of an event. Tables of floating-point numbers write `1.0`.
fn parse_label(text: &str, line: u64) -> Result<i64, SeriesFileFault> {
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.map(|number| number as i64).ok_or_else(|| SeriesFileFault::Label { line, text: text.to_owned() })
}

fn csv_fault(error: csv::Error) -> SeriesFileFault {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => SeriesFileFault::Read(error),
        ErrorKind::Utf8 { .. } => SeriesFileFault::Utf8 { line },
        other => SeriesFileFault::NotCsv(format!("{other:?}")),
    }
}
