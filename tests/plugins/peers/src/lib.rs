//! A detector over a group of peers: each series is expected to keep its share of the total cost.
//!
//! The fit of a series depends on the excluded days of the peers, so a test can verify the input of each series.

use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Scope, Series, Verdict, Window, stats};
use schemars::JsonSchema;
use serde::Deserialize;

struct Peers;

costwarden_sdk::export!(Peers);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Allowed deviation as a part of the expected value.
    tolerance: f64,
}

impl Detector for Peers {
    type Settings = Settings;
    type State = f64;

    const NAME: &'static str = "peers";
    const SUMMARY: &'static str = "expects of each its share of what all cost";
    const MIN_POINTS: u32 = 1;
    const SCOPE: Scope = Scope::Group;

    fn check(settings: &Settings) -> Vec<Issue> {
        Issue::unless(settings.tolerance > 0.0, "/tolerance", "must be above 0").into_iter().collect()
    }

    fn fit(context: &Context, settings: &Settings, history: &Series) -> Result<Baseline<f64>, Refusal> {
        Self::fit_all(context, settings, std::slice::from_ref(history)).swap_remove(0)
    }

    fn judge(context: &Context, settings: &Settings, window: &Window, share: f64) -> Result<Vec<Verdict>, Refusal> {
        Self::judge_all(context, settings, vec![(window.clone(), share)]).swap_remove(0)
    }

    fn fit_all(_: &Context, _: &Settings, history: &[Series]) -> Vec<Result<Baseline<f64>, Refusal>> {
        let mean = |series: &Series| stats::mean(&series.learnable_values());
        let means: Vec<Option<f64>> = history.iter().map(mean).collect();
        let all: f64 = means.iter().flatten().sum();
        let share = |mean: Option<f64>| match mean {
            Some(mean) if all > 0.0 => Ok(Baseline::new(mean / all).figure("share", mean / all)),
            _ => Err(Refusal::learning(0, 1)),
        };
        means.into_iter().map(share).collect()
    }

    fn judge_all(_: &Context, settings: &Settings, windows: Vec<(Window, f64)>) -> Vec<Result<Vec<Verdict>, Refusal>> {
        let newest = |window: &Window| window.to_judge().last();
        let all: f64 = windows.iter().filter_map(|(window, _)| newest(window)).map(|(_, value)| value).sum();
        let verdict = |(window, share): &(Window, f64)| {
            let Some((index, value)) = newest(window) else { return Ok(Vec::new()) };
            let expected = share * all;
            let off = (value - expected).abs() / (settings.tolerance * expected.abs()).max(f64::MIN_POSITIVE);
            Ok(vec![Verdict::new(index, off.min(f64::MAX), expected)])
        };
        windows.iter().map(verdict).collect()
    }
}
