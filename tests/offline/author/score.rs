//! The scores of `plugin run` against labels: the figures of the reference script to the digit.

use std::process::Command;

use serde_json::{Value, json};

use super::project::{AuthorProject, bundled, trimmed};
use costwarden_tests::shared;

/// Days in a generated series.
const DAYS: usize = 200;

/// A series with weekends, noise, events of different lengths and directions, and false alarms: the seed decides.
fn series(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut factors = [1.0; DAYS];
    let mut labels = [0; DAYS];
    for event in 1..=random.usize(0..5) {
        let first = random.usize(10..DAYS - 12);
        let factor = [0.2, 1.3, 2.5][random.usize(0..3)];
        for day in first..first + random.usize(1..10) {
            factors[day] = factor;
            labels[day] = event;
        }
    }
    // Spikes without a label.
    for _ in 0..random.usize(0..4) {
        factors[random.usize(0..DAYS)] = 3.0;
    }
    let mut text = "timestamp,value,label\n".to_owned();
    for day in 0..DAYS {
        let date = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day as i64));
        let weekend = if day % 7 < 5 { 1.0 } else { 0.7 };
        let value = 1_000.0 * weekend * factors[day] * (0.95 + 0.1 * random.f64());
        let value = if random.u8(0..40) == 0 { String::new() } else { format!("{value:.2}") };
        text.push_str(&format!("{date},{value},{}\n", labels[day]));
    }
    text
}

fn project() -> AuthorProject {
    let project = AuthorProject::new();
    for seed in 0..12 {
        project.write(&format!("labelled/{seed:02}.csv"), series(seed));
    }
    project
}

/// The figures of the reference script for the verdicts of `plugin run`.
fn reference(project: &AuthorProject, plugin: &str, script: &std::path::Path) -> Value {
    for seed in 0..12 {
        let file = format!("{seed:02}.csv");
        let input = format!("labelled/{file}");
        let args = ["run", plugin, "--input", &input, "--walk", "1", "--format", "csv"];
        project.write(&format!("scores/{file}"), project.plugin(&args).expect(0).stdout);
    }
    let mut python = Command::new("python3");
    python.arg(script).args(["labelled", "scores", "--json"]).current_dir(project.path());
    costwarden_tests::run(&mut python).expect(0).report()
}

/// The figures of a folder under the names of the reference script.
fn figures(project: &AuthorProject, plugin: &str) -> Value {
    let shown = project.plugin(&["--json", "run", plugin, "--input", "labelled", "--walk", "1"]).expect(0).json();
    let score = &shown.last().expect("a line for the folder")["score"];
    let mut figures = json!({ "episodes": score["alerts"] });
    for name in
        ["series", "events", "recall", "precision", "f1", "f1_inside", "false_per_30d", "delay", "nab_at_1", "nab_best"]
    {
        figures[name] = score[name].clone();
    }
    figures
}

#[test]
fn a_folder_has_the_figures_of_the_reference_script() {
    let Some(script) = shared("quality/score.py") else { return };
    let project = project();
    for name in ["tutorial", "daily-level"] {
        let plugin = bundled(name);
        let expected = reference(&project, &plugin, &script);
        assert!(expected["events"].as_u64() > Some(10) && expected["episodes"].as_u64() > Some(10), "{expected}");
        let number = |value: &Value| value.as_f64().expect("a number").to_bits();
        let actual = figures(&project, &plugin);
        for (figure, value) in expected.as_object().expect("figures") {
            assert_eq!(number(&actual[figure]), number(value), "{name}: {figure} {} {value}", actual[figure]);
        }
    }
}

#[test]
fn a_folder_is_a_table_with_scores() {
    let plugin = bundled("tutorial");
    let shown = project().plugin(&["run", &plugin, "--input", "labelled", "--walk", "1"]).expect(0).stdout;
    insta::assert_snapshot!(trimmed(&shown));
}

#[test]
fn a_file_with_labels_is_scored() {
    let plugin = bundled("tutorial");
    let project = project();
    let args = ["run", &plugin, "--input", "labelled/03.csv", "--walk", "1"];
    let shown = project.plugin(&args).expect(0).stdout;
    insta::assert_snapshot!(shown.lines().last().expect("a line"), @"scores of 1 labelled series: events 2, alerts 2, recall 0.5, precision 0.5, f1 0.5, f1_inside 0.5, false_per_30d 0.201, delay 0, nab_at_1 47.2509, nab_best 97.2509");
    project.write("labelled/99.csv", "timestamp,value\n2026-01-01,5\n2026-01-02,5\n2026-01-03,5\n");
    let score = project.plugin(&["--json", "run", &plugin, "--input", "labelled/99.csv"]).expect(0).report();
    assert_eq!(score["score"], Value::Null);
    let folder = project.plugin(&["run", &plugin, "--input", "labelled", "--walk", "1"]).expect(0).stdout;
    assert!(folder.contains("labelled: 13 series, ") && folder.contains("scores of 12 labelled series: "), "{folder}");
}

#[test]
fn unusable_folders_and_labels_are_refused() {
    let plugin = bundled("tutorial");
    let project = project();
    let refused = |args: &[&str]| project.refused(&[&["run", &plugin, "--input"], args].concat());
    project.write("empty/notes.txt", "");
    project.write("text.csv", "timestamp,value,label\n2026-01-01,5,0\n2026-01-02,5,spike\n");
    insta::assert_snapshot!(refused(&["empty"]), @"failed: empty: no CSV file, expected a file NAME.csv for each series");
    insta::assert_snapshot!(refused(&["text.csv"]), @r#"failed: text.csv: line 3: expected a label: 0 or empty for a usual row, another number for a row inside an event, found "spike""#);
    insta::assert_snapshot!(refused(&["labelled", "--plot"]), @"failed: --input labelled: a folder gives one table, without --plot, --alerts and --format csv: name one file for these options");
}
