//! A trial of a detector over a series, in the same way as in production: fit on the past, judge new points, fit again.
//!
//! A window ends with the judged point, so a detector cannot see later points. Anomalous points are known incidents in
//! later fits. Both rules hold in a run too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use model::incident::days_in_short_streaks;
use model::series::{Series, Window};
use sandbox::{CallContext, Detector, Failure, Scope, Verdict};

use super::peak_usage::PeakUsage;

/// The parameters of a trial.
#[derive(Clone, Copy)]
pub struct TrialParameters<'a> {
    pub detector: &'a Detector,
    pub context: CallContext<'a>,
    /// Maximum number of points in a fit.
    pub history_points: usize,
    pub incidents: IncidentTraining,
    /// Points of incidents from before the trial. Fits ignore these points.
    pub known_incidents: &'a [usize],
}

/// Treatment of anomalous points in a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentTraining {
    /// Anomalous points belong to the training mask (`excluded`). Days that stay anomalous for `accept_after_days` form
    /// a new level and are used for training.
    Excluded { accept_after_days: u16 },
    /// Anomalous points are used for training like all points.
    Included,
}

/// The result of a trial.
#[derive(Debug, Clone, Default)]
pub struct TrialResult {
    /// A verdict per point; `None` while the history is insufficient, for unknown points, and if the detector gives no
    /// verdict.
    pub verdicts: Vec<Option<Verdict>>,
    /// Number of points not judged because of insufficient history.
    pub insufficient_history: usize,
    /// Number of additional points in the detector's last request.
    pub missing_points: Option<u32>,
    /// Figures of the last fit.
    pub figures: Vec<(String, f64)>,
    pub usage: PeakUsage,
}

/// A failure of the detector, and the index of the point.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct TrialError {
    pub point: usize,
    pub failure: Failure,
}

const DAY_SECONDS: i64 = 86_400;
/// Maximum number of points in a fit by default, for steps shorter than a day.
const MAX_DEFAULT_POINTS: usize = 14 * 288;
/// Maximum number of windows in a call.
const WINDOWS_PER_CALL: usize = 256;

/// Default number of points in a fit. The default rules have 90 days of daily points or 28 days of shorter steps. The
/// maximum for very short steps is two weeks of five-minute steps: a fit over four weeks would use up the fuel.
pub fn default_history_points(step: u32) -> usize {
    let step = i64::from(step);
    if step < DAY_SECONDS { ((28 * DAY_SECONDS / step) as usize).min(MAX_DEFAULT_POINTS) } else { 90 }
}

/// Default index of the first point to judge: the last tenth is judged.
pub fn default_judge_from(points: usize) -> usize {
    points - points.div_ceil(10)
}

/// Converts days to a number of points with a step in seconds; at least 1.
pub fn points_of_days(days: u16, step: u32) -> usize {
    (i64::from(days) * DAY_SECONDS / i64::from(step)).max(1) as usize
}

/// Fits on the points before `judge_from` and judges all points from there on.
pub fn fit_and_judge(
    parameters: &TrialParameters<'_>,
    series: &Series,
    judge_from: usize,
) -> Result<TrialResult, TrialError> {
    let mut trial = TrialRun::new(parameters, series);
    trial.step(judge_from..series.values.len())?;
    Ok(trial.result)
}

/// Walks over a series from the first point, with a fit before each `every` points.
pub fn walk(parameters: &TrialParameters<'_>, series: &Series, every: usize) -> Result<TrialResult, TrialError> {
    let mut trial = TrialRun::new(parameters, series);
    let points = series.values.len();
    for start in (0..points).step_by(every) {
        trial.step(start..start.saturating_add(every).min(points))?;
    }
    Ok(trial.result)
}

impl TrialResult {
    /// Returns the indices of the anomalous points (score 1 or more).
    pub fn anomalous_points(&self) -> impl Iterator<Item = usize> {
        (0..self.verdicts.len()).filter(|point| self.is_anomalous(*point))
    }

    /// Returns true for a score of 1 or more.
    pub fn is_anomalous(&self, point: usize) -> bool {
        self.verdicts[point].as_ref().is_some_and(|verdict| verdict.score >= 1.0)
    }
}

/// A trial in progress.
struct TrialRun<'a> {
    parameters: &'a TrialParameters<'a>,
    series: &'a Series,
    result: TrialResult,
}

impl<'a> TrialRun<'a> {
    fn new(parameters: &'a TrialParameters<'a>, series: &'a Series) -> Self {
        let result = TrialResult { verdicts: vec![None; series.values.len()], ..TrialResult::default() };
        Self { parameters, series, result }
    }

    /// Fits on the points before `range` and judges the points in `range`.
    fn step(&mut self, range: Range<usize>) -> Result<(), TrialError> {
        let TrialParameters { detector, context, history_points, .. } = self.parameters;
        let history_range = range.start.saturating_sub(*history_points)..range.start;
        let mut history = slice(self.series, history_range.clone());
        history.excluded = self.training_mask(history_range);
        let outcome = detector.fit(context, std::slice::from_ref(&history));
        let fitted = match outcome.results.into_iter().next().expect("a fit of a series has a result") {
            Ok(fitted) => fitted,
            Err(Failure::InsufficientHistory(missing)) => {
                self.result.missing_points = Some(missing);
                self.result.usage.add_fit(outcome.usage, None);
                self.result.insufficient_history += range.len();
                return Ok(());
            }
            Err(failure) => return Err(TrialError { point: range.start, failure }),
        };
        self.result.usage.add_fit(outcome.usage, Some(&fitted));
        self.result.figures = fitted.figures;
        let start = range.start;
        let known: Vec<usize> = range.filter(|point| !self.series.values[*point].is_nan()).collect();
        // A detector with the scope `group` compares all windows of a call, so a call contains a single window.
        let per_call = if detector.manifest.scope == Scope::Group { 1 } else { WINDOWS_PER_CALL };
        for points in known.chunks(per_call) {
            // The state covers the points before the fit; the window starts after them.
            let window = |point: &usize| Window {
                judge_from: (point - start) as u32,
                series: slice(self.series, start..point + 1),
                state: fitted.state.clone(),
            };
            let windows: Vec<Window> = points.iter().map(window).collect();
            self.judge(points, &windows)?;
        }
        Ok(())
    }

    /// Judges the last point of each window.
    fn judge(&mut self, points: &[usize], windows: &[Window]) -> Result<(), TrialError> {
        let outcome = self.parameters.detector.judge(&self.parameters.context, windows);
        self.result.usage.add_judge(outcome.usage, outcome.results.iter().flatten().flatten());
        for (point, result) in points.iter().zip(outcome.results) {
            match result {
                Ok(verdicts) => self.result.verdicts[*point] = verdicts.into_iter().next(),
                Err(Failure::InsufficientHistory(missing)) => {
                    self.result.insufficient_history += 1;
                    self.result.missing_points = Some(missing);
                }
                Err(failure) => return Err(TrialError { point: *point, failure }),
            }
        }
        Ok(())
    }

    /// Returns the indices of known incidents, relative to `range`.
    fn training_mask(&self, range: Range<usize>) -> Vec<u32> {
        let IncidentTraining::Excluded { accept_after_days } = self.parameters.incidents else { return Vec::new() };
        let step = i64::from(self.series.step);
        let masked: Vec<usize> = if step < DAY_SECONDS {
            // Only the range, because the whole past may have a million points.
            range.clone().filter(|point| self.result.is_anomalous(*point)).collect()
        } else {
            // The whole past, because a run of days may begin before the range.
            let past = self.result.anomalous_points().take_while(|point| *point < range.end);
            let days: BTreeMap<Date, usize> =
                past.map(|point| (day(point as i64 * step / DAY_SECONDS), point)).collect();
            let short = days_in_short_streaks(&days.keys().copied().collect(), accept_after_days);
            short.iter().map(|day| days[day]).collect()
        };
        let known = self.parameters.known_incidents.iter().copied();
        let masked: BTreeSet<usize> = masked.into_iter().chain(known).filter(|point| range.contains(point)).collect();
        masked.into_iter().map(|point| (point - range.start) as u32).collect()
    }
}

/// Returns the day `number` days after an arbitrary origin.
fn day(number: i64) -> Date {
    date(1970, 1, 1).saturating_add(number.days())
}

/// Returns a part of a series with an empty training mask.
fn slice(series: &Series, range: Range<usize>) -> Series {
    Series {
        id: series.id.clone(),
        start: series.start + range.start as i64 * i64::from(series.step),
        utc_offset: series.utc_offset,
        step: series.step,
        values: series.values[range].to_vec(),
        excluded: Vec::new(),
    }
}
