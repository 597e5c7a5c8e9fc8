//! The services that changed the month, with bars.

use maud::{Markup, html};
use notify::one_line;

use crate::report::CostRow;
use crate::texts::Texts;

/// Number of services.
const SERVICES: usize = 10;

pub(super) fn changes(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let changes = texts.report.changes();
    let largest = changes.first().map_or(0.0, |(_, change)| change.abs());
    let rest: f64 = changes.iter().skip(SERVICES).map(|(_, change)| change).sum();
    html! {
        section {
            h2 { (words.changes) }
            @if changes.is_empty() {
                p { (if texts.report.total.same_days_before.is_some() { words.no_changes } else { words.no_same_days }) }
            } @else {
                p.note { (words.changes_note) }
                table {
                    thead { tr { th scope="col" { (words.service) } th.n scope="col" { (words.change) } td {} } }
                    tbody {
                        tr.sum { th scope="row" { (words.same_days_before) } td.n { (texts.before(&texts.report.total)) } td {} }
                        @for (row, change) in changes.iter().take(SERVICES) {
                            tr {
                                th scope="row" { (one_line(&row.names.service)) " " span.place { (place(row)) } }
                                td.n { (texts.difference(*change)) }
                                td { (bar(*change, largest)) }
                            }
                        }
                        @if changes.len() > SERVICES {
                            tr {
                                th scope="row" { (words.other_services) " (" (changes.len() - SERVICES) ")" }
                                td.n { (texts.difference(rest)) }
                                td { (bar(rest, largest)) }
                            }
                        }
                        tr.sum { th scope="row" { (words.month_so_far) } td.n { (texts.amount(texts.report.total.month_so_far)) } td {} }
                    }
                }
            }
        }
    }
}

fn place(row: &CostRow) -> String {
    format!("{} / {}", one_line(&row.names.account), one_line(&row.names.project))
}

/// Returns a bar from the middle: to the right for more, to the left for less.
fn bar(change: f64, largest: f64) -> Markup {
    let width = (change.abs() / largest).clamp(0.0, 1.0) * 50.0;
    let start = if change < 0.0 { 50.0 - width } else { 50.0 };
    let class = if change < 0.0 { "less" } else { "more" };
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(class) x=(format!("{start:.1}")) y="1" width=(format!("{width:.1}")) height="8" {}
        }
    }
}
