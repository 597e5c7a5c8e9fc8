//! The neutral row of a bill. Every source converts the rows of a provider to [`BillRow`].
//!
//! The names follow FOCUS, the FinOps Open Cost and Usage Specification. The module knows no provider.

use bigdecimal::BigDecimal;

use crate::series::{Names, SeriesKey};

/// One charge of a bill.
#[derive(Debug, Clone, PartialEq)]
pub struct BillRow {
    pub key: SeriesKey,
    pub names: Names,
    pub amounts: Amounts<BigDecimal>,
    /// Pricing model, e.g. on demand or reserved.
    pub pricing_category: Option<String>,
    pub region: Option<String>,
    /// Id of the billed resource, if the provider names resources.
    pub resource: Option<String>,
}

/// The figures of a charge, or the sums of many charges. Costs are in the currency of the bill.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amounts<T = f64> {
    /// Cost after discounts.
    pub billed_cost: T,
    /// Cost at list prices.
    pub list_cost: T,
    pub discount: T,
    pub usage_time: T,
    pub usage_quantity: T,
}

impl<T> Amounts<T> {
    /// Applies a function to every figure.
    pub fn map<U>(self, mut function: impl FnMut(T) -> U) -> Amounts<U> {
        Amounts {
            billed_cost: function(self.billed_cost),
            list_cost: function(self.list_cost),
            discount: function(self.discount),
            usage_time: function(self.usage_time),
            usage_quantity: function(self.usage_quantity),
        }
    }
}

impl Amounts<BigDecimal> {
    /// Adds another charge.
    pub fn add(&mut self, other: &Self) {
        self.billed_cost += &other.billed_cost;
        self.list_cost += &other.list_cost;
        self.discount += &other.discount;
        self.usage_time += &other.usage_time;
        self.usage_quantity += &other.usage_quantity;
    }
}
