//! Drivers: the charges that explain the difference between two bills of the same series.
//!
//! The difference of a charge is split like the price and the quantity variance of standard costing (C. T. Horngren,
//! Cost Accounting: A Managerial Emphasis, 1962): the quantity effect is the difference in quantity at the earlier unit
//! price, and the price effect is the rest. All amounts are decimals, so the effects equal the difference exactly.
//!
//! The module reads no bill.

mod bills;
mod charge;
mod comparison;
mod driver;
mod span;

use std::collections::BTreeSet;

use bigdecimal::BigDecimal;

pub use self::bills::{IncidentBills, Side};
pub use self::charge::{Charge, ChargeKey, Charges};
pub use self::comparison::{BillComparison, Cause, ComparedMoments, UnknownCause};
pub use self::driver::{ChargeChange, Driver, Effects, UsageChange, UsageMeasure};
pub use self::span::{EarlierPart, IncidentSpan, WEEKS};
use crate::anomaly::Direction;

/// The difference between two bills by charge.
#[derive(Debug, Clone, PartialEq)]
pub struct Drivers {
    /// The earlier bill.
    pub before: BigDecimal,
    /// The later bill.
    pub after: BigDecimal,
    /// The sums of the effects of all charges.
    pub effects: Effects,
    /// The charges with an effect: the largest difference first, then in key order.
    pub drivers: Vec<Driver>,
}

/// The charges beyond the listed charges.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherCharges {
    pub charges: usize,
    pub difference: BigDecimal,
}

/// Compares the charges of two bills.
pub fn compare(before: &Charges, after: &Charges) -> Drivers {
    let keys: BTreeSet<&ChargeKey> = before.keys().chain(after.keys()).collect();
    let all = keys.into_iter().filter_map(|key| Driver::of(key, before.get(key), after.get(key)));
    let mut drivers: Vec<Driver> = all.filter(|driver| !driver.effects.is_zero()).collect();
    let mut effects = Effects::default();
    drivers.iter().for_each(|driver| effects.add(&driver.effects));
    // The sort is stable: equal differences stay in key order.
    drivers.sort_by_cached_key(|driver| std::cmp::Reverse(driver.difference().abs()));
    Drivers { before: before.total(), after: after.total(), effects, drivers }
}

impl Drivers {
    /// Returns the later bill minus the earlier bill.
    pub fn difference(&self) -> BigDecimal {
        &self.after - &self.before
    }

    /// Returns the charge with the largest difference in a direction.
    pub fn largest(&self, direction: Direction) -> Option<&Driver> {
        self.drivers.iter().find(|driver| driver.direction() == Some(direction))
    }

    /// Returns the number of charges with a difference in a direction.
    pub fn count(&self, direction: Direction) -> usize {
        self.drivers.iter().filter(|driver| driver.direction() == Some(direction)).count()
    }

    /// Returns the sum of the charges after the first `listed` charges.
    pub fn others(&self, listed: usize) -> OtherCharges {
        let others = self.drivers.get(listed..).unwrap_or_default();
        OtherCharges { charges: others.len(), difference: others.iter().map(Driver::difference).sum() }
    }
}

#[cfg(test)]
mod tests;
