//! Moments of a sample of finite values.
//!
//! ```
//! use costwarden_sdk::stats;
//!
//! assert_eq!(stats::mean(&[2.0, 4.0, 9.0]), Some(5.0));
//! assert_eq!(stats::sample_std(&[4.0, 6.0]), Some(2.0_f64.sqrt()));
//! ```

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(mean(&[]), None);
        assert_eq!(sample_std(&[]), None);
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
}
