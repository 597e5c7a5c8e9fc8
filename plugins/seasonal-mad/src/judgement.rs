//! New points against what the history taught, each judged from earlier ones only.

use costwarden_sdk::{Context, Series, Verdict, Window};

use crate::Settings;
use crate::forecast::{Spans, State};
use crate::level::{Point, Rolling, smaller};
use crate::reason::{self, Off};

/// Scores say how far, not how absurdly far: what was always 0 has no measure at all.
const GREATEST_SCORE: f64 = 100.0;

/// The recent level, and the remembered one where it rests on more points.
struct Levels {
    recent: Rolling,
    memory: Option<Rolling>,
}

/// What is usual at one point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usual {
    /// At the recent level, and what it may be off by there, below and above.
    pub(crate) expected: f64,
    allowed: (f64, f64),
    /// Expectations at both levels and what they may be off by, the lower first.
    low: (f64, f64),
    high: (f64, f64),
}

pub(crate) fn judge(context: &Context, settings: &Settings, window: &Window, state: &State) -> Vec<Verdict> {
    let series = &window.series;
    let k = settings.k(series.step);
    let allowed = |spread: f32| (k * f64::from(spread)).max(settings.floor);
    let allowed = (allowed(state.spread.below), allowed(state.spread.above));
    let mut trend = state.trend(allowed);
    let mut levels = Levels::of(state, Spans::of(series.step));
    let mut verdicts = Vec::with_capacity(series.len().saturating_sub(window.judge_from));
    let known = series.values.iter().copied().zip(state.season.phases(series)).enumerate();
    for (i, (observed, phase)) in known.filter(|(_, (value, _))| value.is_finite()) {
        let factor = state.factor(phase);
        let mut usual = levels.usual(state, factor, allowed);
        let by_itself = usual.score(observed);
        if let Some(trend) = &mut trend {
            let room = trend.room();
            trend.push(usual.off(observed));
            usual.leave(room);
        }
        let score = usual.score(observed);
        if i >= window.judge_from {
            let reason = if score >= 1.0 {
                // In spreads as `k` counts them: where the floor rules, it stands for `k` spreads.
                let off = Off { spreads: by_itself * k, is_slow: by_itself < 1.0 };
                reason::sentence(context, series, i, state.season, usual.expected, observed, off)
            } else {
                String::new()
            };
            verdicts.push(Verdict {
                lower: usual.low.0 - usual.low.1,
                upper: usual.high.0 + usual.high.1,
                reason,
                ..Verdict::new(i, score, usual.expected)
            });
        }
        levels.learn(series, i, observed, factor, score);
    }
    verdicts
}

impl Levels {
    fn of(state: &State, spans: Spans) -> Self {
        let points: Vec<Point> = state.recent().collect();
        let memory = (spans.memory > spans.recent).then(|| Rolling::of(spans.memory, &points));
        Self { recent: Rolling::of(spans.recent, &points), memory }
    }

    #[inline(always)]
    fn usual(&self, state: &State, factor: f64, allowed: (f64, f64)) -> Usual {
        let at = |level: &Rolling| {
            let level = level.level().unwrap_or(0.0);
            (state.expected(level, factor), state.unit(level))
        };
        let recent = at(&self.recent);
        let memory = self.memory.as_ref().map_or(recent, at);
        let (low, high) = if recent.0 <= memory.0 { (recent, memory) } else { (memory, recent) };
        Usual {
            expected: recent.0,
            allowed: (allowed.0 * recent.1, allowed.1 * recent.1),
            low: (low.0, allowed.0 * low.1),
            high: (high.0, allowed.1 * high.1),
        }
    }

    /// A point that alerts is an incident until it is the rule.
    #[inline(always)]
    fn learn(&mut self, series: &Series, i: usize, observed: f64, factor: f64, score: f64) {
        if let Some(value) = State::without_season(observed, factor) {
            let point = Point { value, excluded: score >= 1.0 || series.is_excluded(i) };
            self.recent.push(point);
            if let Some(memory) = &mut self.memory {
                memory.push(point);
            }
        }
    }
}

impl Usual {
    /// How far from the expectation at the recent level, in what is allowed there.
    #[inline(always)]
    fn off(&self, observed: f64) -> f64 {
        let off = observed - self.expected;
        let allowed = if off > 0.0 { self.allowed.1 } else { self.allowed.0 };
        if allowed > 0.0 { off / allowed } else { 0.0 }
    }

    /// Parts of what is allowed, below and above.
    #[inline(always)]
    fn leave(&mut self, (below, above): (f64, f64)) {
        self.low.1 *= below;
        self.high.1 *= above;
    }

    /// How far outside of both levels, in what is allowed there; 0 between them.
    #[inline(always)]
    fn score(self, observed: f64) -> f64 {
        let above = observed - self.high.0;
        let below = self.low.0 - observed;
        let (off, allowed) = if above > 0.0 { (above, self.high.1) } else { (below, self.low.1) };
        if off <= 0.0 {
            0.0
        } else if allowed > 0.0 {
            smaller(off / allowed, GREATEST_SCORE)
        } else {
            GREATEST_SCORE
        }
    }
}
