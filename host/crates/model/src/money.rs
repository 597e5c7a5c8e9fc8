//! Amounts in text for people.
//!
//! The crate `notify` has separate rules for the lines that alert policies match. Programs receive numbers.

/// Formats an amount with two decimals and thousands separators: `1,234,567.00`.
pub fn text(amount: f64) -> String {
    grouped(&format!("{amount:.2}"))
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
    fn amounts_have_thousands_separators() {
        let texts = [0.0, 999.995, 1_000.0, 34_567.891, 1_234_567.0, -1_234.5, -0.001].map(text);
        assert_eq!(texts, ["0.00", "1,000.00", "1,000.00", "34,567.89", "1,234,567.00", "-1,234.50", "-0.00"]);
        assert_eq!(
            ["7", "-123456", "12345678901234567890.5"].map(grouped),
            ["7", "-123,456", "12,345,678,901,234,567,890.5"]
        );
    }
}
