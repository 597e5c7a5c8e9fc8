//! The additional text of a full message: the start, the total impact, the reason, the rules, and the commands for
//! details and acceptance.

use model::anomaly::{Direction, Severity};
use model::incident::{Incident, NotificationKind};
use model::language::Language;
use model::moment::Moment;

use crate::text::TextOptions;

pub(crate) fn detail(incident: &Incident, kind: NotificationKind, options: TextOptions<'_>) -> String {
    let id = &incident.id;
    let details = match options.language {
        Language::Korean => format!("확인: costwarden incidents show {id}"),
        Language::English => format!("Details: costwarden incidents show {id}"),
    };
    let growth = match (kind, options.language) {
        (NotificationKind::Closed | NotificationKind::NewLevel | NotificationKind::Retracted, _) => return details,
        (NotificationKind::Opened, _) => "",
        (NotificationKind::Grown, Language::Korean) => "앞선 알림 이후 더 커졌습니다. ",
        (NotificationKind::Grown, Language::English) => "The impact has grown since the last notification. ",
    };
    let evidence = evidence(incident, options);
    match options.language {
        Language::Korean => {
            format!("{growth}{evidence} {details}; 의도한 변화라면: costwarden incidents accept {id}")
        }
        Language::English => format!("{growth}{evidence} {details}. Planned? costwarden incidents accept {id}"),
    }
}

/// Returns the comparison of an English text.
pub(crate) fn compared_with_usual(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "more than usual",
        Direction::Down => "less than usual",
    }
}

fn evidence(incident: &Incident, options: TextOptions<'_>) -> String {
    let Moment { date, hour } = incident.last_seen;
    let since = incident.first_seen.date;
    let impact = options.amount(incident.impact());
    // Alert policies match the marks of messages; a reason must not contain another mark.
    let reason = incident.reason.replace("BILLING_", "BILLING-").replace("COSTWARDEN_", "COSTWARDEN-");
    let reason = reason.trim_end().trim_end_matches('.');
    let rules = incident.rules.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match options.language {
        Language::Korean => {
            let evaluated = hour.map_or_else(|| date.to_string(), |hour| format!("{date} {hour}시"));
            let severity = match incident.severity {
                Severity::Critical => "심각",
                Severity::Warning => "경고",
                Severity::Info => "참고",
            };
            format!(
                "기준 시점 {evaluated}, 시작 {since}, 누적 차이 {impact}, 중요도 {severity}. 이유: {reason}. 규칙: {rules}."
            )
        }
        Language::English => {
            let evaluated = hour.map_or_else(|| date.to_string(), |hour| format!("{date} at {hour:02}:00"));
            let comparison = compared_with_usual(incident.direction);
            let severity = incident.severity.as_str();
            format!(
                "Evaluated on {evaluated}, since {since}, {impact} {comparison} so far, severity {severity}. Reason: {reason}. Rules: {rules}."
            )
        }
    }
}
