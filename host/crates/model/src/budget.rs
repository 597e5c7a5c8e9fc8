//! A budget: an amount of money for the cost of a scope in each month. The module computes the spent part, the forecast,
//! and the notifications that are due. No clock, no store.

mod costs;
mod record;

use jiff::civil::Date;

pub use self::costs::BudgetCosts;
pub use self::record::{BudgetRecord, NotifiedParts};
use crate::anomaly::Severity;
use crate::forecast::MonthForecast;
use crate::scope::Scope;

/// A budget of a config.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    pub name: String,
    /// Globs over account, project and service. Without a pattern: the total.
    pub scope: Scope,
    /// The amount of a month in the currency of the bill, above 0.
    pub amount: f64,
    /// The parts of the amount with a notification of the spent cost: 0.5 is half. Above 0.
    pub at: Vec<f64>,
    /// The parts of the amount with a notification of the forecast. Above 0.
    pub forecast_at: Vec<f64>,
}

/// The cost that a notification compares with a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetMeasure {
    /// The known cost of the month so far.
    Spent,
    /// The forecast of the whole month.
    Forecast,
}

/// A part of a budget that the cost of a month has reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReachedPart {
    pub measure: BudgetMeasure,
    pub part: f64,
}

/// The costs of the scope of a budget in one month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetState {
    /// Last day of `spent`.
    pub through: Date,
    /// Sum of the known days of the month.
    pub spent: f64,
    /// Number of days of the month through `through` without a known cost.
    pub unknown_days: usize,
    /// `None` without enough known days.
    pub forecast: Option<MonthForecast>,
}

/// A budget with the costs of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetMonth {
    pub budget: Budget,
    pub state: BudgetState,
}

impl BudgetMonth {
    /// Returns an amount as a whole number of percent of the budget, rounded down.
    pub fn percent(&self, amount: f64) -> i64 {
        // A reached part is never one percent short.
        const ROUNDING: f64 = 1e-9;
        (amount / self.budget.amount * 100.0 + ROUNDING).floor() as i64
    }
}

impl BudgetMeasure {
    /// Returns the word for the measure in ids and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spent => "spent",
            Self::Forecast => "forecast",
        }
    }
}

impl Budget {
    /// Returns the largest of the parts that an amount has reached; 0 below all parts.
    fn reached(&self, parts: &[f64], amount: f64) -> f64 {
        let reached = parts.iter().copied().filter(|part| amount >= part * self.amount);
        reached.fold(0.0, f64::max)
    }

    /// Returns the notifications that are due for a receiver with earlier notifications of the month.
    ///
    /// A lower part is not due after a higher part: a smaller bill after a restatement repeats nothing. A forecast of a
    /// part is not due once the part is spent.
    pub fn due(&self, state: &BudgetState, notified: NotifiedParts) -> Vec<ReachedPart> {
        let spent = self.reached(&self.at, state.spent);
        let forecast = state.forecast.map_or(0.0, |forecast| self.reached(&self.forecast_at, forecast.month_end));
        let known = notified.forecast.max(notified.spent).max(spent);
        let due = [(BudgetMeasure::Spent, spent, notified.spent), (BudgetMeasure::Forecast, forecast, known)];
        let due = due.into_iter().filter(|(_, part, known)| part > known);
        due.map(|(measure, part, _)| ReachedPart { measure, part }).collect()
    }
}

impl ReachedPart {
    /// Returns the part as a whole number of percent.
    pub fn percent(self) -> i64 {
        (self.part * 100.0).round() as i64
    }

    /// Returns the severity: a warning for the whole budget, otherwise information. No budget is critical: the cost of a
    /// month needs nobody at night.
    pub fn severity(self) -> Severity {
        if self.part >= 1.0 { Severity::Warning } else { Severity::Info }
    }
}

#[cfg(test)]
mod tests;
