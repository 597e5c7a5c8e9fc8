//! Training: fits of every series through a finished day, for the following hours.
//!
//! Works on some thousand series at a time, in key order. The store receives the fits of a round during the training of
//! the next round. The memory never holds all fits.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Days, back};
use crate::config::Config;
use crate::pipeline::assemble::{Frame, Sample};
use crate::pipeline::exclude::Excluded;
use crate::pipeline::judge::Judge;
use crate::pipeline::look::{Gathering, is_whole};
use crate::pipeline::past::{Past, RangeData};
use crate::pipeline::report::Report;
use crate::pipeline::ruleset::ReadyRule;
use crate::pipeline::{Mode, Parts, RunError};
use model::history::{History, HistoryRow, Measure, Snapshots};
use model::series::{Grain, SeriesKey};
use model::statistics;
use sandbox::{Fitted, Scope};
use store::checkpoint::Checkpoint;
use store::{Baseline, DateRange, Fit, FitState, failpoint};

/// Maximum number of series per detector call. A day-to-date key has a series per hour.
const AT_A_TIME: usize = 4_096;

impl Days {
    /// Trains every series through a day and stores the fits. If the ledger has later days, trains through the last day
    /// of the ledger: a repeated older day must not replace newer fits.
    pub(in crate::pipeline) async fn learn(
        self,
        parts: &Parts,
        through: Date,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        match parts.store.newest_day().await? {
            Some(newest) if newest > through => {
                let days = Self::open(parts, newest.tomorrow().unwrap_or(newest), report).await?;
                days.learn_through(parts, newest, now, report).await
            }
            _ => self.learn_through(parts, through, now, report).await,
        }
    }

    async fn learn_through(
        &self,
        parts: &Parts,
        through: Date,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let intraday = parts.ready.rules.iter().filter(|ready| ready.rule.grain != Grain::Daily);
        let range = intraday.map(|ready| ready.rule.history_days).max();
        let range = range.map(|days| DateRange { from: back(through, days - 1), to: through });
        let snapshots = match range {
            // Without a history in memory, each key range reads the snapshots from the store.
            Some(range) if self.held.is_some() => parts.store.snapshots(range).await?,
            _ => Snapshots::default(),
        };
        let past = self.past(parts, through, &snapshots, range)?;
        report.took("read_snapshots", started);

        let started = Instant::now();
        let mut learning = Duration::ZERO;
        let lesson = Lesson { config: &parts.config, rules: &parts.ready.rules, excluded: &self.excluded, through };
        let mut sums = lesson.of_whole(&past, report)?;
        learning += started.elapsed();
        let mut given_up = BTreeSet::new();
        let mut failed = None;
        let mut rounds = past.rounds();
        let last = past.key_ranges();
        let learned = std::iter::from_fn(|| {
            let round = rounds.next()?;
            let started = Instant::now();
            let is_last = round.end == last;
            let done = past.at_once(round, |key_range| lesson.of_each(&past, key_range, &given_up));
            // The first read error ends the iterator. The error returns to the caller through `failed`.
            let done = done.map_err(|error| failed = Some(error)).ok()?;
            let mut baselines = Vec::new();
            for (key_range, learned) in done {
                let mut of_stretch = lesson.take(learned, &mut given_up, report);
                // Sums and further series outside the ledger join the key range that covers the key. The result stays
                // in key order.
                if let Some(last) = key_range.last_key() {
                    let mut later = sums.split_off(last);
                    sums.extend(later.remove_entry(last));
                    for (key, sum) in std::mem::replace(&mut sums, later) {
                        add(&mut of_stretch, key, sum);
                    }
                }
                baselines.extend(of_stretch.into_values());
            }
            if is_last {
                baselines.extend(std::mem::take(&mut sums).into_values());
            }
            learning += started.elapsed();
            failpoint::pass(Checkpoint::Training);
            Some(baselines)
        });
        match parts.mode {
            Mode::Write => parts.store.put_baselines(learned.flatten(), now).await?,
            Mode::DryRun => learned.for_each(drop),
        }
        report.spent("train", learning);
        report.spent("write_baselines", started.elapsed().saturating_sub(learning));
        failed.map_or(Ok(()), Err)
    }
}

/// Inputs of the training: rules, training mask and last day.
struct Lesson<'a> {
    config: &'a Config,
    rules: &'a [ReadyRule],
    excluded: &'a Excluded,
    through: Date,
}

/// Fits of a key range.
struct Learned {
    baselines: BTreeMap<SeriesKey, Baseline>,
    rules: Vec<OfRule>,
}

/// Result of a rule in a key range.
struct OfRule {
    /// Index of the rule.
    place: usize,
    report: Report,
    asked: u64,
    given_up: bool,
}

impl Lesson<'_> {
    /// Trains the rules that need all series at once.
    fn of_whole(&self, past: &Past<'_>, report: &mut Report) -> Result<BTreeMap<SeriesKey, Baseline>, RunError> {
        let mut learned = BTreeMap::new();
        let rules = self.rules.iter().filter(|ready| is_whole(ready));
        let frame = self.frame(self.excluded);
        let mut whole: Vec<_> =
            rules.map(|ready| (ready, Gathering::new(&ready.rule, past, ready.rule.history_days, frame))).collect();
        if whole.is_empty() {
            return Ok(learned);
        }
        let add = |_: &mut (), key_range: RangeData, ()| {
            whole.iter_mut().for_each(|(_, gathering)| gathering.add(&key_range))
        };
        past.sweep(&mut (), |_, _| (), add)?;
        for (ready, gathering) in whole {
            let mut called = Report::default();
            self.keep(ready, gathering.lessons(frame).collect(), &mut called, &mut learned);
            report.absorb(called);
        }
        Ok(learned)
    }

    /// Trains the rules over single series, and computes the statistics.
    fn of_each(&self, past: &Past<'_>, key_range: &RangeData, given_up: &BTreeSet<usize>) -> Learned {
        let excluded = self.excluded.with_marks(key_range, self.through.tomorrow().unwrap_or(self.through));
        let frame = self.frame(&excluded);
        let rows = key_range.history.rows.iter();
        let mut baselines =
            rows.map(|(key, row)| (key.clone(), self.statistics(&key_range.history, key, row))).collect();
        let mut rules = Vec::new();
        for (place, ready) in self.rules.iter().enumerate().filter(|(_, ready)| !is_whole(ready)) {
            let mut gathering = Gathering::new(&ready.rule, past, ready.rule.history_days, frame);
            gathering.add(key_range);
            let mut of_rule =
                OfRule { place, report: Report::default(), asked: 0, given_up: given_up.contains(&place) };
            let mut lessons = gathering.lessons(frame).peekable();
            while lessons.peek().is_some() {
                let some: Vec<_> = lessons.by_ref().take(AT_A_TIME).collect();
                of_rule.asked += some.len() as u64;
                if !of_rule.given_up {
                    of_rule.given_up = self.keep(ready, some, &mut of_rule.report, &mut baselines);
                }
            }
            rules.push(of_rule);
        }
        Learned { baselines, rules }
    }

    /// Merges the result of a key range, in key order. After a failure of a whole batch, the fits of the rule in later
    /// key ranges do not count, even if already computed: the result is independent of the number of threads.
    fn take(
        &self,
        learned: Learned,
        given_up: &mut BTreeSet<usize>,
        report: &mut Report,
    ) -> BTreeMap<SeriesKey, Baseline> {
        let Learned { mut baselines, rules } = learned;
        for of_rule in rules {
            if given_up.contains(&of_rule.place) {
                report.count("failed_series", of_rule.asked);
                let rule = &self.rules[of_rule.place].rule.id;
                baselines.values_mut().for_each(|baseline| drop(baseline.fits.remove(rule)));
                continue;
            }
            report.absorb(of_rule.report);
            if of_rule.given_up {
                given_up.insert(of_rule.place);
            }
        }
        baselines
    }

    fn frame<'f>(&'f self, excluded: &'f Excluded) -> Frame<'f> {
        let (zone, accept_after_days) = (&self.config.zone, self.config.accept_after_days);
        Frame { zone, excluded, accept_after_days, through: self.through }
    }

    /// The baseline of a ledger series, without fits.
    fn statistics(&self, history: &History, key: &SeriesKey, row: &HistoryRow) -> Baseline {
        let oldest = back(self.through, self.config.baseline_days - 1);
        let first = history.days.partition_point(|day| *day < oldest);
        let values = row.values.get(&Measure::BilledCost).map_or(&[][..], |values| &values[first..]);
        let normal = values.iter().zip(&row.anomalous[first..]).filter(|(_, anomalous)| !**anomalous);
        Baseline {
            key: key.clone(),
            names: row.names.clone(),
            pricing_categories: row.pricing_categories.clone(),
            statistics: statistics::of(normal.map(|(value, _)| *value)),
            fits: BTreeMap::new(),
        }
    }

    /// Fits the samples and adds the fits to the baselines. Returns whether the detector failed for a whole batch.
    fn keep(
        &self,
        ready: &ReadyRule,
        mut samples: Vec<(Option<u8>, Sample)>,
        report: &mut Report,
        baselines: &mut BTreeMap<SeriesKey, Baseline>,
    ) -> bool {
        let nobody = HashSet::new();
        let mut judge = Judge::new(self.config, report, &nobody, "untrained");
        let peers = ready.detector.manifest.scope == Scope::Group;
        if peers {
            samples.sort_by_key(|(hour, _)| *hour);
        }
        let (mut whose, mut history) = (Vec::with_capacity(samples.len()), Vec::with_capacity(samples.len()));
        for (hour, Sample { key, names, series }) in samples {
            whose.push((hour, key, names));
            history.push(series);
        }
        // A group detector compares peers of the same hour. Any other detector accepts several hours in a call.
        let calls = whose.chunk_by(|(one, ..), (other, ..)| one == other || !peers).map(<[_]>::len);
        let mut rest = &history[..];
        let mut fitted = Vec::with_capacity(history.len());
        for series in calls {
            let (history, others) = rest.split_at(series);
            fitted.append(&mut judge.fit(ready, history));
            rest = others;
        }
        for ((hour, key, names), fitted) in whose.into_iter().zip(fitted) {
            let Some(Fitted { state, figures }) = fitted else { continue };
            let baseline = baselines.entry(key.clone()).or_insert_with(|| Baseline {
                key,
                names,
                pricing_categories: Vec::new(),
                statistics: None,
                fits: BTreeMap::new(),
            });
            let fit = baseline.fits.entry(ready.rule.id.clone()).or_insert_with(|| Fit {
                detector: ready.detector.digest.clone(),
                settings: ready.settings_digest.clone(),
                through: self.through,
                states: BTreeMap::new(),
            });
            fit.states.insert(hour, FitState { state, figures: figures.into_iter().collect() });
        }
        judge.has_given_up(&ready.rule)
    }
}

/// Adds the fits of a sum or a peer group to the baseline of the key.
fn add(baselines: &mut BTreeMap<SeriesKey, Baseline>, key: SeriesKey, sum: Baseline) {
    match baselines.entry(key) {
        Entry::Occupied(mut baseline) => baseline.get_mut().fits.extend(sum.fits),
        Entry::Vacant(none) => drop(none.insert(sum)),
    }
}
