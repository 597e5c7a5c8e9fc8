//! Statistics shared by several detectors. Values must be finite; functions with `&mut` parameters reorder their
//! values.

/// Scale factor from the median absolute deviation to the standard deviation of a normal distribution: 1 / Φ⁻¹(3/4).
/// Source: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993.
pub const MAD_TO_STD: f64 = 1.482_602_218_505_602;

/// The arithmetic mean; `None` for no values. Exact for equal values.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    // Sums differences from the first value: the mean of a constant series is then exact, and its deviation is 0.
    Some(first + values.iter().map(|value| value - first).sum::<f64>() / values.len() as f64)
}

/// The sample standard deviation (n - 1); 0 for one value, `None` for no values.
#[must_use]
pub fn sample_std(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    if values.len() == 1 {
        return Some(0.0);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

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

/// Maps the bits of a number to an integer in the order of [`f64::total_cmp`], and back.
fn flipped(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(mean(&[]), None);
        assert_eq!(sample_std(&[]), None);
        assert_eq!(median(&mut []), None);
        assert_eq!(mad(&mut [], 1.0), None);
    }

    #[test]
    fn a_constant_series_has_no_deviation() {
        let values = [0.1; 21];
        assert_eq!(mean(&values), Some(0.1));
        assert_eq!(sample_std(&values), Some(0.0));
    }

    #[test]
    fn moments_are_those_of_a_sample() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        assert_eq!(sample_std(&values), Some((32.0_f64 / 7.0).sqrt()));
        assert_eq!(sample_std(&[3.0]), Some(0.0));
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
}
