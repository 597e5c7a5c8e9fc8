//! The running standard deviation of the forecast errors. Only the clipping of updates uses this deviation.

/// Maximum error in an update of a level, in standard deviations.
const CLIP: f64 = 4.0;
/// Maximum error in the standard deviation itself, in standard deviations.
const LARGE: f64 = 3.0;
/// Factor from the mean absolute deviation to the standard deviation of a normal distribution, sqrt(pi / 2).
const MEAN_TO_STD: f64 = 1.25;

/// The rule by which a standard deviation follows the errors.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// Part of an error that the standard deviation takes over.
    pub gain: f64,
    /// The minimum of the standard deviation.
    pub floor: f64,
}

impl Spread {
    /// Limits an error to four standard deviations.
    #[must_use]
    pub fn clip(error: f64, deviation: f64) -> f64 {
        // `clamp` traps on a negative deviation, which only a damaged state has.
        error.max(-CLIP * deviation).min(CLIP * deviation)
    }

    /// The standard deviation after an error.
    #[must_use]
    pub fn after(self, deviation: f64, error: f64) -> f64 {
        let size = MEAN_TO_STD * error.abs().min(LARGE * deviation);
        self.floor.max(deviation + self.gain * (size - deviation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_errors_are_clipped() {
        assert_eq!([1.0, 9.0, -9.0].map(|error| Spread::clip(error, 2.0)), [1.0, 8.0, -8.0]);
        assert_eq!(Spread::clip(5.0, -1.0), -4.0);
    }

    #[test]
    fn the_deviation_follows_errors_above_the_floor() {
        let rule = Spread { gain: 0.5, floor: 1.0 };
        assert_eq!(rule.after(2.0, 2.0), 2.25);
        assert_eq!(rule.after(2.0, 1e9), 4.75);
        assert_eq!(rule.after(1.0, 0.0), 1.0);
    }
}
