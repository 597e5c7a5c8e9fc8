//! Properties of both detectors, for their tests.

use costwarden_sdk::native::{self, Walk};
use costwarden_sdk::{Detector, Series, Verdict};

/// Deterministic factors of `1 - part` to `1 + part`.
#[must_use]
pub fn variation(i: usize, part: f64) -> f64 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    1.0 + part * (mixed as f64 / f64::from(1 << 23) - 1.0)
}

/// Indices of the anomalous points of a walk like production.
///
/// # Panics
/// A score, a bound or a reason of a verdict contradicts another one.
#[must_use]
pub fn anomalous<D: Detector>(series: &Series, how: Walk) -> Vec<usize> {
    let verdicts = native::walk::<D>(&native::context("{}"), series, how);
    let judged = verdicts.iter().enumerate().filter_map(|(i, verdict)| Some((i, verdict.as_ref()?)));
    judged.filter(|(i, verdict)| is_anomalous(series.values[*i], *i, verdict)).map(|(i, _)| i).collect()
}

fn is_anomalous(observed: f64, i: usize, verdict: &Verdict) -> bool {
    let is_outside = observed < verdict.lower || observed > verdict.upper;
    assert_eq!(verdict.score >= 1.0, is_outside, "point {i}: {verdict:?}");
    assert!(verdict.lower <= verdict.expected && verdict.expected <= verdict.upper, "point {i}: {verdict:?}");
    assert_eq!(verdict.reason.is_empty(), !is_outside, "point {i}: {verdict:?}");
    is_outside
}

/// Verifies that the verdicts of extreme series are numbers.
///
/// # Panics
/// A score or an expected value is not finite, or the bounds are in the wrong order.
pub fn extreme_series<D: Detector>(series: impl Fn(&dyn Fn(usize) -> f64) -> Series, how: Walk) {
    let values: [fn(usize) -> f64; 7] = [
        |_| 1e300,
        |_| 1e-300,
        |i| if i % 2 == 0 { 1e150 } else { -1e150 },
        |i| if i == 70 { 1e300 } else { 1.0 },
        |i| if i % 50 == 49 { 1e12 } else { 0.0 },
        |i| 10_f64.powi(i as i32 % 300),
        |i| if i == 200 { 2.0 } else { 1.0 },
    ];
    for (kind, value) in values.into_iter().enumerate() {
        for settings in ["{}", r#"{ "floor": 0 }"#] {
            let verdicts = native::walk::<D>(&native::context(settings), &series(&value), how);
            for verdict in verdicts.iter().flatten() {
                let is_number = verdict.score.is_finite() && verdict.expected.is_finite();
                assert!(is_number && verdict.lower <= verdict.upper, "series {kind} {settings}: {verdict:?}");
            }
        }
    }
}

/// Verifies the bounds of the settings.
///
/// # Panics
/// A setting out of bounds has no issue, or the default settings have one.
pub fn settings<D: Detector>() {
    let issues = native::check::<D>(r#"{ "k": 0, "floor": -1 }"#);
    let pointers: Vec<_> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
    assert_eq!(pointers, ["/k", "/floor"]);
    assert_eq!(native::check::<D>("{}"), []);
}
