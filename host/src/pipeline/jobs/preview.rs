//! Preview: evaluates a rule set on a stored day. Fetches, stores and notifies nothing.
//!
//! Rules over finished days give the result of the daily job. Rules over snapshots give the result of the hourly job on
//! a day with a training in the night before.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use jiff::civil::Date;
use model::history::Snapshots;
use model::moment::{BillingHour, Moment};
use model::series::Grain;
use store::{AnomalyKey, DateRange, Store};

use crate::config::Config;
use crate::pipeline::evaluate::{
    DayEvaluation, HistoryQuery, HistoryReader, TRAILING_DAYS, TrainingMask, trailing_bill,
};
use crate::pipeline::rules::{PreparedRule, PreparedRules};
use crate::pipeline::run::{Count, Report, RunError, Stage, day_period, days_before};

/// The day of the preview, and the hour for rules over snapshots.
#[derive(Clone, Copy)]
pub(crate) struct Preview<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: &'a Store,
    pub(crate) rules: &'a PreparedRules,
    /// `None` for the newest ledger day.
    pub(crate) date: Option<Date>,
    pub(crate) hour: u8,
    /// Whether the rules have produced the stored anomalies. Another rule set trains without a mask.
    pub(crate) is_live_rule_set: bool,
}

/// Evaluates the day. The report contains the failures.
pub(crate) async fn preview(preview: Preview<'_>) -> Report {
    let period = preview.date.map_or_else(|| "newest day".to_owned(), day_period);
    let mut report = Report::new("rules run", period);
    if let Err(error) = preview.evaluate(&mut report).await {
        report.error = Some(error.to_string());
    }
    report
}

impl Preview<'_> {
    async fn evaluate(&self, report: &mut Report) -> Result<(), RunError> {
        let Self { config, store, rules, .. } = *self;
        report.add_rules(rules, config);
        let started = Instant::now();
        let newest = store.newest_day().await?.ok_or(RunError::EmptyStore)?;
        let hour = BillingHour { date: self.date.unwrap_or(newest), hour: self.hour };
        let date = hour.date;
        report.period = format!("{}T{:02}", day_period(date), hour.hour);
        let query = history_query(&rules.rules, hour);
        let mut mask = if self.is_live_rule_set { TrainingMask::default() } else { TrainingMask::of_other_rules() };
        let before = DateRange { from: query.days.from, to: days_before(date, 1) };
        if self.is_live_rule_set {
            for AnomalyKey { series, date, hour } in store.anomaly_keys(before).await? {
                mask.add(&series, Moment { date, hour });
            }
        }
        let history;
        let snapshots;
        let reader = match store.key_ranges()? {
            Some(key_ranges) => HistoryReader::of_store(key_ranges, query)?,
            None => {
                history = store.history(query.days, &query.measures).await?;
                mask.add_marks(&history, date);
                snapshots = match query.snapshots {
                    Some(range) => store.snapshots(range).await?,
                    None => Snapshots::default(),
                };
                HistoryReader::of_memory(&history, &snapshots)
            }
        };
        if reader.days.binary_search(&date).is_err() {
            return Err(RunError::DayNotStored { date, newest });
        }
        report.add_time_since(Stage::ReadHistory, started);

        let started = Instant::now();
        let prepared: Vec<&PreparedRule> = rules.rules.iter().collect();
        // A preview advances no incidents.
        let not_watched = HashSet::new();
        let mask = &mask;
        let watched = &not_watched;
        let bands = &HashMap::new();
        let range = DateRange { from: days_before(date, TRAILING_DAYS), to: days_before(date, 1) };
        let trailing_bill = trailing_bill(&store.day_totals(range).await?.into_iter().collect(), date);
        let snapshot_hour = hour.hour;
        let day = DayEvaluation { config, rules: &prepared, date, snapshot_hour, mask, watched, bands, trailing_bill };
        let evaluation = day.evaluate(&reader, report)?;
        report.add_time_since(Stage::Evaluate, started);
        report.add(Count::Series, evaluation.series);
        report.add(Count::Verdicts, evaluation.verdicts);
        report.add(Count::Anomalies, evaluation.anomalies.len() as u64);
        if !evaluation.shadow_anomalies.is_empty() {
            report.add(Count::ShadowAnomalies, evaluation.shadow_anomalies.len() as u64);
        }
        report.anomalies = evaluation.anomalies;
        report.anomalies.extend(evaluation.shadow_anomalies);
        report.check_verdicts(rules);
        Ok(())
    }
}

/// The data for the rules: the day and the history of each rule before.
fn history_query(rules: &[PreparedRule], hour: BillingHour) -> HistoryQuery {
    let rules = || rules.iter().map(|prepared| &prepared.rule);
    let range = |days: u16| DateRange { from: days_before(hour.date, days), to: hour.date };
    let mut measures: Vec<_> = rules().map(|rule| rule.measure).collect();
    measures.sort_unstable();
    measures.dedup();
    let is_hourly = rules().any(|rule| rule.grain == Grain::Hourly);
    let snapshot_rules = rules().filter(|rule| rule.grain != Grain::Daily);
    HistoryQuery {
        days: range(rules().map(|rule| rule.history_days).max().unwrap_or(0)),
        measures,
        snapshots: snapshot_rules.map(|rule| rule.history_days).max().map(range),
        // Hourly increments need every hour of a day.
        hours: if is_hourly { (0..24).collect() } else { vec![hour.hour] },
    }
}
