//! Inconclusive days: days that prove no end of an incident.
//!
//! - A weekly batch or a monthly fee is a charge on some days only. The opening band of such a series expects almost nothing
//!   on most days. Such a day cannot show whether a changed charge is back at its usual amount, so the incident waits for
//!   the next charge.
//! - A day inside a wide band may keep much of the change.

use jiff::civil::Date;

use super::{DayImpact, FinishedDayImpact, Incident};
use crate::median::median;

/// A day is conclusive if the band expects at least this share of the largest expected value of the incident.
const CONCLUSIVE_SHARE: f64 = 0.1;

/// Share of the change of an incident that a day inside the opening band may keep and still resolve the incident. A wide
/// band, or a day of the week with a small cost, contains a large part of the change.
const KEPT_SHARE: f64 = 0.25;

impl Incident {
    /// Returns whether the opening band expects too little on a day to prove an end.
    pub(super) fn is_inconclusive(&self, expected: f64) -> bool {
        let anomalous = self.finished_days().filter(|(_, day)| day.impact > 0.0);
        let largest = anomalous.map(|(_, day)| day.expected.abs()).fold(0.0, f64::max);
        expected.abs() < CONCLUSIVE_SHARE * largest
    }

    /// Returns whether a day inside the opening band keeps much of the change: as money, and as a share of the expected cost.
    /// The median day of the incident is the change.
    pub(super) fn keeps_change(&self, inside: &FinishedDayImpact) -> bool {
        let expected = inside.expected;
        let deviation = self.direction.deviation(inside.observed, expected);
        let changed: Vec<FinishedDayImpact> =
            self.finished_days().map(|(_, day)| day).filter(|day| day.impact > 0.0 && day.expected != 0.0).collect();
        let money = median(changed.iter().map(|day| day.impact));
        let share = median(changed.iter().map(|day| day.impact / day.expected.abs()));
        !changed.is_empty() && deviation > KEPT_SHARE * money && deviation > KEPT_SHARE * share * expected.abs()
    }

    pub(super) fn add_day_without_impact(&mut self, date: Date, day: FinishedDayImpact) {
        self.by_day.entry(date).or_default().finished_day.get_or_insert(day);
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
