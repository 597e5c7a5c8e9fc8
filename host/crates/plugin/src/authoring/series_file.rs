//! Reads a series from a CSV file with the columns `timestamp`, `value` and optionally `label`. The rows become points
//! with an even step.
//!
//! The step is the usual time between two rows. Times without a row become unknown points. Rows between two steps,
//! duplicate rows and unsorted rows give warnings, because measured series have all three. An unreadable line is an
//! error with the line number.

mod error;
mod rows;
mod step;
mod timestamp;
mod warnings;

use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use model::series::Series;

use self::error::SeriesFileFault;
use self::step::Step;
use self::timestamp::Timestamp;
use self::warnings::SuspectLines;

pub use self::error::SeriesFileError;
pub use self::rows::SeriesRow;

/// The rows of a file in file order, and the resulting series.
#[derive(Debug, Clone)]
pub struct SeriesFile {
    /// The path, or the id of a series without a file. For messages.
    pub origin: String,
    pub rows: Vec<SeriesRow>,
    pub series: Series,
    /// Texts about possible mistakes in the file, with line numbers.
    pub warnings: Vec<String>,
}

/// Maximum number of points and of rows: eleven years of five-minute steps.
const MAX_POINTS: usize = 1_200_000;

/// Reads a file. The file name without the extension becomes the series id.
///
/// # Errors
/// Fails if the file cannot be read or a line is invalid.
pub fn read(path: &Path) -> Result<SeriesFile, SeriesFileError> {
    let id = path.file_stem().unwrap_or_default().to_string_lossy();
    let file = File::open(path).map_err(SeriesFileFault::Read);
    let read = file.and_then(|file| to_series(&id, rows::read(file)?));
    let read = read.map_err(|fault| SeriesFileError { origin: path.display().to_string(), fault })?;
    Ok(SeriesFile { origin: path.display().to_string(), ..read })
}

/// Reads a series with the given id from the text of a file.
///
/// # Errors
/// Fails if a line is invalid.
pub fn parse(id: &str, text: &str) -> Result<SeriesFile, SeriesFileError> {
    let read = rows::read(text.as_bytes()).and_then(|rows| to_series(id, rows));
    read.map_err(|fault| SeriesFileError { origin: id.to_owned(), fault })
}

/// Returns the CSV files of a folder, sorted by name.
///
/// # Errors
/// Fails if the folder cannot be read or has no CSV file.
pub fn files_of(folder: &Path) -> Result<Vec<PathBuf>, SeriesFileError> {
    let error = |fault| SeriesFileError { origin: folder.display().to_string(), fault };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|cause| error(SeriesFileFault::Read(cause)))? {
        let path = entry.map_err(|cause| error(SeriesFileFault::Read(cause)))?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() { Err(error(SeriesFileFault::NoFiles)) } else { Ok(files) }
}

impl SeriesFile {
    /// Returns the local time of each point. A point without a row follows the previous point after one step.
    pub fn times(&self) -> Vec<DateTime> {
        let start = self.series.start + i64::from(self.series.utc_offset);
        let step = i64::from(self.series.step);
        let mut times: Vec<i64> = (0..self.series.values.len() as i64).map(|point| start + point * step).collect();
        for row in &self.rows {
            if let Some(point) = row.point {
                times[point] = row.time.local;
            }
        }
        times.into_iter().map(timestamp::civil).collect()
    }

    /// Returns true if the file has a column with labels.
    pub fn has_labels(&self) -> bool {
        self.rows.iter().any(|row| row.label.is_some())
    }

    /// Returns the point of a timestamp or of a row number (from 0), or the next point after the given place. Returns
    /// `None` for a time outside the series.
    pub fn find(&self, text: &str) -> Option<usize> {
        let from = |index: usize| self.rows[index..].iter().find_map(|row| row.point);
        if let Some(index) = self.rows.iter().position(|row| row.timestamp == text) {
            return from(index);
        }
        if let Some(index) = text.parse().ok().filter(|index| *index < self.rows.len()) {
            return from(index);
        }
        let time = Timestamp::parse(text)?;
        let first = self.rows.first()?;
        if time.clock != first.time.clock {
            return None;
        }
        let seconds = time.seconds();
        if self.rows.iter().all(|row| seconds < row.time.seconds()) {
            return None;
        }
        let not_before = self.rows.iter().filter(|row| row.time.seconds() >= seconds);
        not_before.filter_map(|row| row.point).min()
    }
}

fn to_series(id: &str, mut rows: Vec<SeriesRow>) -> Result<SeriesFile, SeriesFileFault> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // A stable sort keeps rows with equal times in file order, so the first such row counts.
    order.sort_by_key(|row| rows[*row].time.seconds());
    let times: Vec<Timestamp> = order.iter().map(|row| rows[*row].time).collect();
    let step = Step::of(&times).ok_or(SeriesFileFault::TooFew(rows.len()))?;
    let step_seconds = step.seconds();
    let first = times[0];
    let mut suspect = SuspectLines::default();
    let unsorted = rows.windows(2).filter(|pair| pair[1].time.seconds() < pair[0].time.seconds());
    suspect.unsorted.extend(unsorted.map(|pair| pair[1].line));
    let mut values = Vec::new();
    for index in order {
        let row = &mut rows[index];
        let position = step.position(first, row.time);
        // The limit check below also catches an overflow.
        let point = usize::try_from(position.index).unwrap_or(usize::MAX);
        if point >= MAX_POINTS {
            let timestamp = row.timestamp.clone();
            return Err(SeriesFileFault::TooLong { line: row.line, timestamp, step: step_seconds });
        }
        if !position.is_exact {
            suspect.between_steps.push(row.line);
        }
        if point < values.len() {
            suspect.duplicate.push(row.line);
        } else {
            // Times without a row are unknown points.
            values.resize(point, f64::NAN);
            values.push(row.value);
            row.point = Some(point);
        }
    }
    let series = Series {
        id: id.to_owned(),
        start: first.seconds(),
        utc_offset: first.offset,
        step: u32::try_from(step_seconds).map_err(|_| SeriesFileFault::Step(step_seconds))?,
        values,
        excluded: Vec::new(),
    };
    Ok(SeriesFile { origin: id.to_owned(), rows, series, warnings: suspect.warnings(step) })
}

#[cfg(test)]
mod tests;
