//! A message for a receiver: one line with a level.

use jiff::civil::Date;
use model::language::Language;

use crate::text::{one_line, unit};

/// A message for a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
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

/// Returns the message with the total of a day. `total` already has thousands separators.
pub fn daily_total_message(date: Date, total: &str, language: Language, currency: &str) -> Message {
    let unit = unit(language, currency);
    let text = match language {
        Language::Korean => format!("[BILLING_DAILY_TOTAL] [{date}]의 총 요금은 {total}{unit} 입니다."),
        Language::English => format!("[BILLING_DAILY_TOTAL] The total cost of [{date}] is {total}{unit}."),
    };
    Message { level: Level::Info, text: one_line(&text) }
}

/// Returns a message about costwarden. `tag` is a single word in capitals.
pub fn operational_message(level: Level, tag: &str, text: &str) -> Message {
    // Alert policies for BILLING_ANOMALY are about costs: a quoted error must not trigger a policy.
    let text = text.replace("BILLING_ANOMALY", "BILLING-ANOMALY");
    Message { level, text: one_line(&format!("[COSTWARDEN_{tag}] {text}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operational_message_triggers_no_policy_for_anomalies() {
        let message = operational_message(Level::Critical, "FAILING", "could not read [BILLING_ANOMALY]\nof today");
        assert_eq!(message.text, "[COSTWARDEN_FAILING] could not read [BILLING-ANOMALY] of today");
    }

    #[test]
    fn daily_totals_are_word_for_word() {
        let date = jiff::civil::date(2026, 11, 22);
        let messages = [
            daily_total_message(date, "1,234,567.00", Language::Korean, "KRW"),
            daily_total_message(date, "1,234.00", Language::English, "USD"),
        ];
        insta::assert_snapshot!(messages.map(|message| message.text).join("\n"), @"
        [BILLING_DAILY_TOTAL] [2026-11-22]의 총 요금은 1,234,567.00원 입니다.
        [BILLING_DAILY_TOTAL] The total cost of [2026-11-22] is 1,234.00 USD.
        ");
    }
}
