//! The line about an incident, matched word for word by existing alert policies.

use model::anomaly::Direction;
use model::incident::{Incident, NotificationKind};
use model::language::Language;
use model::series::{ALL, Names};

use super::detail::{compared_with_usual, detail};
use super::{LineOptions, TextStyle};
use crate::notification::Change;
use crate::text::{interval, rising};

/// Returns the text of a notification about an incident.
pub(super) fn text(incident: &Incident, kind: NotificationKind, options: LineOptions<'_>) -> String {
    let text = match kind {
        NotificationKind::Opened | NotificationKind::Grown => anomaly(incident, options),
        NotificationKind::Closed => resolved(incident, options),
        NotificationKind::NewLevel => new_level(incident, options),
        NotificationKind::Retracted => retracted(incident, options),
        NotificationKind::NotVerifiable => not_verifiable(incident, options),
    };
    match options.text_style {
        TextStyle::Short => text,
        TextStyle::Full => format!("{text} {}", detail(incident, kind, options)),
    }
}

fn anomaly(incident: &Incident, options: LineOptions<'_>) -> String {
    let subject = subject(incident, options);
    let observed = options.amount(incident.observed);
    let expected = options.amount(incident.expected);
    let percent = ((incident.observed / incident.expected - 1.0) * 100.0).abs();
    let refund = options.amount(incident.observed.abs());
    match (options.locale.language, Change::of(incident)) {
        (Language::Korean, Change::New) => {
            format!("[BILLING_ANOMALY] {subject} 비용이 새로 발생했습니다. 현재 {observed}, 기준 평균 {expected}.")
        }
        (Language::Korean, Change::Above) => format!(
            "[BILLING_ANOMALY] {subject} 비용이 평소 대비 약 {percent:.1}% 높습니다. 현재 {observed}, 기준 평균 {expected}."
        ),
        (Language::Korean, Change::Below) => format!(
            "[BILLING_ANOMALY] {subject} 비용이 평소 대비 약 {percent:.1}% 낮습니다. 현재 {observed}, 기준 평균 {expected}."
        ),
        (Language::Korean, Change::Stopped) => {
            format!("[BILLING_ANOMALY] {subject} 비용이 끊겼습니다. 현재 {observed}, 기준 평균 {expected}.")
        }
        (Language::Korean, Change::Refund) => format!(
            "[BILLING_ANOMALY] {subject}에 환불 또는 크레딧이 반영되었습니다({refund}). 현재 {observed}, 기준 평균 {expected}."
        ),
        (Language::Korean, Change::CreditShrank) => {
            format!("[BILLING_ANOMALY] {subject} 크레딧이 평소보다 줄었습니다. 현재 {observed}, 기준 평균 {expected}.")
        }
        (Language::Korean, Change::CreditEnded) => {
            format!("[BILLING_ANOMALY] {subject} 크레딧이 없습니다. 현재 {observed}, 기준 평균 {expected}.")
        }
        (Language::Korean, Change::CreditGrew) => {
            format!("[BILLING_ANOMALY] {subject} 크레딧이 평소보다 늘었습니다. 현재 {observed}, 기준 평균 {expected}.")
        }
        (Language::English, Change::New) => format!(
            "[BILLING_ANOMALY] {subject} costs money where none was expected. Now {observed}, baseline {expected}."
        ),
        (Language::English, Change::Above) => format!(
            "[BILLING_ANOMALY] {subject} is {percent:.1}% above its usual cost. Now {observed}, baseline {expected}."
        ),
        (Language::English, Change::Below) => format!(
            "[BILLING_ANOMALY] {subject} is {percent:.1}% below its usual cost. Now {observed}, baseline {expected}."
        ),
        (Language::English, Change::Stopped) => {
            format!("[BILLING_ANOMALY] {subject} no longer costs money. Now {observed}, baseline {expected}.")
        }
        (Language::English, Change::Refund) => format!(
            "[BILLING_ANOMALY] {subject} has a credit or refund of {refund}. Now {observed}, baseline {expected}."
        ),
        (Language::English, Change::CreditShrank) => {
            format!("[BILLING_ANOMALY] {subject} has a smaller credit than usual. Now {observed}, baseline {expected}.")
        }
        (Language::English, Change::CreditEnded) => {
            format!("[BILLING_ANOMALY] {subject} has no credit. Now {observed}, baseline {expected}.")
        }
        (Language::English, Change::CreditGrew) => {
            format!("[BILLING_ANOMALY] {subject} has a larger credit than usual. Now {observed}, baseline {expected}.")
        }
    }
}

/// Returns the text of a resolved incident. The word BILLING_ANOMALY would trigger an alert policy, so the word is
/// avoided.
fn resolved(incident: &Incident, options: LineOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let impact = options.amount(incident.impact());
    let until = incident.last_seen.date;
    let comparison = compared_with_usual(incident.direction, options.locale.language);
    let day = incident.resolved_by.zip(incident.closed_at);
    let day = day.map(|(day, closed)| (closed.date, options.amount(day.observed)));
    let usual = incident.distant_usual_cost().map(|usual| options.amount(usual));
    match options.locale.language {
        Language::Korean => {
            let level = if usual.is_some() { "평소 범위 안으로" } else { "평소 수준으로" };
            let day = day.map_or_else(String::new, |(date, observed)| format!(": {date} {observed}"));
            let usual = usual.map_or_else(String::new, |usual| format!("(평소 {usual})"));
            format!(
                "[BILLING_RESOLVED] {subject} 비용이 {level} 돌아왔습니다{day}{usual}. 기간 {since}~{until}, 평소보다 {impact} {comparison}."
            )
        }
        Language::English => {
            let level = if usual.is_some() { "within its usual range again" } else { "back at its usual cost" };
            let day = day.map_or_else(String::new, |(date, observed)| format!(": {observed} on {date}"));
            let usual = usual.map_or_else(String::new, |usual| format!(", usual {usual}"));
            format!(
                "[BILLING_RESOLVED] {subject} is {level}{day}{usual}. From {since} to {until}, {impact} {comparison}."
            )
        }
    }
}

/// Returns the text of a change that is over because the cost stays beyond the opposite bound.
fn reversed(incident: &Incident, options: LineOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let until = incident.last_seen.date;
    let impact = options.amount(incident.impact());
    let comparison = compared_with_usual(incident.direction, options.locale.language);
    let levels = incident.levels();
    let [before, after] = [levels.before, levels.after].map(|level| options.amount(level));
    let sides = match (options.locale.language, incident.direction) {
        (Language::Korean, Direction::Up) => "더는 평소보다 높지 않고 오히려 낮습니다",
        (Language::Korean, Direction::Down) => "더는 평소보다 낮지 않고 오히려 높습니다",
        (Language::English, Direction::Up) => "is no longer above its usual cost, but below",
        (Language::English, Direction::Down) => "is no longer below its usual cost, but above",
    };
    match options.locale.language {
        Language::Korean => format!(
            "[BILLING_NEW_LEVEL] {subject} 비용은 {sides}: 하루 {after}, 평소 {before}. 기간 {since}~{until}, 평소보다 {impact} {comparison}."
        ),
        Language::English => format!(
            "[BILLING_NEW_LEVEL] {subject} {sides}: {after} a day, usual {before}. From {since} to {until}, {impact} {comparison}."
        ),
    }
}

/// Returns the text of a new level, also without the word BILLING_ANOMALY.
fn new_level(incident: &Incident, options: LineOptions<'_>) -> String {
    if incident.is_reversed() {
        return reversed(incident, options);
    }
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let until = incident.last_seen.date;
    let levels = incident.levels();
    let [before, after] = [levels.before, levels.after].map(|level| options.amount(level));
    let difference = levels.difference_per_month();
    let sign = if difference >= 0.0 { "+" } else { "-" };
    let month = format!("{sign}{}", options.amount(difference.abs()));
    let per = interval(levels.interval_days, options.locale.language);
    let rising =
        incident.rising_days().map_or_else(String::new, |days| format!(" {}", rising(days, options.locale.language)));
    let is_credit = levels.before < 0.0;
    match (options.locale.language, levels.after == 0.0) {
        (Language::Korean, true) if is_credit => format!(
            "[BILLING_NEW_LEVEL] {subject} 크레딧이 끊겨 앞으로는 0을 평소로 봅니다. 이전 {per} {before}, 한 달(30일)에 {month}. 기간 {since}~{until}.{rising}"
        ),
        (Language::English, true) if is_credit => format!(
            "[BILLING_NEW_LEVEL] {subject} has no credit any more, and none is expected from now on. Before: {before} {per}, difference {month} in 30 days. From {since} to {until}.{rising}"
        ),
        (Language::Korean, false) => format!(
            "[BILLING_NEW_LEVEL] {subject} 비용이 새 수준({per} {after})으로 굳어져 앞으로는 이 금액을 평소로 봅니다. 이전 {per} {before}, 한 달(30일)에 {month}. 기간 {since}~{until}.{rising}"
        ),
        (Language::Korean, true) => format!(
            "[BILLING_NEW_LEVEL] {subject} 비용이 끊겨 앞으로는 0을 평소로 봅니다. 이전 {per} {before}, 한 달(30일)에 {month}. 기간 {since}~{until}.{rising}"
        ),
        (Language::English, false) => format!(
            "[BILLING_NEW_LEVEL] {subject} has a new level of {after} {per}, which is the usual cost from now on. Before: {before} {per}, difference {month} in 30 days. From {since} to {until}.{rising}"
        ),
        (Language::English, true) => format!(
            "[BILLING_NEW_LEVEL] {subject} has stopped, and no cost is usual from now on. Before: {before} {per}, difference {month} in 30 days. From {since} to {until}.{rising}"
        ),
    }
}

/// Returns the text of an incident that cannot be compared any more.
fn not_verifiable(incident: &Incident, options: LineOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let until = incident.last_seen.date;
    let impact = options.amount(incident.impact());
    let observed = options.amount(incident.observed);
    let expected = options.amount(incident.expected);
    let comparison = compared_with_usual(incident.direction, options.locale.language);
    match options.locale.language {
        Language::Korean => format!(
            "[BILLING_NOT_VERIFIABLE] {subject} 비용은 플러그인이나 설정이 바뀌어 시작 전 기준과 더 비교할 수 없습니다. 기간 {since}~{until}, 평소보다 {impact} {comparison}. 마지막 {observed}, 기준 {expected}."
        ),
        Language::English => format!(
            "[BILLING_NOT_VERIFIABLE] {subject} has no opening band any more, because the plugin or the settings changed. From {since} to {until}, {impact} {comparison}. Last {observed}, expected {expected}."
        ),
    }
}

fn retracted(incident: &Incident, options: LineOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    match options.locale.language {
        Language::Korean => format!(
            "[BILLING_RETRACTED] {subject} 비용은 {since}의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다."
        ),
        Language::English => format!(
            "[BILLING_RETRACTED] {subject} was at its usual cost: the provider corrected the bill of {since}. Earlier notifications of this incident are withdrawn."
        ),
    }
}

/// Returns the name of the series in a sentence, with the key if another incident has the same names.
fn subject(incident: &Incident, options: LineOptions<'_>) -> String {
    let name = name(incident, options.locale.language);
    if options.has_same_names { format!("{name} ({})", incident.series) } else { name }
}

fn name(incident: &Incident, language: Language) -> String {
    let Names { account, project, service } = &incident.names;
    let is_sum = |id: &str| id == ALL;
    let key = &incident.series;
    match (language, is_sum(&key.account), is_sum(&key.project), is_sum(&key.service)) {
        (Language::Korean, _, false, false) => format!("{account}/{project} 프로젝트의 {service}"),
        (Language::Korean, _, false, true) => format!("{account}/{project} 프로젝트 전체"),
        (Language::Korean, false, true, false) => format!("{account}의 {service}"),
        (Language::Korean, false, true, true) => format!("{account} 전체"),
        (Language::Korean, true, true, false) => format!("전체 프로젝트의 {service}"),
        (Language::Korean, true, true, true) => "청구서 전체".to_owned(),
        (Language::English, _, false, false) => format!("{service} of project {account}/{project}"),
        (Language::English, _, false, true) => format!("The whole project {account}/{project}"),
        (Language::English, false, true, false) => format!("{service} of account {account}"),
        (Language::English, false, true, true) => format!("The whole account {account}"),
        (Language::English, true, true, false) => format!("{service} of all projects"),
        (Language::English, true, true, true) => "The whole bill".to_owned(),
    }
}

#[cfg(test)]
mod tests;
