//! The update of known incidents with the anomalies of one run: incidents continue, end or begin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{Incident, Moment, News, Resolution, State};
use crate::anomaly::{Anomaly, Direction};
use crate::series::SeriesKey;

/// First hour of an unfinished day with enough evidence to end an incident of an earlier day.
const QUIET_HOURS: u8 = 6;

/// Maximum number of days between an early anomaly and the opening of the same incident.
const EARLIER_DAYS: i32 = 3;

/// Maximum number of days between anomalous days of one change.
pub const BRIDGED_DAYS: i32 = 3;

/// The results of one run at one evaluation time.
#[derive(Debug)]
pub struct Judged<'a> {
    pub moment: Moment,
    pub anomalies: &'a [Anomaly],
    /// Rules with a normal verdict, by series. An inconclusive part of a day is not included.
    pub quiet: &'a HashMap<SeriesKey, BTreeSet<String>>,
    /// The rules of this evaluation.
    pub asked: &'a BTreeSet<String>,
    /// Rules of `asked` with any verdict.
    pub ran: &'a BTreeSet<String>,
    /// Rules without a verdict on a submitted series, by series.
    pub failed: &'a HashMap<SeriesKey, BTreeSet<String>>,
    /// All configured rules, so that an incident of a removed rule can end.
    pub rules: &'a BTreeSet<String>,
    pub news: News,
    /// Number of days after which a lasting change is the new level.
    pub accept_after_days: u16,
    /// Growth factor. An impact up to `factor` times the accepted impact is not new.
    pub factor: f64,
}

/// Updates all open incidents and all incidents of the evaluation time. Returns changed and new incidents, and the
/// incident of each series and direction.
pub fn advance(known: Vec<Incident>, judged: &Judged<'_>) -> Advanced {
    let mut by_series: BTreeMap<(SeriesKey, Direction), Vec<&Anomaly>> = BTreeMap::new();
    for anomaly in judged.anomalies {
        by_series.entry((anomaly.series.clone(), anomaly.direction)).or_default().push(anomaly);
    }
    let mut changed = Vec::new();
    let mut ids = BTreeMap::new();
    for mut incident in known {
        let key = (incident.series.clone(), incident.direction);
        let before = incident.clone();
        // An incident with an end at the same time can reopen.
        let reopens = incident.closed_at == Some(judged.moment) && incident.state == State::Closed(Resolution::Over);
        let found = by_series.get(&key).filter(|anomalies| reopens || incident.covers(anomalies, judged)).cloned();
        incident.advance(found.as_deref(), judged);
        if found.is_some() {
            by_series.remove(&key);
            ids.insert(key, incident.id.clone());
        }
        if found.is_some() || incident != before {
            changed.push(incident);
        }
    }
    for (key, anomalies) in by_series {
        let mut incident = Incident::opened(anomalies[0], judged.moment, judged.news);
        incident.advance(Some(&anomalies), judged);
        ids.insert(key, incident.id.clone());
        changed.push(incident);
    }
    Advanced { changed, ids }
}

/// The result of [`advance`].
#[derive(Debug)]
pub struct Advanced {
    pub changed: Vec<Incident>,
    /// The incident id of each series and direction with an anomaly.
    pub ids: BTreeMap<(SeriesKey, Direction), String>,
}

impl Incident {
    fn opened(anomaly: &Anomaly, moment: Moment, news: News) -> Self {
        Self {
            id: id(&anomaly.series, anomaly.direction, moment),
            series: anomaly.series.clone(),
            names: anomaly.names.clone(),
            direction: anomaly.direction,
            severity: anomaly.severity,
            state: State::Open,
            opened_at: moment,
            first_seen: moment,
            last_seen: moment,
            closed_at: None,
            accepted_impact: None,
            decision: None,
            rules: BTreeSet::new(),
            peak_score: 0.0,
            by_day: BTreeMap::new(),
            observed: anomaly.observed,
            expected: anomaly.expected,
            reason: anomaly.reason.clone(),
            muted: news == News::Past,
            deliveries: BTreeMap::new(),
        }
    }

    /// Returns whether the anomalies of the evaluation time belong to the incident. A few days before the opening are
    /// included, because a restatement causes a new evaluation.
    fn covers(&self, anomalies: &[&Anomaly], judged: &Judged<'_>) -> bool {
        let moment = judged.moment;
        let early = (self.opened_at.date - moment.date).get_days();
        let began = early <= EARLIER_DAYS;
        match self.state {
            State::Open => began,
            State::Closed(Resolution::Over) => began && self.closed_at.is_none_or(|closed| moment < closed),
            State::Closed(Resolution::NewLevel | Resolution::Expected) => {
                let since = (moment.date - self.last_seen.date).get_days();
                let impact = anomalies.iter().map(|anomaly| anomaly.impact).fold(0.0, f64::max);
                let known = self.accepted_impact.is_some_and(|accepted| impact <= accepted * judged.factor);
                // Later days belong to an accepted incident only if they are close and not much larger.
                began && (since <= 0 || (since <= BRIDGED_DAYS && known))
            }
            // The same opening gives the same id and revives the retracted incident.
            State::Retracted => id(&self.series, self.direction, moment) == self.id,
        }
    }

    /// Adds the anomalies of all rules for the series at one time. `anomalies` is not empty.
    fn see(&mut self, anomalies: &[&Anomaly], judged: &Judged<'_>) {
        let moment = judged.moment;
        let mut impact = 0.0_f64;
        for anomaly in anomalies {
            self.severity = self.severity.max(anomaly.severity);
            self.peak_score = self.peak_score.max(anomaly.score);
            impact = impact.max(anomaly.impact);
        }
        let all_judged = self.is_refuted(judged);
        self.rules.extend(anomalies.iter().map(|anomaly| anomaly.rule.clone()));
        let seen = self.by_day.entry(moment.date).or_default();
        match moment.hour {
            // Without a verdict of every rule, an earlier anomaly may still be valid.
            None if all_judged => seen.whole = Some(impact),
            None => seen.whole = Some(impact.max(seen.whole.unwrap_or(0.0))),
            Some(hour) => {
                let (newest, largest) = seen.part.unwrap_or((hour, 0.0));
                seen.part = Some((newest.max(hour), largest.max(impact)));
            }
        }
        if self.state == State::Retracted {
            // Receivers of the retraction get a new opening notification.
            self.deliveries.retain(|_, delivery| !delivery.closed);
            (self.state, self.closed_at) = (State::Open, None);
            (self.first_seen, self.last_seen) = (moment, moment);
        }
        self.first_seen = self.first_seen.min(moment);
        // An earlier time has no news.
        let worst = anomalies
            .iter()
            .max_by(|one, other| one.impact.total_cmp(&other.impact).then_with(|| other.rule.cmp(&one.rule)));
        if let Some(worst) = worst
            && moment >= self.last_seen
        {
            self.last_seen = moment;
            self.names = worst.names.clone();
            (self.observed, self.expected) = (worst.observed, worst.expected);
            self.reason.clone_from(&worst.reason);
        }
    }

    /// Returns whether all requested rules of the incident, at least one, have a verdict.
    fn is_refuted(&self, judged: &Judged<'_>) -> bool {
        let nobody = BTreeSet::new();
        let failed = judged.failed.get(&self.series).unwrap_or(&nobody);
        let mut asked = self.rules.intersection(judged.asked).peekable();
        asked.peek().is_some() && asked.all(|rule| judged.ran.contains(rule) && !failed.contains(rule))
    }

    /// Removes the impact of a finished day without a remaining anomaly. Returns whether the incident changed.
    fn take_back(&mut self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour: None } = judged.moment else { return false };
        let Some(seen) = self.by_day.get_mut(&date).filter(|seen| seen.whole.is_some()) else { return false };
        seen.whole = None;
        if seen.part.is_none() {
            self.by_day.remove(&date);
        }
        let (first, last) = (self.by_day.first_key_value(), self.by_day.last_key_value());
        if let (Some((first, earliest)), Some((last, newest))) = (first, last) {
            if *first != self.first_seen.date {
                self.first_seen = earliest.moment(*first);
            }
            self.last_seen = self.last_seen.min(newest.moment(*last));
        } else if self.decision.is_none() {
            (self.state, self.closed_at) = (State::Retracted, Some(judged.moment));
            // Receivers of the earlier end still get the retraction.
            self.deliveries.values_mut().for_each(|delivery| delivery.closed = false);
        }
        true
    }

    fn is_over(&self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour } = judged.moment;
        let late_enough = date > self.last_seen.date && hour.is_none_or(|hour| hour >= QUIET_HOURS);
        // If all rules of the incident were removed, a normal verdict of any rule ends the incident.
        let orphaned = self.rules.is_disjoint(judged.rules);
        let quiet = judged.quiet.get(&self.series).is_some_and(|rules| orphaned || !self.rules.is_disjoint(rules));
        self.state == State::Open && late_enough && quiet
    }

    /// Returns whether the finished day makes the change long enough for a new level.
    fn is_accepted(&self, judged: &Judged<'_>) -> bool {
        let Moment { date, hour: None } = judged.moment else { return false };
        let days = self.by_day.iter().filter(|(_, seen)| seen.whole.is_some()).map(|(day, _)| *day).collect();
        let newest = self.by_day.last_key_value().is_some_and(|(last, _)| *last == date);
        let lasts = !short_runs(&days, judged.accept_after_days).contains(&date);
        self.state == State::Open && newest && days.contains(&date) && lasts
    }

    fn close(&mut self, closing: Resolution, moment: Moment) {
        (self.state, self.closed_at) = (State::Closed(closing), Some(moment));
        if closing == Resolution::NewLevel {
            self.accepted_impact = self.by_day.values().map(|seen| seen.impact()).reduce(f64::max);
        }
    }

    /// Updates the incident with the anomalies of the same series and direction.
    fn advance(&mut self, anomalies: Option<&[&Anomaly]>, judged: &Judged<'_>) {
        // An end at the same time is evaluated again.
        let before = self.state;
        let ended = matches!(before, State::Closed(Resolution::Over | Resolution::NewLevel))
            && self.decision.is_none()
            && judged.moment.hour.is_none()
            && self.closed_at == Some(judged.moment);
        if ended {
            (self.state, self.closed_at, self.accepted_impact) = (State::Open, None, None);
        }
        if let Some(anomalies) = anomalies {
            self.see(anomalies, judged);
        } else if self.is_refuted(judged) {
            self.take_back(judged);
        }
        if self.is_accepted(judged) {
            self.close(Resolution::NewLevel, judged.moment);
        } else if anomalies.is_none() && self.is_over(judged) {
            self.close(Resolution::Over, judged.moment);
        }
        if anomalies.is_some() && self.state == State::Open && judged.news == News::Live {
            // A continued incident from loaded history is news.
            self.muted = false;
        }
        if ended && self.state != before {
            // Receivers of the earlier end are notified of the next end again.
            self.deliveries.values_mut().for_each(|delivery| delivery.closed = false);
        }
    }
}

/// Returns the days of runs shorter than `accept_after` days from the first to the last day. A run bridges short gaps,
/// because a lasting change without an anomaly on a weekend is one change.
pub fn short_runs(days: &BTreeSet<Date>, accept_after: u16) -> BTreeSet<Date> {
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

fn id(series: &SeriesKey, direction: Direction, opened: Moment) -> String {
    let hour = opened.hour.map_or_else(|| "day".to_owned(), |hour| hour.to_string());
    let text = format!("{series} {} {} {hour}", direction.as_str(), opened.date);
    format!("{}-{}", opened.date.strftime("%Y%m%d"), hex::encode(&Sha256::digest(text)[..6]))
}
