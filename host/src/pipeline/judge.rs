//! Detector calls for fits and verdicts, and the gates from a verdict to an anomaly.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::assemble::Sample;
use super::report::Report;
use super::ruleset::ReadyRule;
use crate::config::Config;
use crate::metrics::Metric;
use model::anomaly::{Anomaly, Direction};
use model::rule::{Directions, Rule};
use model::series::hours::Hours;
use model::series::{Grain, Series, SeriesKey, Window};
use sandbox::{CallContext, Failure, Fitted, Usage, Verdict};

/// The verdicts of all rules at a moment.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) anomalies: Vec<Anomaly>,
    /// For each watched series: the rules with a verdict but without an anomaly. A partial day compared with whole days
    /// does not count.
    pub(super) quiet: HashMap<SeriesKey, BTreeSet<String>>,
    /// The rules with any verdict, anomalous or not.
    pub(super) rules: BTreeSet<String>,
    /// Rules stopped after a failure of a whole batch.
    pub(super) given_up: BTreeSet<String>,
    /// For each watched series: the rules without a verdict.
    pub(super) failed: HashMap<SeriesKey, BTreeSet<String>>,
    /// Number of series visible to the rules.
    pub(super) series: u64,
    /// Number of verdicts, anomalous or not.
    pub(super) judged: u64,
}

/// The detector input: the value to evaluate and the fit from before.
pub(super) struct Question {
    pub(super) sample: Sample,
    pub(super) state: Vec<u8>,
    pub(super) figures: BTreeMap<String, f64>,
    pub(super) judge_from: u32,
}

/// The part of a day covered by an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// A finished day, or a partial day compared with the same part of earlier days.
    Whole,
    /// A partial day compared with whole days: only a value at or above the upper bound is proof.
    Part,
}

/// The moment to evaluate.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) date: Date,
    pub(super) hour: Option<u8>,
    pub(super) extent: Extent,
    /// Factor for a day with a clock change; 1 on any other day.
    pub(super) scale: f64,
}

impl At {
    /// The moment for series of a grain.
    pub(super) fn new((date, hour): (Date, Option<u8>), grain: Grain, extent: Extent, zone: &TimeZone) -> Self {
        let hour_of = match grain {
            Grain::Daily => Some(None),
            Grain::DayToDate => Some(hour),
            // Hourly increments are already normalized per hour of time.
            Grain::Hourly => None,
        };
        let scale = hour_of.and_then(|hour| Some(Hours::of_day(date, zone)?.scale(hour))).unwrap_or(1.0);
        Self { date, hour, extent, scale }
    }
}

impl Judgement {
    /// Records a rule without a verdict for a watched series.
    pub(super) fn failed(&mut self, watched: &HashSet<SeriesKey>, key: &SeriesKey, rule: &Rule) {
        if watched.contains(key) {
            self.failed.entry(key.clone()).or_default().insert(rule.id.clone());
        }
    }
}

/// Detector calls for a config, with counts.
pub(super) struct Judge<'a> {
    pub(super) config: &'a Config,
    pub(super) report: &'a mut Report,
    /// The series of incidents. An incident ends after a proven quiet day.
    watched: &'a HashSet<SeriesKey>,
    /// Name of the count for series with insufficient history.
    learning: &'static str,
    /// Rules stopped after a failure of a whole batch. The detector is not called again for a fit.
    given_up: BTreeSet<String>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        config: &'a Config,
        report: &'a mut Report,
        watched: &'a HashSet<SeriesKey>,
        learning: &'static str,
    ) -> Self {
        Self { config, report, watched, learning, given_up: BTreeSet::new() }
    }

    /// Whether the detector of the rule failed for a whole batch.
    pub(super) fn has_given_up(&self, rule: &Rule) -> bool {
        self.given_up.contains(&rule.id)
    }

    /// Fits each series. `None` after insufficient history or a failure.
    pub(super) fn fit(&mut self, ready: &ReadyRule, history: &[Series]) -> Vec<Option<Fitted>> {
        if self.given_up.contains(&ready.rule.id) {
            self.report.count("failed_series", history.len() as u64);
            return history.iter().map(|_| None).collect();
        }
        let call = call(self.config, &ready.rule);
        let started = Instant::now();
        let outcome = ready.detector.fit(&call, history);
        self.used(ready, outcome.usage, history.len(), started.elapsed());
        outcome.results.into_iter().map(|result| self.settle(ready, result)).collect()
    }

    /// Evaluates each detector input and converts verdicts to anomalies.
    pub(super) fn judge(&mut self, ready: &ReadyRule, questions: Vec<Question>, at: At, judgement: &mut Judgement) {
        let mut asked = Vec::with_capacity(questions.len());
        let mut windows = Vec::with_capacity(questions.len());
        for Question { sample: Sample { key, names, series }, state, figures, judge_from } in questions {
            asked.push((key, names, figures, series.values.last().copied().unwrap_or(f64::NAN)));
            windows.push(Window { series, state, judge_from });
        }
        let started = Instant::now();
        let outcome = ready.detector.judge(&call(self.config, &ready.rule), &windows);
        self.used(ready, outcome.usage, windows.len(), started.elapsed());
        // Only a rule with a result replaces stored anomalies.
        if outcome.results.iter().any(Result::is_ok) {
            judgement.rules.insert(ready.rule.id.clone());
        }
        for (((key, names, figures, observed), window), result) in asked.into_iter().zip(&windows).zip(outcome.results)
        {
            let Some(verdicts) = self.settle(ready, result) else {
                judgement.failed(self.watched, &key, &ready.rule);
                continue;
            };
            // Only the newest point is evaluated. A missing verdict means a normal value.
            let newest = window.series.values.len().saturating_sub(1) as u32;
            let verdict = verdicts.into_iter().find(|verdict| verdict.index == newest);
            judgement.judged += 1;
            let found = verdict.and_then(|verdict| worth_telling(&ready.rule, verdict, observed, at));
            match found {
                Some((direction, verdict)) => judgement.anomalies.push(Anomaly {
                    date: at.date,
                    hour: at.hour,
                    series: key,
                    names,
                    rule: ready.rule.id.clone(),
                    grain: ready.rule.grain,
                    detector: ready.detector.digest.clone(),
                    direction,
                    severity: ready.rule.severity,
                    observed,
                    expected: verdict.expected,
                    lower: verdict.lower,
                    upper: verdict.upper,
                    score: verdict.score,
                    impact: (observed - verdict.expected).abs(),
                    reason: verdict.reason,
                    figures,
                    threshold: ready.threshold.clone(),
                    incident: None,
                }),
                // A partial day is no proof of a quiet day.
                None if at.extent == Extent::Whole && self.watched.contains(&key) => {
                    judgement.quiet.entry(key).or_default().insert(ready.rule.id.clone());
                }
                None => {}
            }
        }
    }

    fn settle<T>(&mut self, ready: &ReadyRule, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Failure::InsufficientHistory(_)) => {
                self.report.count(self.learning, 1);
                None
            }
            Err(failure) => {
                let rule = &ready.rule;
                self.report.count("failed_series", 1);
                self.report.tally.add(Metric::FailedSeries, &labels(ready), 1.0);
                if failure.is_after_failed_batch() {
                    self.given_up.insert(rule.id.clone());
                }
                // The first failure of a rule is a problem; later failures are only logged.
                let first = self.report.failed_rules.insert(rule.id.clone());
                if first {
                    self.report.problem(failure.to_string());
                } else {
                    tracing::debug!("{failure}");
                }
                None
            }
        }
    }

    fn used(&mut self, ready: &ReadyRule, usage: Usage, series: usize, took: Duration) {
        let labels = labels(ready);
        self.report.tally.add(Metric::DetectorFuel, &labels, usage.fuel as f64);
        self.report.tally.add(Metric::DetectorSeconds, &labels, took.as_secs_f64());
        self.report.tally.add(Metric::DetectorSeries, &labels, series as f64);
        self.report.count("fuel", usage.fuel);
        self.report.count("batches", usage.batches);
        self.report.count("retried_series", usage.retried);
    }
}

/// Metric labels: rule id and plugin name.
fn labels(ready: &ReadyRule) -> [&str; 2] {
    [&ready.rule.id, &ready.detector.manifest.name]
}

fn call<'a>(config: &'a Config, rule: &'a Rule) -> CallContext<'a> {
    CallContext { rule: &rule.id, settings: &rule.settings, unit: &config.currency, locale: config.language.tag() }
}

/// Returns the direction and the verdict if the verdict passes the gates of the rule.
fn worth_telling(rule: &Rule, verdict: Verdict, observed: f64, at: At) -> Option<(Direction, Verdict)> {
    let deviation = observed - verdict.expected;
    let direction = if deviation >= 0.0 { Direction::Up } else { Direction::Down };
    let watched = match rule.direction {
        Directions::Both => true,
        Directions::Up => direction == Direction::Up,
        Directions::Down => direction == Direction::Down,
    };
    let proven = at.extent == Extent::Whole || (direction == Direction::Up && observed * at.scale >= verdict.upper);
    // A clock change explains the deviation: a day of 25 hours costs more, a day of 23 hours less.
    let by_clock = match direction {
        Direction::Up => verdict.upper.is_finite() && observed * at.scale <= verdict.upper && observed > verdict.upper,
        Direction::Down => {
            verdict.lower.is_finite() && observed * at.scale >= verdict.lower && observed < verdict.lower
        }
    };
    let impact = deviation.abs();
    let big = impact >= rule.min_impact && impact >= rule.min_change * verdict.expected.abs();
    (verdict.score >= 1.0 && watched && proven && big && !by_clock).then_some((direction, verdict))
}

#[cfg(test)]
mod tests;
