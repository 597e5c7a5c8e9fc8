//! The bounds of an hour, and the verdict.

use costwarden_sdk::{Context, Language, Series, Verdict};

use crate::Settings;
use crate::state::{HOUR_OF_THREE, State};

/// Maximum score. A history without cost has no unit of deviation.
const GREATEST_SCORE: f64 = 100.0;

/// One side of a forecast, in units of the scale. Amounts count towards the side: a fall is positive below.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    /// The outermost level of the hour, and the allowed deviation from it.
    level: f64,
    room: f64,
    /// The slow level, the sum of the last two deviations from it, and the allowed mean deviation of three hours.
    slow: f64,
    sum: f64,
    mean_room: f64,
    /// The largest usual amount; 0 without.
    usual: f64,
}

/// The forecast of an hour.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forecast {
    scale: f64,
    expected: f64,
    above: Limit,
    below: Limit,
}

impl State {
    /// The forecast for an hour of day after all learned points.
    pub(crate) fn forecast(&self, settings: &Settings, hour: usize) -> Forecast {
        let usual = f64::from(self.profile[hour]);
        let (fast, slow) = (usual + self.levels.fast, usual + self.levels.slow);
        let [room, mean_room] = self.rooms.each_ref().map(|rooms| f64::from(rooms[hour]));
        let sum = self.levels.last[0] + self.levels.last[1];
        let above = Limit { level: fast.max(slow), room, slow, sum, mean_room, usual: self.usual_amount };
        let (room, mean_room) = (settings.fall * room, settings.fall * mean_room);
        let below = Limit { level: -fast.min(slow), room, slow: -slow, sum: -sum, mean_room, usual: 0.0 };
        Forecast { scale: self.scale, expected: slow, above, below }
    }
}

impl Limit {
    /// The deviation in allowed deviations.
    fn score(&self, value: f64) -> f64 {
        let hour = (value - self.level) / self.room;
        let deviation = value - self.slow;
        let mean = ((self.sum + deviation) / 3.0).min(deviation / HOUR_OF_THREE) / self.mean_room;
        let score = if mean > hour { mean } else { hour };
        if self.usual > 0.0 { score.min(value / self.usual) } else { score }
    }

    /// The amount from which on the hour alerts.
    fn bound(&self) -> f64 {
        let mean = self.slow + (3.0 * self.mean_room - self.sum).max(HOUR_OF_THREE * self.mean_room);
        let bound = mean.min(self.level + self.room);
        if self.usual > 0.0 { bound.max(self.usual) } else { bound }
    }
}

impl Forecast {
    pub(crate) fn verdict(&self, context: &Context, series: &Series, i: usize, observed: f64) -> Verdict {
        if self.scale == 0.0 {
            let score = if observed == 0.0 { 0.0 } else { GREATEST_SCORE };
            let reason = if score >= 1.0 { sentence(context, series.hour(i), [observed, 0.0]) } else { String::new() };
            return Verdict { lower: 0.0, upper: 0.0, reason, ..Verdict::new(i, score, 0.0) };
        }
        let value = observed / self.scale;
        let (lower, upper) = (-self.below.bound() * self.scale, self.above.bound() * self.scale);
        let expected = (self.expected * self.scale).clamp(lower, upper);
        let score = self.above.score(value).max(self.below.score(-value)).max(0.0);
        // The bounds decide: rounding must not separate the score from the bounds.
        if observed < lower || observed > upper {
            let reason = sentence(context, series.hour(i), [observed, expected]);
            Verdict { lower, upper, reason, ..Verdict::new(i, score.clamp(1.0, GREATEST_SCORE), expected) }
        } else {
            Verdict { lower, upper, ..Verdict::new(i, score.min(1.0 - f64::EPSILON), expected) }
        }
    }
}

fn sentence(context: &Context, hour: u8, [observed, expected]: [f64; 2]) -> String {
    let is_above = observed > expected;
    let percent = 100.0 * (observed - expected).abs() / expected.abs();
    // A percentage of nearly nothing, or of a credit, says nothing.
    let percent = (expected > 0.0 && percent < 1_000.0).then_some(percent);
    let (observed, expected) = (context.amount(observed), context.amount(expected));
    match context.language() {
        Language::Korean => {
            let percent = percent.map(|percent| format!("{percent:.0}% ")).unwrap_or_default();
            let side = if is_above { "높습니다" } else { "낮습니다" };
            format!("{observed}: {hour}시 평소 {expected}보다 {percent}{side}")
        }
        Language::English => {
            let percent = percent.map(|percent| format!("{percent:.0} % ")).unwrap_or_default();
            let side = if is_above { "above" } else { "below" };
            format!("{observed} is {percent}{side} the usual {expected} at {hour:02}:00")
        }
    }
}
