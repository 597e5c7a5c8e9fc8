//! A series from a CSV file with the columns `timestamp` and `value`: rows to points on an even grid.
//!
//! The step is the usual time between two rows. Times that no row stands for are points that are not known; rows that
//! do not lie on the grid, or stand for a point that has one already, are told as remarks, since measured series have
//! both. What cannot be read, or goes back in time, is an error that names the line.

mod moment;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use self::moment::{Clock, Moment};
use crate::series::Series;

/// The rows of a file, and the series that they are.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub(crate) rows: Vec<Row>,
    pub(crate) series: Series,
    /// What a reader may not have meant, a line each.
    pub(crate) remarks: Vec<String>,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// As it was written.
    pub(crate) timestamp: String,
    /// NaN where it is not known.
    pub(crate) value: f64,
    /// Index into the series' values; none where an earlier row stands for the same point.
    pub(crate) place: Option<usize>,
    moment: Moment,
    line: u64,
}

const DAY: i64 = 86_400;
/// Points of a series, known or not: eleven years of every five minutes.
const LIMIT: usize = 1_200_000;

/// Reads a file. The series is named after it.
///
/// # Errors
/// It cannot be read, or a line of it is not as expected.
pub(crate) fn read(path: &Path) -> Result<Points, PointsError> {
    let id = path.file_stem().unwrap_or_default().to_string_lossy();
    let file = File::open(path).map_err(Fault::Read);
    let read = file.and_then(|file| rows(file).and_then(|rows| on_grid(&id, rows)));
    read.map_err(|fault| PointsError { path: path.to_owned(), fault })
}

impl Points {
    /// The point that a timestamp or a row's number, counted from 0, means: that row's, or the first one not before.
    pub(crate) fn find(&self, text: &str) -> Option<usize> {
        let from = |index: usize| self.rows[index..].iter().find_map(|row| row.place);
        if let Some(index) = self.rows.iter().position(|row| row.timestamp == text) {
            return from(index);
        }
        if let Some(index) = text.parse().ok().filter(|index| *index < self.rows.len()) {
            return from(index);
        }
        let moment = Moment::parse(text)?;
        let first = self.rows.first()?;
        let seconds = if moment.clock == first.moment.clock { moment.seconds() } else { return None };
        if seconds < first.moment.seconds() {
            return None;
        }
        from(self.rows.iter().position(|row| row.moment.seconds() >= seconds)?)
    }
}

fn rows(file: File) -> Result<Vec<Row>, Fault> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
    let header = reader.headers().map_err(not_csv)?.clone();
    let column = |name: &'static str| {
        let found = header.iter().position(|header| header == name);
        found.ok_or_else(|| Fault::Column { name, found: header.iter().collect::<Vec<_>>().join(",") })
    };
    let (timestamp, value) = (column("timestamp")?, column("value")?);
    let mut rows: Vec<Row> = Vec::new();
    let mut record = StringRecord::new();
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let row = row(&record[timestamp], &record[value], line)?;
        if let Some(before) = rows.last() {
            let (clock, other) = (row.moment.clock, before.moment.clock);
            if clock != other {
                return Err(Fault::Clock { line, found: clock, before: other });
            }
            if row.moment.seconds() < before.moment.seconds() {
                let (timestamp, before) = (row.timestamp, before.timestamp.clone());
                return Err(Fault::Unsorted { line, timestamp, before });
            }
        }
        rows.push(row);
        if rows.len() > LIMIT {
            return Err(Fault::TooMany);
        }
    }
    Ok(rows)
}

fn next(reader: &mut Reader<File>, record: &mut StringRecord) -> Result<bool, Fault> {
    reader.read_record(record).map_err(not_csv)
}

fn row(timestamp: &str, value: &str, line: u64) -> Result<Row, Fault> {
    let moment = Moment::parse(timestamp).ok_or_else(|| Fault::Timestamp { line, found: timestamp.to_owned() })?;
    let known = !(value.is_empty() || value.eq_ignore_ascii_case("nan"));
    let parsed = if known { value.parse().ok().filter(|value: &f64| value.is_finite()) } else { Some(f64::NAN) };
    let value = parsed.ok_or_else(|| Fault::Value { line, found: value.to_owned() })?;
    Ok(Row { timestamp: timestamp.to_owned(), value, place: None, moment, line })
}

fn on_grid(id: &str, mut rows: Vec<Row>) -> Result<Points, Fault> {
    let step = step(&rows).ok_or(Fault::TooFew(rows.len()))?;
    // Days begin at midnight, also where the clocks are changed and a day is an hour shorter.
    let at = |moment: Moment| if step < DAY { moment.seconds() } else { moment.local };
    let first = rows[0].moment;
    let (mut off, mut doubled) = (Vec::new(), Vec::new());
    let mut values = Vec::new();
    for row in &mut rows {
        let since = at(row.moment) - at(first);
        let place = usize::try_from(since / step).unwrap_or(usize::MAX);
        if place >= LIMIT {
            return Err(Fault::TooLong { line: row.line, timestamp: row.timestamp.clone(), step });
        }
        if since % step != 0 {
            off.push(row.line);
        }
        if place < values.len() {
            doubled.push(row.line);
        } else {
            values.resize(place, f64::NAN);
            values.push(row.value);
            row.place = Some(place);
        }
    }
    let mut remarks = Vec::new();
    if let Some(line) = off.first() {
        let rows = off.len();
        remarks.push(format!(
            "line {line}: not a multiple of the step of {step} seconds after the first row, as {rows} rows in all: each stands for the point before it"
        ));
    }
    if let Some(line) = doubled.first() {
        let rows = doubled.len();
        remarks.push(format!(
            "line {line}: an earlier row stands for the same point, as for {rows} rows in all: the earliest counts, the others get no verdict"
        ));
    }
    let series = Series {
        id: id.to_owned(),
        start: first.seconds(),
        utc_offset: first.offset,
        step: u32::try_from(step).map_err(|_| Fault::Step(step))?,
        values,
        excluded: Vec::new(),
    };
    Ok(Points { rows, series, remarks })
}

/// The usual time between two rows: the middle one of all, of two the shorter, since gaps are longer.
fn step(rows: &[Row]) -> Option<i64> {
    let gaps = rows.windows(2).map(|pair| pair[1].moment.local - pair[0].moment.local);
    let mut gaps: Vec<i64> = gaps.filter(|gap| *gap > 0).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len().saturating_sub(1) / 2).copied()
}

fn not_csv(error: csv::Error) -> Fault {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => Fault::Read(error),
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Fault::Fields { line, found: len, expected: expected_len }
        }
        ErrorKind::Utf8 { .. } => Fault::Utf8 { line },
        other => Fault::NotCsv(format!("{other:?}")),
    }
}

/// A series that cannot be read, and where it lies.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub(crate) struct PointsError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("line 1: no column `{name}`, expected the columns timestamp and value, found `{found}`")]
    Column { name: &'static str, found: String },
    #[error("line {line}: {found} fields, expected {expected} as in the lines before")]
    Fields { line: u64, found: u64, expected: u64 },
    #[error("line {line}: not UTF-8")]
    Utf8 { line: u64 },
    #[error("not CSV: {0}")]
    NotCsv(String),
    #[error(
        "line {line}: expected a timestamp like 2026-01-31, 2026-01-31 10:00:00, 2026-01-31T10:00:00+09:00 or unix seconds, found {found:?}"
    )]
    Timestamp { line: u64, found: String },
    #[error("line {line}: expected a number, or nothing where it is not known, found {found:?}")]
    Value { line: u64, found: String },
    #[error("line {line}: {found}, expected {before} as in the lines before")]
    Clock { line: u64, found: Clock, before: Clock },
    #[error("line {line}: {timestamp} is before {before} of the row before it, expected rows in the order of time")]
    Unsorted { line: u64, timestamp: String, before: String },
    #[error("{0} rows, expected at least two at different times: the step is the time between rows")]
    TooFew(usize),
    #[error("more than {LIMIT} rows")]
    TooMany,
    #[error("line {line}: {timestamp} is more than {LIMIT} steps of {step} seconds after the first row")]
    TooLong { line: u64, timestamp: String, step: i64 },
    #[error("a step of {0} seconds is too long, expected at most {max}", max = u32::MAX)]
    Step(i64),
}

#[cfg(test)]
mod tests;
