//! The probability of a score, from the scores of usual points.
//!
//! ```
//! use costwarden_sdk::calibrate::Tail;
//!
//! // Scores of 100 usual points: 0.00, 0.01, ... 0.99.
//! let mut scores: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
//! let tail = Tail::fit(&mut scores).unwrap();
//! let probability = tail.probability(1.5);
//! assert!(probability < 0.001, "about once in {:.0} points", 1.0 / probability);
//! ```
//!
//! The probability describes the points of the fit. On new series, and for probabilities far below one in the number of
//! fitted scores, the true rate can differ by a multiple: measure the rate before a reason states it.

use serde::{Deserialize, Serialize};

use crate::{robust, stats};

/// Quantile of the scores where the tail begins.
const QUANTILE: f64 = 0.8;
/// Minimum number of scores: four in the tail.
const MIN_SCORES: usize = 20;
/// Maximum of an excess in the mean, as a multiple of the median excess.
const CAP: f64 = 4.0;

/// An exponential tail above the 80 % quantile of some scores. Source: Balkema & de Haan, "Residual Life Time at Great Age",
/// 1974 (excesses of a high threshold).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    threshold: f64,
    mean_excess: f64,
}

impl Tail {
    /// Fits the tail; an excess above four median excesses counts as four. `None` for fewer than 20 scores, and for scores
    /// without a spread above the threshold.
    #[must_use]
    pub fn fit(scores: &mut [f64]) -> Option<Self> {
        if scores.len() < MIN_SCORES {
            return None;
        }
        let threshold = robust::quantile(scores, QUANTILE)?;
        let mut excesses: Vec<f64> =
            scores.iter().map(|score| score - threshold).filter(|excess| *excess > 0.0).collect();
        let cap = CAP * robust::median(&mut excesses)?;
        excesses.iter_mut().for_each(|excess| *excess = excess.min(cap));
        Some(Self { threshold, mean_excess: stats::mean(&excesses)? })
    }

    /// The probability of a larger score, at most 1. Below the threshold the curve of the tail goes on.
    #[must_use]
    pub fn probability(&self, score: f64) -> f64 {
        ((1.0 - QUANTILE) * (-(score - self.threshold) / self.mean_excess).exp()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_distribution_has_its_own_tail() {
        // Quantiles of the exponential distribution with mean 1.
        let mut scores: Vec<f64> = (0..1_000).map(|i| -((1_000.0 - f64::from(i) - 0.5) / 1_000.0).ln()).collect();
        let tail = Tail::fit(&mut scores).expect("a tail");
        for (score, expect) in [(3.0_f64, 0.0498), (5.0, 0.0067)] {
            let ratio = tail.probability(score) / expect;
            assert!((0.8..1.25).contains(&ratio), "{score}: {ratio}");
        }
        assert_eq!(tail.probability(-9.0), 1.0);
    }

    #[test]
    fn one_wild_score_moves_the_tail_little() {
        let usual: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
        let fit = |last: f64| Tail::fit(&mut [&usual[..99], &[last]].concat()).expect("a tail").probability(1.2);
        assert!(fit(1e6) < 2.0 * fit(0.99));
    }

    #[test]
    fn few_or_equal_scores_have_no_tail() {
        assert_eq!(Tail::fit(&mut [0.5; 19]), None);
        assert_eq!(Tail::fit(&mut [0.5; 40]), None);
    }
}
