//! Slow changes: several days with deviations to the same side, each too small to alert.
//!
//! The sum of the capped errors of the last days narrows the band of the next day. A sudden change has little effect,
//! because its errors are capped and the level follows in a few days. A slow change alerts after one or two weeks.
//! Source: Page, "Continuous Inspection Schemes", 1954, over a bounded past.

use wide::f64x2;

/// Number of days before the judged day.
pub(crate) const DAYS: usize = 9;
/// Maximum sum of errors over the window and the judged day, in allowed deviations of one day: about a third per day.
const TOGETHER: f64 = 3.5;
/// Cap of the error of one day, in allowed deviations.
const MOST: f64 = 0.7;
/// Minimum part of the allowed deviation that remains for a day.
const LEAST_ROOM: f64 = 0.3;

/// The errors of the last days in allowed deviations.
#[derive(Debug, Default)]
pub(crate) struct Trend {
    last: [f64; DAYS],
    oldest: usize,
    sum: f64,
}

impl Trend {
    /// The trend after the given errors, oldest first. `allowed` holds the allowed deviations below and above.
    pub(crate) fn of(errors: [f32; DAYS], allowed: f64x2) -> Self {
        let part = |allowed: f64| if allowed > 0.0 { 1.0 / allowed } else { 0.0 };
        let [below, above] = allowed.to_array().map(part);
        let last = errors.map(|error| clipped(f64::from(error) * if error > 0.0 { above } else { below }));
        Self { last, oldest: 0, sum: last.iter().sum() }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, error: f64) {
        let error = clipped(error);
        // The error replaces the oldest entry of the ring; the sum follows.
        self.sum += error - self.last[self.oldest];
        self.last[self.oldest] = error;
        self.oldest = if self.oldest + 1 == DAYS { 0 } else { self.oldest + 1 };
    }

    /// The remaining parts of the allowed deviation below and above.
    #[inline(always)]
    pub(crate) fn room(&self) -> f64x2 {
        let sums = f64x2::new([-self.sum, self.sum]);
        (f64x2::splat(TOGETHER) - sums).fast_min(f64x2::splat(1.0)).fast_max(f64x2::splat(LEAST_ROOM))
    }
}

#[inline(always)]
fn clipped(error: f64) -> f64 {
    f64x2::splat(error).fast_min(f64x2::splat(MOST)).fast_max(f64x2::splat(-MOST)).to_array()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(errors: &[f64]) -> (f64, f64) {
        let mut trend = Trend::default();
        errors.iter().for_each(|error| trend.push(*error));
        trend.room().to_array().into()
    }

    #[test]
    fn what_is_left_shrinks_on_the_side_of_the_errors() {
        assert_eq!(room(&[]), (1.0, 1.0));
        assert_eq!(room(&[0.5; 6]), (1.0, 0.5));
        assert_eq!(room(&[-0.5; 6]), (0.5, 1.0));
        assert_eq!(room(&[0.5; 30]), (1.0, LEAST_ROOM));
    }

    #[test]
    fn a_jump_counts_for_its_days_and_goes() {
        assert_eq!(room(&[9.0, 9.0, 9.0]), (1.0, 1.0));
        let (below, above) = room(&[[1.0; 9], [0.0; 9]].concat());
        assert!(below > 0.999 && above > 0.999, "{below} {above}");
    }
}
