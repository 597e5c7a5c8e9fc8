//! A minimal detector. Its extra time in the sandbox, compared with a native run, is the cost of the boundary.
//!
//! The fit stores the last known value in 256 bytes of state; `judge` returns one verdict with a reason for the last point.

use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Series, Verdict, Window};
use schemars::JsonSchema;
use serde::Deserialize;

/// The detector.
pub struct Bare;

costwarden_sdk::export!(Bare);

/// No settings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

/// A reason of typical length.
const REASON: &str = "1,234,567 KRW is 8.2 times the usual spread above the usual 1,000,000 KRW on Mondays";

impl Detector for Bare {
    type Settings = Settings;
    type State = [f64; 32];

    const NAME: &'static str = "bare";
    const SUMMARY: &'static str = "does next to nothing";
    const MIN_POINTS: u32 = 1;

    fn check(_: &Settings) -> Vec<Issue> {
        Vec::new()
    }

    fn fit(_: &Context, _: &Settings, history: &Series) -> Result<Baseline<[f64; 32]>, Refusal> {
        let last = *history.values.iter().rfind(|value| value.is_finite()).ok_or(Refusal::learning(0, 1))?;
        Ok(Baseline::new([last; 32]).figure("level", last).figure("spread", 0.0))
    }

    fn judge(_: &Context, _: &Settings, window: &Window, state: [f64; 32]) -> Result<Vec<Verdict>, Refusal> {
        let last = window.series.len() - 1;
        Ok(vec![Verdict { reason: REASON.to_owned(), ..Verdict::new(last, 1.0, state[31]) }])
    }
}

/// The example of the guide for detector authors.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/authors.md")]
struct AuthorsGuide;

/// The examples of the guide to the SDK.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/authors/sdk.md")]
struct SdkGuide;
