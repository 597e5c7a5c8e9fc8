//! Forecasts: an expected value with bounds yields the score, the verdict and the reason.

use crate::{Context, Language, Series, Verdict};

const DAY: u32 = 86_400;

/// The expected value of a point and the bounds of usual values, with `lower <= expected <= upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// The expected value; finite.
    pub expected: f64,
    /// The smallest usual value; may be negative infinity.
    pub lower: f64,
    /// The largest usual value; may be infinity.
    pub upper: f64,
}

impl Forecast {
    /// Maximum score. A band without width has no unit of deviation.
    pub const GREATEST_SCORE: f64 = 100.0;

    /// Whether a value lies outside the bounds.
    #[must_use]
    pub fn excludes(&self, observed: f64) -> bool {
        observed < self.lower || observed > self.upper
    }

    /// The deviation from the expected value as a part of the allowed deviation to this side, at most
    /// [`GREATEST_SCORE`](Self::GREATEST_SCORE). At least 1 exactly for values outside the bounds.
    #[must_use]
    pub fn score(&self, observed: f64) -> f64 {
        let bound = if observed > self.expected { self.upper } else { self.lower };
        let part = (observed - self.expected) / (bound - self.expected);
        // The bounds decide: rounding must not separate the score from the bounds. A band without width gives infinity,
        // or NaN for the expected value itself.
        match self.excludes(observed) {
            true => part.abs().clamp(1.0, Self::GREATEST_SCORE),
            false if part > 0.0 => part.min(1.0 - f64::EPSILON),
            false => 0.0,
        }
    }

    /// The verdict of point `index` without a reason.
    #[must_use]
    pub fn verdict(&self, index: usize, observed: f64) -> Verdict {
        let Self { expected, lower, upper } = *self;
        Verdict { lower, upper, ..Verdict::new(index, self.score(observed), expected) }
    }

    /// A sentence that compares the value of point `i` with the expected value: `1,500 KRW is 50 % above the usual 1,000
    /// KRW on Mondays`, or `at 09:00` for steps below a day.
    #[must_use]
    pub fn sentence(&self, context: &Context, series: &Series, i: usize, observed: f64) -> String {
        let is_above = observed > self.expected;
        let percent = 100.0 * (observed - self.expected).abs() / self.expected.abs();
        // A percentage of nearly nothing, of a credit, or of more than the whole says nothing.
        let has_percent = self.expected > 0.0 && observed >= 0.0 && percent < 1_000.0;
        let (observed, expected) = (context.amount(observed), context.amount(self.expected));
        match context.language() {
            Language::Korean => {
                let percent = if has_percent { format!("{percent:.0}% ") } else { String::new() };
                let side = if is_above { "높습니다" } else { "낮습니다" };
                let time = match series.step {
                    DAY.. => series.weekday(i).korean().to_owned(),
                    _ => format!("{}시", series.hour(i)),
                };
                format!("{observed}: {time} 평소 {expected}보다 {percent}{side}")
            }
            Language::English => {
                let percent = if has_percent { format!("{percent:.0} % ") } else { String::new() };
                let side = if is_above { "above" } else { "below" };
                let time = match series.step {
                    DAY.. => format!("on {}s", series.weekday(i).english()),
                    _ => format!("at {:02}:00", series.hour(i)),
                };
                format!("{observed} is {percent}{side} the usual {expected} {time}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native;

    fn check(forecast: [f64; 3], observed: f64, expect: f64) {
        let [lower, expected, upper] = forecast;
        assert_eq!(Forecast { expected, lower, upper }.score(observed), expect, "{forecast:?} {observed}");
    }

    #[test]
    fn scores_are_parts_of_the_allowed_deviation() {
        check([5.0, 10.0, 20.0], 15.0, 0.5);
        check([5.0, 10.0, 20.0], 7.5, 0.5);
        check([5.0, 10.0, 20.0], 40.0, 3.0);
        check([5.0, 10.0, 20.0], 20.0, 1.0 - f64::EPSILON);
        check([5.0, 10.0, 20.0], 10.0, 0.0);
        check([f64::NEG_INFINITY, 10.0, f64::INFINITY], 1e9, 0.0);
        check([10.0, 10.0, 10.0], 10.0, 0.0);
        check([10.0, 10.0, 10.0], 9.0, Forecast::GREATEST_SCORE);
    }

    #[test]
    fn scores_agree_with_bounds_next_to_the_bounds() {
        let forecast = Forecast { expected: 0.1, lower: -0.7, upper: 0.3 };
        for observed in [0.3_f64.next_down(), 0.3, 0.3_f64.next_up(), -0.7_f64.next_down(), -0.7, -0.7_f64.next_up()] {
            assert_eq!(forecast.score(observed) >= 1.0, forecast.excludes(observed), "{observed}");
        }
    }

    #[test]
    fn sentences_name_amounts_and_times() {
        let mut context = native::context("{}");
        let forecast = Forecast { expected: 1_000.0, lower: 800.0, upper: 1_200.0 };
        let (days, hours) = (Series::daily("2026-03-02", [0.0]), Series::hourly("2026-03-02", [0.0; 10]));
        let english = |series: &Series, i, observed| forecast.sentence(&context, series, i, observed);
        assert_eq!(english(&days, 0, 1_500.0), "1,500 KRW is 50 % above the usual 1,000 KRW on Mondays");
        assert_eq!(english(&hours, 9, 200.0), "200 KRW is 80 % below the usual 1,000 KRW at 09:00");
        let credit = Forecast { expected: -1_000.0, ..forecast };
        assert_eq!(credit.sentence(&context, &days, 0, 0.0), "0 KRW is above the usual -1,000 KRW on Mondays");
        "ko".clone_into(&mut context.locale);
        assert_eq!(forecast.sentence(&context, &days, 0, 200.0), "200원: 월요일 평소 1,000원보다 80% 낮습니다");
        assert_eq!(forecast.sentence(&context, &hours, 9, 1_500.0), "1,500원: 9시 평소 1,000원보다 50% 높습니다");
    }
}
