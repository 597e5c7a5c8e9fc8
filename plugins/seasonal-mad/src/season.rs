//! Seasons: which phase a point belongs to, and what that phase usually costs in relation to the level.
//!
//! Which season a series has is decided in [`crate::forecast`].

use costwarden_sdk::Series;
use serde::{Deserialize, Serialize};

use crate::SeasonChoice;
use crate::level::{Point, Rolling, is_exception, larger, medians};
use crate::sorted::{Without, middle, sort};

pub(crate) const DAY: u32 = 86_400;
pub(crate) const HOUR: u32 = 3_600;
const WEEK: u32 = 7 * DAY;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const MONDAY: i64 = 3 * DAY as i64;

/// What repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Season {
    None,
    Day,
    Week,
}

/// What each phase costs, as a multiple of the level.
#[derive(Debug)]
pub(crate) struct Profile {
    /// By phase.
    pub(crate) factors: Vec<f64>,
    /// By point: the factor of its phase as the phase's other points give it, so that no point excuses itself.
    pub(crate) without_own: Vec<f64>,
}

impl Season {
    /// The seasons that a series of this step may have, the plainest first.
    pub(crate) fn candidates(choice: SeasonChoice, step: u32) -> impl Iterator<Item = Self> {
        let day = step < DAY && DAY.is_multiple_of(step);
        let week = (HOUR..=DAY).contains(&step) && WEEK.is_multiple_of(step);
        let plain = match choice {
            SeasonChoice::Auto | SeasonChoice::None => true,
            SeasonChoice::Daily => !day,
            SeasonChoice::Weekly => !week,
        };
        [
            (Self::None, plain),
            (Self::Day, day && matches!(choice, SeasonChoice::Auto | SeasonChoice::Daily)),
            (Self::Week, week && matches!(choice, SeasonChoice::Auto | SeasonChoice::Weekly)),
        ]
        .into_iter()
        .filter_map(|(season, wanted)| wanted.then_some(season))
    }

    /// How many phases the season has.
    pub(crate) fn period(self, step: u32) -> usize {
        match self {
            Self::None => 1,
            Self::Day => (DAY / step) as usize,
            Self::Week => (WEEK / step) as usize,
        }
    }

    /// The phases of a series' points, from that of the first; the period is a whole number of steps.
    pub(crate) fn phases(self, series: &Series) -> impl Iterator<Item = usize> {
        let period = self.period(series.step);
        let mut next = self.phase(series.local_seconds(0), series.step);
        std::iter::repeat_with(move || {
            let phase = next;
            next = if phase + 1 == period { 0 } else { phase + 1 };
            phase
        })
    }

    /// The phase of the point that begins at these local seconds.
    pub(crate) fn phase(self, local_seconds: i64, step: u32) -> usize {
        let within = match self {
            Self::None => 0,
            Self::Day => local_seconds.rem_euclid(i64::from(DAY)),
            Self::Week => (local_seconds + MONDAY).rem_euclid(i64::from(WEEK)),
        };
        (within / i64::from(step)) as usize
    }
}

impl Profile {
    pub(crate) fn flat(points: usize) -> Self {
        Self { factors: vec![1.0], without_own: vec![1.0; points] }
    }

    /// By classical decomposition with medians: each point over the median of the season around it, and of these
    /// ratios the median of each phase.
    #[inline(never)]
    pub(crate) fn learn(points: &[Point], phases: &[usize], period: usize, least_unit: f64) -> Self {
        let ratios = ratios(points, period / 2, least_unit);
        let (members, ends) = by_phase(phases, period);
        let mut sorted: Vec<f64> = members.iter().map(|i| ratios[*i]).collect();
        let mut profile = Self { factors: vec![1.0; period], without_own: vec![1.0; points.len()] };
        let has_excluded = points.iter().any(|point| point.excluded);
        let mut start = 0;
        for (phase, end) in ends.into_iter().enumerate() {
            let (members, mut sorted) = (&members[start..end], &mut sorted[start..end]);
            start = end;
            let excluded = if has_excluded { members.iter().filter(|i| points[**i].excluded).count() } else { 0 };
            let leave_out = excluded > 0 && is_exception(excluded, members.len());
            if leave_out {
                let kept = members.iter().filter(|i| !points[**i].excluded);
                kept.zip(&mut *sorted).for_each(|(i, place)| *place = ratios[*i]);
                sorted = &mut sorted[..members.len() - excluded];
            }
            sort(sorted);
            let factor = middle(sorted).unwrap_or(1.0);
            profile.factors[phase] = factor;
            let without = Without::of(sorted);
            for i in members {
                profile.without_own[*i] =
                    if leave_out && points[*i].excluded { factor } else { without.middle(ratios[*i]) };
            }
        }
        profile
    }
}

/// The points of each phase after those of the one before, and where each phase ends.
fn by_phase(phases: &[usize], period: usize) -> (Vec<usize>, Vec<usize>) {
    let mut ends = vec![0; period];
    for phase in phases {
        ends[*phase] += 1;
    }
    let mut end = 0;
    for count in &mut ends {
        end += *count;
        *count = end - *count;
    }
    let mut members = vec![0; phases.len()];
    for (i, phase) in phases.iter().enumerate() {
        members[ends[*phase]] = i;
        ends[*phase] += 1;
    }
    (members, ends)
}

/// Each point over the median of the `half` points on either side and itself.
#[inline(never)]
fn ratios(points: &[Point], half: usize, least_unit: f64) -> Vec<f64> {
    let window = 2 * half + 1;
    let whole = medians(window, points);
    let mut last = Rolling::of(window, points);
    let ratio = |(i, point): (usize, &Point)| {
        let around = whole.get(i + half).copied().unwrap_or_else(|| {
            last.pop(points);
            last.level().unwrap_or(0.0)
        });
        let unit = larger(around.abs(), least_unit);
        if unit > 0.0 { point.value / unit } else { 1.0 }
    };
    points.iter().enumerate().map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_begin_on_monday_and_at_midnight() {
        let thursday = 0;
        assert_eq!(Season::Week.phase(thursday, DAY), 3);
        assert_eq!(Season::Week.phase(i64::from(DAY) * 4 + 7_200, HOUR), 2);
        assert_eq!(Season::Day.phase(-3_600, HOUR), 23);
        assert_eq!(Season::None.phase(-3_600, HOUR), 0);
    }

    #[test]
    fn seasons_fit_the_step() {
        let of = |choice, step| Season::candidates(choice, step).collect::<Vec<_>>();
        assert_eq!(of(SeasonChoice::Auto, DAY), [Season::None, Season::Week]);
        assert_eq!(of(SeasonChoice::Auto, HOUR), [Season::None, Season::Day, Season::Week]);
        assert_eq!(of(SeasonChoice::Auto, 300), [Season::None, Season::Day]);
        assert_eq!(of(SeasonChoice::Auto, WEEK), [Season::None]);
        assert_eq!(of(SeasonChoice::Daily, HOUR), [Season::Day]);
        assert_eq!(of(SeasonChoice::Weekly, DAY), [Season::Week]);
        assert_eq!(of(SeasonChoice::Daily, DAY), [Season::None]);
    }

    #[test]
    fn a_profile_is_what_repeats() {
        let value = |i: usize| if i % 7 == 5 { 50.0 } else { 100.0 };
        let mut points: Vec<_> = (0..70).map(|i| Point { value: value(i), excluded: false }).collect();
        points[12].value = 5_000.0;
        let phases: Vec<_> = (0..70).map(|i| i % 7).collect();
        let profile = Profile::learn(&points, &phases, 7, 0.0);
        assert!((profile.factors[5] - 0.5).abs() < 0.05, "{:?}", profile.factors);
        assert_eq!(profile.factors[0], 1.0);
        assert_eq!(profile.without_own[12], profile.without_own[19]);
    }
}
