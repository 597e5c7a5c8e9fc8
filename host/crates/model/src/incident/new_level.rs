//! New levels: a change that lasts, and the cost before and after the change.

use jiff::civil::Date;

use super::{EvaluationResults, FinishedDayImpact, Incident, IncidentState, Moment, days_in_short_streaks};
use crate::median::median;

/// Number of finished days that define the level after a change.
const LEVEL_DAYS: usize = 5;
/// Number of days of a week, with all weekdays.
const WEEK_DAYS: usize = 7;
/// Number of days of a month, for the difference per month.
const DAYS_PER_MONTH: f64 = 30.0;
/// Ratio of the largest and the smallest expected cost of a week from which weekdays differ.
const WEEKDAYS_DIFFER: f64 = 1.5;

/// Share of the newest days that must show the change: two days of a week may be usual, such as a weekend.
const CHANGED_SHARE: f64 = 5.0 / 7.0;

/// Maximum number of days at the start and at the end of a possible new level.
const TREND_DAYS: usize = 3;
/// Smallest movement of a cost without a level: between the medians of the first and the last days, as a share of the last cost,
/// and as a multiple of the median difference from day to day.
const MOVEMENT: f64 = 0.15;
/// The share for a cost that rises on each of the newest [`RISING_DAYS`].
const STEADY_MOVEMENT: f64 = 0.05;
const MOVEMENT_PER_DAILY_DIFFERENCE: f64 = 1.5;
/// Share of the cost before the change that counts as cost in the movement: remains of a stopped service move much.
const COST_BEFORE: f64 = 0.25;

/// Share of the usual cost below which a weekday has no cost of its own.
const SMALLEST_COST: f64 = 0.1;

/// Smallest number of rising days that people are told of.
const RISING_DAYS: usize = 5;

/// The cost of a series before and after a lasting change, per day or per charge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    /// Median of the expected values of the opening band. If the weekdays differ, the mean of the last week.
    pub before: f64,
    /// Median of the last [`LEVEL_DAYS`] finished days with a charge. If the weekdays differ, the mean of the last week.
    pub after: f64,
    /// Number of days from one charge to the next; 1 for a cost on each day.
    pub interval_days: i32,
}

impl Levels {
    /// Returns the difference per day, or per charge.
    pub fn difference(self) -> f64 {
        self.after - self.before
    }

    /// Returns the difference per month of 30 days.
    pub fn difference_per_month(self) -> f64 {
        self.difference() * DAYS_PER_MONTH / f64::from(self.interval_days)
    }
}

/// Least share of a recurring charge that counts as the charge on another day.
const MOVED_SHARE: f64 = 0.5;

type Day = (Date, FinishedDayImpact);

impl Incident {
    /// Returns whether the change is long enough for a new level on the finished day. A moving cost has no level yet. A
    /// restatement may show that the change was long enough on an earlier day.
    pub(super) fn is_new_level(&self, results: &EvaluationResults<'_>) -> bool {
        let Moment { date, hour: None } = results.moment else { return false };
        let is_newest = self.by_day.last_key_value().is_some_and(|(last, _)| *last == date);
        let days: Vec<Day> = self.finished_days().collect();
        let ends_here = days.last().is_some_and(|day| day.0 == date && self.is_conclusive(day));
        self.state == IncidentState::Open
            && is_newest
            && ends_here
            && (1..=days.len()).any(|count| self.is_level(&days[..count], results.accept_after_days))
    }

    /// Returns whether the last of some days ends a lasting change. `days` is not empty.
    fn is_level(&self, days: &[Day], accept_after_days: u16) -> bool {
        let last = days[days.len() - 1];
        let is_short =
            days_in_short_streaks(&days.iter().map(|day| day.0).collect(), accept_after_days).contains(&last.0);
        let is_newest = |day: &&Day| (last.0 - day.0).get_days() < i32::from(accept_after_days);
        let newest = || days.iter().rev().take_while(is_newest);
        // A usual day is absent, or the band expects too little for a statement.
        let conclusive_days = usize::from(accept_after_days) - newest().filter(|day| !self.is_conclusive(day)).count();
        let is_same_side = |day: &&Day| self.is_conclusive(day) && self.is_changed(day) == self.is_changed(&last);
        let is_lasting = newest().filter(is_same_side).count() as f64 >= CHANGED_SHARE * conclusive_days as f64;
        !is_short && self.is_conclusive(&last) && is_lasting && !self.is_moving(days, accept_after_days)
    }

    /// Returns whether the newest level lies beyond the opposite bound: the change of the incident is over, and another incident
    /// has the level.
    pub fn is_reversed(&self) -> bool {
        let last = self.finished_days().rev().find(|day| self.is_conclusive(day));
        last.is_some_and(|day| !self.is_changed(&day))
    }

    /// Returns whether a day shows the change: outside the band, or inside the band with much of the change. The other
    /// conclusive days are usual, or beyond the opposite bound.
    fn is_changed(&self, day: &Day) -> bool {
        day.1.impact > 0.0 || self.keeps_change(&day.1)
    }

    /// Returns whether a day is outside the band, or the band expects enough to prove an end.
    fn is_conclusive(&self, day: &Day) -> bool {
        day.1.impact > 0.0 || !self.is_inconclusive(day.1.expected)
    }

    /// Returns whether the cost still moves within the newest days of a change: more than from day to day.
    fn is_moving(&self, days: &[Day], accept_after_days: u16) -> bool {
        let days = self.side_of_last(days);
        let newest = &days[days.len().saturating_sub(usize::from(accept_after_days))..];
        let costs = without_weekdays(newest);
        let part = TREND_DAYS.min(costs.len() / 2);
        if part < 2 {
            return false;
        }
        let first = median(costs.iter().copied().take(part));
        let last = median(costs.iter().rev().copied().take(part));
        let before = median(newest.iter().map(|(_, day)| day.expected.abs()));
        let cost = last.abs().max(COST_BEFORE * before);
        let daily = median(costs.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
        let moved = (last - first).abs();
        let is_steady = count_rising(newest) >= RISING_DAYS && moved > STEADY_MOVEMENT * cost;
        is_steady || moved > (MOVEMENT * cost).max(MOVEMENT_PER_DAILY_DIFFERENCE * daily)
    }

    /// Returns the newest days of the change, or of the cost beyond the opposite bound, without inconclusive days.
    fn side_of_last(&self, days: &[Day]) -> Vec<Day> {
        let conclusive = || days.iter().filter(|day| self.is_conclusive(day)).copied();
        match conclusive().next_back().is_some_and(|last| self.is_changed(&last)) {
            true => conclusive().filter(|day| self.is_changed(day)).collect(),
            false => {
                let mut days: Vec<Day> = conclusive().rev().take_while(|day| !self.is_changed(day)).collect();
                days.reverse();
                days
            }
        }
    }

    /// Returns the largest number of days between two charges outside the band; `None` for a series with a charge on
    /// each day or on consecutive days, and before the second charge.
    pub fn recurrence_days(&self) -> Option<i32> {
        if !self.finished_days().any(|day| !self.is_conclusive(&day)) {
            return None;
        }
        let charges: Vec<Date> =
            self.finished_days().filter(|(_, day)| day.impact > 0.0).map(|(date, _)| date).collect();
        let gaps = || charges.windows(2).map(|pair| (pair[1] - pair[0]).get_days());
        gaps().max().filter(|_| gaps().all(|days| days > 1))
    }

    /// Returns the number of newest finished days with a higher cost than the day before, from [`RISING_DAYS`] on; `None` for
    /// fewer days. Such a cost has no level yet.
    pub fn rising_days(&self) -> Option<usize> {
        let finished: Vec<Day> = self.finished_days().collect();
        Some(count_rising(&finished)).filter(|days| *days >= RISING_DAYS)
    }

    /// Returns the levels before and after a lasting change; the newest values without a finished day.
    pub fn levels(&self) -> Levels {
        let finished: Vec<Day> = self.finished_days().collect();
        let days = self.side_of_last(&finished);
        if days.is_empty() {
            return Levels { before: self.expected, after: self.observed, interval_days: 1 };
        }
        let interval_days = self.recurrence_days().unwrap_or(1);
        let week = &finished[finished.len().saturating_sub(WEEK_DAYS)..];
        if interval_days == 1 && weekdays_differ(week) {
            let mean = |cost: fn(&FinishedDayImpact) -> f64| {
                week.iter().map(|(_, day)| cost(day)).sum::<f64>() / WEEK_DAYS as f64
            };
            return Levels { before: mean(|day| day.expected), after: mean(|day| day.observed), interval_days };
        }
        let before = median(days.iter().map(|(_, day)| day.expected));
        let after = median(days.iter().rev().take(LEVEL_DAYS).map(|(_, day)| day.observed));
        let moved = if after == 0.0 && interval_days > 1 { self.moved_charge(before) } else { None };
        Levels { before, after: moved.unwrap_or(after), interval_days }
    }

    /// Returns the charge on other days than the usual days of a recurring charge; `None` for a charge that has stopped.
    fn moved_charge(&self, before: f64) -> Option<f64> {
        let others = self.finished_days().filter(|day| !self.is_conclusive(day)).map(|(_, day)| day.observed);
        let charges: Vec<f64> = others.filter(|cost| *cost * before.signum() >= MOVED_SHARE * before.abs()).collect();
        (!charges.is_empty()).then(|| median(charges))
    }
}

/// Returns the number of newest days with a higher cost than the day before.
fn count_rising(days: &[Day]) -> usize {
    let rises = |pair: &&[Day]| {
        let is_next = pair[0].0.tomorrow().is_ok_and(|next| next == pair[1].0);
        is_next && pair[1].1.observed > pair[0].1.observed
    };
    days.windows(2).rev().take_while(rises).count()
}

/// Returns the costs of some days without the differences of the weekdays: in proportion to the expected costs, if each
/// day has a cost.
fn without_weekdays(days: &[Day]) -> Vec<f64> {
    let usual = median(days.iter().map(|(_, day)| day.expected));
    let is_cost =
        |day: &FinishedDayImpact| day.expected * usual > 0.0 && day.expected.abs() > SMALLEST_COST * usual.abs();
    let have_costs = days.iter().all(|(_, day)| is_cost(day));
    days.iter().map(|(_, day)| if have_costs { day.observed / day.expected * usual } else { day.observed }).collect()
}

/// Returns whether some days are a whole week with different expected costs.
fn weekdays_differ(days: &[Day]) -> bool {
    let costs = || days.iter().map(|(_, day)| day.expected.abs());
    let is_week = days.len() == WEEK_DAYS && (days[WEEK_DAYS - 1].0 - days[0].0).get_days() < WEEK_DAYS as i32;
    is_week && costs().fold(0.0, f64::max) > WEEKDAYS_DIFFER * costs().fold(f64::INFINITY, f64::min)
}
