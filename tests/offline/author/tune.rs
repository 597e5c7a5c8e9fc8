//! `plugin tune`: the alerts for several values of a setting.

use super::compare::project;
use super::project::{bundled, trimmed};

#[test]
fn the_first_value_with_few_alerts_is_printed() {
    let plugin = bundled("tutorial");
    let project = project();
    let args = ["tune", &plugin, "--input", "fees", "--walk", "1", "--setting", "zScore", "--alerts-per-30d"];
    let with = |alerts: &'static str| [&args[..], &[alerts]].concat();
    insta::assert_snapshot!(trimmed(&project.plugin(&with("1")).expect(0).stdout));
    let rows = project.plugin(&[&["--json"], &with("1")[..]].concat()).expect(0).json();
    let (chosen, tried) = rows.split_last().expect("rows");
    let rate = |row: &serde_json::Value| row["per30d"].as_f64().expect("a number");
    let first = tried.iter().find(|row| rate(row) <= 1.0).expect("a value");
    assert_eq!(chosen["value"], first["value"]);
    let none = project.plugin(&with("-1")).expect(1).stdout;
    assert!(none.ends_with("zScore: every tried value gives more than -1 alerts per 30 days of a series\n"), "{none}");
}

#[test]
fn a_setting_without_a_number_is_refused() {
    let args = ["tune", &bundled("tutorial"), "--input", "fees", "--setting", "absent", "--alerts-per-30d", "1"];
    let refused = project().refused(&args);
    assert!(refused.contains("`absent` is not a number with a default above 0"), "{refused}");
    assert!(refused.contains("zScore"), "{refused}");
}
