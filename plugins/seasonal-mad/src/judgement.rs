//! Verdicts for new points, each from the fit and earlier points only.
//!
//! Both sides of the expectation are computed together and selected without branches: the side of a cost is not
//! predictable.

use costwarden_sdk::{Context, Series, Verdict, Window};
use wide::{CmpGt, CmpLe, f64x2};

use crate::Settings;
use crate::forecast::{Spans, State};
use crate::level::{Points, Rolling};
use crate::reason::{self, Off};

/// Maximum score. A series of zeros has no unit of deviation, so larger scores carry no information.
const GREATEST_SCORE: f64 = 100.0;

/// The recent level, and the remembered level if its window is longer.
struct Levels {
    /// The points in the state, followed by the judged points.
    values: Vec<f64>,
    excluded: Vec<bool>,
    recent: Rolling,
    memory: Option<Rolling>,
}

/// The expectation at one point. In pairs, the first number is for below and the second for above.
#[derive(Debug, Clone, Copy)]
struct Usual {
    /// The expected value at the recent level, and the allowed deviation there.
    expected: f64,
    allowed_there: f64x2,
    /// The lower and the higher expectation of both levels, and the allowed deviations there.
    edges: f64x2,
    allowed: f64x2,
}

#[inline(never)]
pub(crate) fn judge(context: &Context, settings: &Settings, window: &Window, state: &State) -> Vec<Verdict> {
    let series = &window.series;
    let k = settings.k(series.step);
    let allowed = |spread: f32| (k * f64::from(spread)).max(settings.floor);
    let allowed = f64x2::new([allowed(state.spread.below), allowed(state.spread.above)]);
    let mut trend = state.trend(allowed);
    let mut levels = Levels::of(state, Spans::of(series.step), series.len());
    let mut verdicts = Vec::with_capacity(series.len().saturating_sub(window.judge_from));
    let known = series.values.iter().copied().zip(state.season.phases(series)).enumerate();
    for (i, (observed, phase)) in known.filter(|(_, (value, _))| value.is_finite()) {
        let factor = state.factor(phase);
        let mut usual = levels.usual(state, factor, allowed);
        // The score without earlier days. A value below 1 means that only a slow change can alert.
        let by_itself = usual.score(observed);
        if let Some(trend) = &mut trend {
            // Read the room before the push: only earlier days may narrow the band of a day.
            let room = trend.room();
            trend.push(usual.off(observed));
            usual.allowed *= room;
        }
        let score = usual.score(observed);
        if i >= window.judge_from {
            let reason = if score >= 1.0 {
                // `k` counts spreads. If the floor exceeds them, the floor stands for `k` spreads.
                let off = Off { spreads: by_itself * k, is_slow: by_itself < 1.0 };
                reason::sentence(context, series, i, state.season, usual.expected, observed, off)
            } else {
                String::new()
            };
            let [lower, upper] = usual.bounds();
            verdicts.push(Verdict { lower, upper, reason, ..Verdict::new(i, score, usual.expected) });
        }
        // Learn last: a verdict must not depend on its own point.
        levels.learn(series, i, observed, factor, score);
    }
    verdicts
}

impl Levels {
    /// Reserves room for `more` points.
    fn of(state: &State, spans: Spans, more: usize) -> Self {
        let mut values = Vec::with_capacity(spans.memory + more);
        let mut excluded = Vec::with_capacity(spans.memory + more);
        values.extend(state.recent());
        excluded.extend(state.recent_excluded());
        let points = Points::new(&values, &excluded);
        let memory = (spans.memory > spans.recent).then(|| Rolling::of(spans.memory, points));
        Self { recent: Rolling::of(spans.recent, points), memory, values, excluded }
    }

    #[inline(always)]
    fn usual(&self, state: &State, factor: f64, allowed: f64x2) -> Usual {
        let recent = self.recent.level();
        let memory = self.memory.as_ref().map_or(recent, Rolling::level);
        let (expected, units) = state.expected(f64x2::new([recent, memory]), factor);
        let ascending = f64x2::splat(first(expected)).cmp_le(f64x2::splat(second(expected)));
        let in_order = |both: f64x2| ascending.blend(both, exchanged(both));
        Usual {
            expected: first(expected),
            allowed_there: allowed * f64x2::splat(first(units)),
            edges: in_order(expected),
            allowed: allowed * in_order(units),
        }
    }

    /// Adds a judged point. A point that alerts counts as an incident until such points are the majority.
    #[inline(always)]
    fn learn(&mut self, series: &Series, i: usize, observed: f64, factor: f64, score: f64) {
        if let Some(value) = State::without_season(observed, factor) {
            self.values.push(value);
            self.excluded.push(score >= 1.0 || series.is_excluded(i));
            let points = Points::new(&self.values, &self.excluded);
            self.recent.push(points);
            if let Some(memory) = &mut self.memory {
                memory.push(points);
            }
        }
    }
}

impl Usual {
    /// The deviation from the expectation at the recent level, in allowed deviations.
    #[inline(always)]
    fn off(&self, observed: f64) -> f64 {
        let off = f64x2::splat(observed - self.expected);
        let parts = self.allowed_there.cmp_gt(f64x2::ZERO).blend(off / self.allowed_there, f64x2::ZERO);
        first(off.cmp_gt(f64x2::ZERO).blend(exchanged(parts), parts))
    }

    /// The deviation outside of both levels, in allowed deviations; 0 between the levels.
    #[inline(always)]
    fn score(&self, observed: f64) -> f64 {
        let off = (f64x2::splat(observed) - self.edges) * f64x2::new([-1.0, 1.0]);
        let parts = (off / self.allowed).fast_min(f64x2::splat(GREATEST_SCORE));
        let parts = off.cmp_gt(f64x2::ZERO).blend(parts, f64x2::ZERO);
        first(parts.fast_max(exchanged(parts)))
    }

    fn bounds(&self) -> [f64; 2] {
        (self.edges + self.allowed * f64x2::new([-1.0, 1.0])).to_array()
    }
}

#[inline(always)]
fn first(both: f64x2) -> f64 {
    both.to_array()[0]
}

#[inline(always)]
fn second(both: f64x2) -> f64 {
    both.to_array()[1]
}

#[inline(always)]
fn exchanged(both: f64x2) -> f64x2 {
    f64x2::new([second(both), first(both)])
}
