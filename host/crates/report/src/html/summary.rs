//! The first screen: the month, the forecast, and the open incidents.

use maud::{Markup, html};
use notify::one_line;

use crate::report::ReportedIncident;
use crate::texts::{Texts, moment};

/// Returns the month so far, the forecast and the number of open incidents.
pub(super) fn tiles(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let total = &texts.report.total;
    let range = texts.range(total);
    let open: Vec<&ReportedIncident<'_>> = texts.report.open_incidents().collect();
    let so_far: f64 = open.iter().map(|reported| reported.so_far()).sum::<f64>() + 0.0;
    let until: f64 = open.iter().filter_map(|reported| reported.until_month_end).sum::<f64>() + 0.0;
    html! {
        div.tiles {
            section {
                h2 { (words.month_so_far) }
                p.figure { (texts.amount(total.month_so_far)) }
                @if total.same_days_before.is_some() {
                    p { (words.same_days_before) " " (texts.before(total)) " (" (texts.change(total)) ")" }
                } @else {
                    p { (words.no_same_days) }
                }
                @if texts.report.unknown_days > 0 { p { (words.unknown_days) ": " (texts.report.unknown_days) } }
            }
            section {
                h2 { (words.month_end) }
                @if total.forecast.is_some() {
                    p.figure { (texts.month_end(total)) }
                    p { @if range.is_empty() { (words.no_range) } @else { (words.range) ": " (range) } }
                } @else {
                    p { (words.no_forecast) }
                }
            }
            section {
                h2 { (words.open_incidents) }
                p.figure { (open.len()) }
                @if !open.is_empty() {
                    p { (words.so_far) " " (texts.difference(so_far)) }
                    p { (words.until_month_end) " " (texts.difference(until)) }
                }
            }
        }
    }
}

/// Returns the open incidents, the largest first.
pub(super) fn open_incidents(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let open: Vec<&ReportedIncident<'_>> = texts.report.open_incidents().collect();
    let is_explained = |reported: &&ReportedIncident<'_>| reported.is_open() && reported.incident.is_explained;
    let explained = texts.report.incidents.iter().filter(is_explained).count();
    html! {
        section {
            h2 { (words.open_incidents) }
            @if open.is_empty() {
                p { (words.no_open_incident) }
            } @else {
                div.scroll tabindex="0" role="region" aria-label=(words.open_incidents) {
                    table {
                        thead { tr {
                            @for name in [words.service, words.place] { th scope="col" { (name) } }
                            @for name in [words.newest_day, words.so_far, words.until_month_end] { th.n scope="col" { (name) } }
                            @for name in [words.since, words.reason, words.next] { th scope="col" { (name) } }
                        } }
                        tbody { @for reported in &open { (row(texts, reported)) } }
                    }
                }
                @if let Some(note) = words.causes_note_of(texts.report.facts.causes_state) { p.note { (note) } }
                @if explained > 0 { p.note { (words.explained) ": " (explained) } }
            }
        }
    }
}

fn row(texts: &Texts<'_, '_>, reported: &ReportedIncident<'_>) -> Markup {
    let words = texts.words;
    let incident = reported.incident;
    html! {
        tr {
            th scope="row" { a href={ "#" (incident.id) } { (texts.what(incident)) } }
            td.where { (texts.place(incident)) }
            td.n { (texts.difference(reported.newest())) br; span.when { (moment(incident.last_seen)) } }
            td.n { (texts.difference(reported.so_far())) }
            td.n { @if let Some(until) = reported.until_month_end { (texts.difference(until)) } }
            td.when { (moment(incident.first_seen)) }
            td { (one_line(&incident.reason)) }
            td.next {
                @if let Some(address) = texts.incident_page(incident) {
                    a href=(address) aria-label={ (words.decide) ": " (texts.what(incident)) } { (words.decide) }
                } @else {
                    code { "costwarden incidents explain " (incident.id) }
                }
            }
        }
        // A row of its own keeps the other incidents on the first screen.
        @if let Some(cause) = reported.cause { tr.cause { td {} td colspan="7" { (one_line(cause)) } } }
    }
}
