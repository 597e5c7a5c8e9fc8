//! The additional text of a full notification: the start, the total impact, the reason, the rules, and the commands for
//! details and acceptance.

use super::line::TextOptions;
use model::anomaly::Severity;
use model::incident::{Incident, Moment, NotificationKind};
use model::language::Language;

pub(super) fn of_incident(incident: &Incident, notification: NotificationKind, speech: TextOptions<'_>) -> String {
    let id = &incident.id;
    let look = match speech.language {
        Language::Korean => format!("확인: costwarden incidents show {id}"),
        Language::English => format!("Look: costwarden incidents show {id}"),
    };
    match notification {
        NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::Retracted => look,
        NotificationKind::Opened | NotificationKind::Grown => {
            let grown = match speech.language {
                _ if notification == NotificationKind::Opened => "",
                Language::Korean => "앞선 알림 이후 더 커졌습니다. ",
                Language::English => "It has grown since it was told. ",
            };
            let meant = match speech.language {
                Language::Korean => "의도한 변화라면: costwarden incidents accept",
                Language::English => "if it is meant: costwarden incidents accept",
            };
            format!("{grown}{} {look}; {meant} {id}", why(incident, speech))
        }
    }
}

fn why(incident: &Incident, speech: TextOptions<'_>) -> String {
    let Moment { date, hour } = incident.last_seen;
    let since = incident.first_seen.date;
    let impact = speech.amount(incident.impact());
    // Alert policies match the marks of lines; a reason must not contain a mark of another line.
    let reason = incident.reason.replace("BILLING_", "BILLING-").replace("COSTWARDEN_", "COSTWARDEN-");
    let reason = reason.trim_end().trim_end_matches('.');
    let rules = incident.rules.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match speech.language {
        Language::Korean => {
            let seen = hour.map_or_else(|| date.to_string(), |hour| format!("{date} {hour}시"));
            let severity = match incident.severity {
                Severity::Critical => "심각",
                Severity::Warning => "경고",
                Severity::Info => "참고",
            };
            format!(
                "기준 시점 {seen}, 시작 {since}, 누적 차이 {impact}, 중요도 {severity}. 이유: {reason}. 규칙: {rules}."
            )
        }
        Language::English => {
            let seen = hour.map_or_else(|| date.to_string(), |hour| format!("{date} at {hour:02}:00"));
            let severity = incident.severity.as_str();
            format!("Seen on {seen}, since {since}, {impact} off in all, {severity}. Why: {reason}. Rules: {rules}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{self, tests::incident};
    use crate::options::Words;
    use model::anomaly::Direction;

    #[test]
    fn a_line_in_full_says_since_when_how_much_why_and_what_to_do() {
        let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
        incident.id = "20261122-ab12".to_owned();
        incident.rules = ["service-daily", "newcomer"].map(str::to_owned).into();
        incident.reason = "the usual Sunday is 100,000 KRW.".to_owned();
        let korean = TextOptions { language: Language::Korean, currency: "KRW", words: Words::Full };
        let english = TextOptions { language: Language::English, currency: "USD", words: Words::Full };
        let mut lines = Vec::new();
        for speech in [korean, english] {
            for notification in [
                NotificationKind::Opened,
                NotificationKind::Grown,
                NotificationKind::Closed,
                NotificationKind::NewLevel,
                NotificationKind::Retracted,
            ] {
                lines.push(line::of_incident(&incident, notification, speech).text);
            }
        }
        incident.last_seen.hour = Some(9);
        incident.severity = Severity::Critical;
        lines.extend(
            [korean, english].map(|speech| line::of_incident(&incident, NotificationKind::Opened, speech).text),
        );
        insta::assert_snapshot!(lines.join("\n"), @"
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 기준 시점 2026-11-22, 시작 2026-11-22, 누적 차이 1,234.50원, 중요도 경고. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 앞선 알림 이후 더 커졌습니다. 기준 시점 2026-11-22, 시작 2026-11-22, 누적 차이 1,234.50원, 중요도 경고. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 누적 차이 1,234.50원. 확인: costwarden incidents show 20261122-ab12
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로운 수준으로 자리 잡아 앞으로 이를 기준으로 삼습니다. 기간 2026-11-22~2026-11-22, 현재 1,234,567.89원, 이전 기준 100,000.00원. 확인: costwarden incidents show 20261122-ab12
        [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다. 확인: costwarden incidents show 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Seen on 2026-11-22, since 2026-11-22, 1,234.50 USD off in all, warning. Why: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Look: costwarden incidents show 20261122-ab12; if it is meant: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. It has grown since it was told. Seen on 2026-11-22, since 2026-11-22, 1,234.50 USD off in all, warning. Why: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Look: costwarden incidents show 20261122-ab12; if it is meant: costwarden incidents accept 20261122-ab12
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1,234.50 USD off in all. Look: costwarden incidents show 20261122-ab12
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level, which is expected from now on. From 2026-11-22 to 2026-11-22, now 1,234,567.89 USD, baseline before 100,000.00 USD. Look: costwarden incidents show 20261122-ab12
        [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost after all: the bill of 2026-11-22 was corrected. What was told of it is taken back. Look: costwarden incidents show 20261122-ab12
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 1134.6% 높습니다. 현재 1,234,567.89원, 기준 평균 100,000.00원. 기준 시점 2026-11-22 9시, 시작 2026-11-22, 누적 차이 1,234.50원, 중요도 심각. 이유: the usual Sunday is 100,000 KRW. 규칙: newcomer, service-daily. 확인: costwarden incidents show 20261122-ab12; 의도한 변화라면: costwarden incidents accept 20261122-ab12
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 1134.6% above its usual cost. Now 1,234,567.89 USD, baseline 100,000.00 USD. Seen on 2026-11-22 at 09:00, since 2026-11-22, 1,234.50 USD off in all, critical. Why: the usual Sunday is 100,000 KRW. Rules: newcomer, service-daily. Look: costwarden incidents show 20261122-ab12; if it is meant: costwarden incidents accept 20261122-ab12
        ");
    }

    #[test]
    fn a_reason_sets_off_no_policy_of_other_lines() {
        let mut incident = incident(Direction::Up, 1_234_567.891, 100_000.0);
        incident.reason = "[BILLING_RESOLVED] all is well [COSTWARDEN_FAILING]".to_owned();
        let speech = TextOptions { language: Language::English, currency: "USD", words: Words::Full };
        let line = line::of_incident(&incident, NotificationKind::Opened, speech).text;
        assert!(line.contains("Why: [BILLING-RESOLVED] all is well [COSTWARDEN-FAILING]."), "{line}");
        assert_eq!((line.matches("BILLING_").count(), line.matches("COSTWARDEN_").count()), (1, 0), "{line}");
    }
}
