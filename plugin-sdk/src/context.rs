//! Text for people: the language of the operator, and amounts with their unit.

use crate::Context;

/// A language for the reasons of verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, for every locale without an entry here.
    English,
    /// Korean, for `ko` and its variants.
    Korean,
}

impl Context {
    /// The language for reasons.
    #[must_use]
    pub fn language(&self) -> Language {
        match self.locale.split(['-', '_']).next() {
            Some("ko") => Language::Korean,
            _ => Language::English,
        }
    }

    /// Formats an amount with its unit: `1,234,568원` in Korean, otherwise `1,234,568 KRW`. Fractional amounts below
    /// 1,000 keep two decimals.
    #[must_use]
    pub fn amount(&self, value: f64) -> String {
        let number = grouped(value);
        match (self.language(), self.unit.as_str()) {
            (_, "") => number,
            (Language::Korean, "KRW") => format!("{number}원"),
            (_, unit) => format!("{number} {unit}"),
        }
    }
}

fn grouped(value: f64) -> String {
    let whole = value.abs() >= 1000.0 || value.fract() == 0.0;
    let plain = if whole { format!("{value:.0}") } else { format!("{value:.2}") };
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (integer, fraction) = plain.find('.').map_or((plain, ""), |dot| plain.split_at(dot));
    // Infinity and NaN have no digits to group.
    if !integer.bytes().all(|digit| digit.is_ascii_digit()) {
        return format!("{sign}{plain}");
    }
    let mut text = String::from(sign);
    for (i, digit) in integer.char_indices() {
        if i > 0 && (integer.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(locale: &str, unit: &str, value: f64, expect: &str) {
        let context = Context { settings: String::new(), unit: unit.into(), locale: locale.into() };
        assert_eq!(context.amount(value), expect);
    }

    #[test]
    fn amounts_are_grouped_and_carry_their_unit() {
        check("ko", "KRW", 1_234_567.6, "1,234,568원");
        check("ko-KR", "KRW", 0.0, "0원");
        check("ko", "USD", 12.5, "12.50 USD");
        check("en", "KRW", 999.994, "999.99 KRW");
        check("en", "KRW", -1000.0, "-1,000 KRW");
        check("fr", "", 100.0, "100");
        check("en", "", f64::INFINITY, "inf");
    }
}
