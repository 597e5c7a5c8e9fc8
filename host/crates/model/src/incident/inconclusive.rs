//! Inconclusive days: days that prove no end of an incident.
//!
//! - A weekly batch or a monthly fee is a charge on some days only. The opening band of such a series expects almost nothing
//!   on most days. Such a day cannot show whether a changed charge is back at its usual amount, so the incident waits for
//!   the next charge.
//! - A day inside a wide band may keep much of the change.

use jiff::civil::Date;

use super::{DayImpact, FinishedDayImpact, Incident, LEVEL_DAYS, Levels, NormalVerdicts};
use crate::anomaly::Direction;
use crate::median::median;

/// A day is conclusive if the band expects at least this share of the largest expected value of the incident.
const CONCLUSIVE_SHARE: f64 = 0.1;

/// Share of the change of an incident that a day inside the opening band may keep and still resolve the incident. A wide
/// band, or a day of the week with a small cost, contains a large part of the change.
const KEPT_SHARE: f64 = 0.25;

/// Smallest number of rising days that people are told of.
const RISING_DAYS: usize = 5;

impl Incident {
    /// Returns whether the opening band expects too little on a day to prove an end.
    pub(super) fn is_inconclusive(&self, expected: f64) -> bool {
        let anomalous = self.finished_days().filter(|(_, day)| day.impact > 0.0);
        let largest = anomalous.map(|(_, day)| day.expected.abs()).fold(0.0, f64::max);
        expected.abs() < CONCLUSIVE_SHARE * largest
    }

    /// Returns whether a day inside the opening band keeps much of the change: as money, and as a share of the expected cost.
    /// The median day of the incident is the change.
    pub(super) fn keeps_change(&self, normal: &NormalVerdicts) -> bool {
        let Some(expected) = normal.expected else { return false };
        let deviation = match self.direction {
            Direction::Up => normal.observed - expected,
            Direction::Down => expected - normal.observed,
        };
        let changed: Vec<FinishedDayImpact> =
            self.finished_days().map(|(_, day)| day).filter(|day| day.impact > 0.0 && day.expected != 0.0).collect();
        let money = median(changed.iter().map(|day| day.impact));
        let share = median(changed.iter().map(|day| day.impact / day.expected.abs()));
        !changed.is_empty() && deviation > KEPT_SHARE * money && deviation > KEPT_SHARE * share * expected.abs()
    }

    /// Adds an inconclusive finished day, without an impact.
    pub(super) fn add_inconclusive_day(&mut self, date: Date, day: FinishedDayImpact) {
        self.by_day.entry(date).or_default().finished_day.get_or_insert(day);
    }

    /// Returns the largest number of days between two charges outside the band; `None` for a series with a charge on
    /// each day, and before the second charge.
    pub fn recurrence_days(&self) -> Option<i32> {
        if !self.finished_days().any(|(_, day)| day.impact == 0.0 && self.is_inconclusive(day.expected)) {
            return None;
        }
        let charges: Vec<Date> =
            self.finished_days().filter(|(_, day)| day.impact > 0.0).map(|(date, _)| date).collect();
        charges.windows(2).map(|pair| (pair[1] - pair[0]).get_days()).max()
    }

    /// Returns the number of newest finished days with a higher cost than the day before, from [`RISING_DAYS`] on; `None` for
    /// fewer days. Such a cost has no level yet.
    pub fn rising_days(&self) -> Option<usize> {
        let finished: Vec<(Date, FinishedDayImpact)> = self.finished_days().collect();
        let rises = |pair: &&[(Date, FinishedDayImpact)]| {
            let is_next = pair[0].0.tomorrow().is_ok_and(|next| next == pair[1].0);
            is_next && pair[1].1.observed > pair[0].1.observed
        };
        let days = finished.windows(2).rev().take_while(rises).count();
        (days >= RISING_DAYS).then_some(days)
    }

    /// Returns the levels before and after a lasting change; the newest values without a finished day.
    pub fn levels(&self) -> Levels {
        let days = self.finished_days().map(|(_, day)| day).filter(|day| !self.is_inconclusive(day.expected));
        let days: Vec<FinishedDayImpact> = days.collect();
        if days.is_empty() {
            return Levels { before: self.expected, after: self.observed, interval_days: 1 };
        }
        let last = days.iter().rev().take(LEVEL_DAYS).map(|day| day.observed);
        let before = days.iter().map(|day| day.expected);
        let interval_days = self.recurrence_days().unwrap_or(1);
        Levels { before: median(before), after: median(last), interval_days }
    }

    pub(super) fn finished_days(&self) -> impl DoubleEndedIterator<Item = (Date, FinishedDayImpact)> {
        self.by_day.iter().filter_map(|(date, day)| Some((*date, day.finished_day?)))
    }

    /// Removes the days without an impact before the first anomalous day.
    pub(super) fn remove_leading_days(&mut self) {
        let is_anomalous = |day: &DayImpact| day.impact() > 0.0;
        let first = self.by_day.iter().find(|(_, day)| is_anomalous(day)).map(|(date, _)| *date);
        self.by_day.retain(|date, _| first.is_some_and(|first| *date >= first));
    }
}
