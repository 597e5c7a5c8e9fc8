//! Amounts for people with the unit.

use model::count::counted;
use model::language::Language;
use model::ledger::RefusedTotal;
use model::money;

use crate::text::Locale;

/// Returns an amount with the unit: `498,473원`, `1,234.50 USD`.
pub fn plain(amount: f64, locale: Locale<'_>) -> String {
    format!("{}{}", money::amount(amount, locale.currency), locale.unit())
}

/// Returns an amount with a sign and the unit: `+241,557원`.
pub fn signed(amount: f64, locale: Locale<'_>) -> String {
    format!("{}{}", money::signed_amount(amount, locale.currency), locale.unit())
}

/// Returns the amount of refused rows.
pub fn refused(total: RefusedTotal, locale: Locale<'_>) -> String {
    let RefusedTotal { rows, amount, rows_without_amount: unknown } = total;
    let amount = plain(amount, locale);
    match locale.language {
        _ if unknown == 0 => amount,
        Language::Korean if unknown == rows => "금액을 알 수 없음".to_owned(),
        Language::Korean => format!("{amount}, 그 밖에 금액을 알 수 없는 {unknown}행"),
        Language::English if unknown == rows => "of unknown amount".to_owned(),
        Language::English => format!("{amount} and {} of unknown amount", counted(unknown, "row")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn won_has_no_decimals_and_a_difference_has_a_sign() {
        let won = Locale { language: Language::Korean, currency: "KRW" };
        let dollars = Locale { language: Language::English, currency: "USD" };
        assert_eq!([plain(498_472.6, won), plain(1_734.5, won)], ["498,473원", "1,735원"]);
        assert_eq!(plain(-0.2, won), "0원");
        assert_eq!(plain(1_234.5, dollars), "1,234.50 USD");
        assert_eq!([signed(241_557.0, won), signed(-12.0, won)], ["+241,557원", "-12원"]);
        assert_eq!(signed(-0.004, dollars), "+0.00 USD");
    }
}
