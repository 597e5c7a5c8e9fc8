//! `plugin bench`: figures for each length and batch size. The values depend on the machine.

use super::project::{AuthorProject, bundled};
use costwarden_tests::repository;

#[test]
fn each_length_and_batch_is_measured() {
    let measures = AuthorProject::new().plugin(&["--json", "bench", &bundled("daily-level")]).expect(0).json();
    assert_eq!(measures.len(), 18);
    for measure in &measures {
        let [days, batch, points] = ["days", "batch", "points"].map(|key| measure[key].as_u64().expect("a number"));
        assert_eq!(points, if measure["call"] == "fit" { days * batch } else { batch }, "{measure}");
        let cost = &measure["cost"];
        let [fuel, limit] = ["fuel", "fuelLimit"].map(|key| cost[key].as_u64().expect("a number"));
        assert!(fuel > 0 && fuel < limit, "{measure}");
        assert!(cost["microseconds"].as_f64().expect("a number") > 0.0, "{measure}");
        assert!(cost["memoryBytes"].as_u64().expect("a number") >= 65_536, "{measure}");
    }
    let fuel = |call: &str, days: u64, batch: u64| {
        let found = measures.iter().find(|m| m["call"] == call && m["days"] == days && m["batch"] == batch);
        found.expect("measured")["cost"]["fuel"].as_u64().expect("a number")
    };
    assert!(fuel("fit", 365, 64) > 3 * fuel("fit", 30, 64), "twelve times the points");
    assert!(fuel("judge", 90, 512) > 4 * fuel("judge", 90, 64), "eight times the series");
}

/// Fuel is deterministic, so a comparison with an earlier build shows the effect of a change.
#[test]
fn a_plugin_is_held_against_another() {
    let (one, other) = (bundled("daily-level"), bundled("tutorial"));
    let project = AuthorProject::new();
    let measures = |args: &[&str]| project.plugin(&[&["--json", "bench"], args].concat()).expect(0).json();
    let alone = measures(&[&other]);
    let both = measures(&[&one, "--against", &other]);
    assert_eq!(both.len(), alone.len());
    for (both, alone) in both.iter().zip(&alone) {
        assert_eq!(both["against"]["fuel"], alone["cost"]["fuel"], "{both}");
        assert!(alone["against"].is_null(), "{alone}");
    }
    let table = project.plugin(&["bench", &one, "--against", &one]).expect(0).stdout;
    let same = table.lines().filter(|line| line.trim_end().ends_with(" 1.000")).count();
    assert_eq!(same, 18, "{table}");
    let refused = project.refused(&["bench", &one, "--against", &other, "--settings", r#"{"k": 3.5}"#]);
    assert!(refused.contains("--settings"), "settings have to fit both: {refused}");
}

#[test]
fn an_insufficient_history_is_shown() {
    let run =
        AuthorProject::new().plugin(&["bench", &bundled("tutorial"), "--settings", r#"{"minSamples": 60}"#]).expect(0);
    let learning = run.stdout.lines().filter(|line| line.contains("insufficient history")).count();
    assert_eq!(learning, 6, "{}", run.stdout);
    assert!(run.stdout.contains("fit_fuel_per_series = 20000000"), "{}", run.stdout);
}

/// A measurement repeats each call many times.
#[test]
fn a_warning_is_shown_once() {
    let misbehaving = repository().join("target/test-plugins/misbehaving.wasm").display().to_string();
    let settings = r#"{"mode": "log-flood", "size": 3}"#;
    let project = AuthorProject::new();
    project.write("costwarden.toml", "[plugins]\ndirectory = \".\"\n[plugins.limits]\nlog_lines = 1\n");
    let measured = project.plugin(&["bench", &misbehaving, "--reference", ".", "--settings", settings]).expect(0);
    assert_eq!(measured.stderr.matches("the plugin logs too much").count(), 1, "{}", measured.stderr);
}
