//! Precision and recall of rules, by labels of days or by the decisions of people.
//!
//! A rule is scored by the series with its dimensions: a rule over services by labels and decisions about services.

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::incident::{Incident, IncidentState, Resolution};
use model::rule::{GroupBy, Rule};
use model::series::{ALL, SeriesKey};
use plugin::authoring::score::{LabelledRow, LabelledRows, ScoreFigures, Scoring};
use store::{DateRange, Store};

use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Report, RunError};

/// The label of a series on a day: 0 for a usual day, any other number for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayLabel {
    pub(crate) date: Date,
    pub(crate) series: SeriesKey,
    pub(crate) label: i64,
}

/// The score of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RuleScore {
    /// By labels: the figures of `plugin run --input`, with a row per stored day.
    Labels(ScoreFigures),
    /// By the decisions of people about stored incidents.
    Decisions(DecisionScore),
}

/// The incidents of a backtest compared with the decided incidents of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecisionScore {
    /// Accepted incidents of the store.
    pub(crate) accepted: usize,
    /// Accepted incidents of the store with an incident of the rule.
    pub(crate) accepted_found: usize,
    /// Dismissed incidents of the store with an incident of the rule.
    pub(crate) dismissed_found: usize,
}

/// A share of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    share: f64,
    /// Size of the sample.
    pub(crate) of: usize,
}

impl Share {
    fn of_counts(part: usize, of: usize) -> Self {
        Self { share: part as f64 / of as f64, of }
    }

    /// Returns the share; `None` for an empty sample.
    pub(crate) fn value(self) -> Option<f64> {
        (self.of > 0).then_some(self.share)
    }
}

impl RuleScore {
    /// Share of the alerts or of the decided incidents that are right.
    pub(crate) fn precision(&self) -> Share {
        match self {
            Self::Labels(figures) => Share { share: figures.precision, of: figures.counts.alerts },
            Self::Decisions(score) => {
                Share::of_counts(score.accepted_found, score.accepted_found + score.dismissed_found)
            }
        }
    }

    /// Share of the events or of the accepted incidents that the rule found.
    pub(crate) fn recall(&self) -> Share {
        match self {
            Self::Labels(figures) => Share { share: figures.recall, of: figures.counts.events },
            Self::Decisions(score) => Share::of_counts(score.accepted_found, score.accepted),
        }
    }
}

/// The results to score.
pub(super) struct Scored<'a> {
    pub(super) report: &'a Report,
    pub(super) incidents: &'a [Incident],
    /// `None` to score by the decisions of people.
    pub(super) labels: Option<&'a [DayLabel]>,
}

impl Scored<'_> {
    /// Returns the scores by rule.
    pub(super) async fn of_rules(
        &self,
        store: &Store,
        rules: &[PreparedRule],
        counted: DateRange,
    ) -> Result<BTreeMap<String, RuleScore>, RunError> {
        let rules = rules.iter().map(|prepared| &prepared.rule);
        let mut scores = BTreeMap::new();
        if let Some(labels) = self.labels {
            let dates = store.days(counted).await?;
            for rule in rules {
                if let Some(figures) = self.score_by_labels(rule, labels, &dates) {
                    scores.insert(rule.id.clone(), RuleScore::Labels(figures));
                }
            }
            return Ok(scores);
        }
        let mut decided = store.all_incidents().await?;
        decided.retain(|incident| {
            let is_counted = (counted.from..=counted.to).contains(&incident.first_seen.date);
            is_counted && incident.is_decided()
        });
        for rule in rules {
            if let Some(score) = self.score_by_decisions(rule, &decided) {
                scores.insert(rule.id.clone(), RuleScore::Decisions(score));
            }
        }
        Ok(scores)
    }

    fn score_by_labels(&self, rule: &Rule, labels: &[DayLabel], dates: &[Date]) -> Option<ScoreFigures> {
        let mut by_series: BTreeMap<&SeriesKey, BTreeMap<Date, i64>> = BTreeMap::new();
        for DayLabel { date, series, label } in
            labels.iter().filter(|label| has_dimensions(rule.group_by, &label.series))
        {
            by_series.entry(series).or_default().insert(*date, *label);
        }
        let mut scoring = Scoring::default();
        for (series, labels) in &by_series {
            let of_series = self.report.anomalies.iter().filter(|it| it.rule == rule.id && it.series == **series);
            let mut scores: BTreeMap<Date, f64> = BTreeMap::new();
            for anomaly in of_series {
                let score = scores.entry(anomaly.date).or_default();
                *score = score.max(anomaly.score);
            }
            let row = |date: &Date| LabelledRow {
                label: labels.get(date).copied().unwrap_or(0),
                score: Some(scores.get(date).copied().unwrap_or(0.0)),
                time: i64::from((*date - Date::ZERO).get_days()) * 86_400,
            };
            scoring.add(&LabelledRows::of_rows(dates.iter().map(row)));
        }
        (!by_series.is_empty()).then(|| scoring.figures())
    }

    fn score_by_decisions(&self, rule: &Rule, decided: &[Incident]) -> Option<DecisionScore> {
        let mut score = DecisionScore { accepted: 0, accepted_found: 0, dismissed_found: 0 };
        let of_rule: Vec<&Incident> = self.incidents.iter().filter(|it| it.rules.contains(&rule.id)).collect();
        let relevant = || decided.iter().filter(|incident| has_dimensions(rule.group_by, &incident.series));
        for stored in relevant() {
            let is_found = of_rule.iter().any(|incident| incident.is_same_change(stored));
            match stored.state {
                IncidentState::Closed(Resolution::Dismissed) => score.dismissed_found += usize::from(is_found),
                _ => {
                    score.accepted += 1;
                    score.accepted_found += usize::from(is_found);
                }
            }
        }
        relevant().next().map(|_| score)
    }
}

/// Returns whether a series has the dimensions of a grouping.
fn has_dimensions(group_by: GroupBy, key: &SeriesKey) -> bool {
    let GroupBy { account, project, service } = group_by;
    [(account, &key.account), (project, &key.project), (service, &key.service)]
        .into_iter()
        .all(|(is_kept, id)| is_kept == (&**id != ALL))
}
