//! The fit: season, recent level and errors of one-step forecasts over the history.
//!
//! The steps are not inlined into each other: for one large function, the sandbox compiler keeps few values in
//! registers.

use std::borrow::Cow;

use costwarden_sdk::{Refusal, Series, stats};
use serde::{Deserialize, Serialize};
use wide::f64x2;

use crate::SeasonChoice;
use crate::lanes;
use crate::level::{Points, larger, medians, smaller};
use crate::profile::Profile;
use crate::season::{DAY, HOUR, Season};
use crate::spread::Spread;
use crate::trend::{self, Trend};

/// Minimum unit of deviations, as a part of the mean amount: a tenth. Lower levels are no measure for deviations.
const LEAST_UNIT: f64 = 0.1;
/// Minimum factor of a phase that carries information about the level: a fifth.
const LEAST_FACTOR: f64 = 0.2;
/// Number of points before the first forecast.
const WARM_UP: usize = 3;
/// Minimum number of whole seasons in the history for a season.
const LEAST_SEASONS: usize = 3;
/// Cap of a single error in the comparison of candidates, in median errors of the plainest candidate.
const CAP: f64 = 5.0;
/// Minimum cap, as a part of the level: a tenth. Applies if more than half of the errors are nearly 0.
const LEAST_CAP: f64 = 0.1;
/// A longer season must reduce the loss below this part of the best loss so far.
const WORTH_A_SEASON: f64 = 0.9;
/// Number of newest errors for the drift.
const DRIFT: usize = 28;

/// The state for `judge`. Errors and units are parts of the level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) season: Season,
    factors: Vec<f32>,
    /// The median of the newest errors: the growth from point to point.
    drift: f64,
    /// The usual error.
    pub(crate) spread: Spread,
    least_unit: f64,
    /// The level at the end of the history.
    level: f64,
    /// The newest points without season, as differences from the level: exact for a flat fee.
    recent: Vec<f32>,
    /// One bit per entry of `recent`.
    excluded: Vec<u8>,
    /// The newest errors minus the drift, oldest first; `None` for steps within days.
    errors: Option<[f32; trend::DAYS]>,
}

/// Number of points under each level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    /// Points of the recent level.
    pub(crate) recent: usize,
    /// Points of the remembered level.
    pub(crate) memory: usize,
    /// Minimum number of learnable points.
    least: usize,
    /// Points per day, for series with more than one point per hour.
    fine_day: Option<usize>,
}

/// A season and its forecast errors.
struct Candidate {
    season: Season,
    factors: Vec<f64>,
    /// The errors of the points from `first` on.
    errors: Vec<f64>,
    first: usize,
    plain: Plain,
    /// The level after the last point.
    level: f64,
}

/// The points without season, limited to phases with information about the level.
struct Plain {
    values: Vec<f64>,
    excluded: Vec<bool>,
}

impl Spans {
    /// Daily steps: a working week, four weeks, two weeks. Shorter steps: a week, the same week, two days. A week has
    /// at most 168 points, so the state stays small.
    pub(crate) fn of(step: u32) -> Self {
        if step >= DAY {
            return Self { recent: 5, memory: 28, least: 14, fine_day: None };
        }
        let day = (DAY / step) as usize;
        let week = (7 * day).min(168);
        Self { recent: week, memory: week, least: 2 * day, fine_day: (step < HOUR).then_some(day) }
    }
}

impl State {
    /// The level at the end of the history, in the unit of the values.
    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    /// The usual error at the end of the history, in the unit of the values.
    pub(crate) fn spread(&self) -> f64 {
        self.spread.greater() * unit(self.level, self.least_unit)
    }

    pub(crate) fn factor(&self, phase: usize) -> f64 {
        self.factors.get(phase).map_or(1.0, |factor| f64::from(*factor))
    }

    /// The expected values at two levels, and the units of their deviations.
    #[inline(always)]
    pub(crate) fn expected(&self, levels: f64x2, factor: f64) -> (f64x2, f64x2) {
        let units = lanes::units(levels, self.least_unit);
        (levels * f64x2::splat(factor) + f64x2::splat(self.drift) * units, units)
    }

    /// The slow change at the end of the history, for the allowed errors below and above; `None` within days.
    pub(crate) fn trend(&self, allowed: f64x2) -> Option<Trend> {
        self.errors.map(|errors| Trend::of(errors, allowed))
    }

    /// A value without season; `None` if the phase carries no information about the level.
    pub(crate) fn without_season(value: f64, factor: f64) -> Option<f64> {
        says_something(factor).then(|| value / factor)
    }

    /// The newest points without season, oldest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = f64> {
        self.recent.iter().map(|difference| self.level + f64::from(*difference))
    }

    /// Whether each of the newest points is excluded.
    pub(crate) fn recent_excluded(&self) -> impl Iterator<Item = bool> {
        (0..self.recent.len()).map(|i| self.excluded.get(i / 8).is_some_and(|bits| bits >> (i % 8) & 1 == 1))
    }
}

/// Fits a history.
///
/// # Errors
/// Learning, with less than two weeks of days or two days of shorter steps.
#[inline(never)]
pub(crate) fn fit(choice: SeasonChoice, history: &Series) -> Result<State, Refusal> {
    let spans = Spans::of(history.step);
    let values = known_values(history);
    let excluded: Vec<bool> = if history.excluded.is_empty() {
        Vec::new()
    } else {
        history.known().map(|(i, _)| history.is_excluded(i)).collect()
    };
    let points = Points::new(&values, &excluded);
    let amounts: Vec<f64> = if points.has_excluded() {
        points.kept().map(f64::abs).collect()
    } else {
        values.iter().map(|value| value.abs()).collect()
    };
    if amounts.len() < spans.least {
        return Err(Refusal::learning(amounts.len(), spans.least));
    }
    let least_unit = LEAST_UNIT * stats::mean(&amounts).unwrap_or(0.0);

    let sparse = is_sparse(&amounts);
    let believed = |season: &Season| {
        !sparse && points.len() >= LEAST_SEASONS * season.period(history.step) || *season == Season::None
    };
    let seasons = || Season::candidates(choice, history.step).filter(believed);
    // A forced season may lack history: fall back to no season.
    let plainest = seasons().next().is_none().then_some(Season::None);
    let mut cap = None;
    let mut best: Option<(Candidate, f64)> = None;
    for season in seasons().chain(plainest) {
        let candidate = Candidate::try_on(season, history, points, spans, least_unit);
        // The first candidate is the plainest. One cap for all candidates makes their losses comparable.
        let cap = *cap.get_or_insert_with(|| candidate.cap());
        let loss = candidate.loss(cap);
        if best.as_ref().is_none_or(|(_, least)| loss < least * WORTH_A_SEASON) {
            best = Some((candidate, loss));
        }
    }
    let (best, _) = best.expect("at least one season was tried");
    let wide = sparse || !is_mature(choice, points.len(), history.step);
    Ok(best.into_state(points, spans, least_unit, wide, history.step))
}

impl Candidate {
    /// Forecasts each point of the history from earlier points.
    #[inline(never)]
    fn try_on(season: Season, history: &Series, points: Points<'_>, spans: Spans, least_unit: f64) -> Self {
        let (profile, plain) = if season == Season::None {
            (Profile::flat(points.len()), Plain { values: points.values.to_vec(), excluded: points.excluded.to_vec() })
        } else {
            let phases = phases_of(season, history, points.len());
            let profile = Profile::learn(points, &phases, season.period(history.step), least_unit);
            let plain = Plain::of(points, &profile);
            (profile, plain)
        };
        let levels = levels(spans.recent, &plain, &profile);
        let speaking = profile.own.iter().enumerate().filter(|(_, factor)| says_something(**factor));
        let first = speaking.map(|(i, _)| i + 1).nth(WARM_UP - 1).unwrap_or(points.len());
        let before = &levels[first.saturating_sub(1)..levels.len() - 1];
        // The factor without the point itself: no point may explain its own error.
        let lists = [before, &points.values[first..], &profile.without_own()[first..]];
        let errors = lanes::map(lists, |[before, value, factor]| {
            lanes::over(value - before * factor, lanes::units(before, least_unit), 0.0)
        });
        let level = levels.last().copied().unwrap_or(0.0);
        Self { season, factors: profile.factors, errors, first, plain, level }
    }

    /// The cap of a single error in the comparison of candidates; a cap keeps incidents from deciding.
    fn cap(&self) -> f64 {
        let mut sizes: Vec<f64> = self.errors.iter().map(|error| error.abs()).collect();
        let median = stats::median(&mut sizes).unwrap_or(0.0);
        larger(CAP * median, LEAST_CAP)
    }

    /// The sum of the capped errors.
    fn loss(&self, cap: f64) -> f64 {
        self.errors.iter().map(|error| smaller(error.abs(), cap)).sum()
    }

    #[inline(never)]
    fn into_state(self, points: Points<'_>, spans: Spans, least_unit: f64, wide: bool, step: u32) -> State {
        let newest = Points { values: &self.errors, ..points.from(self.first) }.newest(DRIFT);
        let drift = stats::median(&mut newest.learnable()).unwrap_or(0.0);
        let recent = Points::new(&self.plain.values, &self.plain.excluded).newest(spans.memory);
        let mut excluded = vec![0; recent.len().div_ceil(8)];
        for i in (0..recent.excluded.len()).filter(|i| recent.is_excluded(*i)) {
            excluded[i / 8] |= 1 << (i % 8);
        }
        let mut spread = Spread::of(&self.errors, drift, wide);
        match spans.fine_day {
            Some(day) => spread = spread.with_peaks(&self.errors, drift, day),
            None if step < DAY => spread = spread.by_side(&self.errors, drift),
            None => spread = spread.with_bursts(&self.errors, drift),
        }
        let errors = (step == DAY).then(|| last_errors(&self.errors, drift));
        State {
            season: self.season,
            factors: self.factors.iter().map(|factor| *factor as f32).collect(),
            drift,
            spread,
            least_unit,
            level: self.level,
            recent: recent.values.iter().map(|value| (value - self.level) as f32).collect(),
            excluded,
            errors,
        }
    }
}

/// The newest errors minus the drift, in single precision; zeros before the first error.
fn last_errors(errors: &[f64], drift: f64) -> [f32; trend::DAYS] {
    let mut newest = [0.0; trend::DAYS];
    for (place, error) in newest.iter_mut().rev().zip(errors.iter().rev()) {
        *place = (error - drift) as f32;
    }
    newest
}

/// The known values, without a copy for most series: a copy is necessary only with unknown values.
#[inline(never)]
fn known_values(history: &Series) -> Cow<'_, [f64]> {
    if history.values.iter().all(|value| value.is_finite()) {
        Cow::Borrowed(&history.values)
    } else {
        Cow::Owned(history.known_values())
    }
}

/// The phase of each known point.
#[inline(never)]
fn phases_of(season: Season, history: &Series, known: usize) -> Vec<usize> {
    let mut all = season.phases(history);
    let mut next = || all.next().expect("phases go on for ever");
    if known == history.len() {
        return (0..known).map(|_| next()).collect();
    }
    let mut phases = Vec::with_capacity(known);
    phases.extend(
        history
            .values
            .iter()
            .map(|value| (value, next()))
            .filter(|(value, _)| value.is_finite())
            .map(|(_, phase)| phase),
    );
    phases
}

impl Plain {
    #[inline(never)]
    fn of(points: Points<'_>, profile: &Profile) -> Self {
        let plain = points.values.iter().zip(&profile.own).map(|(value, factor)| value / factor);
        let excluded = (0..points.len()).map(|i| points.is_excluded(i));
        if profile.factors.iter().all(|factor| says_something(*factor)) {
            return Self { values: plain.collect(), excluded: points.excluded.to_vec() };
        }
        let speaking = plain.zip(excluded).zip(&profile.own).filter(|(_, factor)| says_something(**factor));
        let (values, excluded) = speaking.map(|(point, _)| point).unzip();
        Self { values, excluded }
    }
}

/// The level after each point, from the levels of the plain points.
fn levels(window: usize, plain: &Plain, profile: &Profile) -> Vec<f64> {
    let levels = medians(window, Points::new(&plain.values, &plain.excluded));
    if levels.len() == profile.own.len() {
        return levels;
    }
    let mut taken = 0;
    let after = |factor: &f64| {
        taken += usize::from(says_something(*factor));
        if taken > 0 { levels[taken - 1] } else { 0.0 }
    };
    profile.own.iter().map(after).collect()
}

/// Whether a phase carries information about the level.
fn says_something(factor: f64) -> bool {
    factor >= LEAST_FACTOR
}

/// Whether the history is long enough to show a season. In a shorter history a weekend looks like an incident.
fn is_mature(choice: SeasonChoice, points: usize, step: u32) -> bool {
    let periods = Season::candidates(choice, step).map(|season| season.period(step)).filter(|period| *period > 1);
    periods.min().is_none_or(|period| points >= LEAST_SEASONS * period)
}

/// Whether most points are 0: there is no usual amount and no visible season.
fn is_sparse(amounts: &[f64]) -> bool {
    amounts.iter().filter(|amount| **amount == 0.0).count() * 2 > amounts.len()
}

fn unit(level: f64, least_unit: f64) -> f64 {
    larger(level.abs(), least_unit)
}
