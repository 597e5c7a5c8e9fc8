//! Exact sums of bill rows per series. With decimal arithmetic, the order of rows and pages has no effect.

mod row_defect;

use std::collections::{BTreeMap, BTreeSet};

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive as _};
use jiff::civil::Date;

pub use self::row_defect::RowDefect;
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
    /// Refused rows with defects, in row order.
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
    /// Whether a refused row belongs to the series: the amounts of the day are not known.
    pub is_incomplete: bool,
}

/// A row that cannot be summed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{defect}")]
pub struct RefusedBillRow {
    pub defect: RowDefect,
    /// The series of the charge; `None` if the row does not state the series, or belongs to another day.
    pub series: Option<Box<NamedSeries>>,
    /// The amount in the currency of the bill; `None` if the row does not state the amount.
    pub amount: Option<BigDecimal>,
}

/// A series with names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSeries {
    pub key: SeriesKey,
    pub names: Names,
}

/// A refused row of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Index in the raw document, from 0.
    pub row: usize,
    pub defect: RowDefect,
    /// The amount in the currency of the bill; `None` if the row does not state the amount.
    pub amount: Option<BigDecimal>,
}

/// The total of the refused rows of a day.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RefusedTotal {
    pub rows: u64,
    /// The sum of the stated amounts.
    pub amount: f64,
    /// Number of rows without a stated amount.
    pub rows_without_amount: u64,
}

/// Maximum amount of refused rows, as a part of the sum of a series, that leaves the sum usable.
const NEGLIGIBLE_SHARE: &str = "0.001";

/// Sums the rows of one day. An error is a refused row.
pub fn sum(date: Date, rows: impl IntoIterator<Item = Result<BillRow, RefusedBillRow>>) -> DayLedger {
    let mut sums: BTreeMap<SeriesKey, SeriesSum> = BTreeMap::new();
    let mut refused = Vec::new();
    let mut summed_rows = 0;
    for (index, row) in rows.into_iter().enumerate() {
        match row {
            Ok(row) => {
                summed_rows += 1;
                sums.entry(row.key.clone()).or_default().add(row);
            }
            Err(RefusedBillRow { defect, series, amount }) => {
                if let Some(series) = series {
                    let NamedSeries { key, names } = *series;
                    sums.entry(key).or_default().refuse(names, amount.as_ref());
                }
                refused.push(RefusedRow { row: index, defect, amount });
            }
        }
    }
    let total = sums.values().map(|sum| &sum.amounts.billed_cost).sum();
    let entries = sums.into_iter().map(|(key, sum)| sum.into_entry(key)).collect();
    DayLedger { date, entries, total, rows: summed_rows, refused, repeated_rows: 0 }
}

impl DayLedger {
    /// Returns the ledger of stored sums in key order. The total is the sum of the stored doubles.
    pub fn of_entries(date: Date, entries: Vec<LedgerEntry>) -> Self {
        let costs = entries.iter().map(|entry| entry.amounts.billed_cost).filter(|cost| !cost.is_nan());
        let total = costs.fold(0.0, |sum, cost| sum + cost);
        let total = BigDecimal::try_from(total).unwrap_or_default();
        let rows = entries.len() as u64;
        Self { date, entries, total, rows, refused: Vec::new(), repeated_rows: 0 }
    }

    /// Returns the total of the refused rows.
    pub fn refused_total(&self) -> RefusedTotal {
        let stated: BigDecimal = self.refused.iter().filter_map(|row| row.amount.as_ref()).sum();
        RefusedTotal {
            rows: self.refused.len() as u64,
            amount: stated.to_f64().unwrap_or(f64::NAN),
            rows_without_amount: self.refused.iter().filter(|row| row.amount.is_none()).count() as u64,
        }
    }

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
    /// The sum of the sizes of the refused amounts.
    refused: BigDecimal,
    has_unknown_amount: bool,
}

impl SeriesSum {
    fn add(&mut self, row: BillRow) {
        self.add_names(row.names);
        self.amounts.add(&row.amounts);
        self.pricing_categories.extend(row.pricing_category);
        self.regions.extend(row.region);
    }

    fn refuse(&mut self, names: Names, amount: Option<&BigDecimal>) {
        self.add_names(names);
        match amount {
            Some(amount) => self.refused += amount.abs(),
            None => self.has_unknown_amount = true,
        }
    }

    /// The greatest name wins, so a rename within one day does not depend on the row order.
    fn add_names(&mut self, names: Names) {
        self.names.account = names.account.max(self.names.account.clone());
        self.names.project = names.project.max(self.names.project.clone());
        self.names.service = names.service.max(self.names.service.clone());
    }

    fn into_entry(self, key: SeriesKey) -> LedgerEntry {
        let negligible: BigDecimal = NEGLIGIBLE_SHARE.parse().expect("the share is a number");
        let is_incomplete = self.has_unknown_amount || self.refused > self.amounts.billed_cost.abs() * negligible;
        LedgerEntry {
            key,
            names: self.names,
            amounts: self.amounts.map(|sum| nearest_double(&sum)),
            pricing_categories: self.pricing_categories.into_iter().collect(),
            regions: self.regions.into_iter().collect(),
            is_incomplete,
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

    fn row(amount: &str) -> Result<BillRow, RefusedBillRow> {
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
    fn a_refused_row_is_counted_with_its_index_and_defect() {
        let rows = [row("1"), refused(None), row("2")];
        let ledger = sum(jiff::civil::date(2026, 11, 22), rows);
        assert_eq!(ledger.refused, [RefusedRow { row: 1, defect: no_service(), amount: None }]);
        assert_eq!((ledger.rows, ledger.entries[0].amounts.billed_cost), (2, 3.0));
    }

    fn no_service() -> RowDefect {
        RowDefect::Missing { field: "serviceId" }
    }

    fn refused(amount: Option<&str>) -> Result<BillRow, RefusedBillRow> {
        let amount = amount.map(|amount| amount.parse().expect("a decimal"));
        let series = NamedSeries { key: SeriesKey::new("d", "p", "s"), names: Names::default() };
        let series = Some(Box::new(series));
        Err(RefusedBillRow { defect: no_service(), series, amount })
    }

    #[test]
    fn a_refused_row_makes_the_series_incomplete_unless_the_amount_is_negligible() {
        let is_incomplete = |rows| sum(jiff::civil::date(2026, 11, 22), rows).entries[0].is_incomplete;
        for (amount, expect) in [(None, true), (Some("0"), false), (Some("-0.9"), false), (Some("1.1"), true)] {
            assert_eq!(is_incomplete(vec![row("1000"), refused(amount)]), expect, "{amount:?}");
        }
        assert!(!is_incomplete(vec![row("1000")]));
        let only_refused = sum(jiff::civil::date(2026, 11, 22), [refused(Some("5"))]);
        assert_eq!((only_refused.entries[0].amounts.billed_cost, only_refused.rows), (0.0, 0));
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
