//! Daily cost off its level, trend and weekday season. A public holiday counts as a Sunday.
//!
//! The example shows the modules of the SDK together; no rule of costwarden uses the detector. Sources: Winters, "Forecasting
//! Sales by Exponentially Weighted Moving Averages", 1960; Gelper, Fried & Croux, "Robust Forecasting with Exponential and
//! Holt-Winters Smoothing", 2010 (clipped updates).

use costwarden_sdk::calendar::{Holidays, Weekday};
use costwarden_sdk::smooth::{Gains, HoltWinters};
use costwarden_sdk::{Baseline, Context, Detector, Forecast, Issue, Refusal, Series, Verdict, Window, robust};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reference data with the public holidays.
const HOLIDAYS: &str = "holidays.csv";
const GAINS: Gains = Gains { level: 0.3, trend: 0.05, season: 0.1 };
/// Minimum standard deviation as a part of the median amount.
const FLOOR: f64 = 0.05;

struct HoltWintersDetector;

costwarden_sdk::export!(HoltWintersDetector);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Allowed deviation in standard deviations of the forecast error; above 0.
    #[schemars(range(min = 0.0))]
    k: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { k: 4.0 }
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    model: HoltWinters,
    deviation: f64,
}

impl Detector for HoltWintersDetector {
    type Settings = Settings;
    type State = State;

    const NAME: &'static str = "holt-winters";
    const SUMMARY: &'static str = "daily cost off its level, trend and weekday season";
    const MIN_POINTS: u32 = 28;

    fn check(settings: &Settings) -> Vec<Issue> {
        Issue::unless(settings.k > 0.0, "/k", "must be above 0").into_iter().collect()
    }

    fn fit(_: &Context, _: &Settings, history: &Series) -> Result<Baseline<State>, Refusal> {
        let holidays = Holidays::read(HOLIDAYS)?;
        let monday = (0..history.len()).find(|i| history.weekday(*i) == Weekday::Monday).unwrap_or(0);
        let mut values = vec![f64::NAN; history.len()];
        history.learnable().for_each(|(i, value)| values[i] = value);
        let learning = Refusal::learning(history.learnable().count(), Self::MIN_POINTS as usize);
        let mut model = HoltWinters::start(&values[monday..], 7).ok_or(learning.clone())?;
        let mut errors = Vec::new();
        for (i, value) in values.iter().copied().enumerate().skip(monday + 14) {
            let position = position(&holidays, history, i);
            errors.extend(Some(value - model.forecast(position)).filter(|error| error.is_finite()));
            model.learn(position, value, GAINS);
        }
        let deviation = robust::MAD_TO_STD * robust::mad(&mut errors, 0.0).ok_or(learning)?;
        let usual = robust::median(&mut history.learnable_values()).unwrap_or(0.0);
        let deviation = deviation.max(FLOOR * usual.abs());
        Ok(Baseline::new(State { model, deviation }).figure("deviation", deviation))
    }

    fn judge(context: &Context, settings: &Settings, window: &Window, state: State) -> Result<Vec<Verdict>, Refusal> {
        let (State { mut model, deviation }, series) = (state, &window.series);
        let holidays = Holidays::read(HOLIDAYS)?;
        let mut verdicts = Vec::new();
        for (i, observed) in series.values.iter().copied().enumerate() {
            let position = position(&holidays, series, i);
            let (expected, allowed) = (model.forecast(position), settings.k * deviation);
            let forecast = Forecast { expected, lower: expected - allowed, upper: expected + allowed };
            if i >= window.judge_from && observed.is_finite() {
                let mut verdict = forecast.verdict(i, observed);
                if forecast.excludes(observed) {
                    verdict.reason = forecast.sentence(context, series, i, observed);
                }
                verdicts.push(verdict);
            }
            model.learn(position, observed.clamp(forecast.lower, forecast.upper), GAINS);
        }
        Ok(verdicts)
    }
}

fn position(holidays: &Holidays, series: &Series, i: usize) -> usize {
    let weekday = if holidays.contains(series.date(i)) { Weekday::Sunday } else { series.weekday(i) };
    weekday as usize
}

#[cfg(test)]
mod tests;
