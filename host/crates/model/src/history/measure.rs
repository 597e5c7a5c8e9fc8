//! The measures: the figures of a charge that a rule can evaluate.

use crate::bill::Amounts;

/// A figure of [`Amounts`], chosen by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    BilledCost,
    ListCost,
    Discount,
    UsageTime,
    UsageQuantity,
}

impl Measure {
    pub const ALL: [Self; 5] = [Self::BilledCost, Self::ListCost, Self::Discount, Self::UsageTime, Self::UsageQuantity];

    /// Returns the word for the measure in a rule.
    pub fn name(self) -> &'static str {
        match self {
            Self::BilledCost => "billed-cost",
            Self::ListCost => "list-cost",
            Self::Discount => "discount",
            Self::UsageTime => "usage-time",
            Self::UsageQuantity => "usage-quantity",
        }
    }

    /// Returns the figure of the measure.
    pub fn value(self, amounts: &Amounts) -> f64 {
        match self {
            Self::BilledCost => amounts.billed_cost,
            Self::ListCost => amounts.list_cost,
            Self::Discount => amounts.discount,
            Self::UsageTime => amounts.usage_time,
            Self::UsageQuantity => amounts.usage_quantity,
        }
    }
}
