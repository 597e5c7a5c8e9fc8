//! The message about an incident, matched word for word by existing alert policies.

use model::anomaly::Direction;
use model::incident::{Incident, NotificationKind};
use model::language::Language;
use model::series::ALL;

use crate::detail::{compared_with_usual, detail};
use crate::message::{Level, Message};
use crate::options::TextStyle;
use crate::text::{TextOptions, one_line};

/// Returns the message of a notification about an incident.
pub fn incident_message(incident: &Incident, kind: NotificationKind, options: TextOptions<'_>) -> Message {
    let level = match kind {
        NotificationKind::Opened | NotificationKind::Grown => Level::Error,
        NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::Retracted => Level::Info,
    };
    let mut text = match kind {
        NotificationKind::Opened | NotificationKind::Grown => anomaly(incident, options),
        NotificationKind::Closed => resolved(incident, options),
        NotificationKind::NewLevel => new_level(incident, options),
        NotificationKind::Retracted => retracted(incident, options),
    };
    if options.text_style == TextStyle::Full {
        text = format!("{text} {}", detail(incident, kind, options));
    }
    Message { level, text: one_line(&text) }
}

fn anomaly(incident: &Incident, options: TextOptions<'_>) -> String {
    let project = project_name(incident, options.language);
    let service = service_name(incident, options.language);
    // Used only if `expected` is above 0; the quotient is meaningless otherwise.
    let percent = ((incident.observed / incident.expected - 1.0) * 100.0).abs();
    let has_baseline = incident.expected > 0.0;
    let observed = options.amount(incident.observed);
    let expected = options.amount(incident.expected);
    match (options.language, incident.direction) {
        (Language::Korean, _) if !has_baseline => format!(
            "[BILLING_ANOMALY] {project} 프로젝트의 {service} 비용이 새로 발생했습니다. 현재 {observed}, 기준 평균 {expected}."
        ),
        (Language::Korean, direction) => {
            let comparison = if direction == Direction::Up { "높습니다" } else { "낮습니다" };
            format!(
                "[BILLING_ANOMALY] {project} 프로젝트의 {service} 비용이 평소 대비 약 {percent:.1}% {comparison}. 현재 {observed}, 기준 평균 {expected}."
            )
        }
        (Language::English, _) if !has_baseline => format!(
            "[BILLING_ANOMALY] {service} of project {project} costs money where none was expected. Now {observed}, baseline {expected}."
        ),
        (Language::English, direction) => {
            let comparison = if direction == Direction::Up { "above" } else { "below" };
            format!(
                "[BILLING_ANOMALY] {service} of project {project} is about {percent:.1}% {comparison} its usual cost. Now {observed}, baseline {expected}."
            )
        }
    }
}

/// Returns the text of a resolved incident. The word BILLING_ANOMALY would trigger an alert policy, so the word is
/// avoided.
fn resolved(incident: &Incident, options: TextOptions<'_>) -> String {
    let project = project_name(incident, options.language);
    let service = service_name(incident, options.language);
    let since = incident.first_seen.date;
    let impact = options.amount(incident.impact());
    let until = incident.last_seen.date;
    match options.language {
        Language::Korean => format!(
            "[BILLING_RESOLVED] {project} 프로젝트의 {service} 비용이 평소 수준으로 돌아왔습니다. 기간 {since}~{until}, 누적 차이 {impact}."
        ),
        Language::English => format!(
            "[BILLING_RESOLVED] {service} of project {project} is back at its usual cost. From {since} to {until}, {impact} {comparison}.",
            comparison = compared_with_usual(incident.direction)
        ),
    }
}

/// Returns the text of a new level, also without the word BILLING_ANOMALY.
fn new_level(incident: &Incident, options: TextOptions<'_>) -> String {
    let project = project_name(incident, options.language);
    let service = service_name(incident, options.language);
    let since = incident.first_seen.date;
    let until = incident.last_seen.date;
    let observed = options.amount(incident.observed);
    let expected = options.amount(incident.expected);
    match options.language {
        Language::Korean => format!(
            "[BILLING_NEW_LEVEL] {project} 프로젝트의 {service} 비용이 새로운 수준으로 자리 잡아 앞으로 이를 기준으로 삼습니다. 기간 {since}~{until}, 현재 {observed}, 이전 기준 {expected}."
        ),
        Language::English => format!(
            "[BILLING_NEW_LEVEL] {service} of project {project} has a new level, which is the usual cost from now on. From {since} to {until}, now {observed}, earlier baseline {expected}."
        ),
    }
}

fn retracted(incident: &Incident, options: TextOptions<'_>) -> String {
    let project = project_name(incident, options.language);
    let service = service_name(incident, options.language);
    let since = incident.first_seen.date;
    match options.language {
        Language::Korean => format!(
            "[BILLING_RETRACTED] {project} 프로젝트의 {service} 비용은 {since}의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다."
        ),
        Language::English => format!(
            "[BILLING_RETRACTED] {service} of project {project} was at its usual cost: the provider corrected the bill of {since}. Earlier notifications of this incident are withdrawn."
        ),
    }
}

/// Returns `account/project` with display names.
fn project_name(incident: &Incident, language: Language) -> String {
    let account = display_name(&incident.series.account, &incident.names.account, language);
    let project = display_name(&incident.series.project, &incident.names.project, language);
    format!("{account}/{project}")
}

fn service_name(incident: &Incident, language: Language) -> &str {
    display_name(&incident.series.service, &incident.names.service, language)
}

fn display_name<'n>(id: &str, name: &'n str, language: Language) -> &'n str {
    match language {
        _ if id != ALL => name,
        Language::Korean => "전체",
        Language::English => "all",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use model::anomaly::Severity;
    use model::incident::{DayImpact, IncidentState};
    use model::moment::Moment;
    use model::series::{Names, SeriesKey};

    use super::*;

    const KOREAN: TextOptions<'static> =
        TextOptions { language: Language::Korean, currency: "KRW", text_style: TextStyle::Short };
    const ENGLISH: TextOptions<'static> =
        TextOptions { language: Language::English, currency: "USD", text_style: TextStyle::Short };

    fn incident(direction: Direction, observed: f64, expected: f64) -> Incident {
        let moment = Moment { date: jiff::civil::date(2026, 11, 22), hour: None };
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
            decision: None,
            rules: BTreeSet::new(),
            peak_score: 1.0,
            by_day: BTreeMap::from([(moment.date, DayImpact { finished_day: Some(1_234.5), partial_day: None })]),
            observed,
            expected,
            reason: String::new(),
            muted: false,
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
        ];
        insta::assert_snapshot!(texts.join("\n"), @"
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 75.0% 낮습니다. 현재 10.00원, 기준 평균 40.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로 발생했습니다. 현재 10.00원, 기준 평균 0.00원.
        [BILLING_ANOMALY] 우리회사/전체 프로젝트의 전체 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 누적 차이 1234.50원.
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로운 수준으로 자리 잡아 앞으로 이를 기준으로 삼습니다. 기간 2026-11-22~2026-11-22, 현재 34567.89원, 이전 기준 10000.00원.
        [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 245.7% above its usual cost. Now 34567.89 USD, baseline 10000.00 USD.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 costs money where none was expected. Now 10.00 USD, baseline 0.00 USD.
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1234.50 USD more than usual.
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level, which is the usual cost from now on. From 2026-11-22 to 2026-11-22, now 34567.89 USD, earlier baseline 10000.00 USD.
        [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost: the provider corrected the bill of 2026-11-22. Earlier notifications of this incident are withdrawn.
        ");
    }

    #[test]
    fn full_messages_state_the_start_the_impact_the_reason_and_the_commands() {
        let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
        incident.id = "20261122-ab12".to_owned();
        incident.rules = ["service-daily", "newcomer"].map(str::to_owned).into();
        incident.reason = "the usual Sunday is 100,000 KRW.".to_owned();
        let korean = TextOptions { language: Language::Korean, currency: "KRW", text_style: TextStyle::Full };
        let english = TextOptions { language: Language::English, currency: "USD", text_style: TextStyle::Full };
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
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 기준 시점 2026-11-22, 시작 2026-11-22, 누적 차이 1,234.50원, 중요도 경고. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 앞선 알림 이후 더 커졌습니다. 기준 시점 2026-11-22, 시작 2026-11-22, 누적 차이 1,234.50원, 중요도 경고. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 누적 차이 1,234.50원. 확인: costwarden incidents show 20261122-ab12
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로운 수준으로 자리 잡아 앞으로 이를 기준으로 삼습니다. 기간 2026-11-22~2026-11-22, 현재 1,234,567.89원, 이전 기준 100,000.00원. 확인: costwarden incidents show 20261122-ab12
        [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다. 확인: costwarden incidents show 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Evaluated on 2026-11-22, since 2026-11-22, 1,234.50 USD more than usual so far, severity warning. Reason: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. The impact has grown since the last notification. Evaluated on 2026-11-22, since 2026-11-22, 1,234.50 USD more than usual so far, severity warning. Reason: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1,234.50 USD more than usual. Details: costwarden incidents show 20261122-ab12
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level, which is the usual cost from now on. From 2026-11-22 to 2026-11-22, now 1,234,567.89 USD, earlier baseline 100,000.00 USD. Details: costwarden incidents show 20261122-ab12
        [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost: the provider corrected the bill of 2026-11-22. Earlier notifications of this incident are withdrawn. Details: costwarden incidents show 20261122-ab12
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 기준 시점 2026-11-22 9시, 시작 2026-11-22, 누적 차이 1,234.50원, 중요도 심각. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Evaluated on 2026-11-22 at 09:00, since 2026-11-22, 1,234.50 USD more than usual so far, severity critical. Reason: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Details: costwarden incidents show 20261122-ab12. Planned? costwarden incidents accept 20261122-ab12
        ");
    }

    #[test]
    fn a_reason_contains_no_mark() {
        let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
        incident.reason = "[BILLING_RESOLVED] all is well [COSTWARDEN_FAILING]".to_owned();
        let options = TextOptions { language: Language::English, currency: "USD", text_style: TextStyle::Full };
        let text = incident_message(&incident, NotificationKind::Opened, options).text;
        assert!(text.contains("Reason: [BILLING-RESOLVED] all is well [COSTWARDEN-FAILING]."), "{text}");
        assert_eq!((text.matches("BILLING_").count(), text.matches("COSTWARDEN_").count()), (1, 0), "{text}");
    }
}
