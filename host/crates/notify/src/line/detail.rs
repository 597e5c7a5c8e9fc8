//! The additional text of a full line: the start, the total impact, the reason, the rules, and the commands for
//! details and acceptance.

use model::anomaly::Direction;
use model::incident::{Incident, NotificationKind};
use model::language::Language;
use model::moment::Moment;

use super::{LineOptions, without_marks};

pub(super) fn detail(incident: &Incident, kind: NotificationKind, options: LineOptions<'_>) -> String {
    let id = &incident.id;
    let cause = options.cause.map(|cause| format!("{} ", ended(cause))).unwrap_or_default();
    let details = match options.locale.language {
        Language::Korean => format!("{cause}확인: costwarden incidents show {id}"),
        Language::English => format!("{cause}Details: costwarden incidents show {id}"),
    };
    let growth = match (kind, options.locale.language) {
        (
            NotificationKind::Closed
            | NotificationKind::NewLevel
            | NotificationKind::Retracted
            | NotificationKind::NotVerifiable,
            _,
        ) => return details,
        (NotificationKind::Opened, _) => String::new(),
        (NotificationKind::Grown, Language::Korean) => {
            format!("지난 알림 뒤 하루 차이가 커졌습니다(지금 {}). ", options.amount(incident.newest_impact()))
        }
        (NotificationKind::Grown, Language::English) => format!(
            "The daily difference has grown to {} since the last notification. ",
            options.amount(incident.newest_impact())
        ),
    };
    let evidence = evidence(incident, options);
    match options.locale.language {
        Language::Korean => {
            format!("{growth}{evidence} {details}; 의도한 변화라면: costwarden incidents accept {id}")
        }
        Language::English => format!("{growth}{evidence} {details}. Planned? costwarden incidents accept {id}"),
    }
}

/// Returns a sentence with a full stop.
fn ended(sentence: &str) -> String {
    format!("{}.", sentence.trim_end_matches('.'))
}

/// Returns the words after an amount that compare the amount with the usual cost.
pub(super) fn compared_with_usual(direction: Direction, language: Language) -> &'static str {
    match (direction, language) {
        (Direction::Up, Language::Korean) => "더 나왔습니다",
        (Direction::Down, Language::Korean) => "덜 나왔습니다",
        (Direction::Up, Language::English) => "more than usual",
        (Direction::Down, Language::English) => "less than usual",
    }
}

fn evidence(incident: &Incident, options: LineOptions<'_>) -> String {
    let Moment { date, hour } = incident.last_seen;
    let since = incident.first_seen.date;
    let impact = options.amount(incident.impact());
    let reason = without_marks(&incident.reason);
    let reason = reason.trim_end().trim_end_matches('.');
    let rules = incident.rules.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match options.locale.language {
        Language::Korean => {
            let evaluated = hour.map_or_else(|| date.to_string(), |hour| format!("{date} {hour}시"));
            let severity = incident.severity.text(Language::Korean);
            let comparison = compared_with_usual(incident.direction, Language::Korean);
            format!(
                "집계: {evaluated}, {since}부터 지금까지 평소보다 {impact} {comparison}. 심각도: {severity}. 이유: {reason}. 규칙: {rules}."
            )
        }
        Language::English => {
            let evaluated = hour.map_or_else(|| date.to_string(), |hour| format!("{date} at {hour:02}:00"));
            let comparison = compared_with_usual(incident.direction, Language::English);
            let severity = incident.severity.as_str();
            format!(
                "Evaluated on {evaluated}, since {since}, {impact} {comparison} so far, severity {severity}. Reason: {reason}. Rules: {rules}."
            )
        }
    }
}
