//! English words of a notification.

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::anomaly::{Direction, Severity};
use model::count::{counted, one_or};
use model::incident::NotificationKind;

use super::{
    Amounts, DIGEST_LINES, GROUP_LINES, MonthEnd, Place, Words, amount, budget, common_change, cost_changes,
    have_stopped, is_usual_again, key_of_series, member_line, owner, reason, rules, short_id, total_text,
};
use crate::notification::{
    Change, ComparedSpans, Comparison, Content, DailyTotalContent, DigestContent, GroupContent, IncidentContent,
    Notification, OperationalContent, PlannedEventContent, ProblemState,
};
use crate::routing::DigestPeriod;
use crate::text::{Locale, interval, rising};

pub(super) fn words(notification: &Notification<'_>) -> Words {
    match &notification.content {
        Content::Incident(content) => incident(content, notification.locale),
        Content::Group(content) => group(content, notification.locale),
        Content::DailyTotal(content) => daily_total(content, notification.locale),
        Content::PlannedEvent(content) => planned_event(content, notification.locale),
        Content::Budget(content) => budget::english(content, notification.locale),
        Content::Digest(content) => digest(content, notification.locale),
        Content::Operational(content) => operational(content),
    }
}

fn incident(content: &IncidentContent<'_>, locale: Locale<'_>) -> Words {
    let amounts = Amounts::of(content.comparison, content.incident.impact(), locale);
    let statement = match content.kind {
        NotificationKind::Opened => Words {
            title: change(content, &amounts),
            figures: compared(content.comparison, &amounts),
            lines: evidence(content, &amounts, locale),
            ..Words::default()
        },
        NotificationKind::Grown => Words {
            title: growth(content, locale),
            figures: compared(content.comparison, &amounts),
            lines: evidence(content, &amounts, locale),
            ..Words::default()
        },
        NotificationKind::Closed => Words {
            title: returned(std::slice::from_ref(content)).to_owned(),
            figures: proof(content, locale),
            lines: vec![sum(std::slice::from_ref(content), &amounts)],
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
            figures: compared(content.comparison, &amounts),
            lines: vec!["The plugin or the settings changed.".to_owned(), sum(std::slice::from_ref(content), &amounts)],
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
        (Change::CreditEnded, _) => "no credit".to_owned(),
        (Change::CreditGrew, _) => "a larger credit than usual".to_owned(),
    }
}

/// Returns the observed and the expected amount with their spans.
fn compared(comparison: Comparison, amounts: &Amounts) -> String {
    let date = date(comparison.moment.date);
    let hour = comparison.moment.hour.unwrap_or(24);
    let Amounts { observed, expected, difference, .. } = amounts;
    match comparison.spans {
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

fn evidence(content: &IncidentContent<'_>, amounts: &Amounts, locale: Locale<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if content.incident.by_day.len() > 1 {
        lines.push(sum(std::slice::from_ref(content), amounts));
    }
    lines.extend(MonthEnd::of(content, locale).map(|MonthEnd { last, impact }| {
        let comparison = more_or_less(content.incident.direction);
        format!("If this goes on: {impact} {comparison} than usual by the end of {}.", last.strftime("%B"))
    }));
    if !reason(content).is_empty() {
        lines.push(format!("Reason: {}", reason(content)));
    }
    lines
}

fn more_or_less(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "more",
        Direction::Down => "less",
    }
}

/// Returns the sum of the differences over the days of incidents with one direction and one first day.
fn sum(entries: &[IncidentContent<'_>], amounts: &Amounts) -> String {
    let incident = entries[0].incident;
    let comparison = more_or_less(incident.direction);
    let first = incident.first_seen.date;
    let last = entries.iter().map(|entry| entry.incident.last_seen.date).max().unwrap_or(first);
    let days =
        if first == last { format!("On {}", date(first)) } else { format!("From {} to {}", date(first), date(last)) };
    format!("{days}: {} {comparison} than usual.", amounts.impact)
}

/// Returns the statement that finished days lie inside the opening bands.
fn returned(entries: &[IncidentContent<'_>]) -> &'static str {
    if is_usual_again(entries) { "back at the usual cost" } else { "within the usual range again" }
}

/// Returns the finished day inside the opening band.
fn proof(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let proof = content.incident.resolved_by.zip(content.incident.closed_at);
    proof.map_or_else(String::new, |(day, closed)| {
        let observed = format!("{}, whole day: {}", date(closed.date), amount::plain(day.observed, locale));
        match content.incident.distant_usual_cost() {
            Some(expected) => format!("{observed} · usual {}", amount::plain(expected, locale)),
            None => observed,
        }
    })
}

fn new_level(content: &IncidentContent<'_>, locale: Locale<'_>) -> Words {
    if content.incident.is_reversed() {
        let amounts = Amounts::of(content.comparison, content.incident.impact(), locale);
        let title = match content.incident.direction {
            Direction::Up => "no longer more than usual, but less",
            Direction::Down => "no longer less than usual, but more",
        };
        let figures = sum(std::slice::from_ref(content), &amounts);
        return Words { title: title.to_owned(), figures, ..Words::default() };
    }
    let levels = content.incident.levels();
    let [before, after] = [levels.before, levels.after].map(|level| amount::plain(level, locale));
    let month = amount::signed(levels.difference_per_month(), locale);
    let per = interval(levels.interval_days, locale.language);
    let statement = if levels.after == 0.0 && levels.before < 0.0 {
        "the credit has ended, and no credit is expected from now on"
    } else if levels.after == 0.0 {
        "the cost has stopped for good, and no cost is usual from now on"
    } else {
        "a new level, which is the usual cost from now on"
    };
    Words {
        title: statement.to_owned(),
        figures: format!("{before} → {after} {per} · in 30 days {month}"),
        lines: content.incident.rising_days().map(|days| rising(days, locale.language)).into_iter().collect(),
        ..Words::default()
    }
}

fn footer(content: &IncidentContent<'_>) -> String {
    let mut parts = origin(content.incident.severity, std::slice::from_ref(content));
    parts.extend(content.incident.assignee().map(|assignee| format!("assigned to {assignee}")));
    parts.extend(key_of_series(content));
    parts.push(format!("ID {}", short_id(content)));
    parts.join(" · ")
}

/// Returns the severity, the rules and the common owner of incidents.
fn origin(severity: Severity, entries: &[IncidentContent<'_>]) -> Vec<String> {
    let parts = [format!("severity {}", severity.as_str()), format!("rules {}", rules(entries))];
    parts.into_iter().chain(owner(entries).map(|owner| format!("owner {}", owner.label()))).collect()
}

/// Returns the total of a group and its largest series.
fn group(content: &GroupContent<'_>, locale: Locale<'_>) -> Words {
    let first = content.first();
    let amounts = Amounts::of(content.comparison(), content.impact(), locale);
    let count = content.entries.len();
    let series = match first.incident.series.layer() {
        0 => format!("{count} services"),
        1 => format!("{count} projects"),
        _ => format!("{count} sums"),
    };
    let statement = match (first.kind, common_change(content), first.incident.direction) {
        (NotificationKind::Opened, Some(Change::New), _) => format!("{series} cost money where none was expected"),
        (NotificationKind::Opened, Some(Change::Stopped), _) => format!("the cost of {series} has stopped"),
        (NotificationKind::Opened, _, Direction::Up) => format!("{series} cost more than usual"),
        (NotificationKind::Opened, _, Direction::Down) => format!("{series} cost less than usual"),
        (NotificationKind::Grown, ..) => {
            format!("the daily difference of {series} has grown since the last notification")
        }
        (NotificationKind::Closed, ..) => format!("{series} are {}", returned(&content.entries)),
        (NotificationKind::NewLevel, ..) if have_stopped(content) => {
            format!("{series} have stopped, and no cost is usual from now on")
        }
        (NotificationKind::NewLevel, ..) => format!("{series} have a new level, which is the usual cost from now on"),
        (NotificationKind::Retracted, ..) => format!("the bill was corrected, and the cost of {series} was as usual"),
        (NotificationKind::NotVerifiable, ..) => {
            format!("no comparison of {series} with the time before the incidents is possible any more")
        }
    };
    let figures = match first.kind {
        NotificationKind::Opened | NotificationKind::Grown => compared(content.comparison(), &amounts),
        NotificationKind::Retracted => "The earlier notifications are withdrawn.".to_owned(),
        NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::NotVerifiable => {
            sum(&content.entries, &amounts)
        }
    };
    let mut lines: Vec<String> = content.entries.iter().take(GROUP_LINES).map(|entry| member(entry, locale)).collect();
    if count > GROUP_LINES {
        lines.push(format!("{} more", count - GROUP_LINES));
    }
    Words {
        title: format!("{}: {statement}", place(content)),
        figures,
        lines,
        footer: origin(content.severity(), &content.entries).join(" · "),
    }
}

/// Returns the place of a group.
fn place(content: &GroupContent<'_>) -> String {
    match (content.account(), content.project()) {
        (Some(account), Some(project)) => format!("{account} / {project}"),
        (Some(account), None) => account.to_owned(),
        (None, _) => "the whole bill".to_owned(),
    }
}

/// Returns the line of a series in a group.
fn member(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let amounts = Amounts::of(content.comparison, content.incident.impact(), locale);
    let Amounts { observed, expected, difference, .. } = &amounts;
    let figures = match content.kind {
        NotificationKind::Opened | NotificationKind::Grown => {
            format!("{observed} · usual {expected} · {difference}")
        }
        NotificationKind::Closed => proof(content, locale),
        NotificationKind::NewLevel => new_level(content, locale).figures,
        NotificationKind::NotVerifiable => format!("{observed} · expected {expected}"),
        // The amounts of the incident are withdrawn.
        NotificationKind::Retracted => String::new(),
    };
    member_line(&name(content), &figures, content)
}

/// Returns the total with its comparison.
fn daily_total(content: &DailyTotalContent<'_>, locale: Locale<'_>) -> Words {
    let DailyTotalContent { date: day, total, refused, comparison, budgets } = *content;
    let mut figures = Vec::new();
    let mut lines = Vec::new();
    if let Some(comparison) = comparison {
        for (days, earlier) in [(7, comparison.week_before), (1, comparison.day_before)] {
            figures.extend(earlier.map(|earlier| {
                let difference = amount::signed(comparison.total - earlier, locale);
                format!("{} {} ({difference})", date(day.saturating_sub(days.days())), amount::plain(earlier, locale))
            }));
        }
        figures.extend(comparison.month.map(|month| format!("this month so far {}", amount::plain(month, locale))));
        let changes = cost_changes(&comparison.changes, locale);
        if !changes.is_empty() {
            lines.push(format!("Largest changes since {}: {}.", date(day.saturating_sub(7.days())), changes));
        }
    }
    lines.extend(budgets.iter().map(|month| budget::english_line(month, locale)));
    if refused.rows > 0 {
        let are = one_or(refused.rows, "is", "are");
        let rows = counted(refused.rows, "refused row");
        lines.push(format!("{rows} ({}) {are} not included.", amount::refused(refused, locale)));
    }
    Words {
        title: format!("Total cost of {}: {}", date(day), total_text(total, locale)),
        figures: figures.join(" · "),
        lines,
        ..Words::default()
    }
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
    let mut lines: Vec<String> = content.budgets.iter().map(|month| budget::english_line(month, locale)).collect();
    let listed = content.entries.iter().take(DIGEST_LINES);
    lines.extend(listed.map(|entry| incident(entry, locale).title));
    if content.entries.len() > DIGEST_LINES {
        lines.push(format!("{} more notifications", content.entries.len() - DIGEST_LINES));
    }
    Words { title, figures, lines, ..Words::default() }
}

pub(super) fn span(first: Date, last: Date) -> String {
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
