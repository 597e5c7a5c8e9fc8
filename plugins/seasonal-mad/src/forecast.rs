//! What the history teaches: the season, the recent level, and how far forecasts of one point ahead were off.
//!
//! The steps are not inlined into each other: of one large function, the sandbox's compiler would keep little in registers.

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

/// Levels below this part of the mean amount are not a measure for deviations: a tenth.
const LEAST_UNIT: f64 = 0.1;
/// A phase that costs less than this part of the level says nothing of the level: a fifth.
const LEAST_FACTOR: f64 = 0.2;
/// Points before the first forecast.
const WARM_UP: usize = 3;
/// Seasons that the history must hold before one is believed.
const LEAST_SEASONS: usize = 3;
/// Times the median error of the plainest candidate that an error counts for at most.
const CAP: f64 = 5.0;
/// The cap where more than half of the errors are hardly any: a tenth of the level.
const LEAST_CAP: f64 = 0.1;
/// A season must bring the errors below this part of those without it.
const WORTH_A_SEASON: f64 = 0.9;
/// The newest errors that the drift is taken from.
const DRIFT: usize = 28;

/// What `judge` knows of the history. Errors and units are parts of the level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(crate) season: Season,
    factors: Vec<f32>,
    /// The median error of late: what growth adds from one point to the next.
    drift: f64,
    /// The usual error.
    pub(crate) spread: Spread,
    least_unit: f64,
    /// The level at the end of the history.
    level: f64,
    /// The newest points without their season, as differences from the level: exact where a fee is flat.
    recent: Vec<f32>,
    /// One bit for each of them.
    excluded: Vec<u8>,
    /// The newest errors less the drift, the oldest first; none of steps within days.
    errors: Option<[f32; trend::DAYS]>,
}

/// How many points the levels rest on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    /// The recent level.
    pub(crate) recent: usize,
    /// The level that is remembered.
    pub(crate) memory: usize,
    /// Points to learn from at the least.
    least: usize,
    /// Points of a day where there are more than one an hour.
    fine_day: Option<usize>,
}

/// A season, and what forecasts with it were like.
struct Candidate {
    season: Season,
    factors: Vec<f64>,
    /// Of all points from one on.
    errors: Vec<f64>,
    first: usize,
    plain: Plain,
    /// The level after the last point.
    level: f64,
}

/// The points without their season, where their phases say something of the level.
struct Plain {
    values: Vec<f64>,
    excluded: Vec<bool>,
}

impl Spans {
    /// Days: a working week, four weeks, two weeks. Shorter steps: a week, that week, two days; a week is at most 168
    /// points, so that the state stays small.
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

    /// The usual error there, in the unit of the values.
    pub(crate) fn spread(&self) -> f64 {
        self.spread.greater() * unit(self.level, self.least_unit)
    }

    pub(crate) fn factor(&self, phase: usize) -> f64 {
        self.factors.get(phase).map_or(1.0, |factor| f64::from(*factor))
    }

    /// What is expected at two levels, and what deviations from it are measured in.
    #[inline(always)]
    pub(crate) fn expected(&self, levels: f64x2, factor: f64) -> (f64x2, f64x2) {
        let units = lanes::units(levels, self.least_unit);
        (levels * f64x2::splat(factor) + f64x2::splat(self.drift) * units, units)
    }

    /// The slow change at the end of the history, where errors may be so great; none within days.
    pub(crate) fn trend(&self, allowed: f64x2) -> Option<Trend> {
        self.errors.map(|errors| Trend::of(errors, allowed))
    }

    /// A value without its season; none where the phase says nothing of the level.
    pub(crate) fn without_season(value: f64, factor: f64) -> Option<f64> {
        says_something(factor).then(|| value / factor)
    }

    /// The newest points without their season, the oldest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = f64> {
        self.recent.iter().map(|difference| self.level + f64::from(*difference))
    }

    /// Whether each of them is excluded.
    pub(crate) fn recent_excluded(&self) -> impl Iterator<Item = bool> {
        (0..self.recent.len()).map(|i| self.excluded.get(i / 8).is_some_and(|bits| bits >> (i % 8) & 1 == 1))
    }
}

/// # Errors
/// Learning, until there are two weeks of days or two days of shorter steps.
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
    let plainest = seasons().next().is_none().then_some(Season::None);
    let mut cap = None;
    let mut best: Option<(Candidate, f64)> = None;
    for season in seasons().chain(plainest) {
        let candidate = Candidate::try_on(season, history, points, spans, least_unit);
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
    /// Forecasts each point of the history from those before it.
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
        let lists = [before, &points.values[first..], &profile.without_own()[first..]];
        let errors = lanes::map(lists, |[before, value, factor]| {
            lanes::over(value - before * factor, lanes::units(before, least_unit), 0.0)
        });
        let level = levels.last().copied().unwrap_or(0.0);
        Self { season, factors: profile.factors, errors, first, plain, level }
    }

    /// What an error counts for at most when candidates are compared, so that incidents do not decide.
    fn cap(&self) -> f64 {
        let mut sizes: Vec<f64> = self.errors.iter().map(|error| error.abs()).collect();
        let median = stats::median(&mut sizes).unwrap_or(0.0);
        larger(CAP * median, LEAST_CAP)
    }

    /// The sum of the errors, none counted as more than the cap.
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

/// The newest errors less the drift, as exact as is needed; zeros before the first.
fn last_errors(errors: &[f64], drift: f64) -> [f32; trend::DAYS] {
    let mut newest = [0.0; trend::DAYS];
    for (place, error) in newest.iter_mut().rev().zip(errors.iter().rev()) {
        *place = (error - drift) as f32;
    }
    newest
}

/// Most series lack none.
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

/// The level after each point, of which these are the plain ones.
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

/// Whether a phase says anything of the level.
fn says_something(factor: f64) -> bool {
    factor >= LEAST_FACTOR
}

/// Whether the history is long enough to show a season. Until then a weekend looks like an incident.
fn is_mature(choice: SeasonChoice, points: usize, step: u32) -> bool {
    let periods = Season::candidates(choice, step).map(|season| season.period(step)).filter(|period| *period > 1);
    periods.min().is_none_or(|period| points >= LEAST_SEASONS * period)
}

/// Whether there is no usual amount, and no season that one could see: most points are 0.
fn is_sparse(amounts: &[f64]) -> bool {
    amounts.iter().filter(|amount| **amount == 0.0).count() * 2 > amounts.len()
}

fn unit(level: f64, least_unit: f64) -> f64 {
    larger(level.abs(), least_unit)
}
