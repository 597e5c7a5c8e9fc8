//! The charts: the data for the script, and the places in the page.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::report::{Report, ReportedIncident};
use crate::texts::Texts;

/// Index of the chart of the daily totals. The charts of the incidents follow in order.
const TOTALS: usize = 0;

/// Returns the chart of an incident; `index` is the position in the report.
pub(super) fn of_incident(texts: &Texts<'_, '_>, index: usize) -> Markup {
    chart(index + 1, texts.words.cost)
}

/// Returns the chart of the daily totals, and the days as a table.
pub(super) fn daily_totals(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    html! {
        section {
            h2 { (words.daily_totals) }
            (chart(TOTALS, words.daily_totals))
            p.note { (words.daily_totals_note) }
            details {
                summary { (words.daily_totals) }
                table {
                    thead { tr { th scope="col" { (words.day) } th.n scope="col" { (words.cost) } th.n scope="col" { (words.usual) } } }
                    tbody {
                        @for day in &texts.report.days {
                            tr {
                                th scope="row" { (day.date) }
                                td.n { @if !day.cost.is_nan() { (texts.amount(day.cost)) } }
                                td.n { @if let Some(usual) = day.usual { (texts.amount(usual.lower)) " – " (texts.amount(usual.upper)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn chart(index: usize, label: &str) -> Markup {
    html! { div.chart data-chart=(index) role="img" aria-label=(label) {} }
}

/// Returns the data of all charts as JSON without `<`.
pub(super) fn data(report: &Report<'_>) -> String {
    let totals = json!({
        "cost": report.days.iter().map(|day| number(day.cost)).collect::<Vec<_>>(),
        "lower": report.days.iter().map(|day| day.usual.map(|usual| number(usual.lower))).collect::<Vec<_>>(),
        "upper": report.days.iter().map(|day| day.usual.map(|usual| number(usual.upper))).collect::<Vec<_>>(),
        "spans": report.incidents.iter().map(span).collect::<Vec<_>>(),
    });
    let incidents = report.incidents.iter().map(|reported| {
        json!({
            "cost": reported.costs.iter().map(|cost| number(*cost)).collect::<Vec<_>>(),
            "spans": [span(reported)],
        })
    });
    let data = json!({
        "first": report.days.first().map(|day| day.date.to_string()),
        "days": report.days.len(),
        "charts": std::iter::once(totals).chain(incidents).collect::<Vec<Value>>(),
    });
    data.to_string().replace('<', "\\u003c")
}

/// Returns the first and the last day of an incident as day numbers of the charts.
fn span(reported: &ReportedIncident<'_>) -> [String; 2] {
    [reported.incident.first_seen, reported.incident.last_seen].map(|moment| moment.date.to_string())
}

/// Returns a cost to five digits, enough for a picture; null for NaN.
fn number(cost: f64) -> Value {
    const DIGITS: i32 = 5;
    if cost == 0.0 || !cost.is_finite() {
        return json!(cost);
    }
    let unit = 10_f64.powi(cost.abs().log10().floor() as i32 + 1 - DIGITS);
    let rounded = (cost / unit).round() * unit;
    if rounded.fract() == 0.0 { json!(rounded as i64) } else { json!(rounded) }
}
