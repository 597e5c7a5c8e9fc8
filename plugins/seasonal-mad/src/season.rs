//! Seasons and the phases of points.
//!
//! The choice of the season for a series stands in [`crate::forecast`].

use costwarden_sdk::Series;
use serde::{Deserialize, Serialize};

use crate::SeasonChoice;

pub(crate) const DAY: u32 = 86_400;
pub(crate) const HOUR: u32 = 3_600;
const WEEK: u32 = 7 * DAY;
/// Offset of the week: 1970-01-01 was a Thursday, and weeks begin on Monday.
const MONDAY: i64 = 3 * DAY as i64;

/// A repeating cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Season {
    None,
    Day,
    Week,
}

impl Season {
    /// The possible seasons for a step, plainest first.
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

    /// The number of phases.
    pub(crate) fn period(self, step: u32) -> usize {
        match self {
            Self::None => 1,
            Self::Day => (DAY / step) as usize,
            Self::Week => (WEEK / step) as usize,
        }
    }

    /// The phases of consecutive points, from the first point on without end. The period is a whole number of steps.
    pub(crate) fn phases(self, series: &Series) -> impl Iterator<Item = usize> {
        let period = self.period(series.step);
        let mut next = self.phase(series.local_seconds(0), series.step);
        std::iter::repeat_with(move || {
            let phase = next;
            next = if phase + 1 == period { 0 } else { phase + 1 };
            phase
        })
    }

    /// The phase of a point that begins at the given local seconds.
    pub(crate) fn phase(self, local_seconds: i64, step: u32) -> usize {
        let within = match self {
            Self::None => 0,
            Self::Day => local_seconds.rem_euclid(i64::from(DAY)),
            Self::Week => (local_seconds + MONDAY).rem_euclid(i64::from(WEEK)),
        };
        (within / i64::from(step)) as usize
    }
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
}
