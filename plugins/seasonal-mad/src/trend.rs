//! Slow changes: days that each are off by less than what alerts, but all to the same side.
//!
//! The sum of the last days' errors, each of which counts for less than what alerts, takes from what one more day may
//! be off by. So a sudden change, which counts for no more than the days until the level follows, changes little, and
//! a slow one shows after a week or two. Source: Page, "Continuous Inspection Schemes", 1954, over a bounded past.

use wide::f64x2;

/// Days before the one that is judged.
pub(crate) const DAYS: usize = 9;
/// What they and the judged day may be off by together, in what one day may: a third a day.
const TOGETHER: f64 = 3.5;
/// What a day may count for, in the same.
const MOST: f64 = 0.7;
/// The part of what a day may be off by that is left to it in any case.
const LEAST_ROOM: f64 = 0.3;

/// Errors of the last days, as parts of what is allowed.
#[derive(Debug, Default)]
pub(crate) struct Trend {
    last: [f64; DAYS],
    oldest: usize,
    sum: f64,
}

impl Trend {
    /// After these errors, the oldest first, where one may be so great, below and above.
    pub(crate) fn of(errors: [f32; DAYS], allowed: f64x2) -> Self {
        let part = |allowed: f64| if allowed > 0.0 { 1.0 / allowed } else { 0.0 };
        let [below, above] = allowed.to_array().map(part);
        let last = errors.map(|error| clipped(f64::from(error) * if error > 0.0 { above } else { below }));
        Self { last, oldest: 0, sum: last.iter().sum() }
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, error: f64) {
        let error = clipped(error);
        self.sum += error - self.last[self.oldest];
        self.last[self.oldest] = error;
        self.oldest = if self.oldest + 1 == DAYS { 0 } else { self.oldest + 1 };
    }

    /// The parts of what is allowed that are left below and above.
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
