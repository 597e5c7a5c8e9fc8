//! One card per incident: the figures, a chart, the reason, the history and the notifications.

use maud::{Markup, html};
use model::anomaly::Direction;
use model::incident::{Action, HistoryEntry};
use notify::one_line;

use super::charts;
use crate::report::ReportedIncident;
use crate::texts::{Texts, moment};

/// Largest number of cards. The other incidents are in the JSON form.
const CARDS: usize = 50;

pub(super) fn cards(texts: &Texts<'_, '_>) -> Markup {
    let words = texts.words;
    let incidents = &texts.report.incidents;
    html! {
        section {
            h2 { (words.incidents) @if incidents.len() > CARDS { " (" (CARDS) " / " (incidents.len()) ")" } }
            @if incidents.is_empty() { p { (words.no_incidents) } }
            @for (index, reported) in incidents.iter().enumerate().take(CARDS) {
                (card(texts, index, reported))
            }
        }
    }
}

fn card(texts: &Texts<'_, '_>, index: usize, reported: &ReportedIncident<'_>) -> Markup {
    let words = texts.words;
    let incident = reported.incident;
    let sign = if incident.direction == Direction::Up { "▲" } else { "▼" };
    let rules: Vec<&str> = incident.rules.iter().map(String::as_str).collect();
    html! {
        article id=(incident.id) {
            h3 { span aria-hidden="true" { (sign) " " } (texts.what(incident)) " " span.place { (texts.place(incident)) } }
            (charts::of_incident(texts, index))
            dl {
                (entry(words.state, words.state(incident.state)))
                (entry(words.severity, words.severity(incident.severity)))
                (entry(words.since, &format!("{} – {}", moment(incident.first_seen), moment(incident.last_seen))))
                (entry(words.newest_day, &figures(texts, reported)))
                (entry(words.so_far, &texts.difference(reported.so_far())))
                @if let Some(until) = reported.until_month_end { (entry(words.until_month_end, &texts.difference(until))) }
                (entry(words.reason, &one_line(&reported.why())))
                (entry(words.rules, &one_line(&rules.join(", "))))
                @for action in &incident.history {
                    (entry(words.action(&action.action), &recorded(action)))
                }
                (entry(words.notified, &receivers(texts, reported)))
                (entry(words.next, &format!("costwarden incidents show {}", incident.id)))
            }
        }
    }
}

fn entry(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Returns the newest value beside the expected value.
fn figures(texts: &Texts<'_, '_>, reported: &ReportedIncident<'_>) -> String {
    let incident = reported.incident;
    let [observed, expected] = [incident.observed, incident.expected].map(|amount| texts.amount(amount));
    format!(
        "{observed} ({} {expected}, {})",
        texts.words.usual,
        texts.difference(incident.observed - incident.expected)
    )
}

/// Returns an entry of a person as one line.
pub(super) fn recorded(entry: &HistoryEntry) -> String {
    let object = match &entry.action {
        Action::Decision(resolution) => format!(" {}", resolution.as_str()),
        Action::Assignment(assignee) => format!(" → {assignee}"),
        Action::Comment => String::new(),
    };
    let note = entry.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    one_line(&format!("{} {}{object}{note}", entry.at, entry.author))
}

fn receivers(texts: &Texts<'_, '_>, reported: &ReportedIncident<'_>) -> String {
    let names: Vec<&str> = reported.incident.deliveries.keys().map(String::as_str).collect();
    if names.is_empty() { texts.words.nobody.to_owned() } else { one_line(&names.join(", ")) }
}
