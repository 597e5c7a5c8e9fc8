//! One factor over most amounts of a bill: another currency or unit, or an export that was read twice.

use model::history::{History, Measure};
use model::ledger::DayLedger;

/// Number of earlier weeks that define the usual amounts of a weekday, and the minimum number of weeks with an amount.
pub(super) const WEEKS: u16 = 4;
const MIN_WEEKS: usize = 2;
/// Minimum number of compared series.
const MIN_SERIES: usize = 5;
/// The factors that prove a wrong bill. A smaller rise may be real, and a smaller fall may be a holiday.
const LEAST_RISE: f64 = 1.8;
const LEAST_FALL: f64 = 0.2;
/// Maximum ratio between the factor of a series and the common factor.
const TOLERANCE: f64 = 1.25;
/// Minimum share of the usual cost with the common factor.
const MOST: f64 = 0.8;

/// The factor of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct UniformFactor {
    pub(crate) factor: f64,
    /// Number of series with the factor.
    pub(crate) series: u64,
    pub(crate) compared: u64,
}

impl UniformFactor {
    /// Returns the factor as text: `10.0`, or `1/1380` below 1.
    pub(super) fn text(self) -> String {
        if self.factor >= 1.0 { format!("{:.1}", self.factor) } else { format!("1/{:.0}", 1.0 / self.factor) }
    }
}

/// A series of the day with a usual amount.
struct ComparedSeries {
    usual: f64,
    factor: f64,
}

/// Whether the total of a day is so unusual that the factor of each series is worth a comparison.
pub(super) fn is_suspicious(total: f64, weekdays: &[f64]) -> bool {
    let Some(usual) = usual(weekdays.to_vec()) else { return false };
    total >= LEAST_RISE / TOLERANCE * usual || total <= LEAST_FALL * TOLERANCE * usual
}

/// Returns the common factor of a day and the same weekdays before.
pub(super) fn uniform_factor(ledger: &DayLedger, weekdays: &[History]) -> Option<UniformFactor> {
    let amount = |history: &History, key| {
        let values = history.rows.get(key)?.values.get(&Measure::BilledCost)?;
        values.first().copied().filter(|amount| !amount.is_nan())
    };
    let compared = ledger.entries.iter().filter(|entry| !entry.is_incomplete).filter_map(|entry| {
        let usual = usual(weekdays.iter().filter_map(|history| amount(history, &entry.key)).collect())?;
        Some(ComparedSeries { usual, factor: entry.amounts.billed_cost / usual })
    });
    let mut compared: Vec<ComparedSeries> = compared.collect();
    if compared.len() < MIN_SERIES {
        return None;
    }
    compared.sort_by(|one, other| one.factor.total_cmp(&other.factor));
    let cost: f64 = compared.iter().map(|series| series.usual).sum();
    let mut below = 0.0;
    let middle = compared.iter().find(|series| {
        below += series.usual;
        below >= cost / 2.0
    });
    let factor = middle?.factor;
    let is_alike =
        |series: &&ComparedSeries| series.factor <= factor * TOLERANCE && series.factor * TOLERANCE >= factor;
    let alike: Vec<&ComparedSeries> = compared.iter().filter(is_alike).collect();
    let is_common = alike.iter().map(|series| series.usual).sum::<f64>() >= MOST * cost;
    let is_proof = factor >= LEAST_RISE || (factor > 0.0 && factor <= LEAST_FALL);
    let found = UniformFactor { factor, series: alike.len() as u64, compared: compared.len() as u64 };
    (is_common && is_proof && alike.len() >= MIN_SERIES).then_some(found)
}

/// The median of the amounts of some weeks, if the amounts are positive and enough.
fn usual(mut amounts: Vec<f64>) -> Option<f64> {
    amounts.sort_by(f64::total_cmp);
    let median = amounts.get(amounts.len() / 2).copied()?;
    (amounts.len() >= MIN_WEEKS && median > 0.0).then_some(median)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::bill::{Amounts, BillRow};
    use model::ledger;
    use model::series::{Names, SeriesKey};

    use super::*;

    fn ledger(amounts: &[f64]) -> DayLedger {
        let rows = amounts.iter().enumerate().map(|(service, amount)| {
            Ok(BillRow {
                key: SeriesKey::new("d", "p", &service.to_string()),
                names: Names::default(),
                amounts: Amounts { billed_cost: amount.to_string().parse().expect("a number"), ..Amounts::default() },
                pricing_category: None,
                region: None,
                resource: None,
            })
        });
        ledger::sum(jiff::civil::date(2026, 11, 22), rows)
    }

    fn found(today: &[f64], usual: &[f64]) -> Option<UniformFactor> {
        let mut week = History::default();
        week.push(&ledger(usual), &BTreeSet::from([Measure::BilledCost]));
        let (today, usual) = (ledger(today), ledger(usual).total_double());
        let weeks = [week.clone(), week];
        is_suspicious(today.total_double(), &[usual; 2]).then(|| uniform_factor(&today, &weeks)).flatten()
    }

    #[test]
    fn a_small_factor_is_a_fraction() {
        let text = |factor| UniformFactor { factor, series: 6, compared: 6 }.text();
        assert_eq!([text(10.004), text(1.0 / 1_380.0), text(0.2)], ["10.0", "1/1380", "1/5"]);
    }

    #[test]
    fn one_factor_over_most_amounts_is_found() {
        let usual = [100.0, 50.0, 20.0, 10.0, 5.0, 1.0];
        let times = |factor: f64| usual.map(|amount| amount * factor);
        for factor in [2.0, 10.0, 0.1] {
            let expected = UniformFactor { factor, series: 6, compared: 6 };
            assert_eq!(found(&times(factor), &usual), Some(expected));
        }
        assert_eq!(found(&times(0.45), &usual), None, "a holiday");
        assert_eq!(found(&times(1.5), &usual), None);
        let mut one_service = usual;
        one_service[0] = 1_000.0;
        assert_eq!(found(&one_service, &usual), None, "one service");
        assert_eq!(found(&times(10.0)[..4], &usual[..4]), None, "too few series");
        let mut most = times(10.0);
        most[2] = 20.0;
        assert_eq!(found(&most, &usual).map(|found| (found.series, found.compared)), Some((5, 6)));
    }
}
