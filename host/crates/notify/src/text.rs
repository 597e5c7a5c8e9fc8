//! The language, the style and the amounts of a text.

use model::language::Language;
use model::money;

use crate::options::TextStyle;

/// The language, currency and style of a notification.
#[derive(Debug, Clone, Copy)]
pub struct TextOptions<'a> {
    pub language: Language,
    /// Currency code of ISO 4217.
    pub currency: &'a str,
    pub text_style: TextStyle,
    /// Whether another incident has the same names, so that only the keys differ.
    pub has_same_names: bool,
}

impl TextOptions<'_> {
    /// Returns an amount with the unit. Short text has no thousands separators, because alert policies match such
    /// amounts.
    pub(crate) fn amount(self, amount: f64) -> String {
        let unit = unit(self.language, self.currency);
        match self.text_style {
            TextStyle::Short => format!("{amount:.2}{unit}"),
            TextStyle::Full => format!("{}{unit}", money::text(amount)),
        }
    }
}

/// Returns the unit of an amount, with a leading space if necessary.
pub(crate) fn unit(language: Language, currency: &str) -> String {
    match (language, currency) {
        (Language::Korean, "KRW") => "원".to_owned(),
        (_, currency) => format!(" {currency}"),
    }
}

/// Replaces control characters: names come from outside and must not start a line or control a terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}
