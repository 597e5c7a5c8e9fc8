//! Detector calls for fits and verdicts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use model::anomaly::{Anomaly, Direction};
use model::incident::OpeningBand;
use model::rule::{Rule, RuleMode};
use model::series::{Grain, Names, Series, SeriesKey, Window};
use sandbox::{CallContext, Failure, Fitted, Usage, Verdict};

use super::aggregate::RuleSeries;
use super::evaluation::{Coverage, DetectorInput, Evaluation, EvaluationTime};
use super::gates::{Gate, GateResult, Growth, PointInTime, pass_gates};
use crate::config::Config;
use crate::metrics::Metric;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, HourlyHistory, Remark, Report};

/// Detector calls for a config, with counts.
pub(super) struct Evaluator<'a> {
    pub(super) config: &'a Config,
    pub(super) report: &'a mut Report,
    pub(super) evaluation: Evaluation,
    /// The series of incidents. An incident ends after a proven normal day.
    watched: &'a HashSet<SeriesKey>,
    /// The count for series with insufficient history.
    insufficient: Count,
    /// The bill of the 28 days before the evaluated day.
    trailing_bill: f64,
    /// Rules stopped after a failure of a whole batch. The detector is not called again for a fit.
    stopped_rules: BTreeSet<String>,
}

impl<'a> Evaluator<'a> {
    /// The detector calls of an evaluation.
    pub(super) fn new(
        config: &'a Config,
        report: &'a mut Report,
        watched: &'a HashSet<SeriesKey>,
        trailing_bill: f64,
    ) -> Self {
        let evaluation = Evaluation::default();
        let insufficient = Count::InsufficientHistory;
        Self { config, report, evaluation, watched, insufficient, trailing_bill, stopped_rules: BTreeSet::new() }
    }

    /// The detector calls of a training.
    pub(super) fn of_training(config: &'a Config, report: &'a mut Report, watched: &'a HashSet<SeriesKey>) -> Self {
        Self { insufficient: Count::Untrained, ..Self::new(config, report, watched, 0.0) }
    }

    /// Whether the detector of the rule failed for a whole batch.
    pub(super) fn is_stopped(&self, rule: &Rule) -> bool {
        self.stopped_rules.contains(&rule.id)
    }

    /// Records a rule without a verdict for a series.
    pub(super) fn add_failed(&mut self, rule: &Rule, key: &SeriesKey) {
        if self.watched.contains(key) && rule.mode == RuleMode::Live {
            self.evaluation.failed.entry(key.clone()).or_default().insert(rule.id.clone());
        }
    }

    /// Fits each series. `None` after insufficient history or a failure.
    pub(super) fn fit(&mut self, prepared: &PreparedRule, history: &[Series]) -> Vec<Option<Fitted>> {
        if self.is_stopped(&prepared.rule) {
            self.report.add(Count::FailedSeries, history.len() as u64);
            return history.iter().map(|_| None).collect();
        }
        let started = Instant::now();
        let outcome = prepared.detector.fit(&self.call(prepared), history);
        self.count_call(prepared, outcome.usage, CallSize { series: history.len(), time: started.elapsed() });
        for (series, result) in history.iter().zip(&outcome.results) {
            if let Some(history) = hourly_history(prepared.rule.grain, series, result) {
                self.report.hourly_histories.add(&prepared.rule.id, history);
            }
        }
        let sample = self.repeat_fit(prepared, history, &outcome.results);
        let fits = outcome.results.into_iter().map(|result| self.accept(prepared, result)).collect();
        self.report_sample(prepared, sample);
        fits
    }

    /// Evaluates each detector input and converts verdicts to anomalies.
    pub(super) fn evaluate(&mut self, prepared: &PreparedRule, inputs: Vec<DetectorInput>, time: EvaluationTime) {
        let mut evaluated = Vec::with_capacity(inputs.len());
        let mut windows = Vec::with_capacity(inputs.len());
        for input in inputs {
            let DetectorInput { series, state, figures, judge_from, through, growth, is_opening_band } = input;
            let RuleSeries { key, names, series } = series;
            let observed = series.values.last().copied().unwrap_or(f64::NAN);
            evaluated.push(EvaluatedSeries { key, names, figures, observed, through, growth, is_opening_band });
            windows.push(Window { series, state, judge_from });
        }
        let started = Instant::now();
        let outcome = prepared.detector.judge(&self.call(prepared), &windows);
        self.count_call(prepared, outcome.usage, CallSize { series: windows.len(), time: started.elapsed() });
        // An hourly run is short and evaluates the same series every hour.
        let sample = match time.moment.hour {
            None => self.repeat_judge(prepared, &windows, &outcome.results),
            Some(_) => None,
        };
        // Only a rule with a result replaces stored anomalies.
        if outcome.results.iter().any(Result::is_ok) {
            self.evaluation.rules.insert(prepared.rule.id.clone());
        }
        for ((series, window), result) in evaluated.into_iter().zip(&windows).zip(outcome.results) {
            let Some(verdicts) = self.accept(prepared, result) else {
                self.add_failed(&prepared.rule, &series.key);
                continue;
            };
            // Only the newest point is evaluated. A missing verdict means a normal value.
            let newest = window.series.values.len().saturating_sub(1) as u32;
            let verdict = verdicts.into_iter().find(|verdict| verdict.index == newest);
            let expected = verdict.as_ref().map(|verdict| verdict.expected);
            self.evaluation.verdicts += 1;
            let gate = if series.is_opening_band { Gate::Continuing } else { Gate::Opening };
            let trailing_bill = self.trailing_bill;
            let anomaly = verdict.and_then(|verdict| {
                let EvaluatedSeries { observed, growth, .. } = series;
                let point = PointInTime { observed, time, gate, trailing_bill, growth };
                match pass_gates(&prepared.rule, &verdict, point) {
                    GateResult::Anomalous(direction) => Some(series.anomaly(prepared, verdict, time, direction)),
                    GateResult::Held { impact } => {
                        self.report.add_held(impact);
                        None
                    }
                    GateResult::Normal => None,
                }
            });
            if prepared.rule.mode == RuleMode::Shadow {
                self.evaluation.shadow_anomalies.extend(anomaly);
                continue;
            }
            let is_watched = self.watched.contains(&series.key);
            let is_finished_day = prepared.rule.grain == Grain::Daily && time.moment.hour.is_none();
            if is_finished_day && !series.is_opening_band && (is_watched || anomaly.is_some()) {
                let bands = self.evaluation.bands.entry(series.key.clone()).or_default();
                bands.insert(prepared.rule.id.clone(), series.band(prepared, &window.state));
            }
            match anomaly {
                Some(anomaly) => self.evaluation.anomalies.push(anomaly),
                // A partial day is no proof of a normal day.
                None if time.coverage == Coverage::Full && is_watched => {
                    let normal = self.evaluation.normal.entry(series.key).or_default();
                    normal.rules.insert(prepared.rule.id.clone());
                    normal.observed = series.observed;
                    normal.expected = expected;
                }
                None => {}
            }
        }
        self.report_sample(prepared, sample);
    }

    pub(super) fn call<'r>(&self, prepared: &'r PreparedRule) -> CallContext<'r>
    where
        'a: 'r,
    {
        let config = self.config;
        let rule = &prepared.rule;
        CallContext { rule: &rule.id, settings: &rule.settings, unit: &config.currency, locale: config.language.tag() }
    }

    /// Returns the result of a series, and counts a failure.
    fn accept<T>(&mut self, prepared: &PreparedRule, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Failure::InsufficientHistory(_)) => {
                self.report.add(self.insufficient, 1);
                None
            }
            Err(failure) => {
                let rule = &prepared.rule;
                self.report.add(Count::FailedSeries, 1);
                self.report.tally.add(Metric::FailedSeries, &labels(prepared), 1.0);
                if failure.is_after_failed_batch() {
                    self.stopped_rules.insert(rule.id.clone());
                }
                // The first failure of a rule is a problem; later failures are only logged.
                let is_first = self.report.failed_rules.insert(rule.id.clone());
                if is_first {
                    self.report.add_problem(Remark::of(&failure));
                } else {
                    tracing::debug!("{failure}");
                }
                None
            }
        }
    }

    fn count_call(&mut self, prepared: &PreparedRule, usage: Usage, size: CallSize) {
        let labels = labels(prepared);
        self.report.tally.add(Metric::DetectorFuel, &labels, usage.fuel as f64);
        self.report.tally.add(Metric::DetectorSeconds, &labels, size.time.as_secs_f64());
        self.report.tally.add(Metric::DetectorSeries, &labels, size.series as f64);
        self.report.add(Count::Fuel, usage.fuel);
        self.report.add(Count::Batches, usage.batches);
        self.report.add(Count::RetriedSeries, usage.retried);
    }
}

/// The size of a detector call.
#[derive(Debug, Clone, Copy)]
struct CallSize {
    series: usize,
    time: Duration,
}

/// A series during the call of its detector.
struct EvaluatedSeries {
    key: SeriesKey,
    names: Names,
    figures: BTreeMap<String, f64>,
    observed: f64,
    /// The last day in the training data of the fit.
    through: Date,
    growth: Option<Growth>,
    is_opening_band: bool,
}

impl EvaluatedSeries {
    /// Returns the fit as the opening band of an incident.
    fn band(&self, prepared: &PreparedRule, state: &[u8]) -> OpeningBand {
        OpeningBand {
            detector: prepared.detector.digest.clone(),
            settings: prepared.settings_digest.clone(),
            through: self.through,
            state: state.to_vec(),
            figures: self.figures.clone(),
        }
    }

    /// Returns the anomaly of a verdict.
    fn anomaly(
        &self,
        prepared: &PreparedRule,
        verdict: Verdict,
        time: EvaluationTime,
        direction: Direction,
    ) -> Anomaly {
        let observed = self.observed;
        Anomaly {
            date: time.moment.date,
            hour: time.moment.hour,
            series: self.key.clone(),
            names: self.names.clone(),
            rule: prepared.rule.id.clone(),
            grain: prepared.rule.grain,
            detector: prepared.detector.digest.clone(),
            direction,
            severity: prepared.rule.severity,
            observed,
            expected: verdict.expected,
            lower: verdict.lower,
            upper: verdict.upper,
            score: verdict.score,
            impact: (observed - verdict.expected).abs(),
            reason: verdict.reason,
            figures: self.figures.clone(),
            numeric_settings: prepared.numeric_settings.clone(),
            is_shadow: prepared.rule.mode == RuleMode::Shadow,
            incident: None,
            planned_event: None,
        }
    }
}

/// Returns the history of a series over hours. `None` after a failure.
fn hourly_history(grain: Grain, series: &Series, result: &Result<Fitted, Failure>) -> Option<HourlyHistory> {
    let points_per_day = match grain {
        Grain::Daily => return None,
        Grain::DayToDate => 1,
        Grain::Hourly => 24,
    };
    match result {
        Ok(_) => Some(HourlyHistory::Sufficient),
        Err(Failure::InsufficientHistory(missing)) => {
            let known = series.values.iter().filter(|value| !value.is_nan()).count() as u32;
            let needed = known.saturating_add(*missing).div_ceil(points_per_day);
            Some(HourlyHistory::Insufficient { days: known / points_per_day, needed })
        }
        Err(_) => None,
    }
}

/// Metric labels: rule id and plugin name.
fn labels(prepared: &PreparedRule) -> [&str; 2] {
    [&prepared.rule.id, &prepared.detector.manifest.name]
}
