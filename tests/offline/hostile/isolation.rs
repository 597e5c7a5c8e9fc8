//! Hostile plugins beside a good plugin in one run: the good plugin's anomalies stay the same, bit for bit.

use serde_json::Value;

use super::artefact::{Artefact, spread};
use super::{bombs, load, run};
use costwarden_tests::three_services::{LAST, daily, workdir_with_history};

/// One artefact of each kind.
fn eight() -> Vec<Artefact> {
    let one = |artefacts: Vec<Artefact>, name: &str| {
        artefacts.into_iter().find(|artefact| artefact.name == name).unwrap_or_else(|| panic!("no {name}"))
    };
    vec![
        one(load::artefacts(), "garbage"),
        one(load::artefacts(), "start-traps"),
        bombs::huge_function(),
        one(run::cpu(), "loop-in-judge"),
        one(run::cpu(), "deep-recursion"),
        one(run::memory(), "memory-growth"),
        one(run::abi(), "list-of-u32-max"),
        one(run::meaning(), "nan-score"),
    ]
}

/// The anomalies of a rule, as reported and as stored.
fn anomalies(report: &Value, stored: &[Value], rule: &str) -> Vec<Value> {
    let told = report["anomalies"].as_array().expect("anomalies").iter();
    told.chain(stored).filter(|anomaly| anomaly["ruleId"] == rule).map(without_times).collect()
}

/// Removes the times, different in every run.
fn without_times(anomaly: &Value) -> Value {
    let mut anomaly = anomaly.clone();
    if let Some(fields) = anomaly.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "createdAt" | "updatedAt" | "detectedAt" | "runId"));
    }
    anomaly
}

#[test]
fn a_good_plugin_finds_the_same_among_eight_hostile_ones() {
    let alone = workdir_with_history();
    let (code, report, _) = daily(&alone);
    assert_eq!(code, 0);
    let expected = anomalies(&report, &alone.json(&["anomalies", "list", "--json"]), "healthy");
    assert_eq!(expected.len(), 2, "told and stored: {expected:?}");

    let beset = workdir_with_history();
    let hostile = eight();
    spread(&beset, &hostile, "compile_memory_bytes = 201_326_592\n");
    let (code, report, problems) = daily(&beset);
    assert_eq!(code, 1);
    for Artefact { name, .. } in &hostile {
        assert_eq!(problems.lines().filter(|line| line.contains(name)).count(), 1, "{name} is named once: {problems}");
    }
    assert_eq!(problems.lines().count(), hostile.len(), "{problems}");
    assert_eq!(report["counts"]["rule_problems"], 3);
    assert_eq!(anomalies(&report, &beset.json(&["anomalies", "list", "--json"]), "healthy"), expected);
    // Not even its notification comes out otherwise.
    let notifications = |workdir: &costwarden_tests::Workdir| {
        let run = workdir.run(&["daily", "--date", &LAST.to_string()]);
        run.stdout.lines().filter(|line| line.contains("BILLING")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(notifications(&beset), notifications(&alone));
}
