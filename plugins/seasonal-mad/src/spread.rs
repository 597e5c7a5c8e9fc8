//! How far forecasts are usually off, below and above: what a point may be off by is a multiple of it.

use costwarden_sdk::stats;
use serde::{Deserialize, Serialize};

use crate::level::{larger, smaller};
use crate::{K_OF_DAYS, K_WITHIN_HOURS};

/// How often an error must have happened to be usual.
const USUAL_AFTER: usize = 3;
/// Makes the mean absolute deviation of normal values their standard deviation: the square root of π / 2.
const MEAN_TO_STD: f64 = 1.253_314_137_315_500_3;
/// Times the greatest error of the other days that a day's greatest one counts for at most.
const LONE_PEAK: f64 = 2.0;

/// How many bursts make bursts usual: in the 90 days of a fit, one in ten days.
const BURSTS: usize = 9;
/// Times the third greatest burst that is usual where bursts are.
const BURST_ROOM: f64 = 1.25;
/// What is as great as the greatest error is not more than it, however it was rounded: a thousandth.
const MORE: f64 = 1.001;

/// The usual error to either side, as a part of the level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) below: f32,
    pub(crate) above: f32,
}

impl Spread {
    /// The median absolute deviation of the errors as a standard deviation; where that is 0, the mean deviation, or the
    /// root mean square of a series whose great errors are, or may be, usual (`wide`). In these, which single points can
    /// move, the greatest errors count as the third greatest does: an incident does not widen them, what has happened
    /// three times is usual.
    ///
    /// Excluded points count as the errors that they were. Leaving them out would cut off the tail of what is usual and
    /// draw the spread in with each fit.
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

    /// Costs that can only rise far have errors that are greater above than below: the deviations of each side count
    /// there by themselves, where they are greater than those of both.
    pub(crate) fn by_side(self, errors: &[f64], drift: f64) -> Self {
        let side = |sign: f64| {
            let off = errors.iter().map(|error| (error - drift) * sign);
            let mut off: Vec<f64> = off.filter(|off| *off > 0.0).collect();
            (stats::MAD_TO_STD * stats::median(&mut off).unwrap_or(0.0)) as f32
        };
        Self { below: self.below.max(side(-1.0)), above: self.above.max(side(1.0)) }
    }

    /// Where there is more than one point an hour, an error up to that of the worst day is usual.
    pub(crate) fn with_peaks(self, errors: &[f64], drift: f64, day: usize) -> Self {
        let peak = (peak(errors, drift, day) / K_WITHIN_HOURS * MORE) as f32;
        Self { below: self.below.max(peak), above: self.above.max(peak) }
    }

    /// Days that are off again and again, each time for a while, are how the series is: a service with a quiet level and
    /// bursts. There, an error a little above the third greatest is usual. Few long incidents are few bursts.
    pub(crate) fn with_bursts(self, errors: &[f64], drift: f64) -> Self {
        let side = |sign: f64, spread: f32| {
            let usual = K_OF_DAYS * f64::from(spread);
            let off = || errors.iter().map(|error| (error - drift) * sign);
            let (mut bursts, mut within) = (0, false);
            for is_off in off().map(|off| off > usual) {
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

    /// The greater of the two.
    pub(crate) fn greater(self) -> f64 {
        f64::from(self.below.max(self.above))
    }
}

/// How far off the worst day was; a lone incident counts for hardly more than what the other days saw.
fn peak(errors: &[f64], drift: f64, day: usize) -> f64 {
    let (mut greatest, mut next) = (0.0, 0.0);
    for errors in errors.chunks(day) {
        let off = errors.iter().fold(0.0, |most, error| larger(most, (error - drift).abs()));
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
