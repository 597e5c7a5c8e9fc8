//! Verdicts in CSV: a row for each row of the input. Numbers have the shortest form with the same value.

use csv::Writer;

use super::series_file::{SeriesFile, SeriesRow};
use super::walk::TrialResult;

/// Names of the columns.
pub const HEADER: [&str; 7] = ["timestamp", "value", "score", "expected", "lower", "upper", "reason"];

/// The rows of the input that a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownRows {
    All,
    /// The rows with a score of 1 or more.
    Anomalous,
}

impl ShownRows {
    pub fn of<'a>(self, file: &'a SeriesFile, result: &TrialResult) -> impl Iterator<Item = &'a SeriesRow> {
        file.rows
            .iter()
            .filter(move |row| self == Self::All || row.point.is_some_and(|point| result.is_anomalous(point)))
    }
}

/// Returns the table. Unknown values and points without a verdict give empty fields.
pub fn verdict_csv(file: &SeriesFile, result: &TrialResult, rows: ShownRows) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let mut write = |record: [&str; 7]| writer.write_record(record).expect("a vector accepts all bytes");
    write(HEADER);
    for row in rows.of(file, result) {
        let value = if row.value.is_nan() { String::new() } else { row.value.to_string() };
        // A duplicate row has no point and therefore no verdict.
        let verdict = row.point.and_then(|point| result.verdicts[point].as_ref());
        let [score, expected, lower, upper] = match verdict {
            Some(v) => [v.score, v.expected, v.lower, v.upper].map(|number| number.to_string()),
            None => Default::default(),
        };
        let reason = verdict.map_or("", |verdict| &verdict.reason);
        write([&row.timestamp, &value, &score, &expected, &lower, &upper, reason]);
    }
    let bytes = writer.into_inner().expect("a vector accepts all bytes");
    String::from_utf8(bytes).expect("all fields are text")
}
