//! A trial of a detector over a series, in the same way as in production: fit on the past, judge new points, fit again.
//!
//! A window ends with the judged point, so a detector cannot see later points. Anomalous points are known incidents in
//! later fits. Both rules hold in a run too.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

use super::costs::Costs;
use model::incident::days_in_short_streaks;
use model::series::{Series, Window};
use sandbox::{Call, Detector, Failure, Scope, Verdict};

/// The parameters of a trial.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    pub detector: &'a Detector,
    pub call: Call<'a>,
    /// Maximum number of points in a fit.
    pub history: usize,
    pub incidents: Incidents,
}

/// Treatment of anomalous points in a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incidents {
    /// Anomalous points belong to the training mask (`excluded`). Days that stay anomalous for `accept_after_days` form
    /// a new level and are used for training.
    Excluded { accept_after_days: u16 },
    /// Anomalous points are used for training like all points.
    Learned,
}

/// The result of a trial.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// A verdict per point; `None` while the history is insufficient, for unknown points, and if the detector gives no
    /// verdict.
    pub verdicts: Vec<Option<Verdict>>,
    /// Number of points not judged because of insufficient history.
    pub learning: usize,
    /// Number of additional points in the detector's last request.
    pub missing: Option<u32>,
    /// Figures of the last fit.
    pub figures: Vec<(String, f64)>,
    pub costs: Costs,
}

/// A failure of the detector, and the index of the point.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct Stopped {
    pub place: usize,
    pub failure: Failure,
}

const DAY: i64 = 86_400;
/// Maximum number of points in a fit by default, for steps shorter than a day.
const MOST_POINTS: usize = 14 * 288;
/// Maximum number of windows in a call.
const AT_A_TIME: usize = 256;

/// Default number of points in a fit. The default rules have 90 days of daily points or 28 days of shorter steps. The
/// maximum for very short steps is two weeks of five-minute steps: a fit over four weeks would use up the fuel.
pub fn usual_history(step: u32) -> usize {
    let step = i64::from(step);
    if step < DAY { ((28 * DAY / step) as usize).min(MOST_POINTS) } else { 90 }
}

/// Default index of the first point to judge: the last tenth is judged.
pub fn usual_start(points: usize) -> usize {
    points - points.div_ceil(10)
}

/// Converts days to a number of points with a step in seconds; at least 1.
pub fn history(days: u16, step: u32) -> usize {
    (i64::from(days) * DAY / i64::from(step)).max(1) as usize
}

/// Fits on the points before `from` and judges all points from there on.
pub fn once(trial: &Trial<'_>, series: &Series, from: usize) -> Result<Trace, Stopped> {
    let mut trace = Trace::new(series);
    trace.step(trial, series, from..series.values.len())?;
    Ok(trace)
}

/// Walks over a series from the first point, with a fit before each `every` points.
pub fn walk(trial: &Trial<'_>, series: &Series, every: usize) -> Result<Trace, Stopped> {
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

    /// Returns the indices of the anomalous points (score 1 or more).
    pub fn alerts(&self) -> impl Iterator<Item = usize> {
        let alerts = self.verdicts.iter().enumerate().filter(|(_, verdict)| alerted(verdict.as_ref()));
        alerts.map(|(place, _)| place)
    }

    /// Fits on the points before `range` and judges the points in `range`.
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
        // A detector with the scope `group` compares all windows of a call, so a call contains a single window.
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
            // The state covers the points before the fit; the window starts after them.
            let series = cut(series, now..place + 1);
            Window { judge_from: (place - now) as u32, series, state: state.to_vec() }
        };
        let windows: Vec<Window> = places.iter().map(window).collect();
        let outcome = trial.detector.judge(&trial.call, &windows);
        self.costs.judge(outcome.usage, outcome.results.iter().flatten().flatten());
        for (place, result) in places.iter().zip(outcome.results) {
            match result {
                // Only the last point of a window is judged.
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

    /// Returns the training mask: indices of known incidents, relative to `range`.
    fn excluded(&self, incidents: Incidents, series: &Series, range: Range<usize>) -> Vec<u32> {
        let Incidents::Excluded { accept_after_days } = incidents else { return Vec::new() };
        let step = i64::from(series.step);
        let known: Vec<usize> = if step < DAY {
            // Only the range, because the whole past may have a million points.
            range.clone().filter(|place| alerted(self.verdicts[*place].as_ref())).collect()
        } else {
            // The whole past, because a run of days may begin before the range.
            let past = self.alerts().take_while(|place| *place < range.end);
            let days: BTreeMap<Date, usize> = past.map(|place| (day(place as i64 * step / DAY), place)).collect();
            let short = days_in_short_streaks(&days.keys().copied().collect(), accept_after_days);
            short.iter().map(|day| days[day]).collect()
        };
        known.into_iter().filter(|place| range.contains(place)).map(|place| (place - range.start) as u32).collect()
    }
}

fn alerted(verdict: Option<&Verdict>) -> bool {
    verdict.is_some_and(|verdict| verdict.score >= 1.0)
}

/// Returns the day `number` days after an arbitrary origin.
fn day(number: i64) -> Date {
    date(1970, 1, 1).saturating_add(number.days())
}

/// Returns a part of a series with an empty training mask.
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
