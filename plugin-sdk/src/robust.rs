//! Locations and spreads that a few wild values do not move. Values must be finite; functions with `&mut` parameters
//! reorder or replace their values.
//!
//! ```
//! use costwarden_sdk::robust;
//!
//! let amounts = [98.0, 99.0, 100.0, 101.0, 5_000.0];
//! assert_eq!(robust::median(&mut amounts.to_vec()), Some(100.0));
//! assert_eq!(robust::trimmed_mean(&mut amounts.to_vec(), 0.2), Some(100.0));
//! // One value of five is wild, and still moves the location by one only.
//! let huber = robust::huber(&amounts, 1.5).unwrap();
//! assert!((99.0..101.0).contains(&huber), "{huber}");
//! ```

use crate::stats;

/// Scale factor from the median absolute deviation to the standard deviation of a normal distribution: 1 / Φ⁻¹(3/4).
/// Source: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993.
pub const MAD_TO_STD: f64 = 1.482_602_218_505_602;

/// Factor from the order statistic of [`qn`] to the standard deviation of a normal distribution: 1 / (√2 Φ⁻¹(5/8)).
/// Source: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993.
const QN_TO_STD: f64 = 2.219_144_465_985_075_6;
/// Maximum number of steps of [`huber`].
const HUBER_STEPS: usize = 50;

/// The median; `None` for no values.
#[must_use]
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The quantile at `p` in 0 to 1 with linear interpolation; `None` for no values. Source: Hyndman & Fan, "Sample
/// Quantiles in Statistical Packages", 1996, type 7.
#[must_use]
pub fn quantile(values: &mut [f64], p: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    // Integer keys in the order of the values; an integer comparison takes one instruction.
    let mut keys: Vec<i64> = values.iter().map(|value| flipped(value.to_bits() as i64)).collect();
    let (_, low, above) = keys.select_nth_unstable(below);
    let value = |key: i64| f64::from_bits(flipped(key) as u64);
    let low = value(*low);
    let part = place - below as f64;
    let Some(high) = above.iter().min().filter(|_| part > 0.0) else { return Some(low) };
    let high = value(*high);
    Some(low + (high - low) * part)
}

/// The median absolute deviation from `center`, unscaled; `None` for no values. Replaces `values` by their deviations.
/// Source: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993.
#[must_use]
pub fn mad(values: &mut [f64], center: f64) -> Option<f64> {
    for value in values.iter_mut() {
        *value = (*value - center).abs();
    }
    median(values)
}

/// The mean without the part `trim`, 0 to 0.5, of the smallest and of the largest values; `None` for no values.
#[must_use]
pub fn trimmed_mean(values: &mut [f64], trim: f64) -> Option<f64> {
    let cut = (values.len() as f64 * trim.clamp(0.0, 0.5)) as usize;
    if 2 * cut >= values.len() {
        return median(values);
    }
    values.sort_unstable_by(f64::total_cmp);
    stats::mean(&values[cut..values.len() - cut])
}

/// The location where values beyond `k` standard deviations count as `k` standard deviations; `None` for no values. The
/// standard deviation comes from the median absolute deviation. Source: Huber, "Robust Estimation of a Location Parameter",
/// 1964.
#[must_use]
pub fn huber(values: &[f64], k: f64) -> Option<f64> {
    let mut location = median(&mut values.to_vec())?;
    let limit = k * MAD_TO_STD * mad(&mut values.to_vec(), location)?;
    for _ in 0..HUBER_STEPS {
        let clipped = values.iter().map(|value| (value - location).max(-limit).min(limit));
        let step = clipped.sum::<f64>() / values.len() as f64;
        location += step;
        if step.abs() <= 1e-9 * limit {
            break;
        }
    }
    Some(location)
}

/// The spread Qn: the quarter of the smallest differences between two values ends here. Scaled to the standard deviation
/// of a normal distribution; 0 for one value, `None` for no values. Time and memory grow with the square of the number of
/// values. Source: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993.
#[must_use]
pub fn qn(values: &[f64]) -> Option<f64> {
    let count = values.len();
    if count < 2 {
        return values.first().map(|_| 0.0);
    }
    let pairs = values.iter().enumerate().flat_map(|(i, one)| values[..i].iter().map(move |other| (one - other).abs()));
    let mut differences: Vec<f64> = pairs.collect();
    let half = count / 2 + 1;
    let (_, difference, _) = differences.select_nth_unstable_by(half * (half - 1) / 2 - 1, f64::total_cmp);
    Some(QN_TO_STD * *difference)
}

/// Maps the bits of a number to an integer in the order of [`f64::total_cmp`], and back.
fn flipped(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_values_have_no_result() {
        assert_eq!([median(&mut []), mad(&mut [], 1.0), trimmed_mean(&mut [], 0.1)], [None; 3]);
        assert_eq!([huber(&[], 1.5), qn(&[])], [None; 2]);
    }

    #[test]
    fn quantiles_are_interpolated() {
        for (p, expect) in [(0.0, 10.0), (0.5, 25.0), (0.95, 38.5), (1.0, 40.0)] {
            assert_eq!(quantile(&mut [40.0, 10.0, 30.0, 20.0], p), Some(expect), "{p}");
        }
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn deviations_are_absolute() {
        assert_eq!(mad(&mut [1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0], 2.0), Some(1.0));
    }
    #[test]
    fn trimmed_means_leave_out_both_ends() {
        assert_eq!(trimmed_mean(&mut [900.0, 1.0, 2.0, 3.0, -50.0], 0.2), Some(2.0));
        assert_eq!(trimmed_mean(&mut [1.0, 2.0, 9.0], 0.5), Some(2.0));
        assert_eq!(trimmed_mean(&mut [1.0, 2.0, 9.0], 0.0), Some(4.0));
    }

    #[test]
    fn a_location_solves_the_equation_of_huber() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 60.0];
        let location = huber(&values, 1.5).expect("values");
        let limit = 1.5 * MAD_TO_STD * 1.5;
        let sum: f64 = values.iter().map(|value| (value - location).clamp(-limit, limit)).sum();
        assert!(sum.abs() < 1e-6, "{location} {sum}");
        assert_eq!(huber(&[7.0; 4], 1.5), Some(7.0));
    }

    #[test]
    fn qn_is_an_order_statistic_of_differences() {
        // The differences of 1, 2, 4, 8 are 1 2 3 4 6 7; with four values the third smallest counts.
        assert_eq!(qn(&[8.0, 1.0, 4.0, 2.0]), Some(QN_TO_STD * 3.0));
        assert_eq!((qn(&[3.0]), qn(&[3.0; 9])), (Some(0.0), Some(0.0)));
    }
}
