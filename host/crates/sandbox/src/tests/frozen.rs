//! Plugins built against contract 1.0.0 and never rebuilt: load, fit and judge must give the original results.

use model::series::{Series, Window};

use super::{Artifact, Detector, Grants, Limits, Scope, Verdict, artifact, context, sandbox};
use crate::CONTRACT;

fn frozen(file: &str, name: &str) -> Detector {
    let plugin = artifact(&format!("tests/frozen/{file}"));
    sandbox(Limits::default()).load(name, &plugin, &Grants::default()).expect("loads")
}

/// Returns the days of `series.csv`.
fn days() -> Series {
    let Artifact { bytes, .. } = artifact("tests/frozen/series.csv");
    let values = csv::Reader::from_reader(&bytes[..])
        .deserialize()
        .map(|row| row.map(|(_, value): (String, f64)| value).expect("a row"))
        .collect();
    Series { id: "d/p/s".to_owned(), start: 1_767_193_200, utc_offset: 32_400, step: 86_400, values, excluded: vec![3] }
}

/// Returns the fit of four weeks and the verdicts on the following days, with every number exact to the last bit.
fn judged(detector: &Detector) -> String {
    const FITTED: usize = 28;
    let days = days();
    let history = Series { values: days.values[..FITTED].to_vec(), ..days.clone() };
    let mut fit = detector.fit(&context("{}"), &[history]).results;
    let fitted = fit.pop().expect("one result").expect("fits");
    let mut lines = format!("state {}\n", hex::encode(&fitted.state));
    for (name, value) in fitted.figures {
        lines += &format!("figure {name} {value}\n");
    }
    let window = Window { series: days, state: fitted.state, judge_from: FITTED as u32 };
    let mut judged = detector.judge(&context("{}"), &[window]).results;
    for verdict in judged.pop().expect("one result").expect("judges") {
        let Verdict { index, score, expected, lower, upper, reason } = verdict;
        lines += &format!("{index} {score} {expected} {lower} {upper} {reason}\n");
    }
    lines
}

#[test]
fn a_plugin_of_contract_1_0_0_gives_the_same_verdicts() {
    let detector = frozen("contract-1.0.0.wasm", "tutorial");
    let manifest = &detector.manifest;
    assert_eq!((manifest.version.as_str(), manifest.min_points, manifest.scope), ("0.1.0", 1, Scope::Each));
    let issues = detector.check_settings(r#"{"zScore": -1}"#).expect("answers");
    assert_eq!(issues.iter().map(|issue| issue.pointer.as_str()).collect::<Vec<_>>(), ["/zScore"]);
    let Artifact { bytes, .. } = artifact("tests/frozen/expected.txt");
    assert_eq!(judged(&detector), String::from_utf8(bytes).expect("text"));
}

#[test]
fn a_component_of_contract_1_0_0_loads() {
    let detector = frozen("component-1.0.0.wasm", "frozen");
    assert_eq!(judged(&detector), "state \n", "without state and verdicts");
}

/// A published contract never changes. A changed contract is a new version next to this version.
#[test]
fn the_contract_is_unchanged() {
    let wit = artifact("plugin-sdk/wit/detector.wit");
    assert_eq!(
        (CONTRACT, wit.digest.as_str()),
        ("1.0.0", "e50c4ff8ce0d088f95fbed7de46abc4fd632d8ebdb627bdccbda15c75b22d0cc")
    );
}
