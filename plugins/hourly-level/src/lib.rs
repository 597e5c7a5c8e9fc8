//! Hourly cost off its profile by hour of day.
//!
//! The expected amount of an hour is a level plus a profile by hour of day. Two levels follow the amounts by
//! exponential smoothing with clipped errors: a fast level within hours, a slow level within weeks. An hour alerts if it
//! deviates from both levels to one side, or if the mean deviation of three hours from the slow level is large.
//!
//! The standard deviation belongs to the hour of day and its two neighbours: the median absolute error of these hours,
//! shrunk to the median of all hours. The allowed deviation is the geometric mean of `k` standard deviations and 1.3
//! times the peak that the series exceeds on one day in ten, and at least a peak of every second day: a spiky series is
//! allowed its usual spikes. Where more than half of the hours cost nothing, an amount has to exceed the largest tenth of
//! the amounts by half.
//!
//! Excluded hours count like all hours. Medians, quantiles and clipped errors limit their influence; without these hours
//! the band would narrow until usual peaks alert.
//!
//! # Blind spots
//!
//! - A rise within a week by less than the usual daily peaks. Daily and day-to-date series show such a rise.
//! - Days with another profile than the day before: a weekend shifts the level, not the shape of the day.
//! - A series with peaks on every second day: these peaks are usual. Rarer peaks alert again.
//! - A series of less than a week.
//!
//! Sources: Gelper, Fried & Croux, "Robust Forecasting with Exponential and Holt-Winters Smoothing", 2010 (clipped
//! updates); Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993 (standard deviation); Page,
//! "Continuous Inspection Schemes", 1954 (sums of successive errors).

mod state;

use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Series, Verdict, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use state::State;

/// The detector.
pub struct HourlyLevel;

costwarden_sdk::export!(HourlyLevel);

/// Strictness of the detector.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Allowed rise of one hour, in standard deviations of its forecast error, before the usual peaks count; above 0.
    /// The mean of three hours alerts at six tenths of it.
    #[schemars(range(min = 0.0))]
    pub k: f64,
    /// Minimum standard deviation as a part of the usual amount; at least 0. With `k` = 10, 0.08 allows a rise of 29 %.
    #[schemars(range(min = 0.0))]
    pub floor: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { k: 10.0, floor: 0.08 }
    }
}

impl Detector for HourlyLevel {
    type Settings = Settings;
    type State = State;

    const NAME: &'static str = "hourly-level";
    const SUMMARY: &'static str = "hourly cost off its profile by hour of day";
    const MIN_POINTS: u32 = 168;

    fn check(settings: &Settings) -> Vec<Issue> {
        level::issues(settings.k, settings.floor)
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<State>, Refusal> {
        let state = State::fit(settings, history)?;
        let level = state.level();
        Ok(Baseline::new(state).figure("level", level))
    }

    fn judge(context: &Context, _: &Settings, window: &Window, mut state: State) -> Result<Vec<Verdict>, Refusal> {
        let mut verdicts = Vec::new();
        for (i, observed) in window.series.known() {
            let hour = usize::from(window.series.hour(i));
            if i >= window.judge_from {
                let forecast = state.forecast(hour);
                let mut verdict = forecast.verdict(i, observed);
                if forecast.excludes(observed) {
                    verdict.reason = forecast.sentence(context, &window.series, i, observed);
                }
                verdicts.push(verdict);
            }
            state.learn(hour, observed);
        }
        Ok(verdicts)
    }
}

#[cfg(test)]
mod tests;
