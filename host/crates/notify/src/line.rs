//! The line of a notification for the system log and the terminal, matched word for word by alert policies.

mod detail;
mod incident;

use model::incident::NotificationKind;
use model::language::Language;
use model::money;
use model::planned_event::{Plan, PlanResult};

use crate::chat_text::{ChatText, cause};
use crate::notification::{Content, DailyTotalContent, Notification, OperationalContent, PlannedEventContent};
use crate::text::{Locale, one_line};

/// The amount of text in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStyle {
    /// The exact text of the replaced pipeline, for existing alert policies.
    Short,
    /// Also the start, the total impact, the reason, the rules, and the command for details.
    Full,
}

/// Returns the line of a notification, without control characters.
pub(crate) fn line(notification: &Notification<'_>, text_style: TextStyle) -> String {
    let locale = notification.locale;
    let text = match &notification.content {
        Content::Incident(content) => {
            let cause = cause::sentence(content, locale).map(without_marks);
            let has_same_names = content.has_same_names;
            let options = LineOptions { locale, text_style, has_same_names, cause: cause.as_deref() };
            incident::text(content.incident, content.kind, options)
        }
        Content::DailyTotal(content) => daily_total(content, notification, text_style),
        Content::PlannedEvent(content) => planned_event(content, locale),
        Content::Group(content) => chat_line(tag(content.first().kind), notification),
        Content::Budget(_) => chat_line("BILLING_BUDGET", notification),
        Content::Digest(_) => chat_line("BILLING_DIGEST", notification),
        Content::Operational(content) => operational(content),
    };
    one_line(&text)
}

/// The locale and the style of a line about an incident.
#[derive(Debug, Clone, Copy)]
struct LineOptions<'a> {
    locale: Locale<'a>,
    text_style: TextStyle,
    /// Whether another incident has the same names, so that only the keys differ.
    has_same_names: bool,
    /// The sentence about the cause, for a full line.
    cause: Option<&'a str>,
}

impl LineOptions<'_> {
    /// Returns an amount with the unit. Short text has no thousands separators, because alert policies match such
    /// amounts.
    fn amount(self, amount: f64) -> String {
        let unit = self.locale.unit();
        match self.text_style {
            TextStyle::Short => format!("{amount:.2}{unit}"),
            TextStyle::Full => format!("{}{unit}", money::text(amount)),
        }
    }
}

/// Returns the text with the total of a day. A full text has the comparison of the chat text.
fn daily_total(content: &DailyTotalContent<'_>, notification: &Notification<'_>, text_style: TextStyle) -> String {
    let locale = notification.locale;
    let unit = locale.unit();
    let DailyTotalContent { date, total, .. } = content;
    let text = match locale.language {
        Language::Korean => format!("[BILLING_DAILY_TOTAL] [{date}]의 총 요금은 {total}{unit} 입니다."),
        Language::English => format!("[BILLING_DAILY_TOTAL] The total cost of [{date}] is {total}{unit}."),
    };
    match text_style {
        TextStyle::Short => text,
        TextStyle::Full => {
            let ChatText { figures, lines, .. } = ChatText::of(notification);
            let details = [figures].into_iter().chain(lines).filter(|part| !part.is_empty());
            let details = details.map(|part| format!("{}.", without_marks(part).trim_end_matches('.')));
            [text].into_iter().chain(details).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Replaces the marks of messages in a text of others: alert policies match the marks.
fn without_marks(text: impl AsRef<str>) -> String {
    text.as_ref().replace("BILLING_", "BILLING-").replace("COSTWARDEN_", "COSTWARDEN-")
}

/// Returns the chat text of a notification in one line. Alert policies match the tag only.
fn chat_line(tag: &str, notification: &Notification<'_>) -> String {
    let ChatText { title, figures, lines, footer, .. } = ChatText::of(notification);
    let parts = [title, figures].into_iter().chain(lines).chain([footer]).filter(|part| !part.is_empty());
    format!("[{tag}] {}", without_marks(parts.collect::<Vec<String>>().join(" | ")))
}

/// Returns the tag of a notification about incidents.
fn tag(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Opened | NotificationKind::Grown => "BILLING_ANOMALY",
        NotificationKind::Closed => "BILLING_RESOLVED",
        NotificationKind::NewLevel => "BILLING_NEW_LEVEL",
        NotificationKind::Retracted => "BILLING_RETRACTED",
        NotificationKind::NotVerifiable => "BILLING_NOT_VERIFIABLE",
    }
}

/// Returns the comparison of the plan with the result of an event.
fn planned_event(content: &PlannedEventContent<'_>, locale: Locale<'_>) -> String {
    let Plan { name, from, to, .. } = &content.event.plan;
    let name = without_marks(name);
    let amount =
        |amount: f64| format!("{}{}{}", if amount < 0.0 { "" } else { "+" }, money::text(amount), locale.unit());
    let planned = amount(content.planned());
    let compared = content.result.map(|result| {
        let PlanResult { first_earlier_day: first, last_earlier_day: last, .. } = result;
        let days = if first == last { first.to_string() } else { format!("{first}~{last}") };
        (days, amount(result.difference()))
    });
    match (locale.language, compared) {
        (Language::Korean, Some((days, difference))) => format!(
            "[BILLING_PLANNED] 예정된 변경 {name}({from}~{to})의 비용은 이전 같은 요일({days}) 대비 {difference}, 계획은 {planned}입니다."
        ),
        (Language::Korean, None) => format!(
            "[BILLING_PLANNED] 예정된 변경 {name}({from}~{to})의 결과는 청구 내역이 없는 날이 있어 알 수 없습니다. 계획은 {planned}입니다."
        ),
        (Language::English, Some((days, difference))) => format!(
            "[BILLING_PLANNED] The bill of the planned event {name} ({from}~{to}) differs by {difference} from the same weekdays before ({days}), planned {planned}."
        ),
        (Language::English, None) => format!(
            "[BILLING_PLANNED] The result of the planned event {name} ({from}~{to}) is not known, because a day has no bill; planned {planned}."
        ),
    }
}

/// Returns the text about a problem of costwarden.
fn operational(content: &OperationalContent<'_>) -> String {
    // Alert policies for BILLING_ANOMALY are about costs: a quoted error must not trigger a policy.
    let text = content.text.replace("BILLING_ANOMALY", "BILLING-ANOMALY");
    format!("[COSTWARDEN_{}] {text}", content.tag)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::notification::{Level, ProblemState};

    #[test]
    fn an_operational_line_triggers_no_policy_for_anomalies() {
        let content = OperationalContent {
            key: "failing:daily",
            state: ProblemState::Raised,
            since: Timestamp::UNIX_EPOCH,
            level: Level::Critical,
            tag: "FAILING",
            text: "could not read [BILLING_ANOMALY]\nof today",
        };
        let locale = Locale { language: Language::English, currency: "USD" };
        let notification = Notification::of_problem(content, locale);
        assert_eq!(
            line(&notification, TextStyle::Short),
            "[COSTWARDEN_FAILING] could not read [BILLING-ANOMALY] of today"
        );
    }

    #[test]
    fn daily_totals_are_word_for_word() {
        let text = |total, locale| {
            let date = jiff::civil::date(2026, 11, 22);
            let content = DailyTotalContent {
                date,
                total,
                refused: model::ledger::RefusedTotal { rows: 3, ..Default::default() },
                comparison: None,
                budgets: &[],
            };
            line(&Notification::of_daily_total(content, locale), TextStyle::Short)
        };
        let lines = [
            text("1,234,567.00", Locale { language: Language::Korean, currency: "KRW" }),
            text("1,234.00", Locale { language: Language::English, currency: "USD" }),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        [BILLING_DAILY_TOTAL] [2026-11-22]의 총 요금은 1,234,567.00원 입니다.
        [BILLING_DAILY_TOTAL] The total cost of [2026-11-22] is 1,234.00 USD.
        ");
    }
}
