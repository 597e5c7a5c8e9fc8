//! The notifications of a budget in one month.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Budget, BudgetMeasure, ReachedPart};

/// The notifications of a budget in one month. A budget with another amount has another record.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetRecord {
    pub budget: String,
    /// First day of the month.
    pub month: Date,
    pub amount: f64,
    /// By receiver.
    pub notified: BTreeMap<String, NotifiedParts>,
    /// Whether a receiver waits for a notification: the receiver failed, or has quiet hours.
    pub is_pending: bool,
}

/// The highest part of each measure that a receiver knows; 0 without a notification.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NotifiedParts {
    pub spent: f64,
    pub forecast: f64,
}

impl BudgetRecord {
    /// Creates the record of a month without a notification.
    pub fn new(budget: &Budget, day: Date) -> Self {
        Self {
            budget: budget.name.clone(),
            month: day.first_of_month(),
            amount: budget.amount,
            notified: BTreeMap::new(),
            is_pending: false,
        }
    }

    /// Returns whether the record belongs to a budget.
    pub fn is_of(&self, budget: &Budget) -> bool {
        self.budget == budget.name && self.amount.to_bits() == budget.amount.to_bits()
    }

    /// Returns whether the record has something to keep.
    pub fn is_used(&self) -> bool {
        self.is_pending || !self.notified.is_empty()
    }

    pub fn notified(&self, receiver: &str) -> NotifiedParts {
        self.notified.get(receiver).copied().unwrap_or_default()
    }

    /// Records a delivery.
    pub fn record_delivery(&mut self, receiver: &str, reached: ReachedPart) {
        let notified = self.notified.entry(receiver.to_owned()).or_default();
        match reached.measure {
            BudgetMeasure::Spent => notified.spent = notified.spent.max(reached.part),
            BudgetMeasure::Forecast => notified.forecast = notified.forecast.max(reached.part),
        }
    }
}
