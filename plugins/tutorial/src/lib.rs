//! The exact rule of the replaced pipeline. A point at or above the mean is anomalous if the point lies `zScore` sample
//! standard deviations above the mean, or reaches `deviationRatio` times the mean.
//!
//! The rule looks upward only and knows no seasons. A team can use the rule to migrate and compare. `daily-level` is
//! the better detector.

use costwarden_sdk::{Baseline, Context, Detector, Issue, Language, Refusal, Series, Verdict, Window, stats};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The detector.
pub struct Tutorial;

costwarden_sdk::export!(Tutorial);

/// Thresholds of the replaced rule.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Alert threshold in sample standard deviations above the mean; above 0.
    #[schemars(range(min = 0.0))]
    z_score: f64,
    /// Alert threshold as a multiple of the mean; above 1.
    #[schemars(range(min = 1.0))]
    deviation_ratio: f64,
    /// Minimum number of known points for a baseline; at least 1.
    #[schemars(range(min = 1))]
    min_samples: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { z_score: 3.0, deviation_ratio: 2.0, min_samples: 20 }
    }
}

/// Mean and sample standard deviation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Moments {
    mean: f64,
    std: f64,
}

impl Detector for Tutorial {
    type Settings = Settings;
    type State = Moments;

    const NAME: &'static str = "tutorial";
    const SUMMARY: &'static str = "mean, standard deviation and ratio: the rule of the replaced pipeline";
    const MIN_POINTS: u32 = 1;

    fn check(settings: &Settings) -> Vec<Issue> {
        let ratio = settings.deviation_ratio;
        [
            Issue::unless(settings.z_score > 0.0, "/zScore", "must be above 0"),
            Issue::unless(ratio > 1.0, "/deviationRatio", "must be above 1: 2 alerts at twice the mean"),
            Issue::unless(settings.min_samples > 0, "/minSamples", "must be at least 1"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn fit(_: &Context, settings: &Settings, history: &Series) -> Result<Baseline<Moments>, Refusal> {
        let values = history.learnable_values();
        let needed = settings.min_samples as usize;
        let (Some(mean), Some(std)) = (stats::mean(&values), stats::sample_std(&values)) else {
            return Err(Refusal::learning(0, needed));
        };
        if values.len() < needed {
            return Err(Refusal::learning(values.len(), needed));
        }
        Ok(Baseline::new(Moments { mean, std })
            .figure("mean", mean)
            .figure("std", std)
            .figure("sampleCount", values.len() as f64))
    }

    fn judge(
        context: &Context,
        settings: &Settings,
        window: &Window,
        moments: Moments,
    ) -> Result<Vec<Verdict>, Refusal> {
        Ok(window.to_judge().map(|(i, observed)| verdict(context, settings, moments, i, observed)).collect())
    }
}

fn verdict(context: &Context, settings: &Settings, moments: Moments, i: usize, observed: f64) -> Verdict {
    let score = score(settings, moments, observed);
    Verdict {
        upper: upper(settings, moments),
        reason: if score >= 1.0 { reason(context, moments, observed) } else { String::new() },
        ..Verdict::new(i, score, moments.mean)
    }
}

/// The score is at least 1 exactly if a comparison of the rule holds. A quotient of thresholds may round to either side
/// of 1, so the comparisons decide.
fn score(settings: &Settings, Moments { mean, std }: Moments, observed: f64) -> f64 {
    // The replaced rule has no ratio for a mean of 0, and looks upward only.
    if mean == 0.0 || observed < mean {
        return 0.0;
    }
    let ratio = observed / mean;
    let mut anomalous = ratio >= settings.deviation_ratio;
    let mut score = ratio / settings.deviation_ratio;
    if std > 0.0 {
        let z = (observed - mean) / std;
        anomalous |= z >= settings.z_score;
        score = score.max(z / settings.z_score);
    }
    if anomalous { score.clamp(1.0, f64::MAX) } else { score.clamp(0.0, 1.0_f64.next_down()) }
}

/// The smallest value that alerts.
fn upper(settings: &Settings, Moments { mean, std }: Moments) -> f64 {
    // A multiple of a negative mean lies below the mean, and no point there alerts.
    let by_ratio = if mean > 0.0 { mean * settings.deviation_ratio } else { f64::INFINITY };
    let by_z = if std > 0.0 && mean != 0.0 { mean + settings.z_score * std } else { f64::INFINITY };
    by_ratio.min(by_z)
}

fn reason(context: &Context, Moments { mean, std }: Moments, observed: f64) -> String {
    let (observed_text, mean_text) = (context.amount(observed), context.amount(mean));
    let ratio = observed / mean;
    let z = (observed - mean) / std;
    match (context.language(), std > 0.0) {
        (Language::Korean, true) => {
            format!("{observed_text}: 평균 {mean_text}의 {ratio:.1}배이고 표준편차의 {z:.1}배만큼 높습니다")
        }
        (Language::Korean, false) => format!("{observed_text}: 평균 {mean_text}의 {ratio:.1}배입니다"),
        (Language::English, true) => {
            format!(
                "{observed_text} is {ratio:.1} times the mean of {mean_text} and {z:.1} standard deviations above it"
            )
        }
        (Language::English, false) => format!("{observed_text} is {ratio:.1} times the mean of {mean_text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use costwarden_sdk::native::{self, fit_then_judge};

    /// Mean 100, sample standard deviation 10 over 21 points.
    fn history() -> Series {
        let spread = 10.0;
        let values: Vec<f64> =
            (0..21).map(|i| [100.0, 100.0 + spread, 100.0 - spread][if i == 0 { 0 } else { 1 + i % 2 }]).collect();
        Series::daily("2026-01-01", values)
    }

    fn score_of(settings: &str, history: &Series, observed: f64) -> f64 {
        fit_then_judge::<Tutorial>(settings, history, &[observed]).expect("judged")[0].score
    }

    #[test]
    fn figures_are_those_of_the_rule() {
        let fitted = native::fit::<Tutorial>(&native::context("{}"), &history()).expect("fitted");
        let expect = [("mean", 100.0), ("std", 10.0), ("sampleCount", 21.0)].map(|(name, v)| (name.to_owned(), v));
        assert_eq!(fitted.figures, expect);
    }

    #[test]
    fn z_or_ratio_alerts_from_its_threshold_on() {
        for (observed, anomalous) in [(99.0, false), (100.0, false), (129.9, false), (130.0, true), (200.0, true)] {
            assert_eq!(score_of("{}", &history(), observed) >= 1.0, anomalous, "{observed}");
        }
        let by_ratio = r#"{ "zScore": 50 }"#;
        for (observed, anomalous) in [(199.9, false), (200.0, true), (1e300, true)] {
            let score = score_of(by_ratio, &history(), observed);
            assert_eq!(score >= 1.0, anomalous, "{observed}");
            assert!(score.is_finite());
        }
    }

    #[test]
    fn the_score_agrees_with_the_comparison_at_every_rounding() {
        let settings = Settings { z_score: 0.1, ..Settings::default() };
        for step in 1..2000 {
            let moments = Moments { mean: 0.7, std: f64::from(step) * 0.001 };
            let observed = moments.mean + 0.1 * moments.std;
            let z = (observed - moments.mean) / moments.std;
            assert_eq!(score(&settings, moments, observed) >= 1.0, z >= 0.1, "{step}");
        }
    }

    #[test]
    fn without_deviation_the_ratio_alone_counts() {
        let flat = Series::daily("2026-01-01", vec![0.1; 25]);
        assert!(score_of("{}", &flat, 0.19) < 1.0);
        assert!(score_of("{}", &flat, 0.2) >= 1.0);
        let verdict = &fit_then_judge::<Tutorial>("{}", &flat, &[0.1]).expect("judged")[0];
        assert_eq!((verdict.expected, verdict.lower, verdict.upper), (0.1, f64::NEG_INFINITY, 0.2));
    }

    #[test]
    fn a_mean_of_zero_never_alerts() {
        let zeros = Series::daily("2026-01-01", vec![0.0; 25]);
        let verdict = &fit_then_judge::<Tutorial>("{}", &zeros, &[1e9]).expect("judged")[0];
        assert_eq!((verdict.score, verdict.upper), (0.0, f64::INFINITY));
    }

    #[test]
    fn upper_is_where_alerts_begin() {
        let verdict = &fit_then_judge::<Tutorial>("{}", &history(), &[100.0]).expect("judged")[0];
        assert_eq!(verdict.upper, 130.0);
        assert!(verdict.reason.is_empty());
    }

    #[test]
    fn unknown_and_excluded_points_are_no_samples() {
        let mut values = vec![f64::NAN; 5];
        values.extend([1.0; 16]);
        values.extend([900.0; 4]);
        let history = Series::daily("2026-01-01", values).excluding(21..25);
        assert_eq!(fit_then_judge::<Tutorial>("{}", &history, &[1.0]), Err(Refusal::Learning(4)));
        let verdicts = fit_then_judge::<Tutorial>(r#"{ "minSamples": 16 }"#, &history, &[f64::NAN, 1.0]);
        assert_eq!(verdicts.expect("judged")[0].index, 1);
    }

    #[test]
    fn reasons_speak_the_operators_language() {
        let mut context = native::context("{}");
        let fitted = native::fit::<Tutorial>(&context, &history()).expect("fitted");
        let mut reason = |locale: &str| {
            locale.clone_into(&mut context.locale);
            let series = Series::daily("2026-02-01", [2500.0]);
            native::judge::<Tutorial>(&context, &fitted, series, 0).expect("judged")[0].reason.clone()
        };
        assert_eq!(reason("en"), "2,500 KRW is 25.0 times the mean of 100 KRW and 240.0 standard deviations above it");
        assert_eq!(reason("ko"), "2,500원: 평균 100원의 25.0배이고 표준편차의 240.0배만큼 높습니다");
    }

    #[test]
    fn settings_have_bounds() {
        let issues = native::check::<Tutorial>(r#"{ "zScore": 0, "deviationRatio": 1, "minSamples": 0 }"#);
        let pointers: Vec<_> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
        assert_eq!(pointers, ["/zScore", "/deviationRatio", "/minSamples"]);
        assert_eq!(native::check::<Tutorial>("{}"), []);
    }
}
