//! Plugins that misbehave at run time: each breach names plugin, rule, series and limit, and the run of the rest is not
//! affected.

use serde_json::Value;

use costwarden_tests::three_services::{LAST, MINIMAL, daily, workdir_with_history};
use costwarden_tests::{Workdir, repository};

/// A working directory with the misbehaving plugin and separate limits.
pub(crate) fn workdir() -> Workdir {
    let workdir = workdir_with_history();
    let built = repository().join("target/test-plugins/misbehaving.wasm");
    std::fs::copy(built, workdir.path().join("plugins/misbehaving.wasm")).expect("make build brings it");
    std::fs::create_dir(workdir.path().join("lists")).expect("a folder");
    workdir.write(
        "costwarden.toml",
        &format!(
            "{MINIMAL}[plugins.grants.misbehaving]\nreference = \"lists\"\n[plugins.limits]\nfit_fuel_per_series = 9000000\n\
             judge_fuel_per_series = 8000000\nmemory_bytes = 16777216\n"
        ),
    );
    workdir
}

/// Runs the daily job with a misbehaving rule and returns its problems. Asserts exit code 1 and the anomaly of the
/// healthy rule.
#[track_caller]
pub(crate) fn contained(workdir: &Workdir, mode: &str, phase: &str) -> String {
    workdir.write(
        "rules/sick.toml",
        &format!(
            "[[rule]]\nid = \"sick\"\nwhy = \"It goes wrong.\"\ndetector = \"misbehaving\"\nseries = \"daily\"\n\
             settings = {{ mode = \"{mode}\", phase = \"{phase}\" }}\n"
        ),
    );
    let (code, report, problems) = daily(workdir);
    assert_eq!(code, 1, "{problems}");
    let anomalies = report["anomalies"].as_array().expect("anomalies");
    let of: Vec<_> = anomalies.iter().map(|anomaly| (&anomaly["ruleId"], &anomaly["series"])).collect();
    assert_eq!(of, [(&Value::from("healthy"), &Value::from("d/p/vm"))]);
    assert_eq!(report["outcome"], "degraded");
    let failed = &report["counts"]["failed_series"];
    format!("{problems}; {failed} failed, {} judged", report["counts"]["verdicts"])
}

#[test]
fn an_endless_loop() {
    let workdir = workdir();
    insta::assert_snapshot!(contained(&workdir, "endless-loop", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: used up its fuel of 58000000 (plugins.limits.judge_fuel_per_series = 8000000); 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "endless-loop", "fit"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: used up its fuel of 59000000 (plugins.limits.fit_fuel_per_series = 9000000); 6 failed, 3 judged");
}

#[test]
fn growing_memory() {
    let workdir = workdir();
    insta::assert_snapshot!(contained(&workdir, "memory-growth", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: needs more memory than 16777216 bytes (plugins.limits.memory_bytes); 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "deep-recursion", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: needs a deeper stack than 524288 bytes (plugins.limits.stack_bytes); 3 failed, 3 judged");
}

/// Failure and log contain message and location.
#[test]
fn a_panic() {
    let workdir = workdir();
    contained(&workdir, "panic", "judge");
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(1);
    let told = run.stderr.lines().find_map(|line| line.strip_prefix("degraded: ")).expect("it is told");
    let (told, line) = told.rsplit_once(':').expect("a line");
    insta::assert_snapshot!(told, @"plugin `misbehaving`, rule `sick`, series `d/p/db`: trapped: wasm `unreachable` instruction executed: misbehaving on purpose (tests/plugins/misbehaving/src/lib.rs");
    assert!(line.trim_end_matches(')').parse::<u32>().is_ok(), "{line}");
    let run = workdir.run_with(&["daily", "--date", &LAST.to_string()], &[("COSTWARDEN_LOG_FORMAT", "json")]).expect(1);
    let log = run.stderr.lines().find(|line| line.contains("\"plugin\":")).expect("a line of the log");
    let log: Value = serde_json::from_str(log).expect("JSON");
    assert_eq!((&log["level"], &log["plugin"], &log["rule"]), (&"ERROR".into(), &"misbehaving".into(), &"sick".into()));
    assert!(log["message"].as_str().is_some_and(|text| text.contains("misbehaving on purpose")), "{log}");
    assert_eq!(log["runId"].as_str().map(str::len), Some(36), "lines of the detectors' threads have it too: {log}");
}

/// A failing series does not affect the rest.
#[test]
fn a_poisoned_series() {
    let workdir = workdir();
    for (phase, failed) in [("judge", 1), ("fit", 2)] {
        let problems = contained(&workdir, "poison", phase);
        assert!(
            problems.starts_with("plugin `misbehaving`, rule `sick`, series `d/p/poison`: trapped: "),
            "{problems}"
        );
        assert!(problems.contains("poisoned by d/p/poison"), "{problems}");
        // Three series by the healthy rule and two by the other. What is fitted is fitted once more through the day.
        assert!(problems.ends_with(&format!("; {failed} failed, 5 judged")), "{problems}");
    }
}

#[test]
fn invalid_verdicts_are_refused() {
    let workdir = workdir();
    insta::assert_snapshot!(contained(&workdir, "nan-score", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned an invalid verdict: index 0: score is NaN, not finite; 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "infinite-score", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned an invalid verdict: index 0: score is inf, not finite; 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "nan-bound", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned an invalid verdict: index 0: upper is NaN; 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "index-out-of-range", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned an invalid verdict: index 1: outside the judged points, from 0 to below 1; 3 failed, 3 judged");
}

#[test]
fn too_few_and_too_many_results() {
    let workdir = workdir();
    insta::assert_snapshot!(contained(&workdir, "too-few-results", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned 0 results for 1 series; 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "too-many-results", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned 2 results for 1 series; 3 failed, 3 judged");
}

#[test]
fn too_much_of_anything() {
    let workdir = workdir();
    insta::assert_snapshot!(contained(&workdir, "oversized-reason", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned a reason of 1000000 bytes, more than 1024 (plugins.limits.reason_bytes); 3 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "oversized-state", "fit"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: returned 1000011 bytes of state, more than 65536 (plugins.limits.state_bytes); 6 failed, 3 judged");
    insta::assert_snapshot!(contained(&workdir, "failed", "judge"), @"plugin `misbehaving`, rule `sick`, series `d/p/db`: the detector refuses the series: failed on purpose; 3 failed, 3 judged");
}
