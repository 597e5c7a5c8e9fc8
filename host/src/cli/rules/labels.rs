//! A file of labels: CSV with the columns `date`, `series` and `label`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use model::series::{ALL, SeriesKey, parse_day};
use store::{Store, StoreError};

use crate::cli::args::ALL_DAYS;
use crate::pipeline::DayLabel;

const COLUMNS: [&str; 3] = ["date", "series", "label"];

/// Reads the labels of a file.
///
/// # Errors
/// Fails if the file cannot be read, a column is missing, or a line is invalid. The message names the line.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<DayLabel>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--labels {}: cannot be read", path.display()))?;
    parse(&text).with_context(|| format!("--labels {}", path.display()))
}

/// Returns the labelled series without a stored day, without sums.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn unknown_series(labels: &[DayLabel], store: &Store) -> Result<Vec<SeriesKey>, StoreError> {
    let is_sum = |key: &SeriesKey| [&key.account, &key.project, &key.service].into_iter().any(|id| &**id == ALL);
    let series: BTreeSet<&SeriesKey> = labels.iter().map(|label| &label.series).filter(|key| !is_sum(key)).collect();
    let mut unknown = Vec::new();
    for key in series {
        if store.daily(ALL_DAYS, key).await?.is_empty() {
            unknown.push(key.clone());
        }
    }
    Ok(unknown)
}

fn parse(text: &str) -> anyhow::Result<Vec<DayLabel>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    anyhow::ensure!(header == COLUMNS, "the header is {:?}, expected date,series,label", header.join(","));
    let mut labels = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: usize| record.get(column).unwrap_or_default();
        let label = DayLabel {
            date: parse_day(field(0))
                .with_context(|| format!("line {line}: date {:?}, expected a day like 2026-11-23", field(0)))?,
            series: SeriesKey::parse(field(1)).with_context(|| {
                format!("line {line}: series {:?}, expected domainId/projectId/serviceId, with * for a sum", field(1))
            })?,
            label: field(2).parse().ok().with_context(|| {
                format!("line {line}: label {:?}, expected a whole number: 0 for a usual day", field(2))
            })?,
        };
        labels.push(label);
    }
    anyhow::ensure!(!labels.is_empty(), "the file has no label, expected at least one line below the header");
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let parsed = match parse(text) {
            Ok(labels) => labels.iter().map(|it| format!("{} {} {}", it.date, it.series, it.label)).collect(),
            Err(error) => vec![format!("{error:#}")],
        };
        assert_eq!(parsed.join("; "), expect);
    }

    #[test]
    fn labels_have_a_date_a_series_and_a_number() {
        check("date,series,label\n2026-11-23, d/p/s ,1\n20261124,d/*/*,0\n", "2026-11-23 d/p/s 1; 2026-11-24 d/*/* 0");
        check("date,series\n", "the header is \"date,series\", expected date,series,label");
        check("date,series,label\n", "the file has no label, expected at least one line below the header");
        check("date,series,label\nmonday,d/p/s,1\n", "line 2: date \"monday\", expected a day like 2026-11-23");
        check(
            "date,series,label\n2026-11-23,mysql,1\n",
            "line 2: series \"mysql\", expected domainId/projectId/serviceId, with * for a sum",
        );
        check(
            "date,series,label\n2026-11-23,d/p/s,yes\n",
            "line 2: label \"yes\", expected a whole number: 0 for a usual day",
        );
    }
}
