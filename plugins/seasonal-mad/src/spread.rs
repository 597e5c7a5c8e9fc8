//! The usual forecast error, below and above. The allowed deviation of a point is a multiple of the usual error.

use costwarden_sdk::stats;
use serde::{Deserialize, Serialize};

use crate::level::{larger, smaller};
use crate::{K_OF_DAYS, K_WITHIN_HOURS};

/// Number of occurrences that make an error usual.
const USUAL_AFTER: usize = 3;
/// Scale factor from the mean absolute deviation to the standard deviation of a normal distribution: the square root of
/// π / 2.
const MEAN_TO_STD: f64 = 1.253_314_137_315_500_3;
/// Cap of the peak of the worst day, as a multiple of the peak of any other day.
const LONE_PEAK: f64 = 2.0;

/// Number of bursts that make bursts usual: one per ten days in the 90 days of a fit.
const BURSTS: usize = 9;
/// Usual size of a burst, as a multiple of the third largest burst.
const BURST_ROOM: f64 = 1.25;
/// Safety margin for rounding, a thousandth: an error equal to the largest past error must not alert.
const MORE: f64 = 1.001;

/// The usual error on each side, as a part of the level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) below: f32,
    pub(crate) above: f32,
}

impl Spread {
    /// The median absolute deviation of the errors, scaled to a standard deviation. If the median is 0: the mean
    /// deviation. For a series with possibly usual large errors (`wide`): the root mean square. Single points can move
    /// these two, so errors are capped at the third largest: an incident has no effect, and a size seen three times is
    /// usual.
    ///
    /// Excluded points count with their errors. Without them, the tail of usual errors would be cut off, and the spread
    /// would shrink with each fit.
    pub(crate) fn of(errors: &[f64], drift: f64, wide: bool) -> Self {
        let mut off: Vec<f64> = errors.iter().map(|error| (error - drift).abs()).collect();
        let mad = stats::median(&mut off).unwrap_or(0.0);
        if mad > 0.0 && !wide {
            return Self::both(stats::MAD_TO_STD * mad);
        }
        off.sort_unstable_by(f64::total_cmp);
        let greatest = off.len().checked_sub(USUAL_AFTER).map_or(0.0, |i| off[i]);
        let count = off.len().max(1) as f64;
        Self::both(if wide {
            (off.iter().map(|off| smaller(*off, greatest).powi(2)).sum::<f64>() / count).sqrt()
        } else {
            MEAN_TO_STD * off.iter().map(|off| smaller(*off, greatest)).sum::<f64>() / count
        })
    }

    /// Measures each side separately. Costs with little room to fall have larger errors above; a side uses its
    /// deviation if larger than the common deviation.
    pub(crate) fn by_side(self, errors: &[f64], drift: f64) -> Self {
        let side = |sign: f64| {
            let off = errors.iter().map(|error| (error - drift) * sign);
            let mut off: Vec<f64> = off.filter(|off| *off > 0.0).collect();
            (stats::MAD_TO_STD * stats::median(&mut off).unwrap_or(0.0)) as f32
        };
        Self { below: self.below.max(side(-1.0)), above: self.above.max(side(1.0)) }
    }

    /// For more than one point per hour: an error up to the peak of the worst day is usual.
    pub(crate) fn with_peaks(self, errors: &[f64], drift: f64, day: usize) -> Self {
        let peak = (peak(errors, drift, day) / K_WITHIN_HOURS * MORE) as f32;
        Self { below: self.below.max(peak), above: self.above.max(peak) }
    }

    /// For a quiet level with repeated short bursts: an error slightly above the third largest is usual. A few long
    /// incidents are only a few bursts.
    pub(crate) fn with_bursts(self, errors: &[f64], drift: f64) -> Self {
        let side = |sign: f64, spread: f32| {
            let usual = K_OF_DAYS * f64::from(spread);
            let off = || errors.iter().map(|error| (error - drift) * sign);
            let (mut bursts, mut within) = (0, false);
            for is_off in off().map(|off| off > usual) {
                // Consecutive deviations are one burst.
                bursts += usize::from(is_off && !within);
                within = is_off;
            }
            if bursts < BURSTS {
                return spread;
            }
            let mut off: Vec<f64> = off().collect();
            off.sort_unstable_by(f64::total_cmp);
            spread.max((BURST_ROOM * off[off.len() - USUAL_AFTER] / K_OF_DAYS) as f32)
        };
        Self { below: side(-1.0, self.below), above: side(1.0, self.above) }
    }

    fn both(spread: f64) -> Self {
        Self { below: spread as f32, above: spread as f32 }
    }

    /// The greater of the two sides.
    pub(crate) fn greater(self) -> f64 {
        f64::from(self.below.max(self.above))
    }
}

/// The largest deviation of the worst day. A lone incident counts at most twice as much as the largest deviation of all
/// other days.
fn peak(errors: &[f64], drift: f64, day: usize) -> f64 {
    let (mut greatest, mut next) = (0.0, 0.0);
    for errors in errors.chunks(day) {
        let off = errors.iter().fold(0.0, |most, error| larger(most, (error - drift).abs()));
        // Keep the two largest daily peaks.
        next = larger(next, smaller(off, greatest));
        greatest = larger(greatest, off);
    }
    smaller(greatest, LONE_PEAK * next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_has_its_own_spread_but_no_less_than_both() {
        let errors: Vec<_> =
            (0..400).map(|i| if i % 2 == 0 { 0.8 } else { -0.2 } * f64::from(i % 100) / 100.0).collect();
        let both = Spread::of(&errors, 0.0, false);
        let sides = both.by_side(&errors, 0.0);
        assert!(sides.above > 1.5 * both.above, "{both:?} {sides:?}");
        assert_eq!(sides.below, both.below);
        let turned: Vec<_> = errors.iter().map(|error| -error).collect();
        let turned = Spread::of(&turned, 0.0, false).by_side(&turned, 0.0);
        assert_eq!((turned.below, turned.above), (sides.above, sides.below));
    }

    #[test]
    fn bursts_are_usual_once_there_are_many() {
        let of = |every: usize, length: usize| {
            let value =
                |i: usize| if i % every < length { 5.0 + (i / every % 4) as f64 } else { 0.01 * (i % 5) as f64 };
            let errors: Vec<_> = (0..90).map(value).collect();
            let usual = Spread::of(&errors, 0.0, false);
            (usual, usual.with_bursts(&errors, 0.0))
        };
        let (usual, with) = of(9, 1);
        assert!((f64::from(with.above) * K_OF_DAYS - BURST_ROOM * 7.0).abs() < 1e-6, "{with:?}");
        assert_eq!(with.below, usual.below, "none of them is below");
        for (every, length) in [(12, 1), (30, 10)] {
            let (usual, with) = of(every, length);
            assert_eq!(with, usual, "{length} in {every} days");
        }
    }

    #[test]
    fn a_lone_peak_counts_for_twice_the_next() {
        let of = |peaks: [f64; 3]| {
            let errors: Vec<_> = peaks.iter().flat_map(|peak| std::iter::once(*peak).chain([0.0; 19])).collect();
            Spread::of(&errors, 0.0, false).with_peaks(&errors, 0.0, 20).greater() * K_WITHIN_HOURS
        };
        for (peaks, expect) in [([3.0, 4.0, 2.0], 4.0), ([3.0, 40.0, -2.0], 6.0)] {
            assert!((of(peaks) / expect - MORE).abs() < 1e-6, "{peaks:?}: {}", of(peaks));
        }
    }
}
