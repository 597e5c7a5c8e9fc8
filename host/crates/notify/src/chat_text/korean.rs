//! Korean words of a notification.

mod planned_event;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use model::anomaly::{Direction, Severity};
use model::incident::NotificationKind;
use model::language::Language;

use super::{
    Amounts, DIGEST_LINES, GROUP_LINES, MonthEnd, Place, Words, amount, budget, common_change, cost_changes,
    have_stopped, is_usual_again, key_of_series, member_line, owner, reason, rules, short_id, total_text,
};
use crate::notification::{
    Change, ComparedSpans, Comparison, Content, DailyTotalContent, DigestContent, GroupContent, IncidentContent,
    Notification, OperationalContent, ProblemState,
};
use crate::routing::DigestPeriod;
use crate::text::{Locale, interval, rising};

pub(super) fn words(notification: &Notification<'_>) -> Words {
    match &notification.content {
        Content::Incident(content) => incident(content, notification.locale),
        Content::Group(content) => group(content, notification.locale),
        Content::DailyTotal(content) => daily_total(content, notification.locale),
        Content::PlannedEvent(content) => planned_event::words(content, notification.locale),
        Content::Budget(content) => budget::korean(content, notification.locale),
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
            title: "청구 내역이 정정되어 다시 보니 평소 수준이었습니다".to_owned(),
            lines: vec!["앞서 보낸 알림은 취소합니다.".to_owned()],
            ..Words::default()
        },
        NotificationKind::NotVerifiable => Words {
            title: "시작 전 기준과 더 비교할 수 없습니다".to_owned(),
            figures: compared(content.comparison, &amounts),
            lines: vec!["플러그인이나 설정이 바뀌었습니다.".to_owned(), sum(std::slice::from_ref(content), &amounts)],
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
            format!("{account} / {project} 전체 비용")
        }
        Place { project: Some(project), service: None, .. } => format!("{project} 전체 비용"),
        Place { account: Some(account), project: None, service: Some(service) } => format!("{account} · {service}"),
        Place { account: Some(account), project: None, service: None } => format!("{account} 전체 비용"),
        Place { service: Some(service), .. } => format!("전체 프로젝트 · {service}"),
        Place { .. } => "청구서 전체 비용".to_owned(),
    }
}

/// Returns the statement about the newest anomaly.
fn change(content: &IncidentContent<'_>, amounts: &Amounts) -> String {
    let hour = content.comparison.moment.hour.unwrap_or(24);
    let span = match content.comparison.spans {
        ComparedSpans::Day | ComparedSpans::Unknown => String::new(),
        ComparedSpans::PartOfDay => format!("{hour}시까지 "),
        ComparedSpans::PartAndWholeDay => format!("{hour}시까지 이미 하루 "),
        ComparedSpans::Hour => format!("{hour}시까지 한 시간 동안 "),
    };
    let percent = &amounts.percent;
    match (Change::of(content.incident), &amounts.times) {
        (Change::Above, Some(times)) => format!("{span}평소의 약 {times}배가 나왔습니다"),
        (Change::Above, None) => format!("{span}평소보다 약 {percent}% 더 나왔습니다"),
        (Change::Below, _) => format!("{span}평소보다 약 {percent}% 덜 나왔습니다"),
        (Change::New, _) => "예상하지 않은 비용이 나왔습니다".to_owned(),
        (Change::Stopped, _) => "비용이 끊겼습니다".to_owned(),
        (Change::Refund, _) => "환불 또는 크레딧이 반영되었습니다".to_owned(),
        (Change::CreditShrank, _) => "크레딧이 평소보다 줄었습니다".to_owned(),
        (Change::CreditEnded, _) => "크레딧이 없습니다".to_owned(),
        (Change::CreditGrew, _) => "크레딧이 평소보다 늘었습니다".to_owned(),
    }
}

/// Returns the observed and the expected amount with their spans.
fn compared(comparison: Comparison, amounts: &Amounts) -> String {
    let date = date(comparison.moment.date);
    let hour = comparison.moment.hour.unwrap_or(24);
    let Amounts { observed, expected, difference, .. } = amounts;
    match comparison.spans {
        ComparedSpans::Day => format!("{date} {observed} · 평소 {expected} · {difference}"),
        ComparedSpans::PartOfDay => {
            format!("{date} {hour}시까지 {observed} · 평소 같은 시각까지 {expected} · {difference}")
        }
        ComparedSpans::PartAndWholeDay => {
            format!("{date} {hour}시까지 {observed} · 하루 전체 평소 {expected} · {difference}")
        }
        ComparedSpans::Hour => {
            format!("{date} {hour}시까지 한 시간 {observed} · 평소 같은 시간 {expected} · {difference}")
        }
        ComparedSpans::Unknown => format!("{date} {hour}시까지 집계 {observed} · 기준 {expected}"),
    }
}

fn growth(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let before = amount::plain(content.delivery.map_or(0.0, |delivery| delivery.notified_impact), locale);
    let after = amount::plain(content.incident.newest_impact(), locale);
    // The particle depends on the last sound: 원으로, USD로.
    let to = if after.ends_with('원') { "으로" } else { "로" };
    format!("지난 알림 뒤 하루 차이가 {before}에서 {after}{to} 커졌습니다")
}

fn evidence(content: &IncidentContent<'_>, amounts: &Amounts, locale: Locale<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if content.incident.by_day.len() > 1 {
        lines.push(sum(std::slice::from_ref(content), amounts));
    }
    lines.extend(MonthEnd::of(content, locale).map(|MonthEnd { last, impact }| {
        let comparison = more_or_less(content.incident.direction);
        format!("이대로면 {}월 말까지 평소보다 약 {impact} {comparison} 나옵니다.", last.month())
    }));
    if !reason(content).is_empty() {
        lines.push(format!("이유: {}", reason(content)));
    }
    lines
}

fn more_or_less(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "더",
        Direction::Down => "덜",
    }
}

/// Returns the sum of the differences over the days of incidents with one direction and one first day.
fn sum(entries: &[IncidentContent<'_>], amounts: &Amounts) -> String {
    let incident = entries[0].incident;
    let comparison = more_or_less(incident.direction);
    let first = incident.first_seen.date;
    let last = entries.iter().map(|entry| entry.incident.last_seen.date).max().unwrap_or(first);
    let days = if first == last {
        format!("{}에", date(first))
    } else {
        format!("{}부터 {}까지", date(first), date(last))
    };
    format!("{days} 평소보다 {} {comparison} 나왔습니다.", amounts.impact)
}

/// Returns the statement that finished days lie inside the opening bands.
fn returned(entries: &[IncidentContent<'_>]) -> &'static str {
    if is_usual_again(entries) {
        "평소 수준으로 돌아왔습니다"
    } else {
        "평소 범위 안으로 돌아왔습니다"
    }
}

/// Returns the finished day inside the opening band.
fn proof(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let proof = content.incident.resolved_by.zip(content.incident.closed_at);
    proof.map_or_else(String::new, |(day, closed)| {
        let observed = format!("{} 하루 {}", date(closed.date), amount::plain(day.observed, locale));
        match content.incident.distant_usual_cost() {
            Some(expected) => format!("{observed} · 평소 {}", amount::plain(expected, locale)),
            None => observed,
        }
    })
}

fn new_level(content: &IncidentContent<'_>, locale: Locale<'_>) -> Words {
    if content.incident.is_reversed() {
        let amounts = Amounts::of(content.comparison, content.incident.impact(), locale);
        let title = match content.incident.direction {
            Direction::Up => "더는 평소보다 높지 않고 오히려 낮습니다",
            Direction::Down => "더는 평소보다 낮지 않고 오히려 높습니다",
        };
        let figures = sum(std::slice::from_ref(content), &amounts);
        return Words { title: title.to_owned(), figures, ..Words::default() };
    }
    let levels = content.incident.levels();
    let [before, after] = [levels.before, levels.after].map(|level| amount::plain(level, locale));
    let month = amount::signed(levels.difference_per_month(), locale);
    let per = interval(levels.interval_days, locale.language);
    let statement = if levels.after == 0.0 && levels.before < 0.0 {
        "크레딧이 끊긴 채로 굳어져 앞으로는 크레딧이 없는 상태를 평소로 봅니다"
    } else if levels.after == 0.0 {
        "비용이 끊긴 채로 굳어져 앞으로는 비용이 없는 상태를 평소로 봅니다"
    } else {
        "새 수준으로 굳어져 앞으로는 이 금액을 평소로 봅니다"
    };
    Words {
        title: statement.to_owned(),
        figures: format!("{per} {before} → {after} · 한 달(30일)에 {month}"),
        lines: content.incident.rising_days().map(|days| rising(days, locale.language)).into_iter().collect(),
        ..Words::default()
    }
}

fn footer(content: &IncidentContent<'_>) -> String {
    let mut parts = origin(content.incident.severity, std::slice::from_ref(content));
    parts.extend(content.incident.assignee().map(|assignee| format!("처리자 {assignee}")));
    parts.extend(key_of_series(content));
    parts.push(format!("ID {}", short_id(content)));
    parts.join(" · ")
}

/// Returns the severity, the rules and the common owner of incidents.
fn origin(severity: Severity, entries: &[IncidentContent<'_>]) -> Vec<String> {
    let severity = severity.text(Language::Korean);
    let parts = [format!("심각도 {severity}"), format!("규칙 {}", rules(entries))];
    parts.into_iter().chain(owner(entries).map(|owner| format!("담당 {}", owner.label()))).collect()
}

/// Returns the total of a group and its largest series.
fn group(content: &GroupContent<'_>, locale: Locale<'_>) -> Words {
    let first = content.first();
    let amounts = Amounts::of(content.comparison(), content.impact(), locale);
    let count = content.entries.len();
    let series = match first.incident.series.layer() {
        0 => format!("서비스 {count}개"),
        1 => format!("프로젝트 {count}개"),
        _ => format!("합계 {count}개"),
    };
    let statement = match (first.kind, common_change(content), first.incident.direction) {
        (NotificationKind::Opened, Some(Change::New), _) => format!("{series}에서 예상하지 않은 비용이 나왔습니다"),
        (NotificationKind::Opened, Some(Change::Stopped), _) => format!("{series}의 비용이 끊겼습니다"),
        (NotificationKind::Opened, _, Direction::Up) => format!("{series}의 비용이 평소보다 더 나왔습니다"),
        (NotificationKind::Opened, _, Direction::Down) => format!("{series}의 비용이 평소보다 덜 나왔습니다"),
        (NotificationKind::Grown, ..) => format!("지난 알림 뒤 {series}의 하루 차이가 커졌습니다"),
        (NotificationKind::Closed, ..) => format!("{series}의 비용이 {}", returned(&content.entries)),
        (NotificationKind::NewLevel, ..) if have_stopped(content) => {
            format!("{series}의 비용이 끊긴 채로 굳어져 앞으로는 비용이 없는 상태를 평소로 봅니다")
        }
        (NotificationKind::NewLevel, ..) => {
            format!("{series}의 비용이 새 수준으로 굳어져 앞으로는 이 금액을 평소로 봅니다")
        }
        (NotificationKind::Retracted, ..) => {
            format!("청구 내역이 정정되어 {series}의 비용을 다시 보니 평소 수준이었습니다")
        }
        (NotificationKind::NotVerifiable, ..) => format!("{series}의 비용을 시작 전 기준과 더 비교할 수 없습니다"),
    };
    let figures = match first.kind {
        NotificationKind::Opened | NotificationKind::Grown => compared(content.comparison(), &amounts),
        NotificationKind::Retracted => "앞서 보낸 알림은 취소합니다.".to_owned(),
        NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::NotVerifiable => {
            sum(&content.entries, &amounts)
        }
    };
    let mut lines: Vec<String> = content.entries.iter().take(GROUP_LINES).map(|entry| member(entry, locale)).collect();
    if count > GROUP_LINES {
        lines.push(format!("외 {}개", count - GROUP_LINES));
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
        (None, _) => "청구서 전체".to_owned(),
    }
}

/// Returns the line of a series in a group.
fn member(content: &IncidentContent<'_>, locale: Locale<'_>) -> String {
    let amounts = Amounts::of(content.comparison, content.incident.impact(), locale);
    let Amounts { observed, expected, difference, .. } = &amounts;
    let figures = match content.kind {
        NotificationKind::Opened | NotificationKind::Grown => {
            format!("{observed} · 평소 {expected} · {difference}")
        }
        NotificationKind::Closed => proof(content, locale),
        NotificationKind::NewLevel => new_level(content, locale).figures,
        NotificationKind::NotVerifiable => format!("{observed} · 기준 {expected}"),
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
                format!("{} {}({difference})", date(day.saturating_sub(days.days())), amount::plain(earlier, locale))
            }));
        }
        figures.extend(comparison.month.map(|month| format!("이달 누계 {}", amount::plain(month, locale))));
        let changes = cost_changes(&comparison.changes, locale);
        if !changes.is_empty() {
            let earlier = date(day.saturating_sub(7.days()));
            lines.push(format!("{earlier} 대비 변화가 큰 항목: {changes}."));
        }
    }
    lines.extend(budgets.iter().map(|month| budget::korean_line(month, locale)));
    if refused.rows > 0 {
        let amount = amount::refused(refused, locale);
        lines.push(format!("쓸 수 없는 {}행({amount})은 총요금에서 빠졌습니다.", refused.rows));
    }
    Words {
        title: format!("{} 총요금: {}", date(day), total_text(total, locale)),
        figures: figures.join(" · "),
        lines,
        ..Words::default()
    }
}

/// Returns the totals of a period and the titles of its notifications.
fn digest(content: &DigestContent<'_>, locale: Locale<'_>) -> Words {
    let total = amount::plain(content.total, locale);
    let day = date(content.date);
    let first = content.date.saturating_sub(6.days());
    let title = match content.period {
        DigestPeriod::Daily => format!("{day} 하루 요약: 총요금 {total}"),
        DigestPeriod::Weekly => format!("{} 주간 요약: 총요금 {total}", span(first, content.date)),
    };
    let figures = content.earlier_total.map_or_else(String::new, |earlier| {
        let difference = amount::signed(content.total - earlier, locale);
        let earlier = amount::plain(earlier, locale);
        let earlier = match content.period {
            DigestPeriod::Daily => {
                format!("지난주 같은 요일({}) {}", date(content.date.saturating_sub(7.days())), earlier)
            }
            DigestPeriod::Weekly => format!("지난주 {earlier}"),
        };
        format!("{earlier} · {difference}")
    });
    let mut lines: Vec<String> = content.budgets.iter().map(|month| budget::korean_line(month, locale)).collect();
    let listed = content.entries.iter().take(DIGEST_LINES);
    lines.extend(listed.map(|entry| incident(entry, locale).title));
    if content.entries.len() > DIGEST_LINES {
        lines.push(format!("외 {}건", content.entries.len() - DIGEST_LINES));
    }
    Words { title, figures, lines, ..Words::default() }
}

pub(super) fn span(first: Date, last: Date) -> String {
    if first == last { date(first) } else { format!("{}~{}", date(first), date(last)) }
}

fn operational(content: &OperationalContent<'_>) -> Words {
    let title = match content.state {
        ProblemState::Test => "costwarden 시험 알림",
        ProblemState::Raised => "costwarden 운영 알림",
        ProblemState::Resolved => "costwarden 문제가 해소되었습니다",
    };
    let footer = format!("COSTWARDEN_{}", content.tag);
    Words { title: title.to_owned(), lines: vec![content.text.to_owned()], footer, ..Words::default() }
}

/// Returns a date with the weekday: `11월 13일(금)`.
pub(super) fn date(date: Date) -> String {
    let weekday = match date.weekday() {
        Weekday::Monday => '월',
        Weekday::Tuesday => '화',
        Weekday::Wednesday => '수',
        Weekday::Thursday => '목',
        Weekday::Friday => '금',
        Weekday::Saturday => '토',
        Weekday::Sunday => '일',
    };
    format!("{}월 {}일({weekday})", date.month(), date.day())
}
