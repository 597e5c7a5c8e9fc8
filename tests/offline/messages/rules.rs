//! Errors in rules: each message has a line, and the rest of the rules run.

use costwarden_tests::three_services::{HEALTHY, check, daily, plain, workdir, workdir_with_history};

/// Returns the output of `check` with the healthy rule and the given files.
fn checked(files: &[(&str, &str)]) -> String {
    let workdir = workdir();
    for (name, text) in files {
        workdir.write(name, text);
    }
    let (code, text) = check(&workdir);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("rule healthy: tutorial over daily series. It works.\n"), "{text}");
    assert!(text.contains("costwarden.toml: 1 rule can run, "), "{text}");
    text
}

/// A rule with line numbers from 1.
fn rule(rest: &str) -> String {
    format!("[[rule]]\nid = \"sick\"\nwhy = \"It is wrong.\"\ndetector = \"tutorial\"\nseries = \"daily\"\n{rest}\n")
}

#[test]
fn every_field_at_once() {
    let text = r#"[[rule]]
id = "Bad Id"
why = ""
detector = "../tutorial"
series = "weekly"
group_by = ["service", "region"]
measure = "amount"
history_days = 1
absent = "nothing"
direction = "sideways"
min_impact = -5
min_impact_share = 2
min_change = "20 %"
severity = "fatal"
select = { service = ["[a"], account = [""], region = ["x"] }
settings = "none"
gravity = "info"
[[rule]]
"#;
    insta::assert_snapshot!(checked(&[("rules/sick.toml", text)]), @r#"
    error: [workdir]/rules/sick.toml:2: rule.id: expected lower-case letters, digits and -, found "Bad Id"
    error: [workdir]/rules/sick.toml:3: rule.why: expected a sentence with the purpose of the rule, found ""
    error: [workdir]/rules/sick.toml:4: rule.detector: expected the name of a plugin, like "daily-level", found "../tutorial"
    error: [workdir]/rules/sick.toml:5: rule.series: expected "daily" or "day-to-date" or "hourly", found "weekly"
    error: [workdir]/rules/sick.toml:6: rule.group_by: expected "account" or "project" or "service", found "region"
    error: [workdir]/rules/sick.toml:7: rule.measure: expected "billed-cost" or "list-cost" or "discount" or "usage-time" or "usage-quantity", found "amount"
    error: [workdir]/rules/sick.toml:8: rule.history_days: expected a whole number from 2 to 3660, found 1
    error: [workdir]/rules/sick.toml:9: rule.absent: expected "zero" or "unknown", found "nothing"
    error: [workdir]/rules/sick.toml:10: rule.direction: expected "up" or "down" or "both", found "sideways"
    error: [workdir]/rules/sick.toml:11: rule.min_impact: expected an amount with a currency, like "10000 KRW", found -5
    error: [workdir]/rules/sick.toml:12: rule.min_impact_share: expected a share of the bill of 28 days from 0 to 1, like 0.0005 for 0.05 %, found 2
    error: [workdir]/rules/sick.toml:13: rule.min_change: expected a number of at least 0, found "20 %"
    error: [workdir]/rules/sick.toml:14: rule.severity: expected "info" or "warning" or "critical", found "fatal"
    error: [workdir]/rules/sick.toml:15: rule.select.account: expected a pattern like "web-*", found an empty pattern
    error: [workdir]/rules/sick.toml:15: rule.select.service: expected a pattern like "web-*": error parsing glob '[a': unclosed character class; missing ']'
    error: [workdir]/rules/sick.toml:15: rule.select.region: unknown key, expected one of account, project, service
    error: [workdir]/rules/sick.toml:16: rule.settings: expected a table under [rule.settings]
    error: [workdir]/rules/sick.toml:17: rule.gravity: unknown key, expected one of enabled, id, why, detector, series, group_by, measure, history_days, absent, direction, min_impact, min_impact_share, min_change, severity, mode, select, settings
    error: [workdir]/rules/sick.toml:18: rule.id: is missing, expected lower-case letters, digits and -
    error: [workdir]/rules/sick.toml:18: rule.why: is missing, expected a sentence with the purpose of the rule
    error: [workdir]/rules/sick.toml:18: rule.detector: is missing, expected the name of a plugin, like "daily-level"
    error: [workdir]/rules/sick.toml:18: rule.series: is missing, expected "daily" or "day-to-date" or "hourly"
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 22 errors
    "#);
}

#[test]
fn ids_that_are_taken() {
    let other = HEALTHY.replace("It works.", "It works twice.");
    insta::assert_snapshot!(checked(&[("rules/other.toml", &other)]), @r#"
    error: [workdir]/rules/other.toml:3: rule.id: "healthy" is already the id of the rule at [workdir]/rules/healthy.toml:2, expected a unique id
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 1 error
    "#);
}

#[test]
fn selections_that_match_nothing_are_reported() {
    let files = [
        ("rules/sick-1.toml", rule("select = { service = [] }")),
        ("rules/sick-2.toml", rule("select = { service = [\"a*\", \"!a*\"] }")),
        ("rules/sick-3.toml", rule("select = { project = [\"!*\"] }")),
        ("rules/sick-4.toml", rule("select = { account = [\"a\"], project = [\"b\", \"!b\", \"!**\"] }")),
        ("rules/sick-5.toml", rule("measure = \"usageTime\"").replace("\"daily\"", "\"hourly\"")),
        ("rules/sick-6.toml", rule("history_days = 5").replace("tutorial", "daily-level")),
    ];
    insta::assert_snapshot!(checked(&files.each_ref().map(|(name, text)| (*name, text.as_str()))), @r#"
    error: [workdir]/rules/sick-1.toml:6: rule.select.service: matches nothing: expected at least one pattern; omit the key to match everything
    error: [workdir]/rules/sick-2.toml:6: rule.select.service: matches nothing: a pattern with ! excludes every other pattern
    error: [workdir]/rules/sick-3.toml:6: rule.select.project: matches nothing: a pattern with ! excludes every other pattern
    error: [workdir]/rules/sick-4.toml:6: rule.select.project: matches nothing: a pattern with ! excludes every other pattern
    error: [workdir]/rules/sick-5.toml:6: rule.measure: expected "billed-cost" or "list-cost" or "discount" or "usage-time" or "usage-quantity", found "usageTime"
    error: [workdir]/rules/sick-6.toml:6: rule sick: history_days: 5 is too short: daily-level needs at least 14 days of history
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 6 errors
    "#);
}

#[test]
fn settings_that_the_plugin_refuses() {
    let with_id = |id: &str, settings: &str| rule(&format!("[rule.settings]\n{settings}")).replace("sick", id);
    let files = [
        ("rules/sick-1.toml", with_id("sick-1", "zScore = 0\ndeviationRatio = 0.5")),
        ("rules/sick-2.toml", with_id("sick-2", "zscore = 3")),
        ("rules/sick-3.toml", with_id("sick-3", "minSamples = \"20\"")),
    ];
    insta::assert_snapshot!(checked(&files.each_ref().map(|(name, text)| (*name, text.as_str()))), @r#"
    error: [workdir]/rules/sick-1.toml:7: rule sick-1: settings.zScore: must be above 0
    error: [workdir]/rules/sick-1.toml:8: rule sick-1: settings.deviationRatio: must be above 1: 2 alerts at twice the mean
    error: [workdir]/rules/sick-2.toml:7: rule sick-2: settings.zscore: unknown field `zscore`, expected one of `zScore`, `deviationRatio`, `minSamples`
    error: [workdir]/rules/sick-3.toml:7: rule sick-3: settings.minSamples: invalid type: string "20", expected a whole number from 0 to 4294967295
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 4 errors
    "#);
}

#[test]
fn a_plugin_that_is_not_there() {
    let text = rule("").replace("\"tutorial\"", "\"clairvoyant\"");
    insta::assert_snapshot!(checked(&[("rules/sick.toml", &text)]), @r#"
    error: [workdir]/rules/sick.toml:4: rule sick: detector: [workdir]/plugins/clairvoyant.wasm: cannot be read: No such file or directory (os error 2)
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 1 error
    "#);
}

#[test]
fn files_that_are_no_rules() {
    let files = [("rules/1.toml", ""), ("rules/2.toml", "[[rule]\nid = 5\n"), ("rules/3.toml", "[rule]\nid = \"x\"\n")];
    insta::assert_snapshot!(checked(&files), @r#"
    error: [workdir]/rules/1.toml:1: rule: is missing, expected at least one rule under [[rule]]
    error: [workdir]/rules/2.toml:1: invalid TOML: expected a right bracket, found a newline
    error: [workdir]/rules/3.toml:1: rule: expected tables, each under [[rule]]
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 3 errors
    "#);
}

#[test]
fn a_folder_without_rules() {
    let workdir = workdir();
    std::fs::remove_file(workdir.path().join("rules/healthy.toml")).expect("removed");
    insta::assert_snapshot!(check(&workdir).1, @r#"
    error: [workdir]/rules: no *.toml file in this folder, expected at least one file with rules
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    std::fs::remove_dir(workdir.path().join("rules")).expect("removed");
    insta::assert_snapshot!(check(&workdir).1, @r#"
    error: [workdir]/rules: cannot be read: No such file or directory (os error 2); expected a folder with rules in *.toml files
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    let run = workdir.run(&["daily", "--date", "2026-11-22"]).expect(1);
    insta::assert_snapshot!(plain(&workdir, &run.stderr), @"
    degraded: [workdir]/rules: cannot be read: No such file or directory (os error 2); expected a folder with rules in *.toml files
    degraded: no rule in [workdir]/rules is usable: nothing is evaluated
    ");
}

/// A broken rule costs its own anomalies, and the exit code.
#[test]
fn a_broken_rule_leaves_the_others_running() {
    let workdir = workdir_with_history();
    let (code, healthy, problems) = daily(&workdir);
    assert_eq!((code, problems.as_str()), (0, ""));
    assert_eq!(healthy["anomalies"].as_array().map(Vec::len), Some(1));
    workdir.write("rules/sick.toml", &rule("history_days = 1").replace("daily", "weekly"));
    let (code, report, problems) = daily(&workdir);
    assert_eq!(code, 1);
    assert_eq!(report["anomalies"], healthy["anomalies"]);
    insta::assert_snapshot!(problems, @r#"
    [workdir]/rules/sick.toml:5: rule.series: expected "daily" or "day-to-date" or "hourly", found "weekly"
    [workdir]/rules/sick.toml:6: rule.history_days: expected a whole number from 2 to 3660, found 1
    "#);
}
