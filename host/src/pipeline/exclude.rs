//! Training mask: points that a fit must ignore. Anomalous points are masked until the change has lasted long enough
//! for a new level.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::past::RangeData;
use model::history::History;
use model::incident::{Incident, IncidentState, MAX_GAP_DAYS, Resolution, days_in_short_streaks};
use model::series::SeriesKey;

/// The anomalous days and hours of every series.
#[derive(Debug, Clone, Default)]
pub(super) struct Excluded {
    series: HashMap<SeriesKey, BTreeMap<Date, Hours>>,
    /// Decisions of operators about incidents, by series.
    decided: HashMap<SeriesKey, Vec<Decided>>,
}

/// The days of an incident with a decision of an operator.
#[derive(Debug, Clone, Copy)]
struct Decided {
    from: Date,
    to: Date,
    learned: bool,
}

/// The anomalies of a day.
#[derive(Debug, Clone, Default)]
struct Hours {
    /// Whether the finished day was anomalous.
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

    /// Adds the decisions of operators: a new level is trained on from the start, an expected deviation never.
    pub(super) fn decide(&mut self, incidents: &[Incident]) {
        for incident in incidents {
            let learned = match incident.state {
                IncidentState::Closed(Resolution::NewLevel) => true,
                IncidentState::Closed(Resolution::Expected) => false,
                _ => continue,
            };
            // Gaps of up to `MAX_GAP_DAYS` belong to the same change.
            let to = incident.last_seen.date.saturating_add(MAX_GAP_DAYS.days());
            let decided = Decided { from: incident.first_seen.date, to, learned };
            self.decided.entry(incident.series.clone()).or_default().push(decided);
        }
    }

    /// Clears the mark of a day before a new evaluation.
    pub(super) fn forget_day(&mut self, date: Date) {
        for days in self.series.values_mut() {
            if let Some(found) = days.get_mut(&date) {
                found.day = false;
            }
        }
    }

    /// A copy for the series of a key range, with the days before `before` marked in the history.
    pub(super) fn with_marks(&self, key_range: &RangeData, before: Date) -> Self {
        let RangeData { history, snapshots } = key_range;
        let mut excluded = Self::default();
        for key in history.rows.keys().chain(snapshots.rows.keys()) {
            if let Some(found) = self.series.get(key) {
                excluded.series.insert(key.clone(), found.clone());
            }
            if let Some(decided) = self.decided.get(key) {
                excluded.decided.insert(key.clone(), decided.clone());
            }
        }
        excluded.add_marks(history, before);
        excluded
    }

    /// Adds the days before `before` marked in a history.
    pub(super) fn add_marks(&mut self, history: &History, before: Date) {
        let days = history.days.partition_point(|day| *day < before);
        for (key, row) in &history.rows {
            for (day, _) in history.days[..days].iter().zip(&row.anomalous).filter(|(_, anomalous)| **anomalous) {
                self.add(key, *day, None);
            }
        }
    }

    /// The training mask of a series. A change of at least `accept_after` days is the new level and is not masked,
    /// unless an operator decided differently.
    pub(super) fn of(&self, key: &SeriesKey, accept_after: u16) -> Points<'_> {
        let found = self.series.get(key);
        let all: BTreeSet<Date> =
            found.into_iter().flatten().filter(|(_, found)| found.day).map(|(date, _)| *date).collect();
        // A change that lasts is the new level; only short changes are masked.
        let mut days = days_in_short_streaks(&all, accept_after);
        let decided = self.decided.get(key).map_or(&[][..], Vec::as_slice);
        for Decided { from, to, learned } in decided {
            match learned {
                true => days.retain(|day| !(from..=to).contains(&day)),
                false => days.extend(all.range(from..=to)),
            }
        }
        Points { found, days, decided }
    }
}

/// The training mask of a series.
#[derive(Debug, Clone)]
pub(super) struct Points<'a> {
    found: Option<&'a BTreeMap<Date, Hours>>,
    days: BTreeSet<Date>,
    decided: &'a [Decided],
}

impl Points<'_> {
    /// Whether the series has no anomaly.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_none()
    }

    pub(super) fn has_day(&self, date: Date) -> bool {
        self.days.contains(&date)
    }

    pub(super) fn has_hour(&self, date: Date, hour: u8) -> bool {
        let learned = self.decided.iter().any(|decided| decided.learned && (decided.from..=decided.to).contains(&date));
        !learned && self.found.and_then(|days| days.get(&date)).is_some_and(|found| found.hours.contains(&hour))
    }
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
