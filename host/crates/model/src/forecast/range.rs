//! The errors of the forecast on earlier days of the series.

use jiff::civil::Date;

use super::recurring::RecurringCharges;
use super::{DailyCosts, ForecastRange, rest};

/// Number of days before a forecast that define the scale of an error: four whole weeks.
const SCALE_DAYS: usize = 28;
/// Distance of two earlier forecasts. No divisor of a week: all weekdays occur.
const STEP_DAYS: usize = 3;
/// Smallest and largest number of earlier forecasts.
const FORECASTS: [usize; 2] = [8, 60];
/// Quantiles of the errors.
const QUANTILES: [f64; 2] = [0.1, 0.9];

/// Returns the errors of the expected cost of the next `open_days` days, in money at the present scale; `None` with too
/// few earlier forecasts.
pub(super) fn range(series: &DailyCosts<'_>, charges: &RecurringCharges, open_days: usize) -> Option<ForecastRange> {
    let newest = series.costs.len().checked_sub(open_days + 1)?;
    let origins = (SCALE_DAYS..=newest).rev().step_by(STEP_DAYS).take(FORECASTS[1]);
    let errors = origins.filter_map(|origin| error(series, charges, Past { origin, open_days }));
    let mut errors: Vec<f64> = errors.collect();
    if errors.len() < FORECASTS[0] {
        return None;
    }
    errors.sort_unstable_by(f64::total_cmp);
    let scale = scale(series)?;
    let [lower, upper] = QUANTILES.map(|quantile| quantile_of(&errors, quantile) * scale);
    Some(ForecastRange { lower, upper })
}

/// An earlier forecast.
#[derive(Clone, Copy)]
struct Past {
    /// Index of the last known day.
    origin: usize,
    /// Number of forecast days.
    open_days: usize,
}

/// Returns the error of an earlier forecast in units of the scale; `None` if a day is not known or the scale is 0.
fn error(series: &DailyCosts<'_>, charges: &RecurringCharges, past: Past) -> Option<f64> {
    let Past { origin, open_days } = past;
    let indices = origin + 1..=origin + open_days;
    let known: Vec<usize> = indices.filter(|index| !series.costs[*index].is_nan()).collect();
    if known.len() * 10 < open_days * 9 {
        return None;
    }
    let earlier = series.through(origin);
    let days: Vec<Date> = known.iter().map(|index| series.day(*index)).collect();
    let real: f64 = known.iter().map(|index| series.costs[*index]).sum();
    let expected = rest(&earlier, charges, &days)?;
    Some((real - expected) / scale(&earlier)?)
}

/// Returns the mean absolute cost of the last four weeks; `None` for 0.
fn scale(series: &DailyCosts<'_>) -> Option<f64> {
    let last = &series.costs[series.costs.len().saturating_sub(SCALE_DAYS)..];
    let known: Vec<f64> = last.iter().filter(|cost| !cost.is_nan()).map(|cost| cost.abs()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    (mean > 0.0).then_some(mean)
}

/// Interpolates linearly between the closest ranks (Hyndman & Fan 1996, type 7). `sorted` is not empty.
fn quantile_of(sorted: &[f64], quantile: f64) -> f64 {
    let rank = quantile * (sorted.len() - 1) as f64;
    let below = rank.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * rank.fract()
}
