//! Which points a detector must not learn from: those that were found anomalous, until they have lasted so long that
//! they are the new level.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use crate::series::SeriesKey;

/// Anomalous days that are so close belong to one change.
const BRIDGED_DAYS: i32 = 3;

/// The anomalous points of every series: days with the hours that were found on them, and the finished days.
#[derive(Debug, Clone, Default)]
pub(super) struct Excluded {
    series: HashMap<SeriesKey, BTreeMap<Date, Hours>>,
}

/// What was found of one day.
#[derive(Debug, Clone, Default)]
struct Hours {
    /// The day as a whole.
    day: bool,
    hours: BTreeSet<u8>,
}

impl Excluded {
    pub(super) fn add(&mut self, key: &SeriesKey, date: Date, hour: Option<u8>) {
        let found = self.series.entry(key.clone()).or_default().entry(date).or_default();
        match hour {
            Some(hour) => drop(found.hours.insert(hour)),
            None => found.day = true,
        }
    }

    /// Forgets a day, which is judged again.
    pub(super) fn forget_day(&mut self, date: Date) {
        for days in self.series.values_mut() {
            if let Some(found) = days.get_mut(&date) {
                found.day = false;
            }
        }
    }

    /// What a series must not be learned from. A change that has lasted `accept_after` days is the new level, and is
    /// learned from.
    pub(super) fn of(&self, key: &SeriesKey, accept_after: u16) -> Points<'_> {
        let found = self.series.get(key);
        let days = found.into_iter().flatten().filter(|(_, found)| found.day).map(|(date, _)| *date).collect();
        Points { found, days: short_runs(&days, accept_after) }
    }
}

/// The anomalous points of one series.
#[derive(Debug, Clone)]
pub(super) struct Points<'a> {
    found: Option<&'a BTreeMap<Date, Hours>>,
    days: BTreeSet<Date>,
}

impl Points<'_> {
    /// Whether there are none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_none()
    }

    pub(super) fn has_day(&self, date: Date) -> bool {
        self.days.contains(&date)
    }

    pub(super) fn has_hour(&self, date: Date, hour: u8) -> bool {
        self.found.and_then(|days| days.get(&date)).is_some_and(|found| found.hours.contains(&hour))
    }
}

/// The days of runs that last less than `accept_after` days from their first to their last. A run bridges a few days
/// between: a lasting change that is missed on a weekend is one change.
pub(crate) fn short_runs(days: &BTreeSet<Date>, accept_after: u16) -> BTreeSet<Date> {
    let apart = |one: Date, other: Date| (other - one).get_days();
    let mut runs: Vec<Vec<Date>> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| apart(*last, *day) <= BRIDGED_DAYS) => run.push(*day),
            _ => runs.push(vec![*day]),
        }
    }
    let lasts = |run: &Vec<Date>| apart(run[0], run[run.len() - 1]) + 1;
    runs.into_iter().filter(|run| lasts(run) < i32::from(accept_after)).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_deviation_that_lasts_is_learned_from() {
        let key = SeriesKey::new("d", "p", "s");
        let mut excluded = Excluded::default();
        for day in [1, 2, 10, 11, 13, 20] {
            excluded.add(&key, date(2026, 11, day), None);
        }
        excluded.add(&key, date(2026, 11, 25), Some(9));
        let points = excluded.of(&key, 4);
        let days: Vec<i8> = (1..=25).filter(|day| points.has_day(date(2026, 11, *day))).collect();
        assert_eq!(days, [1, 2, 20]);
        assert!(points.has_hour(date(2026, 11, 25), 9));
        assert!(!points.has_hour(date(2026, 11, 25), 10));
        excluded.forget_day(date(2026, 11, 20));
        assert!(!excluded.of(&key, 4).has_day(date(2026, 11, 20)));
        assert!(excluded.of(&SeriesKey::new("d", "p", "other"), 4).is_empty());
    }
}
