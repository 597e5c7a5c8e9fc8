//! Tests with state that the detector did not write: state of another detector, damaged or invented. The detector
//! refuses the state, or the host refuses the verdicts; nothing traps.

use model::series::{Series, Window};

use super::{CallError, Detector, Failure, Grants, Limits, artifact, bundled_plugins, context, sandbox, series};

fn bundled(name: &str) -> Detector {
    let plugin = artifact(&format!("plugins/dist/{name}.wasm"));
    sandbox(Limits::default()).load(name, &plugin, &Grants::default()).expect("loads")
}

fn fitted(detector: &Detector, series: &Series) -> Vec<u8> {
    let outcome = detector.fit(&context("{}"), std::slice::from_ref(series));
    outcome.results.into_iter().next().expect("one result").expect("fits").state
}

/// Returns the number of verdicts of `judge` with the given state.
fn judged(detector: &Detector, series: &Series, state: &[u8]) -> Result<usize, Failure> {
    let judge_from = series.values.len() as u32 - 1;
    let outcome =
        detector.judge(&context("{}"), &[Window { series: series.clone(), state: state.to_vec(), judge_from }]);
    outcome.results.into_iter().next().expect("one result").map(|verdicts| verdicts.len())
}

/// Returns true for an allowed result. A NaN in the state can give a NaN score, and the host refuses the score.
fn is_contained(judged: &Result<usize, Failure>) -> bool {
    matches!(judged, Ok(_) | Err(Failure::Refused { .. } | Failure::Call { error: CallError::InvalidVerdict(_), .. }))
}

#[test]
fn invalid_state_is_refused() {
    let series = series("d/p/s", 200);
    let mut messages = Vec::new();
    for name in bundled_plugins() {
        let detector = bundled(&name);
        let state = fitted(&detector, &series);
        assert_eq!(judged(&detector, &series, &state).expect("its own"), 1, "{name}");
        for (kind, state) in [
            ("nothing", Vec::new()),
            ("cut off", state[..state.len() / 2].to_vec()),
            ("garbage", b"\xff\xff\xff\xff\xff\xff\xff\x7f garbage".repeat(20)),
        ] {
            match judged(&detector, &series, &state) {
                Err(failure) => messages.push(format!("{kind}: {failure}")),
                Ok(verdicts) => panic!("{name}, {kind}: {verdicts} verdicts"),
            }
        }
    }
    insta::assert_snapshot!(messages.join("\n"), @"
    nothing: plugin `daily-level`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    cut off: plugin `daily-level`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    garbage: plugin `daily-level`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Found an Option discriminant that wasn't 0 or 1
    nothing: plugin `hourly-level`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    cut off: plugin `hourly-level`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    garbage: plugin `hourly-level`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    nothing: plugin `tutorial`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    cut off: plugin `tutorial`, rule `watch`, series `d/p/s`: the detector refuses the series: state cannot be read: Hit the end of buffer, expected more data
    garbage: plugin `tutorial`, rule `watch`, series `d/p/s`: returned an invalid verdict: index 199: score is NaN, not finite
    ");
}

/// State of another detector can have any meaning, but it causes no trap and no forbidden output.
#[test]
fn state_of_another_detector_causes_no_trap() {
    let series = series("d/p/s", 200);
    let states: Vec<_> = bundled_plugins().iter().map(|name| fitted(&bundled(name), &series)).collect();
    for name in bundled_plugins() {
        let detector = bundled(&name);
        for state in &states {
            let judged = judged(&detector, &series, state);
            assert!(is_contained(&judged), "{name}: {judged:?}");
        }
    }
}

#[test]
fn state_with_flipped_bits_causes_no_trap() {
    let series = series("d/p/s", 200);
    for name in bundled_plugins() {
        let detector = bundled(&name);
        let state = fitted(&detector, &series);
        for bit in (0..state.len() * 8).step_by(5) {
            let mut flipped = state.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let judged = judged(&detector, &series, &flipped);
            assert!(is_contained(&judged), "{name}, bit {bit}: {judged:?}");
        }
    }
}
