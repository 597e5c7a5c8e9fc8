//! The costs of the month as CSV: the total, and one row per account, project and service.

use model::series::ALL;

use crate::report::{CostRow, Report};

const HEADER: [&str; 11] = [
    "account",
    "project",
    "service",
    "series",
    "cost",
    "month so far",
    "same days before",
    "month end",
    "lower",
    "upper",
    "currency",
];

pub(crate) fn rows(report: &Report<'_>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let expectation = "a vector takes every record";
    writer.write_record(HEADER).expect(expectation);
    for row in std::iter::once(&report.total).chain(&report.rows) {
        writer.write_record(record(row, report.facts.locale.currency)).expect(expectation);
    }
    String::from_utf8(writer.into_inner().expect(expectation)).expect("the fields are UTF-8")
}

fn record(row: &CostRow, currency: &str) -> [String; 11] {
    let range = row.forecast.and_then(|forecast| forecast.range);
    let figure = |figure: Option<f64>| figure.map_or_else(String::new, |figure| figure.to_string());
    let name = |id: &str, name: &str| plain(if id == ALL { ALL } else { name });
    [
        name(&row.key.account, &row.names.account),
        name(&row.key.project, &row.names.project),
        name(&row.key.service, &row.names.service),
        plain(&row.key.to_string()),
        row.in_range.to_string(),
        row.month_so_far.to_string(),
        figure(row.same_days_before),
        figure(row.forecast.map(|forecast| forecast.month_end)),
        figure(range.map(|range| range.lower)),
        figure(range.map(|range| range.upper)),
        currency.to_owned(),
    ]
}

/// Returns a name that no spreadsheet takes for a formula.
fn plain(name: &str) -> String {
    if name.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{name}") } else { name.to_owned() }
}
