//! The statistics of a series in the replaced pipeline, for unchanged collections.
//!
//! Detectors compute separate statistics. No evaluation uses this module.

use serde::{Deserialize, Serialize};

/// The replaced pipeline's statistics of the days without an anomaly mark.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    pub mean: f64,
    /// Standard deviation of a sample (n - 1); 0 for a single day.
    pub std: f64,
    pub min: f64,
    pub max: f64,
    pub p50: f64,
    pub p95: f64,
    pub sample_count: u32,
}

/// Computes the statistics of the known values; `None` without known values.
pub fn compute(values: impl Iterator<Item = f64>) -> Option<Statistics> {
    let mut sorted: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let min = *sorted.first()?;
    let max = *sorted.last()?;
    let count = sorted.len() as f64;
    // Sums the distances to the minimum, so that a constant series has a spread of exactly 0.
    let mean = min + sorted.iter().map(|value| value - min).sum::<f64>() / count;
    let squares: f64 = sorted.iter().map(|value| (value - mean).powi(2)).sum();
    let std = if sorted.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
    Some(Statistics {
        mean,
        std,
        min,
        max,
        p50: percentile(&sorted, 0.50),
        p95: percentile(&sorted, 0.95),
        sample_count: sorted.len() as u32,
    })
}

/// Interpolates linearly between the closest ranks (Hyndman & Fan 1996, type 7). `sorted` is not empty.
fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    let rank = fraction * (sorted.len() - 1) as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * rank.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_equal_figures_computed_by_hand() {
        let statistics = compute([4.0, f64::NAN, 2.0, 10.0, 8.0].into_iter()).expect("four values");
        assert_eq!((statistics.mean, statistics.min, statistics.max, statistics.sample_count), (6.0, 2.0, 10.0, 4));
        // Deviations -2, -4, 4, 2: squares 40, over 3.
        assert!((statistics.std - (40.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        // Ranks 1.5 and 2.85 of 2, 4, 8, 10.
        assert_eq!(statistics.p50, 6.0);
        assert!((statistics.p95 - 9.7).abs() < 1e-12);
    }

    #[test]
    fn a_constant_series_has_no_spread_and_unknown_values_have_no_statistics() {
        assert_eq!(compute([5.0].into_iter()).map(|s| (s.mean, s.std, s.p95)), Some((5.0, 0.0, 5.0)));
        assert_eq!(compute([f64::NAN].into_iter()), None);
        assert_eq!(compute(std::iter::repeat_n(0.1, 30)).map(|s| (s.mean, s.std)), Some((0.1, 0.0)));
    }
}
