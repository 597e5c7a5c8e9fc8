//! A driver: the difference of one charge, with the effects of price and quantity.

use std::cmp::Ordering;

use bigdecimal::{BigDecimal, RoundingMode, Zero as _};

use super::{Charge, ChargeKey};
use crate::anomaly::Direction;
use crate::series::Names;

/// The difference of one charge between two bills.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    pub charge: ChargeKey,
    pub names: Names,
    /// The billed cost of the earlier bill; 0 for a new charge.
    pub before: BigDecimal,
    /// The billed cost of the later bill; 0 for a charge that is gone.
    pub after: BigDecimal,
    pub change: ChargeChange,
    pub effects: Effects,
}

/// The kind of the difference of a charge.
#[derive(Debug, Clone, PartialEq)]
pub enum ChargeChange {
    /// The earlier bill has no row of the charge.
    New,
    /// The later bill has no row of the charge.
    Gone,
    /// Both bills have a usage above 0.
    Usage(UsageChange),
    /// A bill has no usage of the charge, like a fixed fee. The whole difference is a price effect.
    Amount,
}

/// The usage of a charge in both bills, above 0.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageChange {
    pub measure: UsageMeasure,
    pub before: BigDecimal,
    pub after: BigDecimal,
}

/// The figure of a charge that counts as the quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageMeasure {
    Quantity,
    Time,
}

/// The parts of a difference. The sum of the parts is the difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// The difference in the cost per unit, for the later quantity. Discounts are a part of the price.
    pub price: BigDecimal,
    /// The difference in quantity, at the earlier cost per unit.
    pub quantity: BigDecimal,
    /// The cost of new charges.
    pub new: BigDecimal,
    /// The cost of charges that are gone, as a negative amount.
    pub gone: BigDecimal,
}

impl Effects {
    pub fn sum(&self) -> BigDecimal {
        &self.price + &self.quantity + &self.new + &self.gone
    }

    pub fn add(&mut self, other: &Self) {
        self.price += &other.price;
        self.quantity += &other.quantity;
        self.new += &other.new;
        self.gone += &other.gone;
    }

    pub(super) fn is_zero(&self) -> bool {
        [&self.price, &self.quantity, &self.new, &self.gone].iter().all(|effect| effect.is_zero())
    }
}

impl Driver {
    /// Returns the difference of a charge; `None` if no bill has the charge.
    pub(super) fn of(key: &ChargeKey, before: Option<&Charge>, after: Option<&Charge>) -> Option<Self> {
        let cost = |charge: Option<&Charge>| charge.map_or_else(BigDecimal::zero, |it| it.amounts.billed_cost.clone());
        let names = after.or(before)?.names.clone();
        let (change, effects) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => {
                (ChargeChange::New, Effects { new: after.amounts.billed_cost.clone(), ..Effects::default() })
            }
            (Some(before), None) => {
                (ChargeChange::Gone, Effects { gone: -&before.amounts.billed_cost, ..Effects::default() })
            }
            (Some(before), Some(after)) => change(before, after),
        };
        Some(Self { charge: key.clone(), names, before: cost(before), after: cost(after), change, effects })
    }

    pub fn difference(&self) -> BigDecimal {
        &self.after - &self.before
    }

    /// Returns the direction of the difference; `None` without a difference.
    pub fn direction(&self) -> Option<Direction> {
        match self.after.cmp(&self.before) {
            Ordering::Greater => Some(Direction::Up),
            Ordering::Less => Some(Direction::Down),
            Ordering::Equal => None,
        }
    }
}

/// Splits the difference of a charge that both bills have. A bill does not say which usage has a price. The usage with
/// the smaller price effect counts, because prices change rarely; the quantity counts among equals.
fn change(before: &Charge, after: &Charge) -> (ChargeChange, Effects) {
    let time = usage(UsageMeasure::Time, before, after);
    let quantity = usage(UsageMeasure::Quantity, before, after);
    let usages = [quantity, time].into_iter().flatten().map(|usage| (price_and_quantity(before, after, &usage), usage));
    match usages.min_by_key(|(effects, _)| effects.price.abs()) {
        Some((effects, usage)) => (ChargeChange::Usage(usage), effects),
        None => {
            let price = &after.amounts.billed_cost - &before.amounts.billed_cost;
            (ChargeChange::Amount, Effects { price, ..Effects::default() })
        }
    }
}

/// Returns a usage of both bills; `None` if a bill has no usage above 0.
fn usage(measure: UsageMeasure, before: &Charge, after: &Charge) -> Option<UsageChange> {
    let figure = |charge: &Charge| match measure {
        UsageMeasure::Quantity => charge.amounts.usage_quantity.clone(),
        UsageMeasure::Time => charge.amounts.usage_time.clone(),
    };
    let zero = BigDecimal::zero();
    let usage = UsageChange { measure, before: figure(before), after: figure(after) };
    (usage.before > zero && usage.after > zero).then_some(usage)
}

fn price_and_quantity(before: &Charge, after: &Charge, usage: &UsageChange) -> Effects {
    let earlier = &before.amounts.billed_cost;
    let later = &after.amounts.billed_cost;
    let at_earlier_price = if usage.after == usage.before {
        earlier.clone()
    } else {
        // The digits of the bill suffice: the price effect takes the rounding.
        let digits = earlier.fractional_digit_count().max(later.fractional_digit_count()).max(0);
        (earlier * &usage.after / &usage.before).with_scale_round(digits, RoundingMode::HalfEven)
    };
    Effects { price: later - &at_earlier_price, quantity: at_earlier_price - earlier, ..Effects::default() }
}
