//! The daily costs of the scope of a budget.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::{Budget, BudgetState};
use crate::forecast::{self, DailyCosts};
use crate::history::{History, HistoryRow, Measure};
use crate::series::{Names, SeriesKey};

/// The daily costs of the scope of a budget.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetCosts {
    /// The services of the scope.
    pub series: Vec<(SeriesKey, Names)>,
    first: Date,
    /// NaN for a day without a known cost.
    costs: Vec<f64>,
}

impl BudgetCosts {
    /// Sums the services of the scope from the first day of the history to `last`. A day without a bill, or with a row
    /// of the scope without a usable amount, is not known.
    pub fn of(budget: &Budget, history: &History, last: Date) -> Self {
        let first = history.days.first().copied().unwrap_or(last);
        let index = |day: Date| usize::try_from((day - first).get_days()).ok();
        let mut costs = vec![f64::NAN; index(last).map_or(0, |last| last + 1)];
        let rows = history.rows.iter().filter(|(key, row)| budget.scope.contains(key, &row.names));
        let rows: Vec<(&SeriesKey, &HistoryRow)> = rows.collect();
        for (position, day) in history.days.iter().enumerate() {
            if let Some(cost) = index(*day).and_then(|index| costs.get_mut(index)) {
                // The sum of an empty list is -0.0.
                *cost = rows.iter().map(|(_, row)| cost_on(row, position)).sum::<f64>() + 0.0;
            }
        }
        let series = rows.into_iter().map(|(key, row)| (key.clone(), row.names.clone())).collect();
        Self { series, first, costs }
    }

    /// Returns the state of the month of a day.
    pub fn state(&self, through: Date) -> BudgetState {
        let month = through.first_of_month().series(1.day()).take_while(|day| *day <= through);
        let (known, unknown): (Vec<f64>, Vec<f64>) = month.map(|day| self.cost(day)).partition(|cost| !cost.is_nan());
        let days = usize::try_from((through - self.first).get_days() + 1).unwrap_or(0).min(self.costs.len());
        BudgetState {
            through,
            spent: known.iter().sum::<f64>() + 0.0,
            unknown_days: unknown.len(),
            forecast: forecast::month_end(&DailyCosts { first: self.first, costs: &self.costs[..days] }),
        }
    }

    fn cost(&self, day: Date) -> f64 {
        let index = usize::try_from((day - self.first).get_days()).ok();
        index.and_then(|index| self.costs.get(index)).copied().unwrap_or(f64::NAN)
    }
}

/// Returns the cost of a series on a day: 0 without a row, NaN if the amounts are not known.
fn cost_on(row: &HistoryRow, position: usize) -> f64 {
    if row.marks.get(position).is_some_and(|marks| marks.is_incomplete) {
        return f64::NAN;
    }
    let cost = row.values.get(&Measure::BilledCost).and_then(|values| values.get(position)).copied();
    cost.filter(|cost| !cost.is_nan()).unwrap_or(0.0)
}
