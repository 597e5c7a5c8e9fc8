//! What the history teaches: the season, the recent level, and how far forecasts of one point ahead were off.
//!
//! The steps are not inlined into each other: of one large function, the sandbox's compiler would keep little in registers.

use costwarden_sdk::{Refusal, Series, stats};
use serde::{Deserialize, Serialize};
use wide::f64x2;

use crate::SeasonChoice;
use crate::level::{Point, Rolling, larger, learnable, medians, smaller, values_of};
use crate::season::{DAY, HOUR, Profile, Season};
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
    errors: Vec<Point>,
    recent: Vec<Point>,
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
        let units = levels.abs().fast_max(f64x2::splat(self.least_unit));
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
    pub(crate) fn recent(&self) -> impl Iterator<Item = Point> {
        self.recent.iter().enumerate().map(|(i, difference)| Point {
            value: self.level + f64::from(*difference),
            excluded: self.excluded.get(i / 8).is_some_and(|bits| bits >> (i % 8) & 1 == 1),
        })
    }
}

/// # Errors
/// Learning, until there are two weeks of days or two days of shorter steps.
#[inline(never)]
pub(crate) fn fit(choice: SeasonChoice, history: &Series) -> Result<State, Refusal> {
    let spans = Spans::of(history.step);
    let points = points_of(history);
    let usable = points.iter().filter(|point| !point.excluded).count();
    if usable < spans.least {
        return Err(Refusal::learning(usable, spans.least));
    }
    let mut amounts = values_of(&points, usable < points.len());
    amounts.iter_mut().for_each(|amount| *amount = amount.abs());
    let least_unit = LEAST_UNIT * stats::mean(&amounts).unwrap_or(0.0);

    let sparse = is_sparse(&amounts);
    let believed = |season: &Season| {
        !sparse && points.len() >= LEAST_SEASONS * season.period(history.step) || *season == Season::None
    };
    let mut seasons: Vec<Season> = Season::candidates(choice, history.step).filter(believed).collect();
    if seasons.is_empty() {
        seasons.push(Season::None);
    }
    let mut cap = None;
    let mut best: Option<(Candidate, f64)> = None;
    for season in seasons {
        let phases = phases_of(season, history, points.len());
        let candidate = Candidate::try_on(season, season.period(history.step), &points, &phases, spans, least_unit);
        let cap = *cap.get_or_insert_with(|| candidate.cap());
        let loss = candidate.loss(cap);
        if best.as_ref().is_none_or(|(_, least)| loss < least * WORTH_A_SEASON) {
            best = Some((candidate, loss));
        }
    }
    let (best, _) = best.expect("at least one season was tried");
    let wide = sparse || !is_mature(choice, points.len(), history.step);
    Ok(best.into_state(spans, least_unit, wide, history.step))
}

impl Candidate {
    /// Forecasts each point of the history from those before it.
    #[inline(never)]
    fn try_on(
        season: Season,
        period: usize,
        points: &[Point],
        phases: &[usize],
        spans: Spans,
        least_unit: f64,
    ) -> Self {
        let profile = match season {
            Season::None => Profile::flat(points.len()),
            _ => Profile::learn(points, phases, period, least_unit),
        };
        let recent = plain(points, phases, &profile.factors);
        let levels = levels(spans.recent, &recent, phases, &profile.factors);
        let speaking = phases.iter().enumerate().filter(|(_, phase)| says_something(profile.factors[**phase]));
        let first = speaking.map(|(i, _)| i + 1).nth(WARM_UP - 1).unwrap_or(points.len());
        let error = |((before, point), factor): ((&f64, &Point), &f64)| {
            let unit = unit(*before, least_unit);
            let off = point.value - before * factor;
            Point { value: if unit > 0.0 { off / unit } else { 0.0 }, ..*point }
        };
        let before = &levels[first.saturating_sub(1)..];
        let errors = before.iter().zip(&points[first..]).zip(&profile.without_own[first..]).map(error).collect();
        Self { season, factors: profile.factors, errors, recent }
    }

    /// What an error counts for at most when candidates are compared, so that incidents do not decide.
    fn cap(&self) -> f64 {
        let mut sizes: Vec<f64> = self.errors.iter().map(|error| error.value.abs()).collect();
        let median = stats::median(&mut sizes).unwrap_or(0.0);
        larger(CAP * median, LEAST_CAP)
    }

    /// The sum of the errors, none counted as more than the cap.
    fn loss(&self, cap: f64) -> f64 {
        self.errors.iter().map(|error| smaller(error.value.abs(), cap)).sum()
    }

    #[inline(never)]
    fn into_state(self, spans: Spans, least_unit: f64, wide: bool, step: u32) -> State {
        let newest = &self.errors[self.errors.len().saturating_sub(DRIFT)..];
        let drift = stats::median(&mut learnable(newest)).unwrap_or(0.0);
        let recent = &self.recent[self.recent.len().saturating_sub(spans.memory)..];
        let level = Rolling::of(spans.recent, recent).level().unwrap_or(0.0);
        let mut excluded = vec![0; recent.len().div_ceil(8)];
        for (i, _) in recent.iter().enumerate().filter(|(_, point)| point.excluded) {
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
            level,
            recent: recent.iter().map(|point| (point.value - level) as f32).collect(),
            excluded,
            errors,
        }
    }
}

/// The newest errors less the drift, as exact as is needed; zeros before the first.
fn last_errors(errors: &[Point], drift: f64) -> [f32; trend::DAYS] {
    let mut newest = [0.0; trend::DAYS];
    for (place, error) in newest.iter_mut().rev().zip(errors.iter().rev()) {
        *place = (error.value - drift) as f32;
    }
    newest
}

/// The known points.
#[inline(never)]
fn points_of(history: &Series) -> Vec<Point> {
    if history.excluded.is_empty() && history.values.iter().all(|value| value.is_finite()) {
        return history.values.iter().map(|value| Point { value: *value, excluded: false }).collect();
    }
    history.known().map(|(i, value)| Point { value, excluded: history.is_excluded(i) }).collect()
}

/// The phase of each known point.
#[inline(never)]
fn phases_of(season: Season, history: &Series, known: usize) -> Vec<usize> {
    let all = season.phases(history);
    if known == history.len() {
        return all.take(known).collect();
    }
    let mut phases = Vec::with_capacity(known);
    phases.extend(all.zip(&history.values).filter_map(|(phase, value)| value.is_finite().then_some(phase)));
    phases
}

/// The points without their season, where their phases say something of the level.
#[inline(never)]
fn plain(points: &[Point], phases: &[usize], factors: &[f64]) -> Vec<Point> {
    let plain = |(point, phase): (&Point, &usize)| Point { value: point.value / factors[*phase], ..*point };
    let points = points.iter().zip(phases);
    if factors.iter().all(|factor| says_something(*factor)) {
        return points.map(plain).collect();
    }
    points.filter(|(_, phase)| says_something(factors[**phase])).map(plain).collect()
}

/// The level after each point, of which these are the plain ones.
fn levels(window: usize, plain: &[Point], phases: &[usize], factors: &[f64]) -> Vec<f64> {
    let levels = medians(window, plain);
    if plain.len() == phases.len() {
        return levels;
    }
    let mut taken = 0;
    let after = |phase: &usize| {
        taken += usize::from(says_something(factors[*phase]));
        if taken > 0 { levels[taken - 1] } else { 0.0 }
    };
    phases.iter().map(after).collect()
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
