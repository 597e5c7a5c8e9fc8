//! The notification of a budget.

use model::budget::{BudgetMonth, ReachedPart};

/// A reached part of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetContent<'a> {
    pub month: &'a BudgetMonth,
    pub reached: ReachedPart,
}

impl BudgetContent<'_> {
    /// Returns the id of the notification. A budget with another amount has other notifications.
    pub(super) fn id(&self) -> String {
        let BudgetMonth { budget, state } = self.month;
        let month = state.through.strftime("%Y-%m");
        let measure = self.reached.measure.as_str();
        format!("budget-{}-{}-{month}-{measure}-{}", budget.name, budget.amount, self.reached.percent())
    }
}
