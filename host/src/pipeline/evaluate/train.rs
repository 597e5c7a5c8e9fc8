//! Training: fits of every series through a finished day, for the following hours.
//!
//! Works on some thousand series at a time, in key order. The store receives the fits of a round during the training of
//! the next round. The memory never holds all fits.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use model::history::{DayMarks, History, HistoryRow, Measure, Snapshots};
use model::series::{Grain, Names, SeriesKey};
use model::statistics;
use sandbox::{Fitted, Scope};
use store::checkpoint::Checkpoint;
use store::failpoint;
use store::{Baseline, DateRange, Fit, FitState};

use super::aggregate::SeriesFrame;
use super::changed_rules::TrainedRules;
use super::collector::{TrainingSeries, needs_all_series};
use super::evaluator::Evaluator;
use super::finished_days::{FinishedDays, SnapshotHistory};
use super::history_reader::{HistoryReader, RangeData};
use super::mask::TrainingMask;
use crate::config::Config;
use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, Mode, Report, Run, RunError, Services, Stage, days_before};
use crate::stop;

/// Maximum number of series per detector call. A day-to-date key has a series per hour.
const SERIES_PER_CALL: usize = 4_096;

type Baselines = BTreeMap<SeriesKey, Baseline>;

impl FinishedDays {
    /// Trains every series through a day and stores the fits. If the ledger has later days, trains through the last day
    /// of the ledger: a repeated older day must not replace newer fits.
    pub(crate) async fn train(self, run: &mut Run<'_>, through: Date) -> Result<(), RunError> {
        match run.services.store.newest_day().await? {
            Some(newest) if newest > through => {
                let days = Self::open(run, newest.tomorrow().unwrap_or(newest)).await?;
                days.train_through(run, newest).await
            }
            _ => self.train_through(run, through).await,
        }
    }

    async fn train_through(&self, run: &mut Run<'_>, through: Date) -> Result<(), RunError> {
        let started = Instant::now();
        let services = &*run.services;
        let snapshots = self.read_snapshots(services, through).await?;
        let reader = self.reader(services, through, &snapshots)?;
        run.report.add_time_since(Stage::ReadSnapshots, started);

        let started = Instant::now();
        let training = Training { config: &services.config, rules: &services.rules.rules, mask: &self.mask, through };
        let group_baselines = training.train_groups(&reader, &mut run.report)?;
        let mut rounds = TrainingRounds {
            training: &training,
            reader: &reader,
            report: &mut run.report,
            group_baselines,
            stopped_rules: BTreeSet::new(),
            time: started.elapsed(),
        };
        let mut error = None;
        // The first read error ends the iterator.
        let baselines = reader.rounds().map_while(|round| {
            let result = rounds.train(round);
            // The fits of a stopped round are failures of the run.
            let result = if stop::asked() { Err(RunError::Stopped) } else { result };
            failpoint::pass(Checkpoint::Training);
            result.map_err(|cause| error = Some(cause)).ok()
        });
        match services.mode {
            Mode::Write | Mode::Backtest => services.store.put_baselines(baselines.flatten(), run.now).await?,
            Mode::DryRun => baselines.for_each(drop),
        }
        let time = rounds.time;
        run.report.add_time(Stage::Train, time);
        run.report.add_time(Stage::WriteBaselines, started.elapsed().saturating_sub(time));
        if let Some(error) = error {
            return Err(error);
        }
        if services.mode == Mode::Write {
            TrainedRules::of(services).record();
        }
        Ok(())
    }

    /// Reads the snapshots for the rules over hours.
    async fn read_snapshots(&self, services: &Services, through: Date) -> Result<SnapshotHistory, RunError> {
        let rules = services.rules.rules.iter().filter(|prepared| prepared.rule.grain != Grain::Daily);
        let days = rules.map(|prepared| prepared.rule.history_days).max();
        let range = days.map(|days| DateRange { from: days_before(through, days - 1), to: through });
        let snapshots = match range {
            // Without a history in memory, each key range reads the snapshots from the store.
            Some(range) if self.history.is_some() => services.store.snapshots(range).await?,
            _ => Snapshots::default(),
        };
        Ok(SnapshotHistory { range, snapshots })
    }
}

/// Inputs of the training: rules, training mask and last day.
struct Training<'a> {
    config: &'a Config,
    rules: &'a [PreparedRule],
    mask: &'a TrainingMask,
    through: Date,
}

/// The training of the key ranges in rounds.
struct TrainingRounds<'a> {
    training: &'a Training<'a>,
    reader: &'a HistoryReader<'a>,
    report: &'a mut Report,
    /// The baselines of groups, not yet merged with the baselines of the key ranges.
    group_baselines: Baselines,
    /// Indices of the rules stopped after a failure of a whole batch.
    stopped_rules: BTreeSet<usize>,
    time: Duration,
}

/// Baselines of a key range.
struct TrainedRange {
    baselines: Baselines,
    rules: Vec<TrainedRule>,
}

/// Result of a rule in a key range.
struct TrainedRule {
    /// Index of the rule.
    index: usize,
    report: Report,
    series: u64,
    is_stopped: bool,
}

/// The owner of a fit.
struct FitKey {
    hour: Option<u8>,
    key: SeriesKey,
    names: Names,
}

impl TrainingRounds<'_> {
    /// Trains a round of key ranges. Returns the baselines in key order.
    fn train(&mut self, round: Range<usize>) -> Result<Vec<Baseline>, RunError> {
        let started = Instant::now();
        let is_last = round.end == self.reader.range_count();
        let training = self.training;
        let reader = self.reader;
        let stopped_rules = &self.stopped_rules;
        let ranges = reader.read_round(round, |range| training.train_range(reader, range, stopped_rules))?;
        let mut baselines = Vec::new();
        for (range, trained) in ranges {
            let mut of_range = self.merge(trained);
            // Groups and further series outside the ledger join the key range that covers the key. The result stays in
            // key order.
            if let Some(last) = range.last_key() {
                let mut later = self.group_baselines.split_off(last);
                self.group_baselines.extend(later.remove_entry(last));
                for (key, baseline) in std::mem::replace(&mut self.group_baselines, later) {
                    add_fits(&mut of_range, key, baseline);
                }
            }
            baselines.extend(of_range.into_values());
        }
        if is_last {
            baselines.extend(std::mem::take(&mut self.group_baselines).into_values());
        }
        self.time += started.elapsed();
        Ok(baselines)
    }

    /// Merges the result of a key range, in key order. After a failure of a whole batch, the fits of the rule in later
    /// key ranges do not count, even if already computed: the result is independent of the number of threads.
    fn merge(&mut self, trained: TrainedRange) -> Baselines {
        let TrainedRange { mut baselines, rules } = trained;
        for trained in rules {
            if self.stopped_rules.contains(&trained.index) {
                self.report.add(Count::FailedSeries, trained.series);
                let rule = &self.training.rules[trained.index].rule.id;
                baselines.values_mut().for_each(|baseline| drop(baseline.fits.remove(rule)));
                continue;
            }
            self.report.absorb(trained.report);
            if trained.is_stopped {
                self.stopped_rules.insert(trained.index);
            }
        }
        baselines
    }
}

impl Training<'_> {
    /// Trains the rules that need all series at once.
    fn train_groups(&self, reader: &HistoryReader<'_>, report: &mut Report) -> Result<Baselines, RunError> {
        let mut baselines = Baselines::new();
        let rules = self.rules.iter().filter(|prepared| needs_all_series(prepared));
        let frame = self.frame(self.mask);
        let mut collectors: Vec<_> = rules
            .map(|prepared| (prepared, frame.collector(&prepared.rule, reader, prepared.rule.history_days)))
            .collect();
        if collectors.is_empty() {
            return Ok(baselines);
        }
        let add = |_: &mut (), range: RangeData, ()| {
            collectors.iter_mut().for_each(|(_, collector)| collector.add(&range));
        };
        reader.read_all(&mut (), |(), _| (), add)?;
        for (prepared, collector) in collectors {
            let mut rule_report = Report::default();
            let mut fitting = RuleFitting { training: self, prepared, report: &mut rule_report };
            fitting.fit(collector.into_training_series(frame).collect(), &mut baselines);
            report.absorb(rule_report);
        }
        Ok(baselines)
    }

    /// Trains the rules over single series, and computes the statistics.
    fn train_range(
        &self,
        reader: &HistoryReader<'_>,
        range: &RangeData,
        stopped_rules: &BTreeSet<usize>,
    ) -> TrainedRange {
        let mask = self.mask.for_range(range, self.through.tomorrow().unwrap_or(self.through));
        let frame = self.frame(&mask);
        let rows = range.history.rows.iter();
        let mut baselines = rows.map(|(key, row)| (key.clone(), self.baseline(&range.history, key, row))).collect();
        let mut rules = Vec::new();
        for (index, prepared) in self.rules.iter().enumerate().filter(|(_, prepared)| !needs_all_series(prepared)) {
            let mut collector = frame.collector(&prepared.rule, reader, prepared.rule.history_days);
            collector.add(range);
            let is_stopped = stopped_rules.contains(&index);
            let mut trained = TrainedRule { index, report: Report::default(), series: 0, is_stopped };
            let mut series = collector.into_training_series(frame).peekable();
            while series.peek().is_some() {
                let chunk: Vec<_> = series.by_ref().take(SERIES_PER_CALL).collect();
                trained.series += chunk.len() as u64;
                if !trained.is_stopped {
                    let mut fitting = RuleFitting { training: self, prepared, report: &mut trained.report };
                    trained.is_stopped = fitting.fit(chunk, &mut baselines);
                }
            }
            rules.push(trained);
        }
        TrainedRange { baselines, rules }
    }

    fn frame<'f>(&'f self, mask: &'f TrainingMask) -> SeriesFrame<'f> {
        let accept_after_days = self.config.accept_after_days;
        SeriesFrame { zone: &self.config.zone, mask, accept_after_days, through: self.through }
    }

    /// The baseline of a ledger series, without fits.
    fn baseline(&self, history: &History, key: &SeriesKey, row: &HistoryRow) -> Baseline {
        let oldest = days_before(self.through, self.config.baseline_days - 1);
        let first = history.days.partition_point(|day| *day < oldest);
        let values = row.values.get(&Measure::BilledCost).map_or(&[][..], |values| &values[first..]);
        let is_usual = |marks: &DayMarks| !marks.is_anomalous && !marks.is_incomplete;
        let normal = values.iter().zip(&row.marks[first..]).filter(|(_, marks)| is_usual(marks));
        Baseline {
            key: key.clone(),
            names: row.names.clone(),
            pricing_categories: row.pricing_categories.clone(),
            statistics: statistics::compute(normal.map(|(value, _)| *value)),
            fits: BTreeMap::new(),
        }
    }
}

/// The fits of a rule.
struct RuleFitting<'a> {
    training: &'a Training<'a>,
    prepared: &'a PreparedRule,
    report: &'a mut Report,
}

impl RuleFitting<'_> {
    /// Fits the series and adds the fits to the baselines. Returns whether the detector failed for a whole batch.
    fn fit(&mut self, mut all_series: Vec<TrainingSeries>, baselines: &mut Baselines) -> bool {
        let not_watched = HashSet::new();
        let mut evaluator = Evaluator::of_training(self.training.config, self.report, &not_watched);
        let compares_peers = self.prepared.detector.manifest.scope == Scope::Group;
        if compares_peers {
            all_series.sort_by_key(|series| series.hour);
        }
        let mut keys = Vec::with_capacity(all_series.len());
        let mut history = Vec::with_capacity(all_series.len());
        for TrainingSeries { hour, series } in all_series {
            keys.push(FitKey { hour, key: series.key, names: series.names });
            history.push(series.series);
        }
        // A group detector compares peers of the same hour. Any other detector accepts several hours in a call.
        let calls = keys.chunk_by(|one, other| one.hour == other.hour || !compares_peers).map(<[_]>::len);
        let mut rest = &history[..];
        let mut fits = Vec::with_capacity(history.len());
        for series in calls {
            let (call, later) = rest.split_at(series);
            fits.append(&mut evaluator.fit(self.prepared, call));
            rest = later;
        }
        let is_stopped = evaluator.is_stopped(&self.prepared.rule);
        for (key, fitted) in keys.into_iter().zip(fits) {
            if let Some(fitted) = fitted {
                self.add_fit(baselines, key, fitted);
            }
        }
        is_stopped
    }

    fn add_fit(&self, baselines: &mut Baselines, fit_key: FitKey, fitted: Fitted) {
        let FitKey { hour, key, names } = fit_key;
        let baseline = baselines.entry(key.clone()).or_insert_with(|| Baseline {
            key,
            names,
            pricing_categories: Vec::new(),
            statistics: None,
            fits: BTreeMap::new(),
        });
        let fit = baseline.fits.entry(self.prepared.rule.id.clone()).or_insert_with(|| Fit {
            detector: self.prepared.detector.digest.clone(),
            settings: self.prepared.settings_digest.clone(),
            through: self.training.through,
            states: BTreeMap::new(),
        });
        let Fitted { state, figures } = fitted;
        fit.states.insert(hour, FitState { state, figures: figures.into_iter().collect() });
    }
}

/// Adds the fits of a group to the baseline of the key.
fn add_fits(baselines: &mut Baselines, key: SeriesKey, group: Baseline) {
    match baselines.entry(key) {
        Entry::Occupied(mut baseline) => baseline.get_mut().fits.extend(group.fits),
        Entry::Vacant(none) => drop(none.insert(group)),
    }
}
