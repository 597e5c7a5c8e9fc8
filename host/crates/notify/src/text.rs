//! The language and the currency of texts, and the characters that no text may contain.

use model::language::Language;

/// The language and the currency of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locale<'a> {
    pub language: Language,
    /// Currency code of ISO 4217.
    pub currency: &'a str,
}

impl Locale<'_> {
    /// Returns the unit of an amount, with a leading space if necessary.
    pub fn unit(self) -> String {
        match (self.language, self.currency) {
            (Language::Korean, "KRW") => "원".to_owned(),
            (_, currency) => format!(" {currency}"),
        }
    }
}

/// Returns the span of an amount: a day, or the interval of a recurring charge.
pub(crate) fn interval(days: i32, language: Language) -> String {
    match (language, days) {
        (Language::Korean, 1) => "하루".to_owned(),
        (Language::Korean, days) => format!("{days}일마다"),
        (Language::English, 1) => "a day".to_owned(),
        (Language::English, days) => format!("every {days} days"),
    }
}

/// Returns the sentence about a cost that still rises.
pub(crate) fn rising(days: usize, language: Language) -> String {
    match language {
        Language::Korean => format!("최근 {days}일은 날마다 올랐습니다."),
        Language::English => format!("The cost rose on each of the last {days} days."),
    }
}

/// Replaces control characters, and removes the marks that change the direction of text: names come from outside and
/// must not start a line, control a terminal or reorder a text.
pub fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().filter(|c| !is_direction_mark(*c)).map(|c| if is_break(c) { ' ' } else { c }).collect()
}

/// Returns whether a character is a mark, an embedding, an override or an isolate of UAX #9.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_or_reorder_a_line() {
        assert_eq!(one_line("a\nb\u{2028}c\u{1b}[31m"), "a b c [31m");
        assert_eq!(one_line("cost\u{202e}tsoc\u{202c}\u{200f}"), "costtsoc");
        assert_eq!(one_line("우리회사 · VM"), "우리회사 · VM");
    }
}
