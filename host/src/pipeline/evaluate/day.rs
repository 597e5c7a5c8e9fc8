//! Evaluation of a day with fits on the days before. Key ranges of some thousand series are evaluated in parallel.
//! Rules over sums and detectors that compare peers need every series and run last.
//!
//! Stores nothing. The anomalies are ordered by rule and key, independent of the number of threads.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::civil::Date;
use model::anomaly::Anomaly;
use model::incident::{NormalVerdicts, OpeningBand};
use model::moment::Moment;
use model::rule::{Rule, RuleMode};
use model::series::{Grain, Series, SeriesKey};
use sandbox::Fitted;
use store::FitState;

use super::aggregate::{RuleSeries, SeriesFrame};
use super::collector::{EvaluationSeries, SeriesCollector, needs_all_series};
use super::evaluation::{DetectorInput, Evaluation, EvaluationTime};
use super::evaluator::Evaluator;
use super::gates::Growth;
use super::history_reader::HistoryReader;
use super::mask::TrainingMask;
use crate::config::Config;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, Report, RunError, days_before};

/// The parameters of an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct DayEvaluation<'a> {
    pub(crate) config: &'a Config,
    pub(crate) rules: &'a [&'a PreparedRule],
    /// The day to evaluate.
    pub(crate) date: Date,
    /// The hour of the day for rules over snapshots.
    pub(crate) snapshot_hour: u8,
    pub(crate) mask: &'a TrainingMask,
    /// The series of incidents.
    pub(crate) watched: &'a HashSet<SeriesKey>,
    /// The opening bands of the incidents that began before the day, by series and rule.
    pub(crate) bands: &'a OpeningBands,
    /// The bill of the 28 days before.
    pub(crate) trailing_bill: f64,
}

/// The opening bands by series and rule.
pub(crate) type OpeningBands = HashMap<SeriesKey, BTreeMap<String, OpeningBand>>;

/// The result of a rule for a key range.
#[derive(Default)]
struct RuleResult {
    evaluation: Evaluation,
    /// Counts from before the detector calls.
    report: Report,
    /// Counts of the detector calls.
    call_report: Report,
    /// Number of series for the detector.
    series: u64,
    /// Whether the detector failed for a whole batch.
    is_stopped: bool,
}

/// The merged results of all rules.
struct MergedResults<'a> {
    evaluation: Evaluation,
    report: &'a mut Report,
    /// Anomalies per rule index.
    anomalies: Vec<Vec<Anomaly>>,
    /// Anomalies of shadow rules per rule index.
    shadow_anomalies: Vec<Vec<Anomaly>>,
    /// Indices of the rules stopped after a failure of a whole batch.
    stopped_rules: BTreeSet<usize>,
}

/// The series for a detector, and the history of each series.
#[derive(Default)]
struct PreparedSeries {
    series: Vec<RuleSeries>,
    history: Vec<Series>,
    /// Series without a known value on the day.
    unknown: Vec<SeriesKey>,
    report: Report,
}

impl DayEvaluation<'_> {
    /// Evaluates the day with every rule.
    pub(crate) fn evaluate(&self, reader: &HistoryReader<'_>, report: &mut Report) -> Result<Evaluation, RunError> {
        let rules = || self.rules.iter().copied().enumerate();
        let all_series_rules = rules().filter(|(_, prepared)| needs_all_series(prepared));
        let mut collectors: Vec<_> = all_series_rules
            .map(|(index, prepared)| (index, self.collector(&prepared.rule, reader, self.mask)))
            .collect();
        let mut results = MergedResults::new(self.rules.len(), report);
        let mut stopped_rules = BTreeSet::new();
        reader.read_all(
            &mut stopped_rules,
            |stopped_rules, range| {
                let mask = self.mask.for_range(range, self.date);
                let single_series_rules = rules().filter(|(_, prepared)| !needs_all_series(prepared));
                let evaluate = |(index, prepared): (usize, &PreparedRule)| {
                    let mut collector = self.collector(&prepared.rule, reader, &mask);
                    collector.add(range);
                    let series = self.prepare_series(collector, &mask);
                    let result = match stopped_rules.contains(&index) {
                        true => self.skip_rule(prepared, series),
                        false => self.evaluate_rule(prepared, series),
                    };
                    (index, result)
                };
                single_series_rules.map(evaluate).collect::<Vec<_>>()
            },
            |stopped_rules, range, rule_results| {
                for (index, result) in rule_results {
                    results.add(index, result);
                }
                results.evaluation.series += range.history.rows.len() as u64;
                // The next round skips the calls of stopped rules. `MergedResults::add` keeps the result independent of
                // the rounds.
                stopped_rules.clone_from(&results.stopped_rules);
                collectors.iter_mut().for_each(|(_, collector)| collector.add(&range));
            },
        )?;
        for (index, collector) in collectors {
            let series = self.prepare_series(collector, self.mask);
            results.add(index, self.evaluate_rule(self.rules[index], series));
        }
        Ok(results.into_evaluation(self.rules))
    }

    fn frame<'f>(&'f self, mask: &'f TrainingMask) -> SeriesFrame<'f> {
        let accept_after_days = self.config.accept_after_days;
        SeriesFrame { zone: &self.config.zone, mask, accept_after_days, through: self.date }
    }

    fn collector<'r>(&self, rule: &'r Rule, reader: &HistoryReader<'_>, mask: &TrainingMask) -> SeriesCollector<'r> {
        // The history to fit, and the evaluated day.
        self.frame(mask).collector(rule, reader, rule.history_days + 1)
    }

    /// Splits the collected series. Leaves out the series without a value or without a history.
    fn prepare_series(&self, collector: SeriesCollector<'_>, mask: &TrainingMask) -> PreparedSeries {
        let mut prepared = PreparedSeries::default();
        for series in collector.into_evaluation_series(self.frame(mask), self.snapshot_hour) {
            let EvaluationSeries { history, newest } = series;
            if newest.series.values.last().is_none_or(|value| value.is_nan()) {
                prepared.unknown.push(newest.key);
                continue;
            }
            if history.values.is_empty() {
                prepared.report.add(Count::InsufficientHistory, 1);
                continue;
            }
            prepared.series.push(newest);
            prepared.history.push(history);
        }
        prepared
    }

    /// Returns the usable opening band of a rule for a series.
    fn opening_band(&self, prepared: &PreparedRule, key: &SeriesKey) -> Option<&OpeningBand> {
        let band = self.bands.get(key)?.get(&prepared.rule.id)?;
        is_usable(band, prepared).then_some(band)
    }

    /// Marks the series of a stopped rule as failed: a missing verdict must not retract an incident.
    fn skip_rule(&self, prepared: &PreparedRule, series: PreparedSeries) -> RuleResult {
        let PreparedSeries { series, unknown, report, .. } = series;
        let mut call_report = Report::default();
        let mut evaluator = Evaluator::new(self.config, &mut call_report, self.watched, self.trailing_bill);
        let keys = series.iter().map(|series| &series.key).chain(&unknown);
        keys.for_each(|key| evaluator.add_failed(&prepared.rule, key));
        let evaluation = evaluator.evaluation;
        RuleResult { evaluation, report, call_report, series: series.len() as u64, is_stopped: false }
    }

    /// Fits the history before the day and evaluates the day.
    fn evaluate_rule(&self, prepared: &PreparedRule, series: PreparedSeries) -> RuleResult {
        let PreparedSeries { series: all_series, history, unknown, report } = series;
        let series = all_series.len() as u64;
        let mut call_report = Report::default();
        let mut evaluator = Evaluator::new(self.config, &mut call_report, self.watched, self.trailing_bill);
        // Without a known value, an earlier anomaly of the day remains valid.
        unknown.iter().for_each(|key| evaluator.add_failed(&prepared.rule, key));
        let fits = evaluator.fit(prepared, &history);
        let is_daily = prepared.rule.grain == Grain::Daily;
        let growth = |series: &Series| if is_daily { Growth::of(&series.values) } else { None };
        let growths: Vec<Option<Growth>> = history.iter().map(growth).collect();
        // Frees the history before the verdicts.
        drop(history);
        let mut inputs = Vec::with_capacity(all_series.len());
        let grain = prepared.rule.grain;
        let through = days_before(self.date, 1);
        for ((series, fit), growth) in all_series.into_iter().zip(fits).zip(growths) {
            if let Some(band) = self.opening_band(prepared, &series.key) {
                inputs.push(DetectorInput::of_opening_band(series, band, self.date));
                continue;
            }
            let Some(Fitted { state, figures }) = fit else {
                evaluator.add_failed(&prepared.rule, &series.key);
                continue;
            };
            let fit = FitState { state, figures: figures.into_iter().collect() };
            inputs.push(DetectorInput { growth, ..DetectorInput::of_last_point(series, fit, through) });
        }
        let hour = (grain != Grain::Daily).then_some(self.snapshot_hour);
        let time = EvaluationTime::new(Moment { date: self.date, hour }, grain, &self.config.zone);
        evaluator.evaluate(prepared, inputs, time);
        let is_stopped = evaluator.is_stopped(&prepared.rule);
        let evaluation = evaluator.evaluation;
        RuleResult { evaluation, report, call_report, series, is_stopped }
    }
}

/// Whether a live rule has the detector and the settings of an opening band.
pub(super) fn is_usable(band: &OpeningBand, prepared: &PreparedRule) -> bool {
    let is_live_daily = prepared.rule.grain == Grain::Daily && prepared.rule.mode == RuleMode::Live;
    is_live_daily && band.detector == prepared.detector.digest && band.settings == prepared.settings_digest
}

impl<'a> MergedResults<'a> {
    fn new(rules: usize, report: &'a mut Report) -> Self {
        let anomalies = vec![Vec::new(); rules];
        let shadow_anomalies = anomalies.clone();
        let evaluation = Evaluation::default();
        Self { evaluation, report, anomalies, shadow_anomalies, stopped_rules: BTreeSet::new() }
    }

    /// Merges the result of a rule for a key range, in key order. After a failure of a whole batch, results of later
    /// key ranges do not count, even if already computed.
    fn add(&mut self, index: usize, result: RuleResult) {
        self.report.absorb(result.report);
        let Evaluation { anomalies, shadow_anomalies, normal, bands, rules, failed, verdicts, .. } = result.evaluation;
        for (series, rules) in failed {
            self.evaluation.failed.entry(series).or_default().extend(rules);
        }
        if self.stopped_rules.contains(&index) {
            self.report.add(Count::FailedSeries, result.series);
            return;
        }
        self.report.absorb(result.call_report);
        self.anomalies[index].extend(anomalies);
        self.shadow_anomalies[index].extend(shadow_anomalies);
        self.evaluation.rules.extend(rules);
        self.evaluation.verdicts += verdicts;
        for (series, NormalVerdicts { rules, observed, expected }) in normal {
            let merged = self.evaluation.normal.entry(series).or_default();
            merged.rules.extend(rules);
            merged.observed = observed;
            merged.expected = expected;
        }
        for (series, bands) in bands {
            self.evaluation.bands.entry(series).or_default().extend(bands);
        }
        if result.is_stopped {
            self.stopped_rules.insert(index);
        }
    }

    fn into_evaluation(self, rules: &[&PreparedRule]) -> Evaluation {
        let stopped_rules = self.stopped_rules.into_iter().map(|index| rules[index].rule.id.clone()).collect();
        let anomalies = self.anomalies.into_iter().flatten().collect();
        let shadow_anomalies = self.shadow_anomalies.into_iter().flatten().collect();
        Evaluation { stopped_rules, anomalies, shadow_anomalies, ..self.evaluation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(series: u64, count: Count) -> RuleResult {
        let mut call_report = Report::default();
        call_report.add(count, series);
        let evaluation = Evaluation { verdicts: series, ..Evaluation::default() };
        RuleResult { evaluation, call_report, series, is_stopped: false, report: Report::default() }
    }

    /// The key range after the failure may have run in parallel, or not at all.
    #[test]
    fn results_after_the_stop_of_a_rule_do_not_count() {
        let mut report = Report::default();
        let mut results = MergedResults::new(2, &mut report);
        let failed = result(7, Count::FailedSeries);
        results.add(0, result(5, Count::Fuel));
        results.add(0, RuleResult { evaluation: Evaluation::default(), is_stopped: true, ..failed });
        results.add(0, result(11, Count::Fuel));
        results.add(1, result(13, Count::Fuel));
        assert_eq!((results.evaluation.verdicts, &results.stopped_rules), (18, &BTreeSet::from([0])));
        assert_eq!(report.counts, [(Count::Fuel, 18), (Count::FailedSeries, 18)].into());
    }
}
