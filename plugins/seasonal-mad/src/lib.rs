//! Robust seasonal expectation and spread: the default detector, for daily, day-to-date and hourly cost.
//!
//! A point is expected at the recent level (a rolling median) times the factor of its weekday or hour (a median over
//! past seasons). How far it may lie from there is learned from how far the same forecast was off over the history:
//! `k` times the median absolute deviation of these errors, never less than `floor` of the level. Forecast errors,
//! not deviations from a center, so that growth and drift count as what they are; medians everywhere, so that
//! incidents of the past hardly move anything.
//!
//! - Level changes: the recent level follows within days. Where an older level is remembered too (daily steps), all
//!   between both is usual: the end of an incident is no incident.
//! - Excluded points are not learned from, as long as they are the exception: once they are more than half of what a
//!   median rests on, they are the rule. So a level that lasts is accepted though each day of it was reported.
//! - Where more than half of the deviations are 0, the mean deviation takes their place, and the root mean square in
//!   services without a usual amount (zeros with bursts): bursts that come at least every few weeks are usual. The same
//!   goes for a history that is too short to show a season: its weekends are not incidents.
//! - Where days were off nine times and more, and as usual between, bursts are usual too, up to the greatest ones.
//! - Days that are off by less than what alerts, but all to the same side, leave less to the next one: slow changes
//!   alert too.
//! - Of hours there are enough to measure errors above and below apart: what can rise far and hardly fall may be off by
//!   more above.
//! - With more than one point an hour, errors have tails that no median shows, and each would be told many times a day.
//!   There, an error up to the greatest that the history has seen is usual; one that no other day came near to counts
//!   for twice the next day's.
//!
//! Whether there is a season is decided per series, by whether it makes the forecasts better.
//!
//! Sources: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993 (the spread); Iglewicz &
//! Hoaglin, "How to Detect and Handle Outliers", 1993 (the mean deviation where the median one is 0); Hyndman &
//! Athanasopoulos, "Forecasting: Principles and Practice", 2021, chapters 3 and 5 (classical decomposition, evaluation
//! on a rolling origin); Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", 1974 (factors
//! that leave out the point that they are judged by).

mod forecast;
mod judgement;
mod lanes;
mod level;
mod profile;
mod reason;
mod season;
mod sorted;
mod spread;
mod trend;
mod windows;

use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Series, Verdict, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use forecast::State;

/// Spreads that alert where nobody says how many.
const K_OF_DAYS: f64 = 4.0;
const K_OF_HOURS: f64 = 6.0;
const K_WITHIN_HOURS: f64 = 7.0;

/// The detector.
pub struct SeasonalMad;

costwarden_sdk::export!(SeasonalMad);

/// How strict it is, and which seasons it may see.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Times the usual spread that alerts; above 0. Left out: 4 for daily points, 6 for hourly ones, which are 24
    /// times as many and have heavier tails, and 7 for shorter steps.
    #[schemars(range(min = 0.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<f64>,
    /// The part of the level that a point may always be off by: 0.1 is 10 %. At least 0.
    #[schemars(range(min = 0.0))]
    pub floor: f64,
    /// Which season to expect.
    pub season: SeasonChoice,
}

/// Which season to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeasonChoice {
    /// Whichever forecasts the history best.
    Auto,
    /// None: each point is expected at the level.
    None,
    /// By the time of day; none in a series of daily points.
    Daily,
    /// By the weekday, and in an hourly series by its hours.
    Weekly,
}

impl Default for Settings {
    fn default() -> Self {
        Self { k: None, floor: 0.1, season: SeasonChoice::Auto }
    }
}

impl Settings {
    fn k(&self, step: u32) -> f64 {
        self.k.unwrap_or(match step {
            season::DAY.. => K_OF_DAYS,
            season::HOUR.. => K_OF_HOURS,
            _ => K_WITHIN_HOURS,
        })
    }
}

impl Detector for SeasonalMad {
    type Settings = Settings;
    type State = State;

    const NAME: &'static str = "seasonal-mad";
    const SUMMARY: &'static str = "off the usual amount of this weekday or hour by more than the usual spread";
    const MIN_POINTS: u32 = 14;

    fn check(settings: &Settings) -> Vec<Issue> {
        [
            Issue::unless(settings.k.is_none_or(|k| k > 0.0), "/k", "must be above 0"),
            Issue::unless(settings.floor >= 0.0, "/floor", "must be at least 0: 0.1 is 10 % of the level"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<State>, Refusal> {
        let state = forecast::fit(settings.season, history)?;
        let (level, spread) = (state.level(), state.spread());
        Ok(Baseline::new(state).figure("level", level).figure("spread", spread))
    }

    fn judge(context: &Context, settings: &Settings, window: &Window, state: State) -> Result<Vec<Verdict>, Refusal> {
        Ok(judgement::judge(context, settings, window, &state))
    }
}

#[cfg(test)]
mod tests;
