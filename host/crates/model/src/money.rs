//! Amounts in text for people.
//!
//! The crate `notify` has separate rules for the lines that alert policies match. Programs receive numbers.

use iso_currency::Currency;

/// Formats a number with two decimals and thousands separators: `1,234,567.00`.
pub fn text(number: f64) -> String {
    grouped(&format!("{number:.2}"))
}

/// Returns the number of decimals of a currency; `None` for a code that is not in ISO 4217.
pub fn decimals(currency: &str) -> Option<u16> {
    Currency::from_code(currency).map(|currency| currency.exponent().unwrap_or(0))
}

/// Formats an amount with the decimals of the currency and thousands separators: `1,234,567` in KRW.
///
/// A currency without a code of ISO 4217 has two decimals. Halves are rounded away from zero.
pub fn amount(amount: f64, currency: &str) -> String {
    let number = match decimals(currency) {
        // The formatter would round half a won to even.
        Some(0) => grouped(&format!("{:.0}", amount.round())),
        Some(decimals) => grouped(&format!("{amount:.*}", usize::from(decimals))),
        None => text(amount),
    };
    let is_negative_zero = number.starts_with('-') && !number.contains(|digit| matches!(digit, '1'..='9'));
    if is_negative_zero { number[1..].to_owned() } else { number }
}

/// Formats an amount like [`amount()`] with a sign: `+241,557`.
pub fn signed_amount(difference: f64, currency: &str) -> String {
    let text = amount(difference, currency);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// Adds thousands separators to the integer part of a plain decimal number.
pub fn grouped(number: &str) -> String {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let integer_digits = digits.find('.').unwrap_or(digits.len());
    let mut grouped = String::with_capacity(number.len() * 4 / 3 + 1);
    if number.starts_with('-') {
        grouped.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index < integer_digits && (integer_digits - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_the_currency() {
        assert_eq!(
            [
                amount(1_734.5, "KRW"),
                amount(-0.2, "KRW"),
                amount(1_234.5, "USD"),
                amount(1.0, "KWD"),
                amount(1.0, "ZZZ")
            ],
            ["1,735", "0", "1,234.50", "1.000", "1.00"]
        );
        assert_eq!([signed_amount(12.4, "KRW"), signed_amount(-0.004, "USD")], ["+12", "+0.00"]);
        assert_eq!([decimals("KRW"), decimals("EUR"), decimals("ZZZ")], [Some(0), Some(2), None]);
    }

    #[test]
    fn amounts_have_thousands_separators() {
        let texts = [0.0, 999.995, 1_000.0, 34_567.891, 1_234_567.0, -1_234.5, -0.001].map(text);
        assert_eq!(texts, ["0.00", "1,000.00", "1,000.00", "34,567.89", "1,234,567.00", "-1,234.50", "-0.00"]);
        assert_eq!(
            ["7", "-123456", "12345678901234567890.5"].map(grouped),
            ["7", "-123,456", "12,345,678,901,234,567,890.5"]
        );
    }
}
