//! Advance of the incidents: stores the anomalies and the incidents of an evaluation.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::civil::Date;
use model::incident::{self, EvaluationResults, Incident, IncidentState, OpeningBand, Recency};
use model::moment::Moment;
use model::rule::RuleMode;
use model::series::{Grain, SeriesKey};
use store::IncidentWrite;
use store::checkpoint::Checkpoint;

use super::day::{OpeningBands, is_usable};
use super::evaluation::Evaluation;
use crate::metrics::Metric;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, Run, RunError, count_open_incidents, create_incident_metrics, incident_labels};

/// The known incidents at an evaluated moment.
pub(super) struct KnownIncidents {
    pub(super) moment: Moment,
    pub(super) recency: Recency,
    /// The incidents of the store.
    pub(super) incidents: Vec<Incident>,
}

impl KnownIncidents {
    /// The series of the incidents. A normal day of a watched series counts for the incident.
    pub(super) fn series(&self) -> HashSet<SeriesKey> {
        self.incidents.iter().map(|incident| incident.series.clone()).collect()
    }

    /// The opening bands of the incidents that began before the day and had not ended before, by series and rule. The
    /// oldest incident of a series decides.
    pub(super) fn bands(&self) -> OpeningBands {
        let Moment { date, .. } = self.moment;
        let mut lasting: Vec<&Incident> = self.incidents.iter().filter(|incident| is_lasting(incident, date)).collect();
        lasting.sort_by_key(|incident| std::cmp::Reverse(incident.first_seen));
        lasting.into_iter().map(|incident| (incident.series.clone(), incident.bands.clone())).collect()
    }

    /// The ids of the incidents with opening bands that no rule can use.
    fn unverifiable(&self, rules: &[PreparedRule]) -> BTreeSet<String> {
        let is_usable = |id: &String, band: &OpeningBand| {
            rules.iter().any(|prepared| prepared.rule.id == *id && is_usable(band, prepared))
        };
        let lost = |incident: &&Incident| {
            is_lasting(incident, self.moment.date) && !incident.bands.iter().any(|(id, band)| is_usable(id, band))
        };
        self.incidents.iter().filter(lost).map(|incident| incident.id.clone()).collect()
    }
}

/// Whether an incident with opening bands lasted on a day, at the first evaluation of the day and at any repetition.
fn is_lasting(incident: &Incident, date: Date) -> bool {
    if incident.bands.is_empty() || incident.is_decided() || incident.first_seen.date >= date {
        return false;
    }
    let has_ended = match incident.state {
        IncidentState::Open => false,
        IncidentState::Closed(_) => incident.closed_at.is_some_and(|closed| closed.date < date),
        IncidentState::Retracted => true,
    };
    let is_first_evaluation = incident.state == IncidentState::Open && incident.last_seen.date < date;
    let day_before = date.yesterday().ok().and_then(|day| incident.by_day.get(&day));
    !has_ended && (is_first_evaluation || day_before.is_some_and(|day| day.finished_day.is_some()))
}

/// The incidents changed by an evaluation.
struct ChangedIncidents {
    moment: Moment,
    /// Ids of the known incidents.
    known: HashSet<String>,
    incidents: Vec<Incident>,
}

impl ChangedIncidents {
    fn opened(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().filter(|incident| !self.known.contains(&incident.id))
    }

    /// The incidents with an end of any kind at the moment.
    fn ended(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().filter(|incident| incident.closed_at == Some(self.moment))
    }
}

impl Run<'_> {
    /// Advances the incidents with the anomalies of a moment and stores both. Returns every unsettled incident.
    pub(super) async fn advance_incidents(
        &mut self,
        known: KnownIncidents,
        evaluation: &mut Evaluation,
    ) -> Result<Vec<Incident>, RunError> {
        let unverifiable = known.unverifiable(&self.services.rules.rules);
        let KnownIncidents { moment, recency, incidents: known } = known;
        let mut current: HashMap<String, Incident> =
            known.iter().map(|incident| (incident.id.clone(), incident.clone())).collect();
        // An incident of a rule that is a shadow rule now ends like an incident of a removed rule.
        let rules = || self.services.rules.rules.iter().filter(|prepared| prepared.rule.mode == RuleMode::Live);
        let all_rules: BTreeSet<String> = rules().map(|prepared| prepared.rule.id.clone()).collect();
        let daily_rules = rules().filter(|prepared| prepared.rule.grain == Grain::Daily);
        let results = EvaluationResults {
            moment,
            anomalies: &evaluation.anomalies,
            normal: &evaluation.normal,
            bands: &evaluation.bands,
            unverifiable: &unverifiable,
            evaluated_rules: &daily_rules.map(|prepared| prepared.rule.id.clone()).collect(),
            // A failure of a whole batch leaves the verdicts of a rule incomplete.
            rules_with_verdict: &evaluation.rules.difference(&evaluation.stopped_rules).cloned().collect(),
            failed_rules: &evaluation.failed,
            configured_rules: &all_rules,
            recency,
            accept_after_days: self.services.config.accept_after_days,
            growth_factor: self.services.config.renotify_factor,
        };
        let incident::UpdatedIncidents { changed, ids } = incident::update(known, &results);
        for anomaly in &mut evaluation.anomalies {
            anomaly.incident = ids.get(&(anomaly.series.clone(), anomaly.direction)).cloned();
        }
        self.mark_planned(&changed, &mut evaluation.anomalies).await?;
        let changed = ChangedIncidents { moment, known: current.keys().cloned().collect(), incidents: changed };
        self.count_evaluation(evaluation, &changed);
        if !self.is_dry_run() {
            self.store_evaluation(evaluation, &changed).await?;
        }
        self.tally_evaluation(evaluation, &changed);
        current.extend(changed.incidents.into_iter().map(|incident| (incident.id.clone(), incident)));
        let mut current: Vec<Incident> = current.into_values().collect();
        current.sort_by(|one, other| one.id.cmp(&other.id));
        count_open_incidents(&current, &mut self.report.tally);
        Ok(current)
    }

    fn count_evaluation(&mut self, evaluation: &Evaluation, changed: &ChangedIncidents) {
        let closed = changed.ended().filter(|incident| matches!(incident.state, IncidentState::Closed(_))).count();
        let retracted = changed.ended().filter(|incident| incident.state == IncidentState::Retracted).count();
        self.report.add(Count::Verdicts, evaluation.verdicts);
        self.report.add(Count::Anomalies, evaluation.anomalies.len() as u64);
        if !evaluation.shadow_anomalies.is_empty() {
            self.report.add(Count::ShadowAnomalies, evaluation.shadow_anomalies.len() as u64);
        }
        self.report.add(Count::OpenedIncidents, changed.opened().count() as u64);
        self.report.add(Count::ClosedIncidents, closed as u64);
        if retracted > 0 {
            self.report.add(Count::RetractedIncidents, retracted as u64);
        }
    }

    async fn store_evaluation(&self, evaluation: &Evaluation, changed: &ChangedIncidents) -> Result<(), RunError> {
        let services = &self.services;
        // Earlier anomalies of a rule without a verdict now remain valid for the moment.
        let anomalies = [&evaluation.anomalies[..], &evaluation.shadow_anomalies[..]].concat();
        services.store.put_anomalies(changed.moment, &evaluation.rules, &anomalies, self.now).await?;
        self.checkpoint(Checkpoint::Anomalies).await?;
        let write = |incident: &Incident| IncidentWrite {
            incident: incident.clone(),
            is_settled: services.is_settled(incident),
        };
        let writes: Vec<IncidentWrite> = changed.incidents.iter().map(write).collect();
        services.store.put_incidents(&writes, self.now).await?;
        self.checkpoint(Checkpoint::Incidents).await
    }

    fn tally_evaluation(&mut self, evaluation: &Evaluation, changed: &ChangedIncidents) {
        let tally = &mut self.report.tally;
        create_incident_metrics(tally);
        changed.opened().for_each(|incident| tally.add(Metric::IncidentsOpened, &incident_labels(incident), 1.0));
        changed.ended().for_each(|incident| tally.add(Metric::IncidentsClosed, &incident_labels(incident), 1.0));
        for anomaly in &evaluation.anomalies {
            tally.add(Metric::Anomalies, &[&anomaly.rule, anomaly.severity.as_str()], 1.0);
        }
        for anomaly in &evaluation.shadow_anomalies {
            tally.add(Metric::ShadowAnomalies, &[&anomaly.rule], 1.0);
        }
    }
}
