//! `plugin tune`: the alerts for several values of a setting.

use super::compare::project;
use super::project::{bundled, trimmed};

#[test]
fn the_value_from_which_on_few_alerts_remain_is_printed() {
    let plugin = bundled("tutorial");
    let project = project();
    let args = ["tune", &plugin, "--input", "fees", "--walk", "1", "--setting", "zScore", "--alerts-per-30d"];
    let with = |alerts: &'static str| [&args[..], &[alerts]].concat();
    insta::assert_snapshot!(trimmed(&project.plugin(&with("1")).expect(0).stdout));
    let rows = project.plugin(&[&["--json"], &with("1")[..]].concat()).expect(0).json();
    let (chosen, tried) = rows.split_last().expect("rows");
    let rate = |row: &serde_json::Value| row["per30d"].as_f64().expect("a number");
    let last_above = tried.iter().rposition(|row| rate(row) > 1.0).expect("a value");
    assert_eq!(chosen["value"], tried[last_above + 1]["value"]);
    let none = project.plugin(&with("0")).expect(1).stdout;
    assert!(
        none.ends_with("zScore: the largest tried value gives more than 0 alerts per 30 days of a series\n"),
        "{none}"
    );
}

#[test]
fn too_short_series_and_impossible_rates_are_refused() {
    let args = ["tune", &bundled("tutorial"), "--input", "short.csv", "--setting", "zScore", "--alerts-per-30d"];
    let project = project();
    project.write("short.csv", "timestamp,value\n2026-11-01,1\n2026-11-02,1\n2026-11-03,1\n");
    let with = |alerts: &'static str| [&args[..], &[alerts]].concat();
    let too_short = project.refused(&with("1"));
    assert!(too_short.contains("no point of the series was judged"), "{too_short}");
    for rate in ["nan", "-1", "inf"] {
        let refused = project.plugin(&with(rate)).expect(2).stderr;
        assert!(refused.contains("expected a number of at least 0"), "{refused}");
    }
}

#[test]
fn a_setting_without_a_number_is_refused() {
    let args = ["tune", &bundled("tutorial"), "--input", "fees", "--setting", "absent", "--alerts-per-30d", "1"];
    let refused = project().refused(&args);
    assert!(refused.contains("`absent` is not a number with a default above 0"), "{refused}");
    assert!(refused.contains("zScore"), "{refused}");
}
