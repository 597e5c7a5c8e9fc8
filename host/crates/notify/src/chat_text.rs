//! The text of a notification for chat and mail: a title, lines and a footer without markup. Each receiver escapes the
//! parts for its own format.

mod amount;
mod budget;
pub(crate) mod cause;
mod chart;
mod english;
mod korean;
mod links;

use std::collections::BTreeSet;

use jiff::civil::Date;
use model::anomaly::Severity;
use model::incident::{IncidentState, NotificationKind};
use model::language::Language;
use model::series::{ALL, Names};

pub use self::amount::{plain as amount_text, refused as refused_amount, signed as signed_amount_text};
pub(crate) use self::links::Link;
use crate::notification::{
    Change, Comparison, Content, CostChange, GroupContent, IncidentContent, Notification, ProblemState,
};
use crate::routing::Owner;
use crate::text::{Locale, one_line};

/// A text in parts. No part has a control character, a line break or a mark of the text direction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChatText {
    /// A single emoji for the severity or the state.
    pub(crate) symbol: &'static str,
    pub(crate) title: String,
    /// The line under the title: the amounts. Empty without amounts.
    pub(crate) figures: String,
    /// Bars of the recent days and their first and last day.
    pub(crate) chart: Option<Chart>,
    pub(crate) lines: Vec<String>,
    /// The severity, the rules and the id.
    pub(crate) footer: String,
    /// The page of the incident, or the cost report.
    pub(crate) link: Option<Link>,
    /// The same page, and the decisions about an open incident there.
    pub(crate) buttons: Vec<Link>,
}

/// The cost of the recent days.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    pub(crate) days: Vec<Bar>,
    pub(crate) label: String,
}

/// The cost of a day in a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    /// Share of the largest cost. `None` for a day without a bill.
    pub(crate) share: Option<f64>,
    pub(crate) is_in_incident: bool,
}

/// The words of a language for a notification.
#[derive(Default)]
struct Words {
    title: String,
    figures: String,
    lines: Vec<String>,
    footer: String,
}

/// Number of characters of an incident id in a text. Commands accept the beginning of an id.
const SHORT_ID: usize = 13;
/// Number of listed notifications in a digest.
const DIGEST_LINES: usize = 20;
/// Number of listed series in a group.
const GROUP_LINES: usize = 5;

impl ChatText {
    pub(crate) fn of(notification: &Notification<'_>) -> Self {
        let words = match notification.locale.language {
            Language::Korean => korean::words(notification),
            Language::English => english::words(notification),
        };
        let locale = notification.locale;
        let incident = links::incident(notification);
        let chart = match &notification.content {
            Content::Incident(content) => Chart::of(std::slice::from_ref(content), locale.language),
            Content::Group(content) => Chart::of(&content.entries, locale.language),
            _ => None,
        };
        let cause = match &notification.content {
            Content::Incident(content) => cause::sentence(content, locale),
            Content::Group(content) => cause::group_sentence(content, locale),
            _ => None,
        };
        let hint = incident.and_then(|content| content.hint).map(|hint| match locale.language {
            Language::Korean => one_line(&format!("안내: {hint}")),
            Language::English => one_line(&format!("Hint: {hint}")),
        });
        Self {
            symbol: symbol(notification),
            title: one_line(&words.title),
            figures: one_line(&words.figures),
            chart,
            lines: words.lines.iter().map(|line| one_line(line)).chain(cause).chain(hint).collect(),
            footer: one_line(&words.footer),
            link: links::link(notification),
            buttons: links::buttons(notification),
        }
    }
}

impl ChatText {
    /// Returns the lines between the title and the footer without markup: the figures, the chart, the sentences and the link.
    pub(crate) fn plain_lines(&self) -> Vec<String> {
        let figures = (!self.figures.is_empty()).then(|| self.figures.clone());
        let chart = self.chart.as_ref().map(|chart| format!("{} {}", chart.line(), chart.label));
        let link = self.link.as_ref().map(|link| format!("{}: {}", link.label, link.url));
        figures.into_iter().chain(chart).chain(self.lines.iter().cloned()).chain(link).collect()
    }
}

fn symbol(notification: &Notification<'_>) -> &'static str {
    match &notification.content {
        Content::Incident(content) => symbol_of(content.kind, content.incident.severity),
        Content::Group(content) => symbol_of(content.first().kind, content.severity()),
        Content::DailyTotal(_) => "🧾",
        Content::PlannedEvent(_) => "🗓️",
        Content::Budget(content) => symbol_of(NotificationKind::Opened, content.reached.severity()),
        Content::Digest(_) => "🗒️",
        Content::Operational(content) => match content.state {
            ProblemState::Raised => "⚠️",
            ProblemState::Resolved => "✅",
            ProblemState::Test => "🔔",
        },
    }
}

fn symbol_of(kind: NotificationKind, severity: Severity) -> &'static str {
    match (kind, severity) {
        (NotificationKind::Closed, _) => "✅",
        (NotificationKind::NewLevel, _) => "📌",
        (NotificationKind::Retracted, _) => "↩️",
        (NotificationKind::NotVerifiable, _) => "❔",
        (NotificationKind::Opened | NotificationKind::Grown, Severity::Critical) => "🔴",
        (NotificationKind::Opened | NotificationKind::Grown, Severity::Warning) => "🟠",
        (NotificationKind::Opened | NotificationKind::Grown, Severity::Info) => "🔵",
    }
}

/// The dimensions of a series; `None` for a sum over the dimension.
struct Place<'a> {
    account: Option<&'a str>,
    project: Option<&'a str>,
    service: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn of(content: &IncidentContent<'a>) -> Self {
        let (key, names) = (&content.incident.series, &content.incident.names);
        let name = |id: &str, name: &'a str| (id != ALL).then_some(name);
        Self {
            account: name(&key.account, &names.account),
            project: name(&key.project, &names.project),
            service: name(&key.service, &names.service),
        }
    }
}

/// The amounts of an incident as text.
struct Amounts {
    observed: String,
    expected: String,
    /// The difference with a sign.
    difference: String,
    /// The sum of the differences since the beginning, without a sign.
    impact: String,
    /// The share of the difference, as a whole number: `38`.
    percent: String,
    /// The ratio of a multiple: `2.1`; `None` below 2.
    times: Option<String>,
}

impl Amounts {
    fn of(comparison: Comparison, impact: f64, locale: Locale<'_>) -> Self {
        let ratio = comparison.observed / comparison.expected;
        Self {
            observed: amount::plain(comparison.observed, locale),
            expected: amount::plain(comparison.expected, locale),
            difference: amount::signed(comparison.observed - comparison.expected, locale),
            impact: amount::plain(impact, locale),
            percent: format!("{:.0}", ((ratio - 1.0) * 100.0).abs()),
            times: (ratio >= 2.0).then(|| format!("{ratio:.1}").trim_end_matches(".0").to_owned()),
        }
    }
}

/// The cost of an incident until the end of the month, if each later day is like the last days.
struct MonthEnd {
    last: Date,
    /// Without a sign.
    impact: String,
}

impl MonthEnd {
    /// `None` before the second day, because one day shows no continuation, and on the last day of the month.
    fn of(content: &IncidentContent<'_>, locale: Locale<'_>) -> Option<Self> {
        let incident = content.incident;
        let last = incident.last_seen.date.last_of_month();
        let is_stated =
            incident.state == IncidentState::Open && incident.by_day.len() > 1 && last > incident.last_seen.date;
        is_stated.then(|| Self { last, impact: amount::plain(incident.impact_until(last), locale) })
    }
}

/// Returns the key of the series if another incident has the same names.
fn key_of_series(content: &IncidentContent<'_>) -> Option<String> {
    content.has_same_names.then(|| content.incident.series.to_string())
}

/// Returns the rules of incidents.
fn rules(entries: &[IncidentContent<'_>]) -> String {
    let rules: BTreeSet<&str> =
        entries.iter().flat_map(|entry| entry.incident.rules.iter().map(String::as_str)).collect();
    rules.into_iter().collect::<Vec<_>>().join(", ")
}

/// Returns a total for people. `total` has thousands separators and the exact decimals.
fn total_text(total: &str, locale: Locale<'_>) -> String {
    let exact = total.replace(',', "").parse();
    exact.map_or_else(|_| format!("{total}{}", locale.unit()), |total: f64| amount::plain(total, locale))
}

/// Returns the differences of services in one line. Services with the same names also have their keys.
fn cost_changes(changes: &[CostChange], locale: Locale<'_>) -> String {
    let text = |change: &CostChange| {
        let CostChange { key, names, difference } = change;
        let Names { account, project, service } = names;
        let has_same_names = changes.iter().any(|other| other.names == *names && other.key != *key);
        let key = if has_same_names { format!(" ({key})") } else { String::new() };
        format!("{account} / {project} · {service}{key} {}", amount::signed(*difference, locale))
    };
    changes.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Returns the line of a series in a group.
fn member_line(name: &str, figures: &str, content: &IncidentContent<'_>) -> String {
    let key = key_of_series(content).map_or_else(String::new, |key| format!(" {key}"));
    let figures = if figures.is_empty() { String::new() } else { format!(": {figures}") };
    format!("{name}{key}{figures} (ID {})", short_id(content))
}

/// Returns the owner of all entries; `None` for several owners.
fn owner<'a>(entries: &[IncidentContent<'a>]) -> Option<&'a Owner> {
    let first = entries.first()?.owner?;
    entries.iter().all(|entry| entry.owner == Some(first)).then_some(first)
}

/// Returns the kind of change of all entries; `None` for several kinds.
fn common_change(content: &GroupContent<'_>) -> Option<Change> {
    let first = Change::of(content.first().incident);
    content.entries.iter().all(|entry| Change::of(entry.incident) == first).then_some(first)
}

/// Returns whether the new level of each series is 0, after a cost.
fn have_stopped(content: &GroupContent<'_>) -> bool {
    content.entries.iter().map(|entry| entry.incident.levels()).all(|levels| levels.after == 0.0 && levels.before > 0.0)
}

/// Returns whether the cost of each series is nearly the expected cost.
fn is_usual_again(entries: &[IncidentContent<'_>]) -> bool {
    entries.iter().all(|entry| entry.incident.distant_usual_cost().is_none())
}

fn short_id<'a>(content: &IncidentContent<'a>) -> &'a str {
    let id = content.incident.id.as_str();
    id.get(..SHORT_ID).unwrap_or(id)
}

/// Returns the reason of the detector without the final full stop.
fn reason<'a>(content: &IncidentContent<'a>) -> &'a str {
    content.incident.reason.trim_end().trim_end_matches('.')
}

#[cfg(test)]
mod tests;
