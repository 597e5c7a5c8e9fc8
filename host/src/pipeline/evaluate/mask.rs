//! Training mask: points that a fit must ignore. Anomalous points are masked until the change has lasted long enough
//! for a new level.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::history::History;
use model::incident::{Incident, IncidentState, MAX_GAP_DAYS, Resolution, days_in_short_streaks};
use model::moment::Moment;
use model::series::SeriesKey;

use super::history_reader::RangeData;

/// The anomalous days and hours of every series.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrainingMask {
    anomalies: HashMap<SeriesKey, BTreeMap<Date, AnomalousHours>>,
    /// Decisions of operators about incidents, and new levels of recurring charges, by series.
    decisions: HashMap<SeriesKey, Vec<Decision>>,
    /// Whether the marks of stored days mean nothing: other rules have set the marks.
    ignores_marks: bool,
}

/// The training mask of a series.
#[derive(Debug, Clone)]
pub(super) struct SeriesMask<'a> {
    anomalies: Option<&'a BTreeMap<Date, AnomalousHours>>,
    days: BTreeSet<Date>,
    decisions: &'a [Decision],
}

/// The days of an incident with a decision of an operator.
#[derive(Debug, Clone, Copy)]
struct Decision {
    from: Date,
    to: Date,
    /// Whether a fit uses the days.
    is_usual: bool,
}

/// The anomalies of a day.
#[derive(Debug, Clone, Default)]
struct AnomalousHours {
    /// Whether the finished day was anomalous.
    is_day_anomalous: bool,
    hours: BTreeSet<u8>,
}

impl TrainingMask {
    /// The mask of rules that have not set the marks of the stored days.
    pub(crate) fn of_other_rules() -> Self {
        Self { ignores_marks: true, ..Self::default() }
    }

    /// Adds an anomaly.
    pub(crate) fn add(&mut self, key: &SeriesKey, moment: Moment) {
        let day = self.anomalies.entry(key.clone()).or_default().entry(moment.date).or_default();
        match moment.hour {
            Some(hour) => drop(day.hours.insert(hour)),
            None => day.is_day_anomalous = true,
        }
    }

    /// Adds the decisions of people: a new level and a false alarm are trained on from the start, an expected deviation
    /// never.
    pub(super) fn add_decisions(&mut self, incidents: &[Incident]) {
        for incident in incidents {
            let is_usual = match incident.state {
                IncidentState::Closed(Resolution::NewLevel | Resolution::Dismissed) => true,
                IncidentState::Closed(Resolution::Expected) => false,
                _ => continue,
            };
            // Gaps of up to `MAX_GAP_DAYS` belong to the same change.
            let to = incident.last_seen.date.saturating_add(MAX_GAP_DAYS.days());
            let decision = Decision { from: incident.first_seen.date, to, is_usual };
            self.decisions.entry(incident.series.clone()).or_default().push(decision);
        }
    }

    /// Adds the new levels of recurring charges. The charges are not consecutive days, so the marks alone do not show
    /// that the change has lasted.
    pub(super) fn add_new_levels(&mut self, incidents: &[Incident]) {
        let is_new_level = |incident: &&Incident| {
            incident.state == IncidentState::Closed(Resolution::NewLevel) && incident.recurrence_days().is_some()
        };
        for incident in incidents.iter().filter(is_new_level) {
            self.add_decisions(std::slice::from_ref(incident));
        }
    }

    /// Clears the mark of a day before a new evaluation.
    pub(super) fn clear_day(&mut self, date: Date) {
        for days in self.anomalies.values_mut() {
            if let Some(day) = days.get_mut(&date) {
                day.is_day_anomalous = false;
            }
        }
    }

    /// A copy for the series of a key range, with the days before `before` marked in the history.
    pub(super) fn for_range(&self, range: &RangeData, before: Date) -> Self {
        let RangeData { history, snapshots } = range;
        let mut mask = Self { ignores_marks: self.ignores_marks, ..Self::default() };
        for key in history.rows.keys().chain(snapshots.rows.keys()) {
            if let Some(anomalies) = self.anomalies.get(key) {
                mask.anomalies.insert(key.clone(), anomalies.clone());
            }
            if let Some(decisions) = self.decisions.get(key) {
                mask.decisions.insert(key.clone(), decisions.clone());
            }
        }
        mask.add_marks(history, before);
        mask
    }

    /// Adds the days before `before` marked in a history.
    pub(crate) fn add_marks(&mut self, history: &History, before: Date) {
        if self.ignores_marks {
            return;
        }
        let days = &history.days[..history.days.partition_point(|day| *day < before)];
        for (key, row) in &history.rows {
            for (day, _) in days.iter().zip(&row.marks).filter(|(_, marks)| marks.is_anomalous) {
                self.add(key, Moment::finished_day(*day));
            }
        }
    }

    /// The training mask of a series. A change of at least `accept_after_days` days is the new level and is not masked,
    /// unless an operator decided differently.
    pub(super) fn of_series(&self, key: &SeriesKey, accept_after_days: u16) -> SeriesMask<'_> {
        let anomalies = self.anomalies.get(key);
        let anomalous_days = anomalies.into_iter().flatten().filter(|(_, day)| day.is_day_anomalous);
        let all: BTreeSet<Date> = anomalous_days.map(|(date, _)| *date).collect();
        // A change that lasts is the new level; only short changes are masked.
        let mut days = days_in_short_streaks(&all, accept_after_days);
        let decisions = self.decisions.get(key).map_or(&[][..], Vec::as_slice);
        for Decision { from, to, is_usual } in decisions {
            match is_usual {
                true => days.retain(|day| !(from..=to).contains(&day)),
                false => days.extend(all.range(from..=to)),
            }
        }
        SeriesMask { anomalies, days, decisions }
    }
}

impl SeriesMask<'_> {
    /// Whether the series has no anomaly.
    pub(super) fn is_empty(&self) -> bool {
        self.anomalies.is_none()
    }

    /// Whether a fit must ignore a day, or an hour of a day.
    pub(super) fn contains(&self, moment: Moment) -> bool {
        self.days.contains(&moment.date) || moment.hour.is_some_and(|hour| self.contains_hour(moment.date, hour))
    }

    fn contains_hour(&self, date: Date, hour: u8) -> bool {
        let is_usual = |decision: &Decision| decision.is_usual && (decision.from..=decision.to).contains(&date);
        let day = self.anomalies.and_then(|days| days.get(&date));
        !self.decisions.iter().any(is_usual) && day.is_some_and(|day| day.hours.contains(&hour))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::anomaly::{Direction, Severity};
    use model::incident::{DayImpact, FinishedDayImpact};
    use model::series::Names;

    use super::*;

    #[test]
    fn only_short_changes_are_masked() {
        let key = SeriesKey::new("d", "p", "s");
        let day = |day: i8| Moment::finished_day(date(2026, 11, day));
        let hour = |hour: u8| Moment { date: date(2026, 11, 25), hour: Some(hour) };
        let mut mask = TrainingMask::default();
        for anomalous in [1, 2, 10, 11, 13, 20] {
            mask.add(&key, day(anomalous));
        }
        mask.add(&key, hour(9));
        let series = mask.of_series(&key, 4);
        let days: Vec<i8> = (1..=25).filter(|number| series.contains(day(*number))).collect();
        assert_eq!(days, [1, 2, 20]);
        assert!(series.contains(hour(9)));
        assert!(!series.contains(hour(10)));
        mask.clear_day(date(2026, 11, 20));
        assert!(!mask.of_series(&key, 4).contains(day(20)));
        assert!(mask.of_series(&SeriesKey::new("d", "p", "other"), 4).is_empty());
    }

    #[test]
    fn the_new_level_of_a_recurring_charge_is_trained_on() {
        let key = SeriesKey::new("d", "p", "s");
        let on = |impact, expected| DayImpact {
            finished_day: Some(FinishedDayImpact { impact, observed: expected + impact, expected }),
            partial_day: None,
        };
        let at = |day| Moment::finished_day(date(2026, 11, day));
        let incident = Incident {
            id: "weekly".to_owned(),
            series: key.clone(),
            names: Names::default(),
            direction: Direction::Up,
            severity: Severity::Warning,
            state: IncidentState::Closed(Resolution::NewLevel),
            opened_at: at(4),
            first_seen: at(4),
            last_seen: at(11),
            closed_at: Some(at(11)),
            accepted_impact: Some(9.0),
            history: Vec::new(),
            rules: BTreeSet::new(),
            bands: BTreeMap::new(),
            peak_score: 2.0,
            by_day: [(4, on(9.0, 9.0)), (5, on(0.0, 0.0)), (11, on(9.0, 9.0))]
                .map(|(day, impact)| (date(2026, 11, day), impact))
                .into(),
            observed: 18.0,
            expected: 9.0,
            reason: String::new(),
            resolved_by: None,
            muted: false,
            is_explained: false,
            suppressed_by: None,
            deliveries: BTreeMap::new(),
            failures: BTreeMap::new(),
        };
        let mut mask = TrainingMask::default();
        [4, 11].into_iter().for_each(|day| mask.add(&key, at(day)));
        assert!(mask.of_series(&key, 7).contains(at(4)), "the days are no streak");
        let returned = Incident { state: IncidentState::Closed(Resolution::Returned), ..incident.clone() };
        mask.add_new_levels(&[returned]);
        assert!(mask.of_series(&key, 7).contains(at(4)));
        mask.add_new_levels(&[incident]);
        let series = mask.of_series(&key, 7);
        assert!(!series.contains(at(4)) && !series.contains(at(11)));
    }
}
