//! Verdicts in CSV: a row for each row of the input. Numbers have the shortest form with the same value.

use csv::Writer;

use super::series_file::SeriesFile;
use super::walk::TrialResult;

/// Names of the columns.
pub const HEADER: [&str; 7] = ["timestamp", "value", "score", "expected", "lower", "upper", "reason"];

/// Returns the whole table. Unknown values and points without a verdict give empty fields.
pub fn verdict_csv(file: &SeriesFile, result: &TrialResult) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let mut write = |record: [&str; 7]| writer.write_record(record).expect("a vector accepts all bytes");
    write(HEADER);
    for row in &file.rows {
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
