//! A detector tried over one series as production plays it: fit on what is past, judge what is new, fit again.
//!
//! Each point is judged with nothing behind it in sight: a window ends with the point that it is about, as in a run, so
//! that a detector which peeks finds nothing there. What alerted is a known incident to later fits, as in a run.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::costs::Costs;
use crate::detector::{Call, Detector, Failure, Scope, Verdict};
use crate::episode::short_runs;
use crate::series::{Series, Window};

/// How a detector is tried.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub(crate) detector: &'a Detector,
    pub(crate) call: Call<'a>,
    /// The most points that a fit sees.
    pub(crate) history: usize,
    pub(crate) incidents: Incidents,
}

/// What a fit makes of points that alerted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incidents {
    /// They are excluded. Days that alerted for so long are the new level, and are learned from.
    Excluded { accept_after_days: u16 },
    /// They are learned from like any other.
    Learned,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    /// One for each point; none while the detector is learning, for points that are not known, and where it is silent.
    pub(crate) verdicts: Vec<Option<Verdict>>,
    /// Points that it was asked about, but was still learning.
    pub(crate) learning: usize,
    /// How many points more it needed when it last said so.
    pub(crate) missing: Option<u32>,
    /// What the last fit told.
    pub(crate) figures: Vec<(String, f64)>,
    pub(crate) costs: Costs,
}

/// A detector that failed, and the point that it failed at.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub(crate) struct Stopped {
    pub(crate) place: usize,
    pub(crate) failure: Failure,
}

const DAY: i64 = 86_400;
/// Points of a fit over a short step.
const MOST_POINTS: usize = 14 * 288;
/// Windows of one call.
const AT_A_TIME: usize = 256;

/// Points of a fit where nobody says how many: what the default rules have, 90 days of days and 28 of shorter steps.
/// Of very short steps no more than two weeks of every five minutes: a fit over four would use up its fuel.
pub(crate) fn usual_history(step: u32) -> usize {
    let step = i64::from(step);
    if step < DAY { ((28 * DAY / step) as usize).min(MOST_POINTS) } else { 90 }
}

/// The first point to judge where nobody says which: the last tenth is judged.
pub(crate) fn usual_start(points: usize) -> usize {
    points - points.div_ceil(10)
}

/// So many days in points of a step; at least one.
pub(crate) fn history(days: u16, step: u32) -> usize {
    (i64::from(days) * DAY / i64::from(step)).max(1) as usize
}

/// Fits on the points before `from`, and judges all others.
pub(crate) fn once(trial: &Trial<'_>, series: &Series, from: usize) -> Result<Trace, Stopped> {
    let mut trace = Trace::new(series);
    trace.step(trial, series, from..series.values.len())?;
    Ok(trace)
}

/// Goes over a series from its first point on, with a fit before each `every` points.
pub(crate) fn walk(trial: &Trial<'_>, series: &Series, every: usize) -> Result<Trace, Stopped> {
    let mut trace = Trace::new(series);
    let len = series.values.len();
    for now in (0..len).step_by(every) {
        trace.step(trial, series, now..now.saturating_add(every).min(len))?;
    }
    Ok(trace)
}

impl Trace {
    fn new(series: &Series) -> Self {
        Self { verdicts: vec![None; series.values.len()], ..Self::default() }
    }

    /// Points that alerted.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = usize> {
        let alerts = self.verdicts.iter().enumerate().filter(|(_, verdict)| alerted(verdict.as_ref()));
        alerts.map(|(place, _)| place)
    }

    /// Fits on what lies before a range, and judges the points of the range.
    fn step(&mut self, trial: &Trial<'_>, series: &Series, range: Range<usize>) -> Result<(), Stopped> {
        let now = range.start;
        let mut history = cut(series, now.saturating_sub(trial.history)..now);
        history.excluded = self.excluded(trial.incidents, series, now.saturating_sub(trial.history)..now);
        let outcome = trial.detector.fit(&trial.call, std::slice::from_ref(&history));
        let fitted = match outcome.results.into_iter().next() {
            Some(Ok(fitted)) => fitted,
            fitted @ (Some(Err(Failure::Learning(_))) | None) => {
                if let Some(Err(Failure::Learning(missing))) = fitted {
                    self.missing = Some(missing);
                }
                self.costs.fit(outcome.usage, None);
                self.learning += range.len();
                return Ok(());
            }
            Some(Err(failure)) => return Err(Stopped { place: now, failure }),
        };
        self.costs.fit(outcome.usage, Some(&fitted));
        self.figures = fitted.figures;
        let asked: Vec<usize> = range.filter(|place| !series.values[*place].is_nan()).collect();
        // A group is judged as a whole, so that a detector of groups is asked about one window at a time.
        let at_a_time = if trial.detector.manifest.scope == Scope::Group { 1 } else { AT_A_TIME };
        for places in asked.chunks(at_a_time) {
            self.judge(trial, series, now, places, &fitted.state)?;
        }
        Ok(())
    }

    fn judge(
        &mut self,
        trial: &Trial<'_>,
        series: &Series,
        now: usize,
        places: &[usize],
        state: &[u8],
    ) -> Result<(), Stopped> {
        let window = |place: &usize| {
            let series = cut(series, now..place + 1);
            Window { judge_from: (place - now) as u32, series, state: state.to_vec() }
        };
        let windows: Vec<Window> = places.iter().map(window).collect();
        let outcome = trial.detector.judge(&trial.call, &windows);
        self.costs.judge(outcome.usage, outcome.results.iter().flatten().flatten());
        for (place, result) in places.iter().zip(outcome.results) {
            match result {
                Ok(verdicts) => self.verdicts[*place] = verdicts.into_iter().next(),
                Err(Failure::Learning(missing)) => {
                    self.learning += 1;
                    self.missing = Some(missing);
                }
                Err(failure) => return Err(Stopped { place: *place, failure }),
            }
        }
        Ok(())
    }

    /// Known incidents, as indices into the range of points that a fit sees.
    fn excluded(&self, incidents: Incidents, series: &Series, range: Range<usize>) -> Vec<u32> {
        let Incidents::Excluded { accept_after_days } = incidents else { return Vec::new() };
        let step = i64::from(series.step);
        let known: Vec<usize> = if step < DAY {
            // Not over all that is past: there may be a million of it.
            range.clone().filter(|place| alerted(self.verdicts[*place].as_ref())).collect()
        } else {
            let past = self.alerts().take_while(|place| *place < range.end);
            let days: BTreeMap<Date, usize> = past.map(|place| (day(place as i64 * step / DAY), place)).collect();
            let short = short_runs(&days.keys().copied().collect(), accept_after_days);
            short.iter().map(|day| days[day]).collect()
        };
        known.into_iter().filter(|place| range.contains(place)).map(|place| (place - range.start) as u32).collect()
    }
}

fn alerted(verdict: Option<&Verdict>) -> bool {
    verdict.is_some_and(|verdict| verdict.score >= 1.0)
}

/// A day so many days after one that does not matter.
fn day(number: i64) -> Date {
    date(1970, 1, 1).saturating_add(number.days())
}

/// A part of a series. Nothing is excluded in it.
fn cut(series: &Series, range: Range<usize>) -> Series {
    Series {
        id: series.id.clone(),
        start: series.start + range.start as i64 * i64::from(series.step),
        utc_offset: series.utc_offset,
        step: series.step,
        values: series.values[range].to_vec(),
        excluded: Vec::new(),
    }
}
