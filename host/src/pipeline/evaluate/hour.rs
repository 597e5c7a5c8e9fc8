//! Evaluation of a partial day with the fits of the daily job.
//!
//! Reads baselines instead of the history: the work of an hour depends only on new data. Only for a series without a
//! fit, the evaluation searches the ledger for earlier rows.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use model::history::{History, Measure, Snapshots};
use model::incident::{CURRENT_DAYS, Incident, Recency};
use model::ledger::DayLedger;
use model::moment::{BillingHour, LAST_HOUR};
use model::money;
use model::rule::Absent;
use model::series::{Grain, SeriesKey};
use store::checkpoint::Checkpoint;
use store::{DateRange, FitRequest};

use super::advance::KnownIncidents;
use super::aggregate::{RuleSeries, SeriesFrame};
use super::cold_start::{ColdStart, supports_cold_start};
use super::evaluation::{DetectorInput, Evaluation, EvaluationTime};
use super::evaluator::Evaluator;
use super::finished_days::{TRAILING_DAYS, trailing_bill};
use super::fits::{MAX_FIT_AGE_DAYS, SeriesFit, UsableFits, fit_request};
use super::mask::TrainingMask;
use crate::pipeline::ingest::{CompletenessProblem, withheld_hour};
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, Run, RunError, Stage, days_before};

/// The ledger of a partial day up to an hour.
pub(crate) struct EvaluatedHour<'a> {
    pub(crate) hour: BillingHour,
    pub(crate) ledger: &'a DayLedger,
    pub(crate) recency: Recency,
}

/// The result of an hour.
pub(crate) enum HourResult {
    /// Evaluated, with the incidents for possible notifications.
    Evaluated(Vec<Incident>),
    /// Withheld: nothing is stored.
    Withheld(CompletenessProblem),
}

impl EvaluatedHour<'_> {
    /// Stores the partial day at an hour, evaluates the day, and stores the anomalies.
    pub(crate) async fn evaluate(&self, run: &mut Run<'_>) -> Result<HourResult, RunError> {
        let BillingHour { date, hour } = self.hour;
        run.report.add(Count::Series, self.ledger.entries.len() as u64);
        let started = Instant::now();
        let range = DateRange { from: days_before(date, MAX_FIT_AGE_DAYS - 1), to: date };
        let mut snapshots = run.services.store.snapshots(range).await?;
        if let Some((later, later_total)) = snapshots.smaller_later_total(date, hour, self.ledger.total_double()) {
            let [total, later_total] = [self.ledger.total_double(), later_total].map(money::text);
            return Err(RunError::ExceedsLaterHour { date, hour, total, later, later_total });
        }
        // The completeness check needs the new hour, but a withheld hour must not reach the store.
        snapshots.add(date, hour, self.ledger);
        run.report.add_time_since(Stage::ReadSnapshots, started);
        if let Some(problem) = withheld_hour(&snapshots, self.hour, &run.services.config.completeness) {
            problem.report(&mut run.report);
            return Ok(HourResult::Withheld(problem));
        }
        let started = Instant::now();
        if !run.is_dry_run() {
            run.services.store.put_hour(date, hour, self.ledger, run.now).await?;
        }
        run.report.add_time_since(Stage::WriteSnapshot, started);
        run.checkpoint(Checkpoint::Written).await?;
        run.services.check_sandbox()?;
        let incidents = run.services.store.incidents(days_before(date, CURRENT_DAYS)).await?;
        let known = KnownIncidents { moment: self.hour.into(), recency: self.recency, incidents };
        let mut evaluation = self.evaluate_rules(run, &snapshots, &known.series()).await?;
        run.check_stop()?;
        let started = Instant::now();
        let incidents = run.advance_incidents(known, &mut evaluation).await?;
        run.report.add_time_since(Stage::WriteAnomalies, started);
        run.report.anomalies.append(&mut evaluation.anomalies);
        run.report.anomalies.append(&mut evaluation.shadow_anomalies);
        run.checkpoint(Checkpoint::Stored).await?;
        Ok(HourResult::Evaluated(incidents))
    }

    /// Evaluates the rules over days only, and stores the anomalies. Stores no snapshot: the hour of the bill is unknown.
    async fn evaluate_days(&self, run: &mut Run<'_>) -> Result<Vec<Incident>, RunError> {
        run.services.check_sandbox()?;
        let since = days_before(self.hour.date, CURRENT_DAYS);
        let incidents = run.services.store.incidents(since).await?;
        let known = KnownIncidents { moment: self.hour.into(), recency: self.recency, incidents };
        // Without snapshots, the rules over hours have no series.
        let mut evaluation = self.evaluate_rules(run, &Snapshots::default(), &known.series()).await?;
        run.check_stop()?;
        let incidents = run.advance_incidents(known, &mut evaluation).await?;
        run.report.anomalies.append(&mut evaluation.anomalies);
        run.report.anomalies.append(&mut evaluation.shadow_anomalies);
        run.checkpoint(Checkpoint::Stored).await?;
        Ok(incidents)
    }

    /// Evaluates the partial day with every rule.
    async fn evaluate_rules(
        &self,
        run: &mut Run<'_>,
        snapshots: &Snapshots,
        watched: &HashSet<SeriesKey>,
    ) -> Result<Evaluation, RunError> {
        let hour = self.hour.hour;
        let services = &*run.services;
        let rules = &services.rules.rules;
        let started = Instant::now();
        let requests: Vec<FitRequest> = rules.iter().map(|prepared| fit_request(prepared, hour)).collect();
        let baselines = services.store.baselines(&requests).await?;
        run.report.add_time_since(Stage::ReadBaselines, started);

        let started = Instant::now();
        let mut today = History::default();
        today.push(self.ledger, &Measure::ALL.into());
        // No training mask: the fits already exist.
        let mask = TrainingMask::default();
        let config = &services.config;
        let accept_after_days = config.accept_after_days;
        let frame = SeriesFrame { zone: &config.zone, mask: &mask, accept_after_days, through: self.hour.date };
        let partial_day = PartialDay { today, snapshots, frame, hour };
        let range = DateRange { from: days_before(self.hour.date, TRAILING_DAYS), to: days_before(self.hour.date, 1) };
        let totals = services.store.day_totals(range).await?.into_iter().collect();
        let trailing_bill = trailing_bill(&totals, self.hour.date);
        let mut evaluator = Evaluator::new(config, &mut run.report, watched, trailing_bill);
        for prepared in rules {
            let fits = UsableFits::select(prepared, &baselines, self.hour, evaluator.report);
            let cold_start_through = fits.trained_through.filter(|_| supports_cold_start(prepared));
            let PartialDayInputs { mut inputs, without_fit } = partial_day.inputs(prepared, fits);
            match cold_start_through {
                Some(through) => {
                    let frame = SeriesFrame { through, ..frame };
                    let cold_start = ColdStart { prepared, series: without_fit, frame };
                    inputs.extend(cold_start.inputs(&services.store, &mut evaluator).await?);
                    inputs.sort_by(|one, other| one.series.key.cmp(&other.series.key));
                }
                None => evaluator.report.add(Count::InsufficientHistory, without_fit.len() as u64),
            }
            let time = EvaluationTime::new(self.hour.into(), prepared.rule.grain, frame.zone);
            evaluator.evaluate(prepared, inputs, time);
        }
        let evaluation = evaluator.evaluation;
        run.report.add_time_since(Stage::Evaluate, started);
        Ok(evaluation)
    }
}

impl Run<'_> {
    /// Evaluates a withheld day with too few series as the part of a day: a series above its upper bound is anomalous,
    /// whatever the rest of the bill adds. Returns the incidents for possible notifications.
    pub(crate) async fn evaluate_withheld_day(
        &mut self,
        ledger: &DayLedger,
        problem: CompletenessProblem,
        recency: Recency,
    ) -> Result<Vec<Incident>, RunError> {
        if !problem.is_partial_day() {
            return Ok(Vec::new());
        }
        let hour = BillingHour { date: ledger.date, hour: LAST_HOUR };
        EvaluatedHour { hour, ledger, recency }.evaluate_days(self).await
    }
}

/// The series of a partial day.
struct PartialDay<'a> {
    /// The rows of the partial day.
    today: History,
    snapshots: &'a Snapshots,
    frame: SeriesFrame<'a>,
    hour: u8,
}

/// The series of a rule with a fit, and the series without a fit.
struct PartialDayInputs {
    inputs: Vec<DetectorInput>,
    without_fit: Vec<RuleSeries>,
}

impl PartialDay<'_> {
    /// Builds the detector input of each trained series: the newest value and the values since the training. A series
    /// without a row today has cost 0, unless the rule says "unknown".
    fn inputs(&self, prepared: &PreparedRule, usable: UsableFits<'_>) -> PartialDayInputs {
        let UsableFits { fits, unusable, .. } = usable;
        let series = self.series(prepared).into_iter();
        let mut series: BTreeMap<SeriesKey, RuleSeries> = series.map(|series| (series.key.clone(), series)).collect();
        let is_zero_when_absent = prepared.rule.grain == Grain::Daily && prepared.rule.absent == Absent::Zero;
        let mut inputs = Vec::with_capacity(fits.len());
        let mut fits: Vec<(&SeriesKey, SeriesFit<'_>)> = fits.into_iter().collect();
        fits.sort_by_key(|(key, _)| *key);
        for (key, fit) in fits {
            let series = match series.remove(key) {
                Some(series) => series,
                None if is_zero_when_absent => RuleSeries::zero_today(key, fit.names, self.frame),
                None => continue,
            };
            inputs.extend(self.input(series, &fit));
        }
        tracing::debug!(rule = prepared.rule.id, hour = self.hour, inputs = inputs.len(), "evaluating");
        series.retain(|key, _| !unusable.contains(key));
        PartialDayInputs { inputs, without_fit: series.into_values().collect() }
    }

    /// The series of a rule on the partial day.
    fn series(&self, prepared: &PreparedRule) -> Vec<RuleSeries> {
        let rule = &prepared.rule;
        let snapshots = || self.frame.snapshots(rule, self.snapshots);
        match rule.grain {
            Grain::Daily => self.frame.daily(rule, &self.today, 1),
            Grain::DayToDate => snapshots().filter_map(|series| series.day_to_date(self.hour)).collect(),
            Grain::Hourly => snapshots().filter_map(|series| series.hourly()).collect(),
        }
    }

    /// The input of a series with a fit. `None` if the value of the hour is unknown.
    fn input(&self, series: RuleSeries, fit: &SeriesFit<'_>) -> Option<DetectorInput> {
        let trained_until = series.series.day(fit.through.tomorrow().unwrap_or(fit.through));
        // The last second of the hour. The hourly series continues to the end of the day with unknown values.
        let now = series.series.day(self.frame.through) + i64::from(self.hour) * 3_600 + 3_599;
        let points = series.series.between(trained_until, now);
        if points.values.last().is_none_or(|value| value.is_nan()) {
            return None;
        }
        Some(DetectorInput::of_last_point(RuleSeries { series: points, ..series }, fit.state.clone(), fit.through))
    }
}
