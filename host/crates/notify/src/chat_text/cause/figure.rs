//! Figures for people: usages and unit prices.

use bigdecimal::{BigDecimal, RoundingMode};
use model::money;

/// Number of significant digits of a figure below 1000. Larger figures have no decimals.
const DIGITS: i64 = 4;

/// Returns a figure with at least four significant digits, without trailing zeros: `2,143`, `120.5`, `0.01234`.
pub(super) fn figure(value: &BigDecimal) -> String {
    let integer_digits = value.digits() as i64 - value.fractional_digit_count();
    let rounded = value.with_scale_round((DIGITS - integer_digits).max(0), RoundingMode::HalfUp);
    let text = rounded.to_plain_string();
    let plain = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    money::grouped(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_four_significant_digits_at_least() {
        let text = |value: &str| figure(&value.parse().expect("a decimal"));
        assert_eq!(
            ["0", "2143.04", "4154", "1234567.5", "120.000", "120.56", "0.0123449", "-1.5", "1e3"].map(text),
            ["0", "2,143", "4,154", "1,234,568", "120", "120.6", "0.01234", "-1.5", "1,000"]
        );
    }
}
