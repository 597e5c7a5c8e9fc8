//! Reads a series from a CSV file with the columns `timestamp` and `value`. The rows become points on an even grid.
//!
//! The step is the usual time between two rows. Grid times without a row become unknown points. Rows off the grid,
//! duplicate rows and unsorted rows give remarks, because measured series have all three. An unreadable line is an
//! error with the line number.

mod grid;
mod moment;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};

use self::grid::Grid;
use self::moment::{Clock, Moment};
use model::count::counted;
use model::series::Series;

/// The rows of a file in file order, and the resulting series.
#[derive(Debug, Clone)]
pub struct Points {
    pub rows: Vec<Row>,
    pub series: Series,
    /// Texts about possible mistakes in the file, with line numbers.
    pub remarks: Vec<String>,
}

/// A row of the file.
#[derive(Debug, Clone)]
pub struct Row {
    /// Original text.
    pub timestamp: String,
    /// NaN if unknown.
    pub value: f64,
    /// Index into the values of the series; `None` if an earlier row has the same point.
    pub place: Option<usize>,
    moment: Moment,
    line: u64,
}

/// Texts for an unknown value in any letter case; an empty field is unknown too.
const UNKNOWN: [&str; 6] = ["nan", "na", "n/a", "null", "none", "-"];
/// Maximum number of points and of rows: eleven years of five-minute steps.
const LIMIT: usize = 1_200_000;

/// Reads a file. The file name without the extension becomes the series id.
///
/// # Errors
/// Fails if the file cannot be read or a line is invalid.
pub fn read(path: &Path) -> Result<Points, PointsError> {
    let id = path.file_stem().unwrap_or_default().to_string_lossy();
    let file = File::open(path).map_err(Fault::Read);
    let read = file.and_then(|file| rows(file).and_then(|rows| on_grid(&id, rows)));
    read.map_err(|fault| PointsError { path: path.to_owned(), fault })
}

impl Points {
    /// Returns the point of a timestamp or of a row number (from 0), or the next point after the given place. Returns
    /// `None` for a time outside the series.
    pub fn find(&self, text: &str) -> Option<usize> {
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
        if self.rows.iter().all(|row| seconds < row.moment.seconds()) {
            return None;
        }
        let not_before = self.rows.iter().filter(|row| row.moment.seconds() >= seconds);
        not_before.filter_map(|row| row.place).min()
    }
}

fn rows(file: File) -> Result<Vec<Row>, Fault> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(file);
    let header = reader.headers().map_err(not_csv)?.clone();
    let column = |name: &'static str| {
        let found = header.iter().position(|header| header.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Fault::Column { name, found: header.iter().collect::<Vec<_>>().join(",") })
    };
    if header.iter().all(str::is_empty) {
        return Err(Fault::Empty);
    }
    let (timestamp, value) = (column("timestamp")?, column("value")?);
    let mut rows: Vec<Row> = Vec::new();
    let mut record = StringRecord::new();
    while next(&mut reader, &mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        let (found, expected) = (record.len(), header.len());
        // A blank line is not a row, and trailing commas are not fields.
        if found == 1 && record[0].is_empty() {
            continue;
        }
        if found < expected || record.iter().skip(expected).any(|field| !field.is_empty()) {
            return Err(Fault::Fields { line, found, expected });
        }
        let row = row(&record[timestamp], &record[value], line)?;
        if let Some(before) = rows.last() {
            let (clock, other) = (row.moment.clock, before.moment.clock);
            // Moments of different clocks have no common order.
            if clock != other {
                return Err(Fault::Clock { line, found: clock, before: other });
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
    let known = !(value.is_empty() || UNKNOWN.iter().any(|unknown| value.eq_ignore_ascii_case(unknown)));
    let parsed = if known { value.parse().ok().filter(|value: &f64| value.is_finite()) } else { Some(f64::NAN) };
    let value = parsed.ok_or_else(|| Fault::Value { line, found: value.to_owned() })?;
    Ok(Row { timestamp: timestamp.to_owned(), value, place: None, moment, line })
}

fn on_grid(id: &str, mut rows: Vec<Row>) -> Result<Points, Fault> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // A stable sort keeps rows with equal times in file order, so the first such row counts.
    order.sort_by_key(|row| rows[*row].moment.seconds());
    let moments: Vec<Moment> = order.iter().map(|row| rows[*row].moment).collect();
    let grid = Grid::of(&moments).ok_or(Fault::TooFew(rows.len()))?;
    let step = grid.step();
    let first = moments[0];
    let mut remarks = Remarks::default();
    let back = rows.windows(2).filter(|pair| pair[1].moment.seconds() < pair[0].moment.seconds());
    remarks.unsorted.extend(back.map(|pair| pair[1].line));
    let mut values = Vec::new();
    for row in order {
        let row = &mut rows[row];
        let (place, is_on) = grid.place(first, row.moment);
        // The limit check below also catches an overflow.
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place >= LIMIT {
            return Err(Fault::TooLong { line: row.line, timestamp: row.timestamp.clone(), step });
        }
        if !is_on {
            remarks.off.push(row.line);
        }
        if place < values.len() {
            remarks.doubled.push(row.line);
        } else {
            // Grid times without a row are unknown points.
            values.resize(place, f64::NAN);
            values.push(row.value);
            row.place = Some(place);
        }
    }
    let series = Series {
        id: id.to_owned(),
        start: first.seconds(),
        utc_offset: first.offset,
        step: u32::try_from(step).map_err(|_| Fault::Step(step))?,
        values,
        excluded: Vec::new(),
    };
    Ok(Points { rows, series, remarks: remarks.told(&grid) })
}

/// Line numbers of possible mistakes.
#[derive(Default)]
struct Remarks {
    unsorted: Vec<u64>,
    off: Vec<u64>,
    doubled: Vec<u64>,
}

impl Remarks {
    fn told(&self, grid: &Grid) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(line) = self.unsorted.first() {
            let rows = counted(self.unsorted.len(), "row");
            told.push(format!(
                "line {line}: before the row above it ({rows} in all): the rows are judged in the order of time"
            ));
        }
        if let Some(line) = self.off.first() {
            let rows = counted(self.off.len(), "row");
            told.push(format!(
                "line {line}: not a multiple of the step of {grid} after the first row ({rows} in all): each stands for the point before it"
            ));
        }
        if let Some(line) = self.doubled.first() {
            let rows = counted(self.doubled.len(), "row");
            told.push(format!(
                "line {line}: an earlier row stands for the same point ({rows} in all): the earliest counts, the others get no verdict"
            ));
        }
        told
    }
}

fn not_csv(error: csv::Error) -> Fault {
    let line = error.position().map_or(1, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => Fault::Read(error),
        ErrorKind::Utf8 { .. } => Fault::Utf8 { line },
        other => Fault::NotCsv(format!("{other:?}")),
    }
}

/// An unreadable series, with the path of the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct PointsError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("empty, expected a first line `timestamp,value` and a row for each point")]
    Empty,
    #[error(
        "line 1: no column `{name}`, expected the columns timestamp and value with a comma between, found `{found}`"
    )]
    Column { name: &'static str, found: String },
    #[error("line {line}: {}, expected {expected} as in the first line", counted(*found, "field"))]
    Fields { line: u64, found: usize, expected: usize },
    #[error("line {line}: not UTF-8")]
    Utf8 { line: u64 },
    #[error("not CSV: {0}")]
    NotCsv(String),
    #[error(
        "line {line}: expected a timestamp like 2026-01-31, 2026-01-31 10:00:00, 2026-01-31T10:00:00+09:00, a month like 2026-01, or unix seconds, found {found:?}"
    )]
    Timestamp { line: u64, found: String },
    #[error("line {line}: expected a number, or nothing where it is not known, found {found:?}")]
    Value { line: u64, found: String },
    #[error("line {line}: {found}, expected {before} as in the lines before")]
    Clock { line: u64, found: Clock, before: Clock },
    #[error("{}, expected at least two at different times: the step is the time between rows", counted(*.0, "row"))]
    TooFew(usize),
    #[error("more than {LIMIT} rows, expected at most that many: cut the file")]
    TooMany,
    #[error(
        "line {line}: {timestamp} is more than {LIMIT} steps of {step} seconds after the first row: look whether it is meant, or cut the file"
    )]
    TooLong { line: u64, timestamp: String, step: i64 },
    #[error("a step of {0} seconds is too long, expected at most {max}", max = u32::MAX)]
    Step(i64),
}

#[cfg(test)]
mod tests;
