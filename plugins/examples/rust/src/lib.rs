//! Alerts when a point costs several times the usual amount of its weekday.
//!
//! The usual amount is the median of the weekday's points in the history. A weekday with too few points uses the median
//! of all points.

use costwarden_sdk::{Baseline, Context, Detector, Issue, Language, Refusal, Series, Verdict, Weekday, Window, robust};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

struct WeekdayRatio;

costwarden_sdk::export!(WeekdayRatio);

/// Alert thresholds.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct Settings {
    /// Alert threshold as a multiple of the weekday's usual amount; above 1, at most 100.
    #[schemars(range(min = 1.0, max = 100.0))]
    ratio: f64,
    /// Minimum number of points for a median of one weekday; 1 to 52.
    #[schemars(range(min = 1, max = 52))]
    weeks: u32,
    /// Amount below which no point alerts; at least 0.
    #[schemars(range(min = 0.0))]
    min_amount: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ratio: 2.0, weeks: 3, min_amount: 0.0 }
    }
}

/// The usual amount of each weekday, starting with Monday.
type Usual = [f64; 7];

impl Detector for WeekdayRatio {
    type Settings = Settings;
    type State = Usual;

    const NAME: &'static str = "weekday-ratio";
    const SUMMARY: &'static str = "alerts when a point costs several times what its weekday usually does";
    const MIN_POINTS: u32 = 7;

    fn check(settings: &Settings) -> Vec<Issue> {
        [
            Issue::unless(settings.ratio > 1.0 && settings.ratio <= 100.0, "/ratio", "must be above 1 and at most 100"),
            Issue::unless((1..=52).contains(&settings.weeks), "/weeks", "must be 1 to 52"),
            Issue::unless(settings.min_amount >= 0.0, "/minAmount", "must be at least 0"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<Usual>, Refusal> {
        let weeks = settings.weeks as usize;
        let mut all = Vec::new();
        let mut by_weekday: [Vec<f64>; 7] = Default::default();
        for (i, value) in history.learnable() {
            all.push(value);
            by_weekday[history.weekday(i) as usize].push(value);
        }
        // The median of all points replaces missing weekdays, so the history must hold enough points in total.
        let learning = Refusal::learning(all.len(), 7 * weeks);
        let median = robust::median(&mut all).filter(|_| all.len() >= 7 * weeks).ok_or(learning)?;
        let usual = by_weekday.map(|mut values| {
            let own = robust::median(&mut values);
            own.filter(|_| values.len() >= weeks).unwrap_or(median)
        });
        Ok(Weekday::ALL.into_iter().zip(usual).fold(Baseline::new(usual), |baseline, (weekday, amount)| {
            baseline.figure(&weekday.english().to_lowercase(), amount)
        }))
    }

    fn judge(context: &Context, settings: &Settings, window: &Window, usual: Usual) -> Result<Vec<Verdict>, Refusal> {
        let verdict = |(i, observed): (usize, f64)| {
            let weekday = window.series.weekday(i);
            let expected = usual[weekday as usize];
            if expected <= 0.0 {
                // A multiple of 0 is 0, so no ratio exists. Another detector handles new spend.
                return Verdict::new(i, 0.0, expected);
            }
            let upper = (settings.ratio * expected).max(settings.min_amount);
            let score = (observed / upper).clamp(0.0, f64::MAX);
            let reason = if score >= 1.0 { reason(context, weekday, observed, expected) } else { String::new() };
            Verdict { upper, reason, ..Verdict::new(i, score, expected) }
        };
        Ok(window.to_judge().map(verdict).collect())
    }
}

fn reason(context: &Context, weekday: Weekday, observed: f64, expected: f64) -> String {
    let times = rounded(observed / expected * 10.0) / 10.0;
    let (observed, expected) = (context.amount(rounded(observed)), context.amount(rounded(expected)));
    match context.language() {
        Language::Korean => format!("{observed}: {} 평소 금액 {expected}의 {times:.1}배입니다", weekday.korean()),
        Language::English => {
            format!("{observed} is {times:.1} times the usual {expected} of a {}", weekday.english())
        }
    }
}

/// Rounds to a whole number, halves upward.
fn rounded(value: f64) -> f64 {
    (value + 0.5).floor()
}

#[cfg(test)]
mod tests;
