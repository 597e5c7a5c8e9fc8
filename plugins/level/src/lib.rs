//! The shared parts of the detectors `daily-level` and `hourly-level`: the scale of a series, the running standard
//! deviation with clipped errors, and the bounds of the settings.
//!
//! The crate is no detector. [`checks`] has the properties that the tests of both detectors verify.
//!
//! Sources: Gelper, Fried & Croux, "Robust Forecasting with Exponential and Holt-Winters Smoothing", 2010 (clipped
//! updates); Huber, "Robust Estimation of a Location Parameter", 1964 (clipping).

pub mod checks;
mod spread;

use costwarden_sdk::{Issue, robust};

pub use spread::Spread;

/// Allowed fall as a multiple of the allowed rise: amounts cannot fall by more than everything.
pub const FALL: f64 = 1.4;

/// The issues of the settings `k` and `floor`.
#[must_use]
pub fn issues(k: f64, floor: f64) -> Vec<Issue> {
    let k = Issue::unless(k > 0.0, "/k", "must be above 0");
    let floor = Issue::unless(floor >= 0.0, "/floor", "must be at least 0: 0.1 is 10 % of the usual amount");
    k.into_iter().chain(floor).collect()
}

/// The usual size of an amount: the median of the sizes, and at least a quarter of their mean. 0 without cost.
#[must_use]
pub fn scale(values: impl Iterator<Item = f64> + Clone, count: usize) -> f64 {
    let sizes = values.map(f64::abs);
    median(sizes.clone()).max(sizes.sum::<f64>() / count as f64 / 4.0)
}

/// The median; 0 for no values.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    robust::median(&mut values.collect::<Vec<_>>()).unwrap_or(0.0)
}
