//! Daily, day-to-date and hourly cost off a robust seasonal expectation and spread.
//!
//! The expected value of a point is the recent level (a rolling median) times the factor of its weekday or hour (a
//! median over past seasons). The allowed deviation is `k` times the median absolute deviation of past forecast errors,
//! and at least `floor` of the level. Forecast errors include growth and drift, unlike deviations from a center.
//! Medians keep past incidents from moving the estimates.
//!
//! - Level changes: the recent level follows within days. Daily steps also remember an older level, and all values
//!   between both levels are usual: the end of an incident is no incident.
//! - Excluded points: a median ignores excluded points up to half of its points. A majority of excluded points is the
//!   new usual level, so a lasting level is accepted although each day was reported.
//! - If more than half of the deviations are 0, the mean deviation replaces the median. Services without a usual amount
//!   (zeros with bursts) use the root mean square: bursts at least every few weeks are usual. Histories too short to
//!   show a season do the same: a first weekend is no incident.
//! - Bursts: after nine or more separate bursts, bursts of a similar size are usual.
//! - Slow changes: several days with deviations to the same side narrow the band of the next day.
//! - Hours have enough points to measure errors above and below separately: costs with little room to fall get a wider
//!   band above.
//! - More than one point per hour: error tails do not show in a median and would alert many times a day. An error up to
//!   the largest past error is usual; a peak without a similar peak on another day counts at most twice the next
//!   largest.
//!
//! Each series gets a season only if the season improves the forecasts.
//!
//! Sources: Rousseeuw & Croux, "Alternatives to the Median Absolute Deviation", 1993 (spread); Iglewicz & Hoaglin, "How
//! to Detect and Handle Outliers", 1993 (mean deviation for a zero median deviation); Hyndman & Athanasopoulos,
//! "Forecasting: Principles and Practice", 2021, chapters 3 and 5 (classical decomposition, evaluation on a rolling
//! origin); Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", 1974 (factors without the
//! evaluated point).

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

/// Default values of `k` by step. Shorter steps have many more points and heavier tails.
const K_OF_DAYS: f64 = 4.0;
const K_OF_HOURS: f64 = 6.0;
const K_WITHIN_HOURS: f64 = 7.0;

/// The detector.
pub struct SeasonalMad;

costwarden_sdk::export!(SeasonalMad);

/// Strictness, and the seasons to consider.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Deviation that alerts, in usual spreads; above 0. Default: 4 for daily points, 6 for hourly points, 7 for
    /// shorter steps.
    #[schemars(range(min = 0.0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k: Option<f64>,
    /// Minimum allowed deviation as a part of the level: 0.1 is 10 %. At least 0.
    #[schemars(range(min = 0.0))]
    pub floor: f64,
    /// The season to expect.
    pub season: SeasonChoice,
}

/// The season to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SeasonChoice {
    /// The season with the best forecasts of the history.
    Auto,
    /// No season: each point is expected at the level.
    None,
    /// The time of day; no season for daily points.
    Daily,
    /// The weekday; for hourly points, the hour of the week.
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
