//! Which points a detector must not learn from: those that were found anomalous, until they have lasted so long that
//! they are the new level.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::series::SeriesKey;

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

    /// The days of a series that must not be learned from as a whole. Days in a row that are at least `accept_after`
    /// are the new level, and are learned from.
    pub(super) fn days(&self, key: &SeriesKey, accept_after: u16) -> BTreeSet<Date> {
        let Some(found) = self.series.get(key) else { return BTreeSet::new() };
        let days: BTreeSet<Date> = found.iter().filter(|(_, found)| found.day).map(|(date, _)| *date).collect();
        short_runs(&days, accept_after)
    }

    /// Whether an hour of a series was found anomalous.
    pub(super) fn has_hour(&self, key: &SeriesKey, date: Date, hour: u8) -> bool {
        self.series.get(key).and_then(|days| days.get(&date)).is_some_and(|found| found.hours.contains(&hour))
    }
}

fn short_runs(days: &BTreeSet<Date>, accept_after: u16) -> BTreeSet<Date> {
    let mut kept = BTreeSet::new();
    let mut run: Vec<Date> = Vec::new();
    for day in days {
        if run.last().is_some_and(|last| last.checked_add(1.day()).ok() != Some(*day)) {
            keep_short(&mut run, &mut kept, accept_after);
        }
        run.push(*day);
    }
    keep_short(&mut run, &mut kept, accept_after);
    kept
}

fn keep_short(run: &mut Vec<Date>, kept: &mut BTreeSet<Date>, accept_after: u16) {
    if run.len() < usize::from(accept_after) {
        kept.extend(run.iter());
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_deviation_that_lasts_is_learned_from() {
        let key = SeriesKey::new("d", "p", "s");
        let mut excluded = Excluded::default();
        for day in [1, 2, 10, 11, 12, 13, 20] {
            excluded.add(&key, date(2026, 11, day), None);
        }
        excluded.add(&key, date(2026, 11, 25), Some(9));
        let days: Vec<i8> = excluded.days(&key, 4).into_iter().map(Date::day).collect();
        assert_eq!(days, [1, 2, 20]);
        assert!(excluded.has_hour(&key, date(2026, 11, 25), 9));
        assert!(!excluded.has_hour(&key, date(2026, 11, 25), 10));
        excluded.forget_day(date(2026, 11, 20));
        assert_eq!(excluded.days(&key, 4).len(), 2);
    }
}
