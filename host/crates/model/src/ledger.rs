//! Exact sums of bill rows per series. With decimal arithmetic, the order of rows and pages has no effect.

use std::collections::{BTreeMap, BTreeSet};

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};
use jiff::civil::Date;

use crate::bill::{Amounts, BillRow};
use crate::money;
use crate::series::{Names, SeriesKey};

/// The sums of one billing day. Entries are in key order.
#[derive(Debug, Clone, PartialEq)]
pub struct DayLedger {
    pub date: Date,
    pub entries: Vec<LedgerEntry>,
    /// Sum of the billed costs.
    pub total: BigDecimal,
    /// Number of summed rows.
    pub rows: u64,
    /// Refused rows with reasons, in row order.
    pub refused: Vec<RefusedRow>,
    /// Number of rows that equal an earlier row of the document.
    pub repeated_rows: u64,
}

/// The sums of one series on one day. Each double is rounded once from an exact decimal.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    pub key: SeriesKey,
    pub names: Names,
    pub amounts: Amounts,
    /// Sorted and unique.
    pub pricing_categories: Vec<String>,
    /// Sorted and unique.
    pub regions: Vec<String>,
}

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Index in the raw document, from 0.
    pub row: usize,
    pub reason: String,
}

/// Sums the rows of one day. An error is the reason for a refused row.
pub fn sum(date: Date, rows: impl IntoIterator<Item = Result<BillRow, String>>) -> DayLedger {
    let mut sums: BTreeMap<SeriesKey, SeriesSum> = BTreeMap::new();
    let mut refused = Vec::new();
    let mut summed_rows = 0;
    for (index, row) in rows.into_iter().enumerate() {
        match row {
            Ok(row) => {
                summed_rows += 1;
                sums.entry(row.key.clone()).or_default().add(row);
            }
            Err(reason) => refused.push(RefusedRow { row: index, reason }),
        }
    }
    let total = sums.values().map(|sum| &sum.amounts.billed_cost).sum();
    let entries = sums.into_iter().map(|(key, sum)| sum.into_entry(key)).collect();
    DayLedger { date, entries, total, rows: summed_rows, refused, repeated_rows: 0 }
}

impl DayLedger {
    /// Returns the total as a double, for metrics, not for storage.
    pub fn total_double(&self) -> f64 {
        self.total.to_f64().unwrap_or(f64::NAN)
    }

    /// Returns the total with two decimals and thousands separators, for people and alert policies.
    pub fn total_text(&self) -> String {
        money::grouped(&self.total.with_scale_round(2, RoundingMode::HalfUp).to_plain_string())
    }
}

#[derive(Default)]
struct SeriesSum {
    names: Names,
    amounts: Amounts<BigDecimal>,
    pricing_categories: BTreeSet<String>,
    regions: BTreeSet<String>,
}

impl SeriesSum {
    fn add(&mut self, row: BillRow) {
        // The greatest name wins, so a rename within one day does not depend on the row order.
        self.names.account = row.names.account.max(self.names.account.clone());
        self.names.project = row.names.project.max(self.names.project.clone());
        self.names.service = row.names.service.max(self.names.service.clone());
        self.amounts.add(&row.amounts);
        self.pricing_categories.extend(row.pricing_category);
        self.regions.extend(row.region);
    }

    fn into_entry(self, key: SeriesKey) -> LedgerEntry {
        LedgerEntry {
            key,
            names: self.names,
            amounts: self.amounts.map(|sum| nearest_double(&sum)),
            pricing_categories: self.pricing_categories.into_iter().collect(),
            regions: self.regions.into_iter().collect(),
        }
    }
}

/// Returns the nearest double. An amount is rounded only here.
fn nearest_double(sum: &BigDecimal) -> f64 {
    sum.to_scientific_notation().parse().expect("a decimal is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(amount: &str) -> Result<BillRow, String> {
        Ok(BillRow {
            key: SeriesKey::new("d", "p", "s"),
            names: Names::default(),
            amounts: Amounts { billed_cost: amount.parse().expect("a decimal"), ..Amounts::default() },
            pricing_category: None,
            region: None,
            resource: None,
        })
    }

    #[test]
    fn sums_do_not_depend_on_the_order_of_rows() {
        let amounts = ["0.1", "0.2", "1e16", "-1e16", "0.3", "12.5", "0"];
        let day = jiff::civil::date(2026, 11, 22);
        let ledger = sum(day, amounts.iter().map(|amount| row(amount)));
        assert_eq!(ledger, sum(day, amounts.iter().rev().map(|amount| row(amount))));
        assert_eq!(ledger.entries[0].amounts.billed_cost, 13.1);
        assert_eq!(ledger.rows, 7);
    }

    #[test]
    fn a_refused_row_is_counted_with_its_index_and_reason() {
        let rows = [row("1"), Err("no number".to_owned()), row("2")];
        let ledger = sum(jiff::civil::date(2026, 11, 22), rows);
        assert_eq!(ledger.refused, [RefusedRow { row: 1, reason: "no number".to_owned() }]);
        assert_eq!((ledger.rows, ledger.entries[0].amounts.billed_cost), (2, 3.0));
    }

    #[test]
    fn the_total_has_two_decimals_and_thousands_separators() {
        for (amount, expect) in
            [("0", "0.00"), ("999.994", "999.99"), ("1234567.895", "1,234,567.90"), ("-1000", "-1,000.00")]
        {
            assert_eq!(sum(jiff::civil::date(2026, 11, 22), [row(amount)]).total_text(), expect);
        }
    }
}
