//! English words of a notification.

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::anomaly::Direction;
use model::incident::NotificationKind;

use super::{Amounts, DIGEST_LINES, Place, Words, amount, key_of_series, reason, rules, short_id};
use crate::notification::{
    Change, ComparedSpans, Content, DigestContent, IncidentContent, Notification, OperationalContent,
    PlannedEventContent, ProblemState,
};
use crate::routing::DigestPeriod;
use crate::text::{Locale, interval};

pub(super) fn words(notification: &Notification<'_>) -> Words {
    match &notification.content {
        Content::Incident(content) => incident(content, notification.locale),
        Content::DailyTotal { date, total } => daily_total(*date, total, notification.locale),
        Content::PlannedEvent(content) => planned_event(content, notification.locale),
        Content::Digest(content) => digest(content, notification.locale),
        Content::Operational(content) => operational(content),
    }
}

fn incident(content: &IncidentContent<'_>, locale: Locale<'_>) -> Words {
    let amounts = Amounts::of(content, locale);
    let statement = match content.kind {
        NotificationKind::Opened => Words {
            title: change(content, &amounts),
            figures: compared(content, &amounts),
            lines: evidence(content, &amounts),
            ..Words::default()
        },
        NotificationKind::Grown => Words {
            title: growth(content, locale),
            figures: compared(content, &amounts),
            lines: evidence(content, &amounts),
            ..Words::default()
        },
        NotificationKind::Closed => Words {
            title: "back at the usual cost".to_owned(),
            figures: proof(content, locale),
            lines: vec![sum(content, &amounts)],
            ..Words::default()
        },
        NotificationKind::NewLevel => new_level(content, locale),
        NotificationKind::Retracted => Words {
            title: "the bill was corrected, and the cost was as usual".to_owned(),
            lines: vec!["The earlier notifications are withdrawn.".to_owned()],
            ..Words::default()
        },
        NotificationKind::NotVerifiable => Words {
            title: "no comparison with the time before the incident is possible any more".to_owned(),
            figures: compared(content, &amounts),
            lines: vec!["The plugin or the settings changed.".to_owned(), sum(content, &amounts)],
            ..Words::default()
        },
    };
    Words { title: format!("{}: {}", name(content), statement.title), footer: footer(content), ..statement }
}

/// Returns the name of a series.
fn name(content: &IncidentContent<'_>) -> String {
    match Place::of(content) {
        Place { account: Some(account), project: Some(project), service: Some(service) } => {
            format!("{account} / {project} · {service}")
        }
        Place { project: Some(project), service: Some(service), .. } => format!("{project} · {service}"),
        Place { account: Some(account), project: Some(project), service: None } => {
            format!("{account} / {project}, all services")
        }
        Place { project: Some(project), service: None, .. } => format!("{project}, all services"),
        Place { account: Some(account), project: None, service: Some(service) } => format!("{account} · {service}"),
        Place { account: Some(account), project: None, service: None } => format!("{account}, all projects"),
        Place { service: Some(service), .. } => format!("all projects · {service}"),
        Place { .. } => "the whole bill".to_owned(),
    }
}

/// Returns the statement about the newest anomaly.
fn change(content: &IncidentContent<'_>, amounts: &Amounts) -> String {
    let hour = content.comparison.moment.hour.unwrap_or(24);
    let span = match content.comparison.spans {
        ComparedSpans::Day | ComparedSpans::Unknown => String::new(),
        ComparedSpans::PartOfDay => format!(" by {hour:02}:00"),
        ComparedSpans::PartAndWholeDay => format!(" for a whole day, already by {hour:02}:00"),
        ComparedSpans::Hour => format!(" in the hour before {hour:02}:00"),
    };
    let percent = &amounts.percent;
    match (Change::of(content.incident), &amounts.times) {
        (Change::Above, Some(times)) => format!("{times} times the usual cost{span}"),
        (Change::Above, None) => format!("{percent}% more than usual{span}"),
        (Change::Below, _) => format!("{percent}% less than usual{span}"),
        (Change::New, _) => "cost where none was expected".to_owned(),
        (Change::Stopped, _) => "the cost has stopped".to_owned(),
        (Change::Refund, _) => "a credit or refund".to_owned(),
        (Change::CreditShrank, _) => "a smaller credit than usual".to_owned(),
        (Change::CreditGrew, _) => "a larger credit than usual".to_owned(),
    }
}

/// Returns the observed and the expected amount with their spans.
fn compared(content: &IncidentContent<'_>, amounts: &Amounts) -> String {
    let date = date(content.comparison.moment.date);
    let hour = content.comparison.moment.hour.unwrap_or(24);
    let Amounts { observed, expected, difference, .. } = amounts;
    match content.comparison.spans {
        ComparedSpans::Day => format!("{date}: {observed} · usual {expected} · {difference}"),
        ComparedSpans::PartOfDay => {
            format!("{date} until {hour:02}:00: {observed} · usual until then {expected} · {difference}")
        }
        ComparedSpans::PartAndWholeDay => {
            format!("{date} until {hour:02}:00: {observed} · usual for the whole day {expected} · {difference}")
        }
        ComparedSpans::Hour => {
            format!("{date}, the hour before {hour:02}:00: {observed} · usual for the hour {expected} · {difference}")
        }
        ComparedSpans::Unknown => {
            format!("{date}, evaluated until {hour:02}:00: {observed} · expected {expected}")
        }
    }
}

fn growth(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let before = amount::plain(content.delivery.map_or(0.0, |delivery| delivery.notified_impact), locale);
    let after = amount::plain(content.incident.newest_impact(), locale);
    format!("the daily difference has grown from {before} to {after} since the last notification")
}

fn evidence(content: &IncidentContent<'_>, amounts: &Amounts) -> Vec<String> {
    let mut lines = Vec::new();
    if content.incident.by_day.len() > 1 {
        lines.push(sum(content, amounts));
    }
    if !reason(content).is_empty() {
        lines.push(format!("Reason: {}", reason(content)));
    }
    lines
}

/// Returns the sum of the differences over the days of the incident.
fn sum(content: &IncidentContent<'_>, amounts: &Amounts) -> String {
    let comparison = match content.incident.direction {
        Direction::Up => "more than usual",
        Direction::Down => "less than usual",
    };
    let first = content.incident.first_seen.date;
    let last = content.incident.last_seen.date;
    let days =
        if first == last { format!("On {}", date(first)) } else { format!("From {} to {}", date(first), date(last)) };
    format!("{days}: {} {comparison}.", amounts.impact)
}

/// Returns the finished day inside the opening band.
fn proof(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let proof = content.incident.resolved_at.zip(content.incident.closed_at);
    proof.map_or_else(String::new, |(value, closed)| {
        format!("{}, whole day: {}", date(closed.date), amount::plain(value, locale))
    })
}

fn new_level(content: &IncidentContent<'_>, locale: Locale<'_>) -> Words {
    let levels = content.incident.levels();
    let [before, after] = [levels.before, levels.after].map(|level| amount::plain(level, locale));
    let month = amount::signed(levels.difference_per_month(), locale);
    let per = interval(levels.interval_days, locale.language);
    let statement = if levels.after == 0.0 {
        "the cost has stopped for good, and no cost is usual from now on"
    } else {
        "a new level, which is the usual cost from now on"
    };
    Words {
        title: statement.to_owned(),
        figures: format!("{before} → {after} {per} · in 30 days {month}"),
        ..Words::default()
    }
}

fn footer(content: &IncidentContent<'_>) -> String {
    let severity = content.incident.severity.as_str();
    let mut parts = vec![format!("severity {severity}"), format!("rules {}", rules(content))];
    parts.extend(content.owner.map(|owner| format!("owner {}", owner.label())));
    parts.extend(key_of_series(content));
    parts.push(format!("ID {}", short_id(content)));
    parts.join(" · ")
}

fn daily_total(day: Date, total: &str, locale: Locale<'_>) -> Words {
    let total = total
        .replace(',', "")
        .parse()
        .map_or_else(|_| format!("{total}{}", locale.unit()), |total: f64| amount::plain(total, locale));
    let title = format!("Total cost of {}: {total}", date(day));
    Words { title, ..Words::default() }
}

/// Returns the comparison of a plan with the bill.
fn planned_event(content: &PlannedEventContent<'_>, locale: Locale<'_>) -> Words {
    let plan = &content.event.plan;
    let planned = amount::signed(content.planned(), locale);
    let span = span(plan.from, plan.to);
    let (result, lines) = match content.result {
        Some(result) => {
            let [bill, earlier] = [result.bill, result.earlier_bill].map(|bill| amount::plain(bill, locale));
            let days = self::span(result.first_earlier_day, result.last_earlier_day);
            let line = format!("Bill of {}: {bill}; the same weekdays before, {days}: {earlier}", plan.scope);
            (amount::signed(result.difference(), locale), vec![line])
        }
        None => ("not known, because a day has no bill".to_owned(), Vec::new()),
    };
    Words {
        title: format!("planned event {} has ended", plan.name),
        figures: format!("{span}: planned {planned} · result {result}"),
        lines,
        footer: format!("owner {} · ID {}", plan.owner, content.event.id),
    }
}

/// Returns the totals of a period and the titles of its notifications.
fn digest(content: &DigestContent<'_>, locale: Locale<'_>) -> Words {
    let total = amount::plain(content.total, locale);
    let day = date(content.date);
    let first = content.date.saturating_sub(6.days());
    let title = match content.period {
        DigestPeriod::Daily => format!("Daily digest of {day}: {total}"),
        DigestPeriod::Weekly => format!("Weekly digest, {}: {total}", span(first, content.date)),
    };
    let figures = content.earlier_total.map_or_else(String::new, |earlier| {
        let difference = amount::signed(content.total - earlier, locale);
        let earlier = amount::plain(earlier, locale);
        let earlier = match content.period {
            DigestPeriod::Daily => {
                format!("{} a week before: {}", date(content.date.saturating_sub(7.days())), earlier)
            }
            DigestPeriod::Weekly => format!("the week before: {earlier}"),
        };
        format!("{earlier} · {difference}")
    });
    let listed = content.entries.iter().take(DIGEST_LINES);
    let mut lines: Vec<String> = listed.map(|entry| incident(entry, locale).title).collect();
    if content.entries.len() > DIGEST_LINES {
        lines.push(format!("{} more notifications", content.entries.len() - DIGEST_LINES));
    }
    Words { title, figures, lines, ..Words::default() }
}

fn span(first: Date, last: Date) -> String {
    if first == last { date(first) } else { format!("{}–{}", date(first), date(last)) }
}

fn operational(content: &OperationalContent<'_>) -> Words {
    let title = match content.state {
        ProblemState::Test => "Test notification of costwarden",
        ProblemState::Raised => "A problem of costwarden",
        ProblemState::Resolved => "A problem of costwarden has ended",
    };
    let footer = format!("COSTWARDEN_{}", content.tag);
    Words { title: title.to_owned(), lines: vec![content.text.to_owned()], footer, ..Words::default() }
}

/// Returns a date with the weekday: `13 Nov (Fri)`.
pub(super) fn date(date: Date) -> String {
    date.strftime("%-d %b (%a)").to_string()
}
