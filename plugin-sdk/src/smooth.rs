//! Exponential smoothing, the rolling median, and the decomposition of a series into trend and season.
//!
//! ```
//! use costwarden_sdk::smooth::{Gains, HoltWinters};
//!
//! // Three weeks that grow by 1 a day and cost 30 less on the last two days of a week.
//! let week = [0.0, 0.0, 0.0, 0.0, 0.0, -30.0, -30.0];
//! let values: Vec<f64> = (0..21).map(|i| 100.0 + i as f64 + week[i % 7]).collect();
//! let gains = Gains { level: 0.3, trend: 0.1, season: 0.2 };
//! let mut model = HoltWinters::start(&values, 7).unwrap();
//! for (i, value) in values.iter().enumerate().skip(14) {
//!     assert!((model.forecast(i % 7) - value).abs() < 1e-9);
//!     model.learn(i % 7, *value, gains);
//! }
//! ```

use serde::{Deserialize, Serialize};

use crate::{robust, stats};

/// A level that follows the values: simple exponential smoothing. Source: Brown, "Statistical Forecasting for Inventory
/// Control", 1959.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ewma {
    /// The expected value.
    pub level: f64,
    /// The part of an error that the level takes over, 0 to 1.
    pub gain: f64,
}

impl Ewma {
    /// Adds a value.
    pub fn learn(&mut self, value: f64) {
        self.level += self.gain * (value - self.level);
    }
}

/// Level, trend per step and additive season. Source: Winters, "Forecasting Sales by Exponentially Weighted Moving
/// Averages", 1960.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoltWinters {
    level: f64,
    trend: f64,
    season: Vec<f64>,
}

/// The parts of an error that level, trend and season take over, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gains {
    /// The part for the level.
    pub level: f64,
    /// The part of a change of the level for the trend.
    pub trend: f64,
    /// The part for the position in the season.
    pub season: f64,
}

impl HoltWinters {
    /// Starts after the first two seasons of the values; the first value has position 0. The trend is the difference of the
    /// medians of the two seasons. Values may be unknown (NaN). `None` if one of the seasons has no known value.
    #[must_use]
    pub fn start(values: &[f64], length: usize) -> Option<Self> {
        let median = |from: usize| robust::median(&mut known(values.get(from..from + length)?));
        let trend = (median(length)? - median(0)?) / length as f64;
        // Without the trend, both seasons lie at the level of the end.
        let last = 2 * length - 1;
        let leveled = |i: usize| values[i] + trend * (last - i) as f64;
        let level = stats::mean(&known(&(0..=last).map(leveled).collect::<Vec<_>>()))?;
        let deviation = |i: usize| stats::mean(&known(&[leveled(i) - level, leveled(i + length) - level]));
        Some(Self { level, trend, season: (0..length).map(|i| deviation(i).unwrap_or(0.0)).collect() })
    }

    /// The expected value of the next step, at a position of the season.
    #[must_use]
    pub fn forecast(&self, position: usize) -> f64 {
        self.level + self.trend + self.season[position]
    }

    /// Adds the value of the next step, at a position of the season. An unknown value (NaN) moves the level by the trend.
    pub fn learn(&mut self, position: usize, value: f64, gains: Gains) {
        let error = if value.is_finite() { value - self.forecast(position) } else { 0.0 };
        let step = self.trend + gains.level * error;
        self.level += step;
        self.trend += gains.trend * (step - self.trend);
        self.season[position] += gains.season * (1.0 - gains.level) * error;
    }
}

/// The median of the last `window` values at each point, without unknown values; NaN where all of them are unknown.
#[must_use]
pub fn rolling_median(values: &[f64], window: usize) -> Vec<f64> {
    let median = |end: usize| robust::median(&mut known(&values[end.saturating_sub(window)..end])).unwrap_or(f64::NAN);
    (1..=values.len()).map(median).collect()
}

/// The parts of a series; their sum is the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// The slow change.
    pub trend: Vec<f64>,
    /// The deviation of each position of the season, which may change slowly.
    pub season: Vec<f64>,
    /// The rest.
    pub remainder: Vec<f64>,
}

/// Decomposes a series by locally weighted regression, with robustness steps against wild values. An unknown value (NaN)
/// takes the value of the straight line between its neighbours. `None` for less than two seasons or without a known value.
/// Source: Cleveland et al., "STL: A Seasonal-Trend Decomposition Procedure Based on Loess", 1990.
#[must_use]
pub fn stl(values: &[f64], length: usize) -> Option<Decomposition> {
    let filled = interpolated(values)?;
    let result = stlrs::Stl::params().robust(true).fit(&filled, length).ok()?;
    let (season, trend, remainder, _) = result.into_parts();
    Some(Decomposition { trend, season, remainder })
}

fn known(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| value.is_finite()).collect()
}

/// Replaces unknown values; those before the first and after the last known value take that value.
fn interpolated(values: &[f64]) -> Option<Vec<f64>> {
    let is_known = |i: &usize| values[*i].is_finite();
    let first = (0..values.len()).find(is_known)?;
    let mut filled = values.to_vec();
    filled[..first].fill(values[first]);
    let mut last = first;
    for next in (first + 1..values.len()).filter(is_known).chain([values.len()]) {
        let end = values.get(next).unwrap_or(&values[last]);
        for (step, value) in filled[last..next].iter_mut().enumerate() {
            *value = values[last] + (end - values[last]) * step as f64 / (next - last) as f64;
        }
        last = next.min(values.len() - 1);
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: [f64; 7] = [5.0, 3.0, 0.0, 0.0, 0.0, -4.0, -4.0];
    const GAINS: Gains = Gains { level: 0.5, trend: 0.1, season: 0.2 };

    /// Weeks with a rise of 2 a day.
    fn rising(days: usize) -> Vec<f64> {
        (0..days).map(|i| 50.0 + 2.0 * i as f64 + WEEK[i % 7]).collect()
    }

    #[test]
    fn a_level_takes_over_a_part_of_each_error() {
        let mut ewma = Ewma { level: 10.0, gain: 0.25 };
        ewma.learn(18.0);
        assert_eq!(ewma.level, 12.0);
    }

    #[test]
    fn a_steady_series_is_expected_exactly_and_across_a_gap() {
        let values = rising(28);
        let mut model = HoltWinters::start(&values, 7).expect("two weeks");
        for (i, value) in values.iter().enumerate().skip(14) {
            assert!((model.forecast(i % 7) - value).abs() < 1e-9, "{i}");
            model.learn(i % 7, if i == 20 { f64::NAN } else { *value }, GAINS);
        }
    }

    #[test]
    fn an_error_moves_level_trend_and_season() {
        let mut model = HoltWinters { level: 10.0, trend: 0.0, season: vec![0.0; 2] };
        model.learn(1, 14.0, GAINS);
        assert_eq!(model, HoltWinters { level: 12.0, trend: 0.2, season: vec![0.0, 0.4] });
    }

    #[test]
    fn a_model_needs_two_seasons_with_known_values() {
        assert_eq!(HoltWinters::start(&rising(13), 7), None);
        assert_eq!(HoltWinters::start(&[[f64::NAN; 7], [1.0; 7]].concat(), 7), None);
        let mut values = rising(14);
        values[3] = f64::NAN;
        assert!(HoltWinters::start(&values, 7).is_some_and(|model| model.forecast(3).is_finite()));
    }

    #[test]
    fn medians_roll_over_gaps() {
        let medians = rolling_median(&[1.0, 9.0, f64::NAN, 3.0, 5.0], 3);
        assert_eq!(medians, [1.0, 5.0, 5.0, 6.0, 4.0]);
        assert!(rolling_median(&[f64::NAN, 1.0], 1)[0].is_nan());
    }

    #[test]
    fn a_decomposition_names_trend_season_and_the_wild_day() {
        let mut values = rising(70);
        values[40] += 500.0;
        values[20] = f64::NAN;
        let parts = stl(&values, 7).expect("ten weeks");
        for i in (0..70).filter(|i| ![20, 40].contains(i)) {
            let sum = parts.trend[i] + parts.season[i] + parts.remainder[i];
            assert!((sum - values[i]).abs() < 1e-9 && parts.remainder[i].abs() < 5.0, "{i}: {}", parts.remainder[i]);
        }
        assert!(parts.remainder[40] > 480.0, "{}", parts.remainder[40]);
        assert_eq!((stl(&values[..13], 7), stl(&[f64::NAN; 70], 7)), (None, None));
    }

    #[test]
    fn gaps_lie_on_straight_lines() {
        let nan = f64::NAN;
        assert_eq!(interpolated(&[nan, 2.0, nan, nan, 8.0, nan]), Some(vec![2.0, 2.0, 4.0, 6.0, 8.0, 8.0]));
        assert_eq!(interpolated(&[]), None);
    }
}
