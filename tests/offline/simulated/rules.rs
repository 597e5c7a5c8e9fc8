//! `rules run`: evaluates a stored day with a rule set. The result equals the jobs' anomalies, and nothing is written.

use costwarden_tests::three_services::{self, HEALTHY, LAST};
use serde_json::Value;

use super::simulated_bill::{JobOutput, MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago, tree};

/// Rules over services, over sums, and over hours.
const RULES: &str = r#"
[[rule]]
id = "service"
why = "A service."
detector = "daily-level"
series = "daily"
history_days = 60
[[rule]]
id = "of-service"
why = "A service of all domains and projects."
detector = "tutorial"
series = "daily"
group_by = ["service"]
[rule.settings]
minSamples = 14
[[rule]]
id = "total"
why = "All there is."
detector = "tutorial"
series = "daily"
group_by = []
[rule.settings]
minSamples = 14
[[rule]]
id = "today"
why = "A service so far."
detector = "daily-level"
series = "day-to-date"
history_days = 28
direction = "up"
[[rule]]
id = "increments"
why = "What an hour adds."
detector = "tutorial"
series = "hourly"
history_days = 28
direction = "up"
[rule.settings]
minSamples = 14
"#;

const OVER_HOURS: [&str; 2] = ["today", "increments"];

/// The anomalies, without fields of stored anomalies.
fn anomalies(told: &JobOutput, of_hours: bool) -> Vec<Value> {
    let mut anomalies: Vec<Value> = told.anomalies().to_vec();
    anomalies.retain(|anomaly| OVER_HOURS.iter().any(|rule| anomaly["ruleId"] == *rule) == of_hours);
    for anomaly in &mut anomalies {
        anomaly.as_object_mut().expect("an object").remove("incident");
    }
    anomalies
}

#[test]
fn a_rule_set_says_what_the_jobs_found_and_leaves_no_trace() {
    let simulated = SimulatedBill::new(&Setup { rules: RULES, ..Setup::default() });
    for days in (1..=20).rev() {
        for hour in [10, 11] {
            simulated.hour(ago(days), hour);
        }
    }
    simulated.hide(MYSQL, "spike", "2026-11-10T00:00:00", r#","factor":3"#);
    simulated.load(ago(60), ago(2)).expect(0);
    simulated.day(ago(1)).expect(0);
    simulated.hide(MYSQL, "runaway", "2026-11-23T09:00:00", r#","amount":300000"#);
    simulated.hour(TODAY, 10).expect(0);
    let by_hour = simulated.hour(TODAY, 11).expect(0);
    let by_day = simulated.day(TODAY).expect(0);
    for rule in ["service", "of-service", "total"] {
        assert!(by_day.anomalies().iter().any(|anomaly| anomaly["ruleId"] == rule), "{rule}: {by_day:#?}");
    }
    for rule in OVER_HOURS {
        assert!(by_hour.anomalies().iter().any(|anomaly| anomaly["ruleId"] == rule), "{rule}: {by_hour:#?}");
    }

    let before = tree(simulated.workdir.path());
    let said = simulated.told(&["rules", "run", "--hour", "11"]).expect(0);
    assert_eq!(anomalies(&said, false), anomalies(&by_day, false));
    assert_eq!(anomalies(&said, true), anomalies(&by_hour, true));
    assert_eq!(
        (said.report["period"].as_str(), said.count("series"), said.count("rules")),
        (Some("20261123T11"), 6, 5)
    );
    assert_eq!(said.count("insufficient_history") + said.count("failed_series"), 0, "{said:#?}");
    simulated.run(&["rules", "run", "--date", "2026-11-10"]).expect(0);
    assert!(tree(simulated.workdir.path()) == before, "a trace is left");
}

#[test]
fn another_rule_set_is_tried_on_another_day() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-20T00:00:00", r#","factor":4"#);
    simulated.load(ago(40), ago(1)).expect(0);
    simulated
        .workdir
        .write("other/rules.toml", &PLAIN_RULE.replace("\"plain\"", "\"blind\"").replace("mysql", "nobody"));
    let run = simulated.run(&["rules", "run", "--date", "20261120"]).expect(0);
    assert!(run.stdout.contains("MySQL"), "{}", run.stdout);
    insta::assert_snapshot!(run.stdout.lines().last().expect("a line"), @"rules run 20261120T23 done: 6 series, 1 rule, 1 verdict, 0 with insufficient history, 1 anomaly; nothing was written");
    let run = simulated.run(&["rules", "run", "--date", "20261120", "--rules", "other"]).expect(1);
    insta::assert_snapshot!(run.stdout, @"rules run 20261120T23 degraded: 6 series, 1 rule, 0 verdicts, 0 with insufficient history, 0 anomalies; nothing was written");
    insta::assert_snapshot!(run.stderr, @"degraded: no rule gave a verdict: 0 series have insufficient history");
}

/// The anomalies of the live rules are no training mask of another rule set.
#[test]
fn another_rule_set_trains_on_the_days_that_the_live_rules_found() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    for day in ["2026-11-17", "2026-11-20"] {
        simulated.hide(MYSQL, "spike", &format!("{day}T00:00:00"), r#","factor":4"#);
    }
    simulated.load(ago(40), ago(1)).expect(0);
    simulated.workdir.write("other/rules.toml", PLAIN_RULE);
    let expected = |args: &[&str]| -> f64 {
        let run = simulated.run(&[&["rules", "run", "--date", "2026-11-20", "--json"], args].concat());
        run.report()["anomalies"][0]["expected"].as_f64().unwrap_or_else(|| panic!("no anomaly: {run:?}"))
    };
    let live = expected(&[]);
    let other = expected(&["--rules", "other"]);
    assert!(other > 1.05 * live, "the first spike is in the mean: {live} {other}");
}

#[test]
fn a_day_that_is_not_remembered_is_told() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    let before = tree(simulated.workdir.path());
    let run = simulated.run(&["rules", "run"]).expect(2);
    insta::assert_snapshot!(run.stderr, @"failed: the store holds no finished day: load days with costwarden backfill first");
    assert!(tree(simulated.workdir.path()) == before, "a trace is left");
    simulated.load(ago(3), ago(2)).expect(1);
    let run = simulated.run(&["rules", "run", "--date", "2026-11-22"]).expect(2);
    insta::assert_snapshot!(run.stderr, @"failed: the store does not hold 2026-11-22, its newest day is 2026-11-21: name a stored day, or load 2026-11-22 with costwarden backfill");
    let run = simulated.run(&["rules", "run", "--hour", "24"]).expect(2);
    assert!(run.stderr.contains("--hour"), "{}", run.stderr);
}

#[test]
fn rules_are_listed_and_those_that_cannot_be_read_are_told() {
    let simulated = SimulatedBill::new(&Setup { rules: RULES, ..Setup::default() });
    let listed = simulated.run(&["rules", "list"]).expect(0);
    let lines: Vec<&str> = listed.stdout.lines().skip(2).map(str::trim).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    increments  live  tutorial     hourly       each          ?
    of-service  live  tutorial     daily        service       ?
    service     live  daily-level  daily        each          ?
    today       live  daily-level  day-to-date  each          ?
    total       live  tutorial     daily        total         ?
    ");
    let listed = simulated.run(&["rules", "list", "--json"]).expect(0).json();
    assert_eq!(listed[1]["id"], "of-service");
    assert_eq!(listed[1]["groupBy"], serde_json::json!(["service"]));
    assert_eq!(listed[1]["covers"], serde_json::Value::Null);

    simulated.workdir.write("half/rules.toml", &format!("{PLAIN_RULE}\n[[rule]]\nid = \"half\"\n"));
    let half = simulated.run(&["rules", "list", "--rules", "half"]).expect(1);
    assert!(
        half.stdout.contains("plain") && half.stderr.contains("half/rules.toml:13: rule.why: is missing"),
        "{half:?}"
    );
    let nothing = simulated.run(&["rules", "list", "--rules", "nowhere"]).expect(2);
    assert!(nothing.stderr.contains("nowhere: cannot be read"), "{nothing:?}");
}

#[test]
fn a_disabled_rule_is_listed_and_does_not_run() {
    let workdir = three_services::workdir_with_history();
    let disabled = HEALTHY.replace("\"healthy\"", "\"waiting\"").replace("series =", "enabled = false\nseries =");
    workdir.write("rules/waiting.toml", &disabled.replace("series = \"daily\"", "series = \"daily\"\ngroup_by = []"));
    let listed = workdir.run(&["rules", "list"]).expect(0);
    insta::assert_snapshot!(listed.stdout, @"
     rule     mode      detector  points  by     series  accepted
    ──────────────────────────────────────────────────────────────
     healthy  live      tutorial  daily   each        3
     waiting  disabled  tutorial  daily   total       1
    The series are those of 2026-11-21.
    ");
    let json = workdir.run(&["rules", "list", "--json"]).expect(0).json();
    let counts: Vec<_> = json.iter().map(|rule| (rule["enabled"].as_bool(), rule["covers"].as_u64())).collect();
    assert_eq!(counts, [(Some(true), Some(3)), (Some(false), Some(1))]);
    let series = workdir.run(&["rules", "list", "--series"]).expect(0).stdout;
    let series: Vec<&str> = series.lines().filter(|line| line.contains(": ")).collect();
    assert_eq!(series, ["healthy: d/p/db", "healthy: d/p/poison", "healthy: d/p/vm", "waiting: */*/*"]);
    let json = workdir.run(&["rules", "list", "--series", "--json"]).expect(0).json();
    assert_eq!(json[1]["coveredSeries"], serde_json::json!(["*/*/*"]));
    let run = workdir.run(&["daily", "--date", &LAST.to_string(), "--json"]);
    assert!(run.stdout.contains("\"healthy\"") && !run.stdout.contains("waiting"), "{run:?}");

    workdir.write("rules/waiting.toml", &disabled.replace("waiting", "healthy"));
    let twice = workdir.run(&["rules", "list"]).expect(1);
    assert!(twice.stderr.contains("is already the id of the rule at"), "{twice:?}");
}

/// A rule for a larger bill: the smallest reported amount is larger than the bill of a day.
#[test]
fn a_rule_that_no_series_can_trigger_is_named_by_the_run_and_by_check_and_health() {
    let rules = format!("{PLAIN_RULE}\n").replacen(
        "direction = \"up\"",
        "direction = \"up\"\nmin_impact = \"999000000 KRW\"",
        1,
    );
    let simulated = SimulatedBill::with_history(&Setup { rules: &rules, ..Setup::default() }, 40);
    let notes = simulated.day(ago(1)).report["notes"].to_string();
    let health = simulated.run(&["health"]);
    let check = simulated.run(&["check", "--online"]);
    for text in [&notes, &health.stdout, &check.stdout] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("rule plain: min_impact 999,000,000.00 KRW is larger than the bill of a mean day,"),
            "{text}"
        );
    }
}
