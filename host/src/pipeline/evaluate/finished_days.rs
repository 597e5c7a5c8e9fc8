//! Evaluation of finished days in order: store the day, evaluate, store the anomalies; at the end, train.
//!
//! A store with key ranges is read again for each day, and the memory does not grow with the bill. With any other
//! store, the history is read once and kept in memory, and many days cost no more reads than a single day.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::civil::Date;
use model::history::{History, Measure, Snapshots};
use model::incident::{CURRENT_DAYS, Incident, Recency};
use model::ledger::DayLedger;
use model::moment::Moment;
use model::series::{Grain, SeriesKey};
use store::checkpoint::Checkpoint;
use store::{AnomalyKey, DateRange};

use super::advance::KnownIncidents;
use super::day::DayEvaluation;
use super::evaluation::Evaluation;
use super::gates::unreachable_rules;
use super::history_reader::{HistoryQuery, HistoryReader};
use super::mask::TrainingMask;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{
    Count, Mode, Run, RunError, Services, Stage, count_decisions, days_before, set_newest_day, single_day,
};

/// The ledger before a day, extended day by day.
pub(crate) struct FinishedDays {
    /// The history in memory. `None` for a store with key ranges, read again for each day.
    pub(super) history: Option<History>,
    measures: BTreeSet<Measure>,
    pub(super) mask: TrainingMask,
    /// The total of each ledger day, from 28 days before the first evaluated day on.
    totals: BTreeMap<Date, f64>,
    /// Longest look-back of the rules and the statistics, in days.
    longest_days: u16,
    /// The last day with different amounts or anomalies than before the run. Later days depend on the day.
    changed: Option<Date>,
}

/// The snapshots for rules over hours.
#[derive(Debug, Default)]
pub(super) struct SnapshotHistory {
    /// `None` without a rule over hours.
    pub(super) range: Option<DateRange>,
    /// The snapshots in memory; empty for a store with key ranges.
    pub(super) snapshots: Snapshots,
}

impl FinishedDays {
    /// Reads the history before `first`.
    pub(crate) async fn open(run: &mut Run<'_>, first: Date) -> Result<Self, RunError> {
        let started = Instant::now();
        let services = &run.services;
        let rules = || services.rules.rules.iter().map(|prepared| &prepared.rule);
        let longest_rule = rules().map(|rule| rule.history_days).max().unwrap_or(0);
        let longest_days = longest_rule.max(services.config.baseline_days);
        // The statistics of a baseline always use the billed cost.
        let measures = rules().map(|rule| rule.measure).chain([Measure::BilledCost]).collect();
        let range = DateRange { from: days_before(first, longest_days), to: days_before(first, 1) };
        let mask = TrainingMask::default();
        let totals = DateRange { from: days_before(first, TRAILING_DAYS), to: Date::MAX };
        let totals = services.store.day_totals(totals).await?.into_iter().collect();
        let mut days = Self { history: None, measures, mask, totals, longest_days, changed: None };
        // A dry run stores nothing: the new days exist only in memory. A backtest reads each day once.
        if services.mode != Mode::Write || services.store.key_ranges()?.is_none() {
            let history = services.store.history(range, &days.measures()).await?;
            days.mask.add_marks(&history, first);
            days.history = Some(history);
        }
        for AnomalyKey { series, date, hour } in services.store.anomaly_keys(range).await? {
            days.mask.add(&series, Moment { date, hour });
        }
        days.mask.add_decisions(&services.store.incidents_for_training(range.from).await?);
        run.report.add_time_since(Stage::ReadHistory, started);
        Ok(days)
    }

    /// Stores and evaluates a finished day, and stores the anomalies. Returns the incidents with possible
    /// notifications.
    pub(crate) async fn add(
        &mut self,
        run: &mut Run<'_>,
        ledger: &DayLedger,
        recency: Recency,
    ) -> Result<Vec<Incident>, RunError> {
        let started = Instant::now();
        if !run.is_dry_run() {
            run.services.store.put_day(ledger, run.now).await?;
        }
        run.report.add_time_since(Stage::WriteDay, started);
        run.checkpoint(Checkpoint::Written).await?;
        run.services.check_sandbox()?;
        if let Some(history) = &mut self.history {
            history.push(ledger, &self.measures);
        }
        self.totals.insert(ledger.date, ledger.total_double());
        run.report.add(Count::Series, ledger.entries.len() as u64);
        let incidents = self.evaluate(run, ledger.date, recency).await?;
        // A restated older day must not move the metrics of the newest day.
        if !run.is_dry_run() && run.services.store.newest_day().await?.is_none_or(|newest| newest <= ledger.date) {
            set_newest_day(&run.services.config, ledger, &mut run.report.tally);
            if recency == Recency::Live {
                let decided = run.services.store.decided_incidents().await?;
                count_decisions(&run.services.rules, &decided, &mut run.report.tally);
            }
        }
        Ok(incidents)
    }

    /// Evaluates a stored day again, because an earlier day has changed.
    pub(crate) async fn reevaluate(
        &mut self,
        run: &mut Run<'_>,
        date: Date,
        recency: Recency,
    ) -> Result<Vec<Incident>, RunError> {
        let measures = self.measures();
        if let Some(history) = &mut self.history {
            history.append(run.services.store.history(single_day(date), &measures).await?);
            history.unmark(date);
        }
        run.report.add_reevaluated_day(date);
        self.evaluate(run, date, recency).await
    }

    /// Marks a day as different from before the run.
    pub(crate) fn mark_changed(&mut self, date: Date) {
        self.changed = self.changed.max(Some(date));
    }

    /// Whether a later day looks back to a changed day.
    pub(crate) fn depends_on_change(&self, later: Date) -> bool {
        self.changed.is_some_and(|changed| days_before(later, self.longest_days) <= changed)
    }

    /// The days up to `through`, from memory or from the store.
    pub(super) fn reader<'a>(
        &'a self,
        services: &'a Services,
        through: Date,
        snapshots: &'a SnapshotHistory,
    ) -> Result<HistoryReader<'a>, RunError> {
        match (&self.history, services.store.key_ranges()?) {
            (None, Some(key_ranges)) => {
                let days = DateRange { from: days_before(through, self.longest_days), to: through };
                let measures = self.measures();
                let hours = (0..24).collect();
                let query = HistoryQuery { days, measures, snapshots: snapshots.range, hours };
                Ok(HistoryReader::of_store(key_ranges, query)?)
            }
            (None, None) => unreachable!("a store without key ranges has the history in memory"),
            (Some(history), _) => Ok(HistoryReader::of_memory(history, &snapshots.snapshots)),
        }
    }

    async fn evaluate(&mut self, run: &mut Run<'_>, date: Date, recency: Recency) -> Result<Vec<Incident>, RunError> {
        if let Some(history) = &mut self.history {
            history.remove_before(days_before(date, self.longest_days));
        }
        self.mask.clear_day(date);
        let stored = run.services.store.anomaly_keys(single_day(date)).await?;
        // Hourly anomalies stay in the training mask: only the finished day is evaluated again.
        for AnomalyKey { series, hour, .. } in stored.iter().filter(|anomaly| anomaly.hour.is_some()) {
            self.mask.add(series, Moment { date, hour: *hour });
        }
        let before = anomalous_series(stored);

        let started = Instant::now();
        let incidents = run.services.store.incidents(days_before(date, CURRENT_DAYS)).await?;
        let known = KnownIncidents { moment: Moment::finished_day(date), recency, incidents };
        let mut evaluation = self.evaluate_rules(run, &known)?;
        run.check_stop()?;
        run.report.add_time_since(Stage::Evaluate, started);

        let started = Instant::now();
        let mut anomalous: BTreeSet<SeriesKey> =
            evaluation.anomalies.iter().map(|anomaly| anomaly.series.clone()).collect();
        let incidents = run.advance_incidents(known, &mut evaluation).await?;
        if !run.is_dry_run() {
            // Earlier anomalies of a rule without a verdict now remain valid, and the mark remains too.
            anomalous = anomalous_series(run.services.store.anomaly_keys(single_day(date)).await?);
            run.services.store.mark_anomalous(date, &anomalous, run.now).await?;
        }
        // Different marks change the training mask of later days.
        if anomalous != before {
            self.mark_changed(date);
        }
        self.mask.add_new_levels(&incidents);
        for key in &anomalous {
            self.mask.add(key, Moment::finished_day(date));
        }
        if let Some(history) = &mut self.history {
            history.mark(date, &anomalous);
        }
        run.checkpoint(Checkpoint::Stored).await?;
        run.report.add_time_since(Stage::WriteAnomalies, started);
        run.report.anomalies.append(&mut evaluation.anomalies);
        run.report.anomalies.append(&mut evaluation.shadow_anomalies);
        Ok(incidents)
    }

    /// Evaluates a day with fits on the days before.
    fn evaluate_rules(&self, run: &mut Run<'_>, known: &KnownIncidents) -> Result<Evaluation, RunError> {
        let services = &*run.services;
        let date = known.moment.date;
        let no_snapshots = SnapshotHistory::default();
        let reader = self.reader(services, date, &no_snapshots)?;
        let rules = services.rules.rules.iter().filter(|prepared| prepared.rule.grain == Grain::Daily);
        let rules: Vec<&PreparedRule> = rules.collect();
        let watched = known.series();
        let bands = known.bands();
        let mask = &self.mask;
        let config = &services.config;
        let trailing_bill = trailing_bill(&self.totals, date);
        let unreachable =
            unreachable_rules(rules.iter().map(|prepared| &prepared.rule), trailing_bill, &config.currency);
        unreachable.into_iter().for_each(|message| run.report.add_note_once(message));
        let watched = &watched;
        let bands = &bands;
        DayEvaluation { config, rules: &rules, date, snapshot_hour: 0, mask, watched, bands, trailing_bill }
            .evaluate(&reader, &mut run.report)
    }

    fn measures(&self) -> Vec<Measure> {
        self.measures.iter().copied().collect()
    }
}

/// Number of days of the trailing bill.
pub(crate) const TRAILING_DAYS: u16 = 28;

/// Returns the bill of the 28 days before a day. Days outside the ledger count as the mean of the other days.
pub(crate) fn trailing_bill(totals: &BTreeMap<Date, f64>, date: Date) -> f64 {
    let known = totals.range(days_before(date, TRAILING_DAYS)..date);
    let (count, sum) = known.fold((0_u32, 0.0), |(count, sum), (_, total)| (count + 1, sum + total));
    if count == 0 { 0.0 } else { sum / f64::from(count) * f64::from(TRAILING_DAYS) }
}

/// The series with an anomaly on a finished day.
fn anomalous_series(anomalies: Vec<AnomalyKey>) -> BTreeSet<SeriesKey> {
    let of_days = anomalies.into_iter().filter(|anomaly| anomaly.hour.is_none());
    of_days.map(|anomaly| anomaly.series).collect()
}
