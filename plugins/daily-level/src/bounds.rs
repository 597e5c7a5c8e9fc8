//! The bounds of a day, and the verdict.

use costwarden_sdk::{Context, Series, Verdict};
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::charges::{Day, Excess};
use crate::reason::{self, Cause};
use crate::state::State;

/// Part of the allowed deviation of a day that the median of five days may deviate.
const SHIFT: f64 = 4.0 / 7.0;
/// Minimum allowed deviation as a part of the expected amount.
const RELATIVE: f64 = 0.2;
/// Minimum allowed deviation as a part of a recurring charge.
const CHARGE: f64 = 0.25;
/// Maximum score. A history without cost has no unit of deviation.
const GREATEST_SCORE: f64 = 100.0;

/// The deviation of the forecasts, and the ranges of past amounts without their weekday terms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Band {
    /// The standard deviation of a forecast.
    pub(crate) deviation: f64,
    /// The minimum of the standard deviation.
    pub(crate) floor: f64,
    /// The median of the last weeks.
    pub(crate) slow: f64,
    /// `None` for a history below eight weeks.
    pub(crate) shift: Option<Shift>,
}

/// The amounts before a possible shift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shift {
    pub(crate) center: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// One side of a forecast. All amounts are in units of the scale and count towards the side: a fall is positive below.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    /// The outermost usual amount, and the allowed deviation from it.
    edge: f64,
    room: f64,
    shift: Option<ShiftLimit>,
}

/// The limit of the median of five days.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ShiftLimit {
    center: f64,
    room: f64,
    /// The median of the five days cannot be further out, whatever the amount of the day.
    reach: f64,
}

/// The forecast of a day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Forecast {
    scale: f64,
    expected: f64,
    above: Limit,
    below: Limit,
    pub(crate) excess: Excess,
}

impl Forecast {
    pub(crate) fn of(settings: &Settings, state: &State, day: &Day, excess: Excess) -> Self {
        let (filter, band) = (&state.filter, &state.band);
        let weekday = filter.weekday(day.weekday());
        let least = settings.k * band.deviation;
        let (level, slow) = (filter.level, band.slow);
        let (mut high, mut low) = (level.max(slow) + weekday, level.min(slow) + weekday);
        // A weekly charge that stayed away last week may stay away again, and may come back.
        let last = filter.last_of_weekday[day.weekday() as usize];
        if weekday.abs() > 2.0 * least && last.is_finite() {
            let extreme = |choose: fn(f64, f64) -> f64| filter.weekdays.iter().copied().fold(weekday, choose);
            low = low.min(last.max(low - weekday + extreme(f64::min)));
            high = high.max(last.min(high - weekday + extreme(f64::max)));
        }
        let relative = |edge: f64| RELATIVE * edge.abs();
        let (high_edge, low_edge) = (high + excess.highest, low + excess.lowest);
        let rise = least.max(CHARGE * excess.highest).max(relative(high_edge));
        let fall = (settings.fall * least).max(-CHARGE * excess.lowest).max(relative(low_edge));
        let rise = rise.max(state.burst - (high - weekday - slow).max(0.0));

        let mut last = filter.newest;
        last.sort_unstable_by(f64::total_cmp);
        let usual = weekday + excess.expected;
        let shift_above = band.shift.map(|shift| ShiftLimit {
            center: shift.center + usual,
            room: ((shift.high - shift.center).max(0.0) + SHIFT * least).max(state.burst),
            reach: last[2] + usual,
        });
        let shift_below = band.shift.map(|shift| ShiftLimit {
            center: -shift.center - usual,
            room: (shift.center - shift.low).max(0.0) + SHIFT * settings.fall * least,
            reach: -last[1] - usual,
        });
        Self {
            scale: state.scale,
            expected: level + usual,
            above: Limit { edge: high_edge, room: rise, shift: shift_above },
            below: Limit { edge: -low_edge, room: fall, shift: shift_below },
            excess,
        }
    }

    pub(crate) fn verdict(&self, context: &Context, series: &Series, i: usize, observed: f64) -> Verdict {
        if self.scale == 0.0 {
            let score = if observed == 0.0 { 0.0 } else { GREATEST_SCORE };
            let reason = reason::sentence(context, series, i, (observed, 0.0), Cause::Level);
            let reason = if score >= 1.0 { reason } else { String::new() };
            return Verdict { lower: 0.0, upper: 0.0, reason, ..Verdict::new(i, score, 0.0) };
        }
        let value = observed / self.scale;
        let (score, cause) = self.score(value);
        let (lower, upper) = (-self.below.bound() * self.scale, self.above.bound() * self.scale);
        let mut expected = self.expected;
        if cause == Cause::Shift {
            // The level follows a slow change: compare with the amounts before the change.
            let center = |limit: &Limit| limit.shift.map_or(self.expected, |shift| shift.center);
            expected = if observed > upper { center(&self.above) } else { -center(&self.below) };
        }
        let expected = (expected * self.scale).clamp(lower, upper.max(lower));
        // The bounds decide: rounding must not separate the score from the bounds.
        let is_outside = observed < lower || observed > upper;
        let score = if is_outside { score.clamp(1.0, GREATEST_SCORE) } else { score.min(1.0 - f64::EPSILON) };
        let reason =
            if is_outside { reason::sentence(context, series, i, (observed, expected), cause) } else { String::new() };
        Verdict { lower, upper, reason, ..Verdict::new(i, score, expected) }
    }

    /// The largest score of both sides, and the cause of an alert.
    fn score(&self, value: f64) -> (f64, Cause) {
        let (above, below) = (self.above.scores(value), self.below.scores(-value));
        let is_above = above[0].max(above[1]) >= below[0].max(below[1]);
        let [level, shift] = if is_above { above } else { below };
        let is_missing = if is_above { self.excess.highest < 0.0 } else { self.excess.lowest > 0.0 };
        let cause = match () {
            () if level >= 1.0 && is_missing => Cause::Missing,
            () if level < 1.0 => Cause::Shift,
            () => Cause::Level,
        };
        (level.max(shift).max(0.0), cause)
    }
}

impl Limit {
    /// The deviation in allowed deviations: of the day, and of the median of five days.
    fn scores(&self, value: f64) -> [f64; 2] {
        let shift = self.shift.map_or(0.0, |shift| (value.min(shift.reach) - shift.center) / shift.room);
        [(value - self.edge) / self.room, shift]
    }

    /// The amount from which on the day alerts.
    fn bound(&self) -> f64 {
        let level = self.edge + self.room;
        let shift = self.shift.map(|shift| (shift, shift.center + shift.room));
        let shift = shift.filter(|(shift, bound)| shift.reach >= *bound).map(|(_, bound)| bound);
        shift.map_or(level, |bound| bound.min(level))
    }
}
