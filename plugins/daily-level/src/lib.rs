//! Daily cost off its smoothed level and weekday season.
//!
//! The detector expects the amount of a day from exponential smoothing: a level and seven weekday terms, both updated
//! with clipped errors. A day alerts in two cases:
//!
//! - **Level**: the amount deviates by more than `k` standard deviations from the smoothed level and, to the same side,
//!   from the median of the last 56 days. A return to an amount of the last weeks is no anomaly.
//! - **Shift**: the median of the last five days lies outside the range of the days before and off their median. A rise
//!   of 3 % a day is found within ten days, of 2 % within 18 days. The expected amount is the median before the rise.
//!
//! After a shift, an amount that is also off the level is compared with the level: a second step is compared with the first.
//!
//! The standard deviation is estimated from the median absolute error of the last 28 forecasts, with a minimum of
//! `floor` of the usual amount. A fall has to be 1.4 times as large as a rise: amounts cannot fall by more than
//! everything, and holidays are falls.
//!
//! The reason of a day states a rarity: the number of days without a deviation to the same side that is as large, from
//! four weeks on.
//!
//! Excluded days do not count in the standard deviation. They move the level like all days: clipping limits their
//! influence, and the detector does not lose a level that changes during an incident.
//!
//! Known irregular costs are expected:
//!
//! - A growth or a decline by a steady factor in each of the last eight weeks goes on.
//! - A service without cost in the first days of the history is compared with its own days only.
//! - A charge on the same day of the month, on the last day, on the same weekday of the month, or every second
//!   week is expected from the third time on. It alerts if it is missing or if its amount changes.
//! - A missed weekly charge alerts once, not each week.
//! - A fall below the cheapest weekday that leaves a cost is an outage, and no missing charge: it is not expected again.
//! - A day nearly as cheap as the cheapest weekday is a holiday.
//! - After six separate bursts in the history, a burst of the same size is usual.
//!
//! # Blind spots
//!
//! - A rise of less than 20 %, unless `floor` is lower.
//! - A growth of less than 1.5 % a day, and a decline of 3 % a day or less. A new amount of one weekday is learned over weeks.
//! - A charge on the first working day of a month alerts each month: only dates and weekdays of the month are learned.
//! - The first two occurrences of a monthly charge alert. A history below 75 days sees no monthly charge.
//! - A fall to the amount of the cheapest weekday alerts from the third day on.
//! - A fall below this amount on a public holiday alerts.
//! - A series without any cost in the history has no scale: each amount alerts with the maximum score.
//!
//! Sources: Gelper, Fried & Croux, "Robust Forecasting with Exponential and Holt-Winters Smoothing", 2010 (clipped
//! updates); Winters, "Forecasting Sales by Exponentially Weighted Moving Averages", 1960 (season); Rousseeuw & Croux,
//! "Alternatives to the Median Absolute Deviation", 1993 (standard deviation); Huber, "Robust Estimation of a Location
//! Parameter", 1964 (clipping).

mod band;
mod bounds;
mod charges;
mod filter;
mod records;
mod state;

use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Series, Verdict, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use state::State;

const DAY: u32 = 86_400;

/// The detector.
pub struct DailyLevel;

costwarden_sdk::export!(DailyLevel);

/// Strictness of the detector.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Allowed rise of a single day, in standard deviations of the forecast error; above 0. A lasting rise alerts at
    /// four sevenths of it.
    #[schemars(range(min = 0.0))]
    pub k: f64,
    /// Minimum standard deviation as a part of the usual amount; at least 0. With `k` = 3.5, 0.1 allows a rise of 35 %.
    #[schemars(range(min = 0.0))]
    pub floor: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { k: 3.5, floor: 0.1 }
    }
}

impl Detector for DailyLevel {
    type Settings = Settings;
    type State = State;

    const NAME: &'static str = "daily-level";
    const SUMMARY: &'static str = "daily cost off its smoothed level and weekday season";
    const MIN_POINTS: u32 = 14;

    fn check(settings: &Settings) -> Vec<Issue> {
        level::issues(settings.k, settings.floor)
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<State>, Refusal> {
        if history.step < DAY {
            return Err(Refusal::Failed("the series has more than one point per day".to_owned()));
        }
        let state = State::fit(settings, history)?;
        let (level, deviation) = (state.level(), state.deviation());
        Ok(Baseline::new(state).figure("level", level).figure("deviation", deviation))
    }

    fn judge(
        context: &Context,
        settings: &Settings,
        window: &Window,
        mut state: State,
    ) -> Result<Vec<Verdict>, Refusal> {
        let mut verdicts = Vec::new();
        for (i, observed) in window.series.known() {
            let day = window.series.date(i);
            let bounds = state.bounds(settings, day);
            if i >= window.judge_from {
                verdicts.push(bounds.verdict(context, &window.series, i, observed, &state.records));
            }
            state.records.add(day, bounds.deviation(observed));
            state.learn(day, observed - bounds.excess.expected * state.scale);
        }
        Ok(verdicts)
    }
}

#[cfg(test)]
mod tests;
