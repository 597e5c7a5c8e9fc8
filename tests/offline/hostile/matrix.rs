//! Each attack through every command that reads a plugin, and as a rule beside a good rule, under the default limits. A
//! command ends by itself within its time and memory, an error names the plugin, and the good rule finds the same.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::artefact::Artefact;
use super::attacks;
use costwarden_tests::three_services::{LAST, workdir_with_history};
use costwarden_tests::{Workdir, repository, watched};

const TIME: Duration = Duration::from_secs(30);
/// Bytes of costwarden and its workers together.
const MEMORY_BYTES: u64 = 800_000_000;

#[test]
fn work_for_the_compiler_is_bounded() {
    attack(&attacks::compiler());
}

#[test]
fn work_at_the_start_of_an_instance_is_bounded() {
    attack(&attacks::start());
}

#[test]
fn work_of_a_call_is_bounded() {
    attack(&attacks::calls());
}

#[test]
fn results_are_bounded() {
    attack(&attacks::results());
}

#[test]
fn files_that_are_expensive_to_inspect_are_bounded() {
    attack(&attacks::files());
}

fn attack(artefacts: &[Artefact]) {
    for artefact in artefacts {
        let workdir = workdir_with_history();
        let Artefact { name, bytes } = artefact;
        let file = format!("plugins/{name}.wasm");
        std::fs::write(workdir.path().join(&file), bytes).expect("written");
        workdir.write("rules/hostile.toml", &rule(name));
        workdir.write("series.csv", &series());
        let golden = repository().join("plugins/tutorial").display().to_string();
        for args in [
            &["check"][..],
            &["plugin", "inspect", &file],
            &["plugin", "rule", &file],
            &["plugin", "run", &file, "--input", "series.csv"],
            &["plugin", "test", "--plugin", &file, &golden],
        ] {
            bounded(&workdir, args, name);
        }
        let report = bounded(&workdir, &["daily", "--date", &LAST.to_string(), "--json"], name);
        let report: Value = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{name}: {error}: {report}"));
        for problem in report["problems"].as_array().expect("problems") {
            assert!(problem.as_str().expect("text").contains(name), "{name} is not named: {problem}");
        }
        assert_eq!(good_anomalies(&report), *expected(), "{name}");
    }
}

/// Runs a command. Asserts its time, its memory, an exit code, and the name of the plugin in an error. Returns the output.
#[track_caller]
fn bounded(workdir: &Workdir, args: &[&str], name: &str) -> String {
    let watched = watched(&workdir.command(args, &[]));
    let costwarden_tests::Run { code, stdout, stderr } = &watched.run;
    eprintln!("{name}: {args:?}: exit code {code}, {:.1?}, {} MB", watched.time, watched.peak_bytes / 1_000_000);
    assert!((0..=2).contains(code), "{name}: {args:?}: {:?}", watched.run);
    assert!(*code == 0 || format!("{stdout}{stderr}").contains(name), "{name}: {args:?}: {:?}", watched.run);
    assert!(watched.time <= TIME, "{name}: {args:?}: {:?}", watched.time);
    assert!(watched.peak_bytes <= MEMORY_BYTES, "{name}: {args:?}: {} bytes", watched.peak_bytes);
    stdout.clone()
}

/// The anomalies of the good rule without another rule.
fn expected() -> &'static Vec<Value> {
    static EXPECTED: OnceLock<Vec<Value>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let run = workdir_with_history().run(&["daily", "--date", &LAST.to_string(), "--json"]).expect(0);
        let anomalies = good_anomalies(&run.report());
        assert_eq!(anomalies.len(), 1, "{anomalies:?}");
        anomalies
    })
}

/// The anomalies of the good rule, without the times and the id of the run.
fn good_anomalies(report: &Value) -> Vec<Value> {
    let mut anomalies = report["anomalies"].as_array().expect("anomalies").clone();
    anomalies.retain(|anomaly| anomaly["ruleId"] == "healthy");
    for fields in anomalies.iter_mut().filter_map(Value::as_object_mut) {
        fields.retain(|name, _| !matches!(name.as_str(), "createdAt" | "updatedAt" | "detectedAt" | "runId"));
    }
    anomalies
}

fn rule(name: &str) -> String {
    format!(
        "[[rule]]\nid = \"hostile\"\nwhy = \"It means harm.\"\ndetector = \"{name}\"\nseries = \"daily\"\nhistory_days = 90\n"
    )
}

fn series() -> String {
    (1..=12).fold("timestamp,value\n".to_owned(), |text, day| format!("{text}2026-01-{day:02},{}\n", 1_000 + day % 5))
}
