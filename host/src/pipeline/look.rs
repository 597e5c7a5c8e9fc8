//! Evaluation of a day with fits on the days before. Key ranges of some thousand series are evaluated in parallel.
//! Rules over sums and detectors that compare peers need every series and run last.
//!
//! Stores nothing. The anomalies are ordered by rule and key, independent of the number of threads.

use std::collections::{BTreeSet, HashSet};

use jiff::civil::Date;

use super::RunError;
use super::assemble::{Daily, Frame, Grids, Sample};
use super::exclude::Excluded;
use super::judge::{At, Extent, Judge, Judgement, Question};
use super::past::{Past, RangeData};
use super::report::Report;
use super::ruleset::ReadyRule;
use crate::config::Config;
use model::anomaly::Anomaly;
use model::rule::{GroupBy, Rule};
use model::series::{Grain, Series, SeriesKey};
use sandbox::{Fitted, Scope};

/// The parameters of an evaluation.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) config: &'a Config,
    pub(super) rules: &'a [&'a ReadyRule],
    /// The day to evaluate.
    pub(super) date: Date,
    /// The hour of the day for rules over snapshots.
    pub(super) hour: u8,
    pub(super) excluded: &'a Excluded,
    /// The series of incidents.
    pub(super) watched: &'a HashSet<SeriesKey>,
}

/// The result of a rule for a key range.
#[derive(Default)]
struct Part {
    judgement: Judgement,
    /// Counts from before the detector calls.
    report: Report,
    /// Counts of the detector calls.
    called: Report,
    /// Number of series for the detector.
    asked: u64,
    given_up: bool,
}

/// The merged results of all rules.
struct Progress<'a> {
    judgement: Judgement,
    report: &'a mut Report,
    /// Anomalies per rule index.
    anomalies: Vec<Vec<Anomaly>>,
    /// Indices of the rules stopped after a failure of a whole batch.
    given_up: BTreeSet<usize>,
}

/// The series of a rule, collected from key ranges.
pub(super) enum Gathering<'r> {
    Daily(Daily<'r>),
    DayToDate(Grids<'r>),
    Hourly(Grids<'r>),
}

/// Evaluates the day with every rule.
pub(super) fn over(past: &Past<'_>, look: Look<'_>, report: &mut Report) -> Result<Judgement, RunError> {
    let rules = || look.rules.iter().copied().enumerate();
    let mut whole: Vec<_> = rules()
        .filter(|(_, ready)| is_whole(ready))
        .map(|(place, ready)| (place, look.gathering(&ready.rule, past, look.frame(look.excluded))))
        .collect();
    let mut progress = Progress {
        judgement: Judgement::default(),
        anomalies: look.rules.iter().map(|_| Vec::new()).collect(),
        given_up: BTreeSet::new(),
        report,
    };
    let mut given_up = BTreeSet::new();
    past.sweep(
        &mut given_up,
        |given_up, key_range| {
            let excluded = look.excluded.with_marks(key_range, look.date);
            let frame = look.frame(&excluded);
            let each = rules().filter(|(_, ready)| !is_whole(ready));
            each.map(|(place, ready)| {
                let mut gathering = look.gathering(&ready.rule, past, frame);
                gathering.add(key_range);
                (place, look.judge(ready, gathering, frame, given_up.contains(&place)))
            })
            .collect::<Vec<_>>()
        },
        |given_up, key_range, parts| {
            for (place, part) in parts {
                progress.take(place, part);
            }
            progress.judgement.series += key_range.history.rows.len() as u64;
            // The next round skips the calls of stopped rules. `Progress::take` keeps the result independent of the
            // rounds.
            given_up.clone_from(&progress.given_up);
            whole.iter_mut().for_each(|(_, gathering)| gathering.add(&key_range));
        },
    )?;
    for (place, gathering) in whole {
        let part = look.judge(look.rules[place], gathering, look.frame(look.excluded), false);
        progress.take(place, part);
    }
    let Progress { mut judgement, anomalies, given_up, .. } = progress;
    judgement.given_up = given_up.into_iter().map(|place| look.rules[place].rule.id.clone()).collect();
    judgement.anomalies = anomalies.into_iter().flatten().collect();
    Ok(judgement)
}

/// Whether a rule needs all series at once.
pub(super) fn is_whole(ready: &ReadyRule) -> bool {
    ready.rule.group_by != GroupBy::EACH || ready.detector.manifest.scope == Scope::Group
}

impl Look<'_> {
    fn frame<'f>(&'f self, excluded: &'f Excluded) -> Frame<'f> {
        let (zone, accept_after_days) = (&self.config.zone, self.config.accept_after_days);
        Frame { zone, excluded, accept_after_days, through: self.date }
    }

    fn gathering<'r>(&self, rule: &'r Rule, past: &Past<'_>, frame: Frame<'_>) -> Gathering<'r> {
        // The history to fit, and the evaluated day.
        Gathering::new(rule, past, rule.history_days + 1, frame)
    }

    /// Fits the collected history before the day and evaluates the day.
    fn judge(&self, ready: &ReadyRule, gathering: Gathering<'_>, frame: Frame<'_>, given_up: bool) -> Part {
        let mut report = Report::default();
        let (mut asked, mut history) = (Vec::new(), Vec::new());
        for (learned, question) in gathering.asked(self.hour, frame) {
            if question.series.values.last().is_none_or(|value| value.is_nan()) {
                continue;
            }
            if learned.values.is_empty() {
                report.count("insufficient_history", 1);
                continue;
            }
            asked.push(question);
            history.push(learned);
        }
        let mut part = Part { asked: asked.len() as u64, report, ..Part::default() };
        let fail =
            |judgement: &mut Judgement, sample: &Sample| judgement.failed(self.watched, &sample.key, &ready.rule);
        // Marked as failed: a missing verdict must not retract an incident.
        if given_up {
            asked.iter().for_each(|sample| fail(&mut part.judgement, sample));
            return part;
        }
        let mut judge = Judge::new(self.config, &mut part.called, self.watched, "insufficient_history");
        let fits = judge.fit(ready, &history);
        // Frees the history before the verdicts.
        drop(history);
        let mut questions = Vec::with_capacity(asked.len());
        for (sample, fit) in asked.into_iter().zip(fits) {
            let Some(Fitted { state, figures }) = fit else {
                fail(&mut part.judgement, &sample);
                continue;
            };
            let judge_from = sample.series.values.len() as u32 - 1;
            questions.push(Question { sample, state, figures: figures.into_iter().collect(), judge_from });
        }
        let hour = (ready.rule.grain != Grain::Daily).then_some(self.hour);
        let at = At::new((self.date, hour), ready.rule.grain, Extent::Whole, &self.config.zone);
        judge.judge(ready, questions, at, &mut part.judgement);
        part.given_up = judge.has_given_up(&ready.rule);
        part
    }
}

impl Progress<'_> {
    /// Merges the result of a rule for a key range, in key order. After a failure of a whole batch, results of later
    /// key ranges do not count, even if already computed.
    fn take(&mut self, place: usize, part: Part) {
        self.report.absorb(part.report);
        let Judgement { anomalies, quiet, rules, failed, judged, .. } = part.judgement;
        for (series, rules) in failed {
            self.judgement.failed.entry(series).or_default().extend(rules);
        }
        if self.given_up.contains(&place) {
            self.report.count("failed_series", part.asked);
            return;
        }
        self.report.absorb(part.called);
        self.anomalies[place].extend(anomalies);
        self.judgement.rules.extend(rules);
        self.judgement.judged += judged;
        for (series, rules) in quiet {
            self.judgement.quiet.entry(series).or_default().extend(rules);
        }
        if part.given_up {
            self.given_up.insert(place);
        }
    }
}

impl<'r> Gathering<'r> {
    /// Starts the collection for `days` days up to the end of the frame.
    pub(super) fn new(rule: &'r Rule, past: &Past<'_>, days: u16, frame: Frame<'_>) -> Self {
        let grids = || Grids::new(rule, &past.snapshot_days, days, frame);
        match rule.grain {
            Grain::Daily => Self::Daily(Daily::new(rule, &past.days, days, frame)),
            Grain::DayToDate => Self::DayToDate(grids()),
            Grain::Hourly => Self::Hourly(grids()),
        }
    }

    /// Adds a key range. The calls must follow the key order.
    pub(super) fn add(&mut self, key_range: &RangeData) {
        match self {
            Self::Daily(daily) => daily.add(&key_range.history.rows),
            Self::DayToDate(grids) | Self::Hourly(grids) => grids.add(&key_range.snapshots.rows),
        }
    }

    /// Returns the history to fit and the points to evaluate of the newest day up to an hour.
    fn asked(self, hour: u8, frame: Frame<'_>) -> Vec<(Series, Sample)> {
        match self {
            Self::Daily(daily) => daily.samples(frame).into_iter().map(|sample| sample.ask(1, 1)).collect(),
            Self::DayToDate(grids) => {
                grids.grids(frame).filter_map(|grid| Some(grid.day_to_date(hour)?.ask(1, 1))).collect()
            }
            Self::Hourly(grids) => {
                let seen = usize::from(hour) + 1;
                grids.grids(frame).filter_map(|grid| Some(grid.hourly()?.ask(24, seen))).collect()
            }
        }
    }

    /// Returns the history to train on, in key order; for day-to-date with a series per hour.
    pub(super) fn lessons<'a>(self, frame: Frame<'a>) -> Box<dyn Iterator<Item = (Option<u8>, Sample)> + 'a> {
        match self {
            Self::Daily(daily) => Box::new(daily.samples(frame).into_iter().map(|sample| (None, sample))),
            Self::DayToDate(grids) => Box::new(grids.grids(frame).flat_map(|grid| {
                (0..24).filter_map(move |hour| Some((Some(hour), grid.day_to_date(hour)?))).collect::<Vec<_>>()
            })),
            Self::Hourly(grids) => Box::new(grids.grids(frame).filter_map(|grid| Some((None, grid.hourly()?)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(asked: u64, given_up: bool, count: &'static str) -> Part {
        let mut called = Report::default();
        called.count(count, asked);
        let judgement = Judgement { judged: if given_up { 0 } else { asked }, ..Judgement::default() };
        Part { judgement, called, asked, given_up, report: Report::default() }
    }

    /// The key range after the failure may have run in parallel, or not at all.
    #[test]
    fn what_comes_after_a_rule_was_given_up_does_not_count() {
        let mut report = Report::default();
        let mut progress = Progress {
            judgement: Judgement::default(),
            report: &mut report,
            anomalies: vec![Vec::new(), Vec::new()],
            given_up: BTreeSet::new(),
        };
        progress.take(0, part(5, false, "fuel"));
        progress.take(0, part(7, true, "failed_series"));
        progress.take(0, part(11, false, "fuel"));
        progress.take(1, part(13, false, "fuel"));
        assert_eq!((progress.judgement.judged, &progress.given_up), (18, &BTreeSet::from([0])));
        assert_eq!(report.counts, [("fuel", 18), ("failed_series", 18)].into());
    }
}
