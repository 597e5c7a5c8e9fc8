//! The total of a finished day.

use jiff::civil::Date;
use model::budget::BudgetMonth;
use model::ledger::RefusedTotal;
use model::series::{Names, SeriesKey};

/// The total of a finished day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DailyTotalContent<'a> {
    pub date: Date,
    /// With thousands separators.
    pub total: &'a str,
    /// The rows outside the total.
    pub refused: RefusedTotal,
    /// `None` if not read.
    pub comparison: Option<&'a TotalComparison>,
    /// The budgets with their costs through the day.
    pub budgets: &'a [BudgetMonth],
}

/// A total beside other totals.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalComparison {
    pub total: f64,
    /// `None` for a day without a bill.
    pub day_before: Option<f64>,
    /// The total of the same weekday a week before; `None` for a day without a bill.
    pub week_before: Option<f64>,
    /// The sum of the month through the day; `None` if a day has no bill.
    pub month: Option<f64>,
    /// The largest differences from the same weekday a week before.
    pub changes: Vec<CostChange>,
}

/// The difference of a service between two bills.
#[derive(Debug, Clone, PartialEq)]
pub struct CostChange {
    pub key: SeriesKey,
    pub names: Names,
    pub difference: f64,
}
