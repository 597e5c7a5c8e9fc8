//! The text of notifications: a line each, matched word for word by existing alert policies.

use jiff::civil::Date;

use super::detail;
use crate::options::Words;
use model::anomaly::Direction;
use model::incident::{Incident, NotificationKind};
use model::language::Language;
use model::money;
use model::series::{ALL, SeriesKey};

/// A line for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub level: Level,
    /// Text without control characters.
    pub text: String,
}

/// The severity in the system log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Critical,
    Error,
    Info,
}

/// The language, currency and detail of a notification.
#[derive(Debug, Clone, Copy)]
pub struct TextOptions<'a> {
    pub language: Language,
    /// Currency code of ISO 4217.
    pub currency: &'a str,
    pub words: Words,
}

impl TextOptions<'_> {
    /// Returns an amount with the unit. Short text has no thousands separators, because alert policies match such
    /// amounts.
    pub(super) fn amount(self, amount: f64) -> String {
        let unit = unit(self.language, self.currency);
        match self.words {
            Words::Short => format!("{amount:.2}{unit}"),
            Words::Full => format!("{}{unit}", money::text(amount)),
        }
    }
}

/// Returns the line of a notification about an incident.
pub fn of_incident(incident: &Incident, notification: NotificationKind, speech: TextOptions<'_>) -> Line {
    let (level, mut text) = match notification {
        NotificationKind::Opened | NotificationKind::Grown => (Level::Error, anomaly(incident, speech)),
        NotificationKind::Closed => (Level::Info, resolved(incident, speech)),
        NotificationKind::NewLevel => (Level::Info, new_level(incident, speech)),
        NotificationKind::Retracted => (Level::Info, retracted(incident, speech)),
    };
    if speech.words == Words::Full {
        text = format!("{text} {}", detail::of_incident(incident, notification, speech));
    }
    Line { level, text: one_line(&text) }
}

/// Returns the line with the total of a day. `total` already has thousands separators.
pub fn daily_total(date: Date, total: &str, language: Language, currency: &str) -> Line {
    let unit = unit(language, currency);
    let text = match language {
        Language::Korean => format!("[BILLING_DAILY_TOTAL] [{date}]의 총 요금은 {total}{unit} 입니다."),
        Language::English => format!("[BILLING_DAILY_TOTAL] The total cost of [{date}] is {total}{unit}."),
    };
    Line { level: Level::Info, text: one_line(&text) }
}

/// Returns a line about costwarden. `tag` is a single word in capitals.
pub fn operational(level: Level, tag: &str, text: &str) -> Line {
    // Alert policies for BILLING_ANOMALY are about costs: a quoted error must not trigger a policy.
    let text = text.replace("BILLING_ANOMALY", "BILLING-ANOMALY");
    Line { level, text: one_line(&format!("[COSTWARDEN_{tag}] {text}")) }
}

fn anomaly(incident: &Incident, speech: TextOptions<'_>) -> String {
    let (whose, service) = whose(incident, speech.language);
    // Used only if `expected` is above 0; the quotient is meaningless otherwise.
    let percent = ((incident.observed / incident.expected - 1.0) * 100.0).abs();
    let known = incident.expected > 0.0;
    let (observed, expected) = (speech.amount(incident.observed), speech.amount(incident.expected));
    match (speech.language, incident.direction) {
        (Language::Korean, _) if !known => format!(
            "[BILLING_ANOMALY] {whose} 프로젝트의 {service} 비용이 새로 발생했습니다. 현재 {observed}, 기준 평균 {expected}."
        ),
        (Language::Korean, direction) => {
            let way = if direction == Direction::Up { "높습니다" } else { "낮습니다" };
            format!(
                "[BILLING_ANOMALY] {whose} 프로젝트의 {service} 비용이 평소 대비 약 {percent:.1}% {way}. 현재 {observed}, 기준 평균 {expected}."
            )
        }
        (Language::English, _) if !known => format!(
            "[BILLING_ANOMALY] {service} of project {whose} costs money where none was expected. Now {observed}, baseline {expected}."
        ),
        (Language::English, direction) => {
            let way = if direction == Direction::Up { "above" } else { "below" };
            format!(
                "[BILLING_ANOMALY] {service} of project {whose} is about {percent:.1}% {way} its usual cost. Now {observed}, baseline {expected}."
            )
        }
    }
}

/// Returns the text of a resolved incident. The word BILLING_ANOMALY would trigger an alert policy, so the word is
/// avoided.
fn resolved(incident: &Incident, speech: TextOptions<'_>) -> String {
    let (whose, service) = whose(incident, speech.language);
    let (since, impact) = (incident.first_seen.date, speech.amount(incident.impact()));
    let until = incident.last_seen.date;
    match speech.language {
        Language::Korean => format!(
            "[BILLING_RESOLVED] {whose} 프로젝트의 {service} 비용이 평소 수준으로 돌아왔습니다. 기간 {since}~{until}, 누적 차이 {impact}."
        ),
        Language::English => format!(
            "[BILLING_RESOLVED] {service} of project {whose} is back at its usual cost. From {since} to {until}, {impact} off in all."
        ),
    }
}

/// Returns the text of a new level, also without the word BILLING_ANOMALY.
fn new_level(incident: &Incident, speech: TextOptions<'_>) -> String {
    let (whose, service) = whose(incident, speech.language);
    let (since, until) = (incident.first_seen.date, incident.last_seen.date);
    let (observed, expected) = (speech.amount(incident.observed), speech.amount(incident.expected));
    match speech.language {
        Language::Korean => format!(
            "[BILLING_NEW_LEVEL] {whose} 프로젝트의 {service} 비용이 새로운 수준으로 자리 잡아 앞으로 이를 기준으로 삼습니다. 기간 {since}~{until}, 현재 {observed}, 이전 기준 {expected}."
        ),
        Language::English => format!(
            "[BILLING_NEW_LEVEL] {service} of project {whose} has a new level, which is expected from now on. From {since} to {until}, now {observed}, baseline before {expected}."
        ),
    }
}

fn retracted(incident: &Incident, speech: TextOptions<'_>) -> String {
    let (whose, service) = whose(incident, speech.language);
    let since = incident.first_seen.date;
    match speech.language {
        Language::Korean => format!(
            "[BILLING_RETRACTED] {whose} 프로젝트의 {service} 비용은 {since}의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다."
        ),
        Language::English => format!(
            "[BILLING_RETRACTED] {service} of project {whose} was at its usual cost after all: the bill of {since} was corrected. What was told of it is taken back."
        ),
    }
}

/// Returns `account/project` and the service, with display names.
fn whose(incident: &Incident, language: Language) -> (String, String) {
    let SeriesKey { account, project, service } = &incident.series;
    let all = match language {
        Language::Korean => "전체",
        Language::English => "all",
    };
    let name = |id: &str, name: &str| if id == ALL { all } else { name }.to_owned();
    let whose = format!("{}/{}", name(account, &incident.names.account), name(project, &incident.names.project));
    (whose, name(service, &incident.names.service))
}

fn unit(language: Language, currency: &str) -> String {
    match (language, currency) {
        (Language::Korean, "KRW") => "원".to_owned(),
        (_, currency) => format!(" {currency}"),
    }
}

/// Replaces control characters: names come from outside and must not start a line or control a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::anomaly::Severity;
    use model::incident::{Moment, Seen, State};
    use model::series::Names;
    use std::collections::{BTreeMap, BTreeSet};

    const KOREAN: TextOptions<'static> =
        TextOptions { language: Language::Korean, currency: "KRW", words: Words::Short };
    const ENGLISH: TextOptions<'static> =
        TextOptions { language: Language::English, currency: "USD", words: Words::Short };

    pub(crate) fn incident(direction: Direction, observed: f64, expected: f64) -> Incident {
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
            state: State::Open,
            opened_at: moment,
            first_seen: moment,
            last_seen: moment,
            closed_at: None,
            accepted_impact: None,
            decision: None,
            rules: BTreeSet::new(),
            peak_score: 1.0,
            by_day: BTreeMap::from([(moment.date, Seen { whole: Some(1_234.5), part: None })]),
            observed,
            expected,
            reason: String::new(),
            muted: false,
            deliveries: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_said_of_costwarden_is_no_anomaly() {
        let line = operational(Level::Critical, "FAILING", "could not read [BILLING_ANOMALY]\nof today");
        assert_eq!(line.text, "[COSTWARDEN_FAILING] could not read [BILLING-ANOMALY] of today");
    }

    #[test]
    fn lines_are_word_for_word() {
        let say = |incident: &Incident, notification, speech| of_incident(incident, notification, speech).text;
        let up = incident(Direction::Up, 34_567.891, 10_000.0);
        let mut all = incident(Direction::Up, 34_567.891, 10_000.0);
        all.series = SeriesKey::new("d", ALL, ALL);
        let lines = [
            say(&up, NotificationKind::Opened, KOREAN),
            say(&incident(Direction::Down, 10.0, 40.0), NotificationKind::Grown, KOREAN),
            say(&incident(Direction::Up, 10.0, 0.0), NotificationKind::Opened, KOREAN),
            say(&all, NotificationKind::Opened, KOREAN),
            say(&up, NotificationKind::Closed, KOREAN),
            say(&up, NotificationKind::NewLevel, KOREAN),
            say(&up, NotificationKind::Retracted, KOREAN),
            daily_total(jiff::civil::date(2026, 11, 22), "1,234,567.00", Language::Korean, "KRW").text,
            say(&up, NotificationKind::Opened, ENGLISH),
            say(&incident(Direction::Up, 10.0, 0.0), NotificationKind::Opened, ENGLISH),
            say(&up, NotificationKind::Closed, ENGLISH),
            say(&up, NotificationKind::NewLevel, ENGLISH),
            say(&up, NotificationKind::Retracted, ENGLISH),
            daily_total(jiff::civil::date(2026, 11, 22), "1,234.00", Language::English, "USD").text,
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 대비 약 75.0% 낮습니다. 현재 10.00원, 기준 평균 40.00원.
        [BILLING_ANOMALY] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로 발생했습니다. 현재 10.00원, 기준 평균 0.00원.
        [BILLING_ANOMALY] 우리회사/전체 프로젝트의 전체 비용이 평소 대비 약 245.7% 높습니다. 현재 34567.89원, 기준 평균 10000.00원.
        [BILLING_RESOLVED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 평소 수준으로 돌아왔습니다. 기간 2026-11-22~2026-11-22, 누적 차이 1234.50원.
        [BILLING_NEW_LEVEL] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용이 새로운 수준으로 자리 잡아 앞으로 이를 기준으로 삼습니다. 기간 2026-11-22~2026-11-22, 현재 34567.89원, 이전 기준 10000.00원.
        [BILLING_RETRACTED] 우리회사/쇼핑몰 프로젝트의 Virtual Machine [31m 비용은 2026-11-22의 청구서가 정정되어 평소 수준으로 확인되었습니다. 앞선 알림을 취소합니다.
        [BILLING_DAILY_TOTAL] [2026-11-22]의 총 요금은 1,234,567.00원 입니다.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 is about 245.7% above its usual cost. Now 34567.89 USD, baseline 10000.00 USD.
        [BILLING_ANOMALY] Virtual Machine [31m of project 우리회사/쇼핑몰 costs money where none was expected. Now 10.00 USD, baseline 0.00 USD.
        [BILLING_RESOLVED] Virtual Machine [31m of project 우리회사/쇼핑몰 is back at its usual cost. From 2026-11-22 to 2026-11-22, 1234.50 USD off in all.
        [BILLING_NEW_LEVEL] Virtual Machine [31m of project 우리회사/쇼핑몰 has a new level, which is expected from now on. From 2026-11-22 to 2026-11-22, now 34567.89 USD, baseline before 10000.00 USD.
        [BILLING_RETRACTED] Virtual Machine [31m of project 우리회사/쇼핑몰 was at its usual cost after all: the bill of 2026-11-22 was corrected. What was told of it is taken back.
        [BILLING_DAILY_TOTAL] The total cost of [2026-11-22] is 1,234.00 USD.
        ");
    }
}
