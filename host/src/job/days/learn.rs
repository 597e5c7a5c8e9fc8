//! Learning: every series through a finished day, for the hours to come.
//!
//! In the order of the series' keys and some at a time: what was learned of them is on its way to the store while the
//! next are learned, and never all of it in memory.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Days, back};
use crate::detector::{Fitted, Scope};
use crate::history::{Measure, Snapshots};
use crate::job::assemble::{self, Frame, Sample};
use crate::job::judge::Judge;
use crate::job::report::Report;
use crate::job::ruleset::ReadyRule;
use crate::job::{JobError, Mode, Parts};
use crate::rules::Rule;
use crate::series::{Grain, SeriesKey};
use crate::statistics;
use crate::store::{Baseline, DateRange, Fit, FitState};

/// Series of the ledger that are learned at a time.
const AT_A_TIME: usize = 512;

impl Days {
    /// Learns every series through a day, and remembers it for the hours to come. Where the ledger goes on after it,
    /// through the ledger's last day: an older day that is done again must not unlearn what came since.
    pub(in crate::job) async fn learn(
        self,
        parts: &Parts,
        through: Date,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<(), JobError> {
        match parts.store.newest_day().await? {
            Some(newest) if newest > through => {
                drop(self);
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
    ) -> Result<(), JobError> {
        let started = Instant::now();
        let intraday = parts.ready.rules.iter().filter(|ready| ready.rule.grain != Grain::Daily);
        let snapshots = match intraday.map(|ready| ready.rule.history_days).max() {
            Some(days) => parts.store.snapshots(DateRange { from: back(through, days - 1), to: through }).await?,
            None => Snapshots::default(),
        };
        report.took("read_snapshots", started);

        let started = Instant::now();
        let mut learning = Duration::ZERO;
        let mut judge = Judge::new(&parts.config, report, "not_learned_yet");
        let frame = self.frame(parts, through);
        let rules = parts.ready.rules.iter();
        let mut lessons: Vec<_> =
            rules.map(|ready| (ready, self.samples(&snapshots, &ready.rule, frame).peekable())).collect();
        let mut keys: Vec<&SeriesKey> = self.history.rows.keys().collect();
        keys.sort_unstable();
        let mut chunks = keys.chunks(at_a_time(parts, keys.len())).peekable();
        let learned = std::iter::from_fn(|| {
            let started = Instant::now();
            let chunk = chunks.next()?;
            // Series that the ledger does not have, such as sums, go with those around them.
            let last = chunks.peek().and(chunk.last());
            let mut baselines =
                chunk.iter().map(|key| ((*key).clone(), self.statistics(parts, key, through))).collect();
            for (ready, samples) in &mut lessons {
                let next = || samples.next_if(|(_, sample)| last.is_none_or(|last| sample.key <= **last));
                keep(&mut judge, ready, std::iter::from_fn(next), through, &mut baselines);
            }
            learning += started.elapsed();
            Some(baselines.into_values())
        });
        match parts.mode {
            Mode::Write => parts.store.put_baselines(learned.flatten(), now).await?,
            Mode::DryRun => learned.for_each(drop),
        }
        report.spent("learn", learning);
        report.spent("write_baselines", started.elapsed().saturating_sub(learning));
        Ok(())
    }

    /// The series of a rule in the order of their keys, those of day-to-date hour by hour.
    fn samples<'a>(
        &'a self,
        snapshots: &'a Snapshots,
        rule: &'a Rule,
        frame: Frame<'a>,
    ) -> Box<dyn Iterator<Item = (Option<u8>, Sample)> + 'a> {
        let grids = || assemble::grids(snapshots, rule, frame);
        match rule.grain {
            Grain::Daily => Box::new(
                assemble::daily(&self.history, rule, rule.history_days, frame).into_iter().map(|sample| (None, sample)),
            ),
            Grain::DayToDate => Box::new(grids().flat_map(|grid| {
                (0..24).filter_map(move |hour| grid.day_to_date(hour).map(|sample| (Some(hour), sample)))
            })),
            Grain::Hourly => Box::new(grids().filter_map(|grid| Some((None, grid.hourly()?)))),
        }
    }

    /// The baseline of a series of the ledger, without fits.
    fn statistics(&self, parts: &Parts, key: &SeriesKey, through: Date) -> Baseline {
        let row = &self.history.rows[key];
        let oldest = back(through, parts.config.baseline_days - 1);
        let first = self.history.days.partition_point(|day| *day < oldest);
        let values = row.values.get(&Measure::Expect).map_or(&[][..], |values| &values[first..]);
        let normal = values.iter().zip(&row.anomalous[first..]).filter(|(_, anomalous)| !**anomalous);
        Baseline {
            key: key.clone(),
            names: row.names.clone(),
            pricing_types: row.pricing_types.clone(),
            statistics: statistics::of(normal.map(|(value, _)| *value)),
            fits: BTreeMap::new(),
        }
    }
}

/// A detector that compares peers sees all of them at once.
fn at_a_time(parts: &Parts, all: usize) -> usize {
    let groups = parts.ready.rules.iter().any(|ready| ready.detector.manifest.scope == Scope::Group);
    if groups { all.max(1) } else { AT_A_TIME }
}

/// Fits samples, and puts what was learned into the baselines.
fn keep(
    judge: &mut Judge<'_>,
    ready: &ReadyRule,
    samples: impl Iterator<Item = (Option<u8>, Sample)>,
    through: Date,
    baselines: &mut BTreeMap<SeriesKey, Baseline>,
) {
    let mut samples: Vec<_> = samples.collect();
    let peers = ready.detector.manifest.scope == Scope::Group;
    if peers {
        samples.sort_by_key(|(hour, _)| *hour);
    }
    let (mut whose, mut history) = (Vec::with_capacity(samples.len()), Vec::with_capacity(samples.len()));
    for (hour, Sample { key, names, series }) in samples {
        whose.push((hour, key, names));
        history.push(series);
    }
    // Peers are compared at the same hour; other series may go into one call, however many hours they are of.
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
            pricing_types: Vec::new(),
            statistics: None,
            fits: BTreeMap::new(),
        });
        let fit = baseline.fits.entry(ready.rule.id.clone()).or_insert_with(|| Fit {
            detector: ready.detector.digest.clone(),
            settings: ready.settings_digest.clone(),
            through,
            states: BTreeMap::new(),
        });
        fit.states.insert(hour, FitState { state, figures: figures.into_iter().collect() });
    }
}
