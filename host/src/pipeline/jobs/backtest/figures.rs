//! The figures of a backtest by rule. An incident of several rules counts for each of its rules.

use std::collections::BTreeMap;
use std::time::Duration;

use model::incident::Incident;
use model::rule::RuleMode;

use super::score::RuleScore;
use crate::metrics::Metric;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::Report;

/// The figures of all rules.
#[derive(Debug, Default)]
pub(crate) struct BacktestFigures {
    pub(crate) rules: Vec<RuleFigures>,
    /// Number of notifications to the receiver with the most. A notification of several incidents counts once.
    pub(crate) notifications: u64,
    /// Number of days in the range.
    pub(crate) days: u32,
}

/// The figures of a rule.
#[derive(Debug)]
pub(crate) struct RuleFigures {
    pub(crate) rule: String,
    pub(crate) mode: RuleMode,
    pub(crate) anomalies: u64,
    pub(crate) incidents: u64,
    /// Sum over the incidents. A notification of several incidents counts for each of its incidents.
    pub(crate) notifications: u64,
    /// Sum of the impacts of the incidents.
    pub(crate) impact: f64,
    /// Fuel of all replayed days, including the days before the range.
    pub(crate) fuel: f64,
    /// Wall time of the detector calls in all replayed days.
    pub(crate) time: Duration,
    /// `None` without a label or a decision about a series with the dimensions of the rule.
    pub(crate) score: Option<RuleScore>,
}

impl BacktestFigures {
    /// Returns the notifications per 30 days.
    pub(crate) fn notifications_per_month(&self) -> f64 {
        self.notifications as f64 / f64::from(self.days.max(1)) * 30.0
    }

    /// Returns the anomalies of the live rules or of the shadow rules.
    pub(crate) fn anomalies(&self, mode: RuleMode) -> u64 {
        self.rules.iter().filter(|figures| figures.mode == mode).map(|figures| figures.anomalies).sum()
    }
}

impl RuleFigures {
    pub(super) fn of_rules(
        report: &Report,
        incidents: &[Incident],
        rules: &[PreparedRule],
        mut scores: BTreeMap<String, RuleScore>,
    ) -> Vec<Self> {
        let figures = |prepared: &PreparedRule| {
            let rule = &prepared.rule.id;
            let of_rule = || incidents.iter().filter(|incident| incident.rules.contains(rule));
            let labels = [rule.as_str(), &prepared.detector.manifest.name];
            Self {
                rule: rule.clone(),
                mode: prepared.rule.mode,
                anomalies: report.anomalies.iter().filter(|anomaly| anomaly.rule == *rule).count() as u64,
                incidents: of_rule().count() as u64,
                notifications: of_rule().map(notifications).sum(),
                impact: of_rule().map(Incident::impact).fold(0.0, |sum, impact| sum + impact),
                fuel: report.tally.get(Metric::DetectorFuel, &labels),
                time: Duration::from_secs_f64(report.tally.get(Metric::DetectorSeconds, &labels)),
                score: scores.remove(rule),
            }
        };
        rules.iter().map(figures).collect()
    }
}

/// Returns the number of notifications of an incident at the receiver with the most notifications.
pub(crate) fn notifications(incident: &Incident) -> u64 {
    let most = incident.deliveries.values().map(|delivery| delivery.notifications).max();
    u64::from(most.unwrap_or(0))
}
