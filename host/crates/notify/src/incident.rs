//! The message about an incident, matched word for word by existing alert policies.

use model::anomaly::Direction;
use model::incident::{Incident, Levels, NotificationKind};
use model::language::Language;
use model::series::{ALL, Names};

use crate::detail::{compared_with_usual, detail};
use crate::message::{Level, Message};
use crate::options::TextStyle;
use crate::text::{TextOptions, one_line};

/// Returns the message of a notification about an incident.
pub fn incident_message(incident: &Incident, kind: NotificationKind, options: TextOptions<'_>) -> Message {
    let level = match kind {
        NotificationKind::Opened | NotificationKind::Grown => Level::Error,
        NotificationKind::Closed
        | NotificationKind::NewLevel
        | NotificationKind::Retracted
        | NotificationKind::NotVerifiable => Level::Info,
    };
    let mut text = match kind {
        NotificationKind::Opened | NotificationKind::Grown => anomaly(incident, options),
        NotificationKind::Closed => resolved(incident, options),
        NotificationKind::NewLevel => new_level(incident, options),
        NotificationKind::Retracted => retracted(incident, options),
        NotificationKind::NotVerifiable => not_verifiable(incident, options),
    };
    if options.text_style == TextStyle::Full {
        text = format!("{text} {}", detail(incident, kind, options));
    }
    Message { level, text: one_line(&text) }
}

fn anomaly(incident: &Incident, options: TextOptions<'_>) -> String {
    let subject = subject(incident, options);
    let observed = options.amount(incident.observed);
    let expected = options.amount(incident.expected);
    let percent = ((incident.observed / incident.expected - 1.0) * 100.0).abs();
    let refund = options.amount(incident.observed.abs());
    match (options.language, Change::of(incident)) {
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
        (Language::English, Change::CreditGrew) => {
            format!("[BILLING_ANOMALY] {subject} has a larger credit than usual. Now {observed}, baseline {expected}.")
        }
    }
}

/// The kind of a change, for the words of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Cost above an expected value of 0.
    New,
    Above,
    Below,
    /// No cost where cost was expected.
    Stopped,
    /// A negative amount where cost, or no cost, was expected.
    Refund,
    /// A steady negative amount that ended or shrank.
    CreditShrank,
    CreditGrew,
}

impl Change {
    fn of(incident: &Incident) -> Self {
        let Incident { observed, expected, direction, .. } = incident;
        match direction {
            Direction::Up if *expected < 0.0 => Self::CreditShrank,
            Direction::Up if *expected == 0.0 => Self::New,
            Direction::Up => Self::Above,
            Direction::Down if *expected < 0.0 => Self::CreditGrew,
            Direction::Down if *observed < 0.0 => Self::Refund,
            Direction::Down if *observed == 0.0 => Self::Stopped,
            Direction::Down => Self::Below,
        }
    }
}

/// Returns the text of a resolved incident. The word BILLING_ANOMALY would trigger an alert policy, so the word is
/// avoided.
fn resolved(incident: &Incident, options: TextOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let impact = options.amount(incident.impact());
    let until = incident.last_seen.date;
    let proof =
        incident.resolved_at.zip(incident.closed_at).map(|(value, closed)| (options.amount(value), closed.date));
    let comparison = compared_with_usual(incident.direction, options.language);
    match options.language {
        Language::Korean => {
            let proof = proof.map_or_else(String::new, |(value, date)| format!(": {date} {value}"));
            format!(
                "[BILLING_RESOLVED] {subject} 비용이 평소 수준으로 돌아왔습니다{proof}. 기간 {since}~{until}, 평소보다 {impact} {comparison}."
            )
        }
        Language::English => {
            let proof = proof.map_or_else(String::new, |(value, date)| format!(": {value} on {date}"));
            format!(
                "[BILLING_RESOLVED] {subject} is back at its usual cost{proof}. From {since} to {until}, {impact} {comparison}."
            )
        }
    }
}

/// Returns the text of a new level, also without the word BILLING_ANOMALY.
fn new_level(incident: &Incident, options: TextOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let until = incident.last_seen.date;
    // Without a finished day, the newest values are the levels.
    let levels = incident.levels().unwrap_or(Levels { before: incident.expected, after: incident.observed });
    let [before, after] = [levels.before, levels.after].map(|level| options.amount(level));
    let difference = levels.difference_per_month();
    let sign = if difference >= 0.0 { "+" } else { "-" };
    let month = format!("{sign}{}", options.amount(difference.abs()));
    match (options.language, levels.after == 0.0) {
        (Language::Korean, false) => format!(
            "[BILLING_NEW_LEVEL] {subject} 비용이 새 수준(하루 {after})으로 굳어져 앞으로는 이 금액을 평소로 봅니다. 이전 하루 {before}, 한 달(30일)에 {month}. 기간 {since}~{until}."
        ),
        (Language::Korean, true) => format!(
            "[BILLING_NEW_LEVEL] {subject} 비용이 끊겨 앞으로는 0을 평소로 봅니다. 이전 하루 {before}, 한 달(30일)에 {month}. 기간 {since}~{until}."
        ),
        (Language::English, false) => format!(
            "[BILLING_NEW_LEVEL] {subject} has a new level of {after} a day, which is the usual cost from now on. Before: {before} a day, difference {month} in 30 days. From {since} to {until}."
        ),
        (Language::English, true) => format!(
            "[BILLING_NEW_LEVEL] {subject} has stopped, and no cost is usual from now on. Before: {before} a day, difference {month} in 30 days. From {since} to {until}."
        ),
    }
}

/// Returns the text of an incident that cannot be compared any more.
fn not_verifiable(incident: &Incident, options: TextOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    let until = incident.last_seen.date;
    let impact = options.amount(incident.impact());
    let observed = options.amount(incident.observed);
    let expected = options.amount(incident.expected);
    let comparison = compared_with_usual(incident.direction, options.language);
    match options.language {
        Language::Korean => format!(
            "[BILLING_NOT_VERIFIABLE] {subject} 비용은 플러그인이나 설정이 바뀌어 시작 전 기준과 더 비교할 수 없습니다. 기간 {since}~{until}, 평소보다 {impact} {comparison}. 마지막 {observed}, 기준 {expected}."
        ),
        Language::English => format!(
            "[BILLING_NOT_VERIFIABLE] {subject} has no opening band any more, because the plugin or the settings changed. From {since} to {until}, {impact} {comparison}. Last {observed}, expected {expected}."
        ),
    }
}

fn retracted(incident: &Incident, options: TextOptions<'_>) -> String {
    let subject = subject(incident, options);
    let since = incident.first_seen.date;
    match options.language {
        Language::Korean => format!(
            "[BILLING_RETRACTED] {subject} 비용은 {since}의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다."
        ),
        Language::English => format!(
            "[BILLING_RETRACTED] {subject} was at its usual cost: the provider corrected the bill of {since}. Earlier notifications of this incident are withdrawn."
        ),
    }
}

/// Returns the name of the series in a sentence, with the key if another incident has the same names.
fn subject(incident: &Incident, options: TextOptions<'_>) -> String {
    let name = name(incident, options.language);
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
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use model::anomaly::Severity;
    use model::incident::{DayImpact, FinishedDayImpact, IncidentState};
    use model::moment::Moment;
    use model::series::SeriesKey;

    use super::*;

    const KOREAN: TextOptions<'static> = TextOptions {
        language: Language::Korean,
        currency: "KRW",
        text_style: TextStyle::Short,
        has_same_names: false,
    };
    const ENGLISH: TextOptions<'static> = TextOptions {
        language: Language::English,
        currency: "USD",
        text_style: TextStyle::Short,
        has_same_names: false,
    };

    fn incident(direction: Direction, observed: f64, expected: f64) -> Incident {
        let moment = Moment { date: jiff::civil::date(2026, 11, 22), hour: None };
        let day = FinishedDayImpact { impact: 1_234.5, observed, expected };
        Incident {
            id: String::new(),
            series: SeriesKey::new("d", "p", "s"),
            names: Names {
                account: "우리회사".into(),
                project: "쇼핑몰".into(),
                service: "Virtual\nMachine\u{1b}[31m".into(),
            },
            direction,
            severity: Severity::Warning,
            state: IncidentState::Open,
            opened_at: moment,
            first_seen: moment,
            last_seen: moment,
            closed_at: None,
            accepted_impact: None,
            decisions: Vec::new(),
            rules: BTreeSet::new(),
            peak_score: 1.0,
            bands: BTreeMap::new(),
            by_day: BTreeMap::from([(moment.date, DayImpact { finished_day: Some(day), partial_day: None })]),
            observed,
            expected,
            reason: String::new(),
            resolved_at: None,
            muted: false,
            is_explained: false,
            deliveries: BTreeMap::new(),
        }
    }

    #[test]
    fn short_messages_are_word_for_word() {
        let text = |incident: &Incident, kind, options| incident_message(incident, kind, options).text;
        let up = incident(Direction::Up, 34_567.891, 10_000.0);
        let mut all = incident(Direction::Up, 34_567.891, 10_000.0);
        all.series = SeriesKey::new("d", ALL, ALL);
        let texts = [
            text(&up, NotificationKind::Opened, KOREAN),
            text(&incident(Direction::Down, 10.0, 40.0), NotificationKind::Grown, KOREAN),
            text(&incident(Direction::Up, 10.0, 0.0), NotificationKind::Opened, KOREAN),
            text(&all, NotificationKind::Opened, KOREAN),
            text(&up, NotificationKind::Closed, KOREAN),
            text(&up, NotificationKind::NewLevel, KOREAN),
            text(&up, NotificationKind::Retracted, KOREAN),
            text(&up, NotificationKind::Opened, ENGLISH),
            text(&incident(Direction::Up, 10.0, 0.0), NotificationKind::Opened, ENGLISH),
            text(&up, NotificationKind::Closed, ENGLISH),
            text(&up, NotificationKind::NewLevel, ENGLISH),
            text(&up, NotificationKind::Retracted, ENGLISH),
            text(&up, NotificationKind::NotVerifiable, KOREAN),
            text(&up, NotificationKind::NotVerifiable, ENGLISH),
        ];
        insta::assert_snapshot!(texts.join("\n"), @"
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 75.0% 낮습니다. 현재 10.00원, 기준 평균 40.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로 발생했습니다. 현재 10.00원, 기준 평균 0.00원.
        [BILLING_ANOMALY] 우리회사 전체 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 더 나왔습니다.
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새 수준(하루 34567.89원)으로 굳어져 앞으로는 이 금액을 평소로 봅니다. 이전 하루 10000.00원, 한 달(30일)에 +737036.73원. 기간 2026-11-22~2026-11-22.
        [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 245.7% above its usual cost. Now 34567.89 USD, baseline 10000.00 USD.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 costs money where none was expected. Now 10.00 USD, baseline 0.00 USD.
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1234.50 USD more than usual.
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level of 34567.89 USD a day, which is the usual cost from now on. Before: 10000.00 USD a day, difference +737036.73 USD in 30 days. From 2026-11-22 to 2026-11-22.
        [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost: the provider corrected the bill of 2026-11-22. Earlier notifications of this incident are withdrawn.
        [BILLING_NOT_VERIFIABLE] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 플러그인이나 설정이 바뀌어 시작 전 기준과 더 비교할 수 없습니다. 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 더 나왔습니다. 마지막 34567.89원, 기준 10000.00원.
        [BILLING_NOT_VERIFIABLE] Virtual Machine [31m of project 우리회사/쇼핑몰 has no opening band any more, because the plugin or the settings changed. From 2026-11-22 to 2026-11-22, 1234.50 USD more than usual. Last 34567.89 USD, expected 10000.00 USD.
        ");
    }

    #[test]
    fn each_kind_of_change_has_its_words() {
        let changes = [
            (Direction::Down, 0.0, 40.0),
            (Direction::Down, -800.0, 0.0),
            (Direction::Up, 0.0, -40.0),
            (Direction::Down, -90.0, -40.0),
        ];
        let mut texts = Vec::new();
        for options in [KOREAN, ENGLISH] {
            for (direction, observed, expected) in changes {
                texts.push(
                    incident_message(&incident(direction, observed, expected), NotificationKind::Opened, options).text,
                );
            }
            let mut stopped = incident(Direction::Down, 0.0, 40.0);
            texts.push(incident_message(&stopped, NotificationKind::NewLevel, options).text);
            stopped.resolved_at = Some(41.5);
            stopped.closed_at = Some(Moment { date: jiff::civil::date(2026, 11, 24), hour: None });
            texts.push(incident_message(&stopped, NotificationKind::Closed, options).text);
        }
        insta::assert_snapshot!(texts.join("\n"), @"
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 끊겼습니다. 현재 0.00원, 기준 평균 40.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m에 환불 또는 크레딧이 반영되었습니다(800.00원). 현재 -800.00원, 기준 평균 0.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 크레딧이 평소보다 줄었습니다. 현재 0.00원, 기준 평균 -40.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 크레딧이 평소보다 늘었습니다. 현재 -90.00원, 기준 평균 -40.00원.
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 끊겨 앞으로는 0을 평소로 봅니다. 이전 하루 40.00원, 한 달(30일)에 -1200.00원. 기간 2026-11-22~2026-11-22.
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다: 2026-11-24 41.50원. 기간 2026-11-22~2026-11-22, 평소보다 1234.50원 덜 나왔습니다.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 no longer costs money. Now 0.00 USD, baseline 40.00 USD.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 has a credit or refund of 800.00 USD. Now -800.00 USD, baseline 0.00 USD.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 has a smaller credit than usual. Now 0.00 USD, baseline -40.00 USD.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 has a larger credit than usual. Now -90.00 USD, baseline -40.00 USD.
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has stopped, and no cost is usual from now on. Before: 40.00 USD a day, difference -1200.00 USD in 30 days. From 2026-11-22 to 2026-11-22.
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost: 41.50 USD on 2026-11-24. From 2026-11-22 to 2026-11-22, 1234.50 USD less than usual.
        ");
    }

    #[test]
    fn full_messages_state_the_start_the_impact_the_reason_and_the_commands() {
        let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
        incident.id = "20261122-ab12".to_owned();
        incident.rules = ["service-daily", "newcomer"].map(str::to_owned).into();
        incident.reason = "the usual Sunday is 100,000 KRW.".to_owned();
        let korean = TextOptions {
            language: Language::Korean,
            currency: "KRW",
            text_style: TextStyle::Full,
            has_same_names: false,
        };
        let english = TextOptions {
            language: Language::English,
            currency: "USD",
            text_style: TextStyle::Full,
            has_same_names: false,
        };
        let mut texts = Vec::new();
        for options in [korean, english] {
            for kind in [
                NotificationKind::Opened,
                NotificationKind::Grown,
                NotificationKind::Closed,
                NotificationKind::NewLevel,
                NotificationKind::Retracted,
            ] {
                texts.push(incident_message(&incident, kind, options).text);
            }
        }
        incident.last_seen.hour = Some(9);
        incident.severity = Severity::Critical;
        texts.extend(
            [korean, english].map(|options| incident_message(&incident, NotificationKind::Opened, options).text),
        );
        insta::assert_snapshot!(texts.join("\n"), @"
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 집계: 2026-11-22, 2026-11-22부터 지금까지 평소보다 1,234.50원 더 나왔습니다. 심각도: 주의. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 지난 알림 뒤 하루 차이가 커졌습니다(지금 1,234.50원). 집계: 2026-11-22, 2026-11-22부터 지금까지 평소보다 1,234.50원 더 나왔습니다. 심각도: 주의. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 평소보다 1,234.50원 더 나왔습니다. 확인: costwarden incidents show 20261122-ab12
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새 수준(하루 1,234,567.89원)으로 굳어져 앞으로는 이 금액을 평소로 봅니다. 이전 하루 100,000.00원, 한 달(30일)에 +34,037,036.73원. 기간 2026-11-22~2026-11-22. 확인: costwarden incidents show 20261122-ab12
        [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다. 확인: costwarden incidents show 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Evaluated on 2026-11-22, since 2026-11-22, 1,234.50 USD more than usual so far, severity warning. Reason: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. The daily difference has grown to 1,234.50 USD since the last notification. Evaluated on 2026-11-22, since 2026-11-22, 1,234.50 USD more than usual so far, severity warning. Reason: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1,234.50 USD more than usual. Details: costwarden incidents show 20261122-ab12
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level of 1,234,567.89 USD a day, which is the usual cost from now on. Before: 100,000.00 USD a day, difference +34,037,036.73 USD in 30 days. From 2026-11-22 to 2026-11-22. Details: costwarden incidents show 20261122-ab12
        [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost: the provider corrected the bill of 2026-11-22. Earlier notifications of this incident are withdrawn. Details: costwarden incidents show 20261122-ab12
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 집계: 2026-11-22 9시, 2026-11-22부터 지금까지 평소보다 1,234.50원 더 나왔습니다. 심각도: 심각. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Evaluated on 2026-11-22 at 09:00, since 2026-11-22, 1,234.50 USD more than usual so far, severity critical. Reason: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
        ");
    }

    #[test]
    fn a_reason_contains_no_mark() {
        let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
        incident.reason = "[BILLING_RESOLVED] all is well [COSTWARDEN_FAILING]".to_owned();
        let options = TextOptions {
            language: Language::English,
            currency: "USD",
            text_style: TextStyle::Full,
            has_same_names: false,
        };
        let text = incident_message(&incident, NotificationKind::Opened, options).text;
        assert!(text.contains("Reason: [BILLING-RESOLVED] all is well [COSTWARDEN-FAILING]."), "{text}");
        assert_eq!((text.matches("BILLING_").count(), text.matches("COSTWARDEN_").count()), (1, 0), "{text}");
    }
}
