//! A budget in the document of a notification.

use model::budget::{BudgetMonth, BudgetState};
use serde_json::{Value, json};

use crate::notification::BudgetContent;

/// Returns a reached part with the budget.
pub(super) fn reached(content: &BudgetContent<'_>) -> Value {
    let mut document = month(content.month);
    document["measure"] = content.reached.measure.as_str().into();
    document["part"] = content.reached.part.into();
    document
}

/// Returns a budget with the costs of the month.
pub(super) fn month(month: &BudgetMonth) -> Value {
    let BudgetMonth { budget, state } = month;
    let BudgetState { through, spent, unknown_days, forecast } = state;
    json!({
        "name": budget.name,
        "scope": budget.scope.to_string(),
        "month": through.strftime("%Y-%m").to_string(),
        "amount": budget.amount,
        "through": through.to_string(),
        "spent": spent,
        "unknownDays": unknown_days,
        "forecast": forecast.map(|forecast| json!({
            "monthEnd": forecast.month_end,
            "lower": forecast.range.map(|range| range.lower),
            "upper": forecast.range.map(|range| range.upper),
        })),
    })
}
