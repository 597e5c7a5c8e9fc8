//! `plugin compare`: the events and alerts of two plugins, or of two settings.

use super::project::{AuthorProject, bundled, golden, trimmed};

/// The series of a golden case with a labelled month and a labelled fee.
pub(crate) fn project() -> AuthorProject {
    let project = AuthorProject::new();
    let bytes = std::fs::read(golden("daily-level", "monthly-fee", "input.csv")).expect("a file");
    let text = String::from_utf8(bytes).expect("text");
    let label = |row: &str| match row.split(',').next() {
        Some("timestamp") => "label",
        Some("2026-10-01") => "1",
        Some("2026-10-05" | "2026-10-06") => "2",
        _ => "0",
    };
    let labelled: String = text.lines().map(|row| format!("{row},{}\n", label(row))).collect();
    project.write("fees/fee.csv", labelled);
    project.write("fees/unlabelled.csv", text);
    project
}

#[test]
fn two_plugins_are_compared_by_events_and_alerts() {
    let [first, second] = ["daily-level", "tutorial"].map(bundled);
    let project = project();
    let args = ["compare", &first, &second, "--input", "fees", "--walk", "1"];
    insta::assert_snapshot!(trimmed(&project.plugin(&args).expect(0).stdout));
    let rows = project.plugin(&[&["--json"], &args[..]].concat()).expect(0).json();
    let (total, spans) = rows.split_last().expect("rows");
    assert_eq!((&total["first"]["events"], &total["second"]["series"]), (&2.into(), &1.into()));
    assert!(spans.iter().any(|span| span["event"] == true && span["first"] == true && span["second"] == false));
    let strict =
        project.plugin(&["compare", &first, &second, "--input", "fees", "--settings", r#"{"k": 9.0}"#]).expect(0);
    let settings = "first: daily-level 0.1.0, settings {\"k\": 9.0}\nsecond: tutorial 0.1.0, settings {}\n";
    assert!(strict.stdout.starts_with(settings), "{}", strict.stdout);
}

#[test]
fn two_settings_are_compared() {
    let plugin = bundled("tutorial");
    let project = project();
    let args = ["compare", &plugin, &plugin, "--input", "fees/unlabelled.csv", "--walk", "1"];
    let same = project.plugin(&args).expect(0).stdout;
    assert!(same.ends_with(" 0 of the first only, 0 of the second only\n"), "{same}");
    let other = [&args[..], &["--second-settings", r#"{"zScore": 1000, "deviationRatio": 20}"#]].concat();
    let shown = project.plugin(&other).expect(0).stdout;
    assert!(shown.contains("alerts outside of events: 0 of both, "), "{shown}");
    assert!(!shown.contains("events: 0 touched"), "{shown}");
}
