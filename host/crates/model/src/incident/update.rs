//! The update of known incidents with the anomalies of one run: incidents continue, end or begin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::{
    FinishedDayImpact, Incident, IncidentState, MAX_GAP_DAYS, Moment, NormalDay, OpeningBand, PartialDayImpact,
    Recency, Resolution,
};
use crate::anomaly::{Anomaly, Direction};
use crate::series::SeriesKey;

/// First hour of an unfinished day with enough evidence to end an incident of an earlier day. Only without a rule over
/// finished days.
const FIRST_CONCLUSIVE_HOUR: u8 = 6;

/// Maximum number of days between an early anomaly and the opening of the same incident.
const EARLIER_DAYS: i32 = 3;

/// The results of one run at one evaluation time.
#[derive(Debug)]
pub struct EvaluationResults<'a> {
    pub moment: Moment,
    pub anomalies: &'a [Anomaly],
    /// Normal verdicts by series. An inconclusive part of a day is not included.
    pub normal: &'a HashMap<SeriesKey, NormalVerdicts>,
    /// The fits of this evaluation, by series and rule, for new incidents and for incidents of the day.
    pub bands: &'a HashMap<SeriesKey, BTreeMap<String, OpeningBand>>,
    /// Ids of the incidents without a usable opening band.
    pub unverifiable: &'a BTreeSet<String>,
    /// The rules over finished days.
    pub evaluated_rules: &'a BTreeSet<String>,
    /// Rules of `evaluated_rules` with any verdict.
    pub rules_with_verdict: &'a BTreeSet<String>,
    /// Rules without a verdict on a submitted series, by series.
    pub failed_rules: &'a HashMap<SeriesKey, BTreeSet<String>>,
    /// All configured rules, so that an incident of a removed rule can end.
    pub configured_rules: &'a BTreeSet<String>,
    pub recency: Recency,
    /// Number of days after which a lasting change is the new level.
    pub accept_after_days: u16,
    /// An impact up to `growth_factor` times the accepted impact is not new.
    pub growth_factor: f64,
}

/// The normal verdicts about a series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NormalVerdicts {
    pub rules: BTreeSet<String>,
    /// Observed value of the newest verdict.
    pub observed: f64,
    /// Expected value of the newest verdict; `None` if the detector gave none.
    pub expected: Option<f64>,
}

impl NormalVerdicts {
    /// The newest verdict as a day of an incident. The day lies inside the band, so it has no excess.
    fn day(&self) -> FinishedDayImpact {
        FinishedDayImpact { impact: 0.0, observed: self.observed, expected: self.expected.unwrap_or(f64::NAN) }
    }
}

/// The result of [`update`].
#[derive(Debug)]
pub struct UpdatedIncidents {
    pub changed: Vec<Incident>,
    /// The incident id of each series and direction with an anomaly.
    pub ids: BTreeMap<(SeriesKey, Direction), String>,
}

/// Updates all open incidents and all incidents of the evaluation time. Returns changed and new incidents, and the
/// incident of each series and direction.
pub fn update(known: Vec<Incident>, results: &EvaluationResults<'_>) -> UpdatedIncidents {
    let mut by_series: BTreeMap<(SeriesKey, Direction), Vec<&Anomaly>> = BTreeMap::new();
    for anomaly in results.anomalies {
        by_series.entry((anomaly.series.clone(), anomaly.direction)).or_default().push(anomaly);
    }
    let mut changed = Vec::new();
    let mut ids = BTreeMap::new();
    for mut incident in known {
        let key = (incident.series.clone(), incident.direction);
        let before = incident.clone();
        // An incident with an end at the same time can reopen.
        let reopens =
            incident.closed_at == Some(results.moment) && incident.state == IncidentState::Closed(Resolution::Returned);
        let anomalies = by_series.get(&key).filter(|anomalies| reopens || incident.covers(anomalies, results)).cloned();
        incident.apply(anomalies.as_deref(), results);
        if anomalies.is_some() {
            by_series.remove(&key);
            ids.insert(key, incident.id.clone());
        }
        if anomalies.is_some() || incident != before {
            changed.push(incident);
        }
    }
    for (key, anomalies) in by_series {
        let mut incident = Incident::opened(anomalies[0], results.moment, results.recency);
        incident.apply(Some(&anomalies), results);
        ids.insert(key, incident.id.clone());
        changed.push(incident);
    }
    UpdatedIncidents { changed, ids }
}

impl Incident {
    fn opened(anomaly: &Anomaly, moment: Moment, recency: Recency) -> Self {
        Self {
            id: id(&anomaly.series, anomaly.direction, moment),
            series: anomaly.series.clone(),
            names: anomaly.names.clone(),
            direction: anomaly.direction,
            severity: anomaly.severity,
            state: IncidentState::Open,
            opened_at: moment,
            first_seen: moment,
            last_seen: moment,
            closed_at: None,
            accepted_impact: None,
            history: Vec::new(),
            rules: BTreeSet::new(),
            bands: BTreeMap::new(),
            peak_score: 0.0,
            by_day: BTreeMap::new(),
            observed: anomaly.observed,
            expected: anomaly.expected,
            reason: anomaly.reason.clone(),
            resolved_by: None,
            muted: recency == Recency::Past,
            is_explained: false,
            suppressed_by: None,
            deliveries: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Returns whether the anomalies of the evaluation time belong to the incident. A few days before the opening are
    /// included, because a restatement causes a new evaluation.
    fn covers(&self, anomalies: &[&Anomaly], results: &EvaluationResults<'_>) -> bool {
        let moment = results.moment;
        let days_before_opening = (self.opened_at.date - moment.date).get_days();
        let has_begun = days_before_opening <= EARLIER_DAYS;
        match self.state {
            IncidentState::Open => has_begun,
            // Shortly after the end, the incident continues. A much larger change is a new incident, of which people are
            // notified.
            IncidentState::Closed(Resolution::Returned) => {
                let days_after = self.closed_at.map_or(0, |closed| (moment.date - closed.date).get_days());
                let known = self.largest_daily_impact().unwrap_or(0.0) * results.growth_factor;
                has_begun && (days_after <= 0 || (days_after <= MAX_GAP_DAYS && largest_impact(anomalies) <= known))
            }
            IncidentState::Closed(Resolution::NotVerifiable) => {
                has_begun && self.closed_at.is_none_or(|closed| moment < closed)
            }
            IncidentState::Closed(Resolution::NewLevel | Resolution::Expected | Resolution::Dismissed) => {
                let gap_days = (moment.date - self.last_seen.date).get_days();
                let change = largest_impact(anomalies).max(self.largest_change(anomalies));
                let is_accepted =
                    self.accepted_impact.is_some_and(|accepted| change <= accepted * results.growth_factor);
                let max_gap_days = self.recurrence_days().map_or(MAX_GAP_DAYS, |days| days.max(MAX_GAP_DAYS));
                // Later days belong to an accepted incident only if they are close and not much larger.
                has_begun && (gap_days <= 0 || (gap_days <= max_gap_days && is_accepted))
            }
            // The same opening gives the same id and revives the retracted incident.
            IncidentState::Retracted => id(&self.series, self.direction, moment) == self.id,
        }
    }

    /// Returns the largest deviation of finished days from the cost before the incident: a later change is compared with the
    /// accepted level.
    fn largest_change(&self, anomalies: &[&Anomaly]) -> f64 {
        let before = self.levels().before;
        let finished = anomalies.iter().filter(|anomaly| anomaly.hour.is_none());
        finished.map(|anomaly| self.direction.deviation(anomaly.observed, before)).fold(0.0, f64::max)
    }

    /// Adds the anomalies of all rules for the series at one time. `anomalies` is not empty.
    fn add_anomalies(&mut self, anomalies: &[&Anomaly], results: &EvaluationResults<'_>) {
        let moment = results.moment;
        for anomaly in anomalies {
            self.severity = self.severity.max(anomaly.severity);
            self.peak_score = self.peak_score.max(anomaly.score);
        }
        // The rule with the largest impact describes the day; the first rule id among equals.
        let worst = anomalies
            .iter()
            .max_by(|one, other| one.impact.total_cmp(&other.impact).then_with(|| other.rule.cmp(&one.rule)))
            .expect("the list is not empty");
        let impact = worst.impact;
        let is_fully_evaluated = self.is_fully_evaluated(results);
        self.rules.extend(anomalies.iter().map(|anomaly| anomaly.rule.clone()));
        let day = self.by_day.entry(moment.date).or_default();
        match moment.hour {
            // Without a verdict of every rule, an earlier anomaly may still be valid.
            None => {
                let today = FinishedDayImpact { impact, observed: worst.observed, expected: worst.expected };
                let earlier = day.finished_day.filter(|earlier| !is_fully_evaluated && earlier.impact >= impact);
                day.finished_day = Some(earlier.unwrap_or(today));
            }
            Some(hour) => {
                let PartialDayImpact { hour: newest, impact: largest } =
                    day.partial_day.unwrap_or(PartialDayImpact { hour, impact: 0.0 });
                day.partial_day = Some(PartialDayImpact { hour: newest.max(hour), impact: largest.max(impact) });
            }
        }
        if self.state == IncidentState::Retracted {
            // Receivers of the retraction get a new opening notification.
            self.deliveries.retain(|_, delivery| !delivery.retraction_notified);
            self.reopen();
            self.first_seen = moment;
            self.last_seen = moment;
        }
        self.first_seen = self.first_seen.min(moment);
        // The newest anomaly describes the incident.
        if moment >= self.last_seen {
            self.last_seen = moment;
            self.names = worst.names.clone();
            self.observed = worst.observed;
            self.expected = worst.expected;
            self.reason.clone_from(&worst.reason);
        }
    }

    /// Returns whether every evaluated rule of the incident has a verdict. At least one rule must be evaluated.
    fn is_fully_evaluated(&self, results: &EvaluationResults<'_>) -> bool {
        let has_failed = |rule| results.failed_rules.get(&self.series).is_some_and(|failed| failed.contains(rule));
        let mut evaluated = self.rules.intersection(results.evaluated_rules).peekable();
        evaluated.peek().is_some()
            && evaluated.all(|rule| results.rules_with_verdict.contains(rule) && !has_failed(rule))
    }

    /// Removes the impact of a finished day without a remaining anomaly. A day without an impact belongs to the incident until
    /// an open incident evaluates the day again.
    fn remove_finished_day(&mut self, moment: Moment) {
        let Moment { date, hour: None } = moment else { return };
        let is_open = self.state == IncidentState::Open;
        let has_changed = |day: FinishedDayImpact| is_open || day.impact > 0.0;
        let Some(day) = self.by_day.get_mut(&date).filter(|day| day.finished_day.is_some_and(has_changed)) else {
            return;
        };
        day.finished_day = None;
        if day.partial_day.is_none() {
            self.by_day.remove(&date);
        }
        self.remove_leading_days();
        let newest = self.newest_anomalous_day().map(|(date, day)| day.moment(*date));
        if let Some((first, earliest)) = self.by_day.first_key_value()
            && let Some(newest) = newest
        {
            if *first != self.first_seen.date {
                self.first_seen = earliest.moment(*first);
            }
            self.last_seen = self.last_seen.min(newest);
        } else if !self.is_decided() {
            self.state = IncidentState::Retracted;
            self.closed_at = Some(moment);
        }
    }

    /// Returns whether a rule evaluates the series on a finished day, and no rule can use an opening band any more.
    fn is_not_verifiable(&self, is_anomalous: bool, results: &EvaluationResults<'_>) -> bool {
        let has_verdict = is_anomalous || results.normal.contains_key(&self.series);
        let is_finished_day = results.moment.hour.is_none();
        self.state == IncidentState::Open && is_finished_day && has_verdict && results.unverifiable.contains(&self.id)
    }

    /// Returns the verdicts of a finished day inside the opening band. Without any rule over finished days, a normal
    /// later hour suffices.
    fn returned<'r>(&self, results: &EvaluationResults<'r>) -> Option<&'r NormalVerdicts> {
        let Moment { date, hour } = results.moment;
        let is_conclusive = match hour {
            None => results.moment > self.last_seen,
            Some(hour) => {
                results.evaluated_rules.is_empty() && date > self.last_seen.date && hour >= FIRST_CONCLUSIVE_HOUR
            }
        };
        let normal = results.normal.get(&self.series)?;
        let mut daily_rules = self.rules.intersection(results.evaluated_rules).peekable();
        let is_normal = if daily_rules.peek().is_some() {
            daily_rules.all(|rule| normal.rules.contains(rule))
        } else {
            // The rules of the incident compare hours, or were removed: any rule with a verdict decides.
            hour.is_none() || self.rules.is_disjoint(results.configured_rules) || !self.rules.is_disjoint(&normal.rules)
        };
        (self.state == IncidentState::Open && is_conclusive && is_normal).then_some(normal)
    }

    /// Resolves the incident with a normal day, unless the day is inconclusive.
    fn end_or_wait(&mut self, day: NormalDay, moment: Moment) {
        let expected = day.expected.unwrap_or(f64::NAN);
        if moment.hour.is_none() && self.is_inconclusive(expected) {
            let inconclusive = FinishedDayImpact { impact: 0.0, observed: day.observed, expected };
            self.add_day_without_impact(moment.date, inconclusive);
            return;
        }
        self.close(Resolution::Returned, moment);
        self.resolved_by = Some(day);
    }

    fn close(&mut self, resolution: Resolution, moment: Moment) {
        self.state = IncidentState::Closed(resolution);
        self.closed_at = Some(moment);
        if resolution == Resolution::NewLevel {
            self.accepted_impact = self.largest_daily_impact();
        }
    }

    fn reopen(&mut self) {
        self.state = IncidentState::Open;
        self.closed_at = None;
        self.resolved_by = None;
    }

    /// Adds a finished day beyond the opposite bound, without an impact: the series is not back at its usual cost.
    fn add_opposite_day(&mut self, results: &EvaluationResults<'_>) {
        let Moment { date, hour: None } = results.moment else { return };
        let is_opposite = |anomaly: &&Anomaly| anomaly.series == self.series && anomaly.direction != self.direction;
        let opposite = results.anomalies.iter().find(is_opposite).filter(|_| date > self.first_seen.date);
        let Some(Anomaly { observed, expected, .. }) = opposite else { return };
        self.add_day_without_impact(date, FinishedDayImpact { impact: 0.0, observed: *observed, expected: *expected });
    }

    /// Keeps the fits of the newest evaluation of the first day. A rule that was added later contributes its first fit.
    fn keep_bands(&mut self, results: &EvaluationResults<'_>) {
        let Moment { date, hour: None } = results.moment else { return };
        let first = self.first_seen.date;
        if date < first {
            return;
        }
        for (rule, band) in results.bands.get(&self.series).into_iter().flatten() {
            if date == first || !self.bands.contains_key(rule) {
                self.bands.insert(rule.clone(), band.clone());
            }
        }
    }

    /// Updates the incident with the anomalies of the same series and direction.
    fn apply(&mut self, anomalies: Option<&[&Anomaly]>, results: &EvaluationResults<'_>) {
        // An end at the same time is evaluated again.
        let before = self.state;
        let ended_now = matches!(
            before,
            IncidentState::Closed(Resolution::Returned | Resolution::NewLevel | Resolution::NotVerifiable)
        ) && !self.is_decided()
            && results.moment.hour.is_none()
            && self.closed_at == Some(results.moment);
        if ended_now {
            self.reopen();
            self.accepted_impact = None;
        }
        let continues = before == IncidentState::Closed(Resolution::Returned)
            && self.closed_at.is_some_and(|closed| results.moment > closed);
        if let Some(anomalies) = anomalies {
            if continues {
                self.reopen();
            }
            self.add_anomalies(anomalies, results);
        } else if self.is_fully_evaluated(results) {
            self.remove_finished_day(results.moment);
        }
        if self.state == IncidentState::Open {
            self.keep_bands(results);
            self.add_opposite_day(results);
        }
        let normal = if anomalies.is_none() { self.returned(results) } else { None };
        let kept =
            normal.map(NormalVerdicts::day).filter(|day| results.moment.hour.is_none() && self.keeps_change(day));
        if let Some(day) = kept {
            self.add_day_without_impact(results.moment.date, day);
        }
        if self.is_not_verifiable(anomalies.is_some(), results) {
            self.close(Resolution::NotVerifiable, results.moment);
        } else if self.is_new_level(results) {
            self.close(Resolution::NewLevel, results.moment);
        } else if kept.is_none()
            && let Some(NormalVerdicts { observed, expected, .. }) = normal
        {
            self.end_or_wait(NormalDay { observed: *observed, expected: *expected }, results.moment);
        }
        if anomalies.is_some() && self.state == IncidentState::Open && results.recency == Recency::Live {
            // People are notified of an incident from loaded history that continues now.
            self.muted = false;
        }
    }
}

fn largest_impact(anomalies: &[&Anomaly]) -> f64 {
    anomalies.iter().map(|anomaly| anomaly.impact).fold(0.0, f64::max)
}

fn id(series: &SeriesKey, direction: Direction, opened: Moment) -> String {
    let hour = opened.hour.map_or_else(|| "day".to_owned(), |hour| hour.to_string());
    let text = format!("{series} {} {} {hour}", direction.as_str(), opened.date);
    format!("{}-{}", opened.date.strftime("%Y%m%d"), hex::encode(&Sha256::digest(text)[..6]))
}
