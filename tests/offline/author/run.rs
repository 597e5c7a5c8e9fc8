//! `plugin run`: verdicts, their cost, and the messages for unusable files.

use serde_json::Value;

use super::project::{AuthorProject, bundled, trimmed};
use costwarden_tests::bundled_plugins;

/// Forty days of about 1000. The last day has 5000, and the day before is unknown.
fn bill() -> String {
    let mut text = "timestamp,value\n".to_owned();
    for day in 0..40 {
        let date = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day));
        let value = match day {
            39 => "5000".to_owned(),
            38 => String::new(),
            _ => (1_000 + day * 7 % 40).to_string(),
        };
        text.push_str(&format!("{date},{value}\n"));
    }
    text
}

fn project() -> AuthorProject {
    let project = AuthorProject::new();
    project.write("bill.csv", bill());
    project
}

#[test]
fn verdicts_are_shown_beside_what_they_cost() {
    let run =
        project().plugin(&["run", &bundled("tutorial"), "--input", "bill.csv", "--judge-from", "2026-02-06"]).expect(0);
    // Fuel and memory change with every compiler; that they are counted is told by the JSON.
    let table: String = run
        .stdout
        .lines()
        .filter(|line| !line.contains("plugins.limits") && !line.contains("per_call") && !line.contains("memory"))
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!(trimmed(&table), @"
     timestamp     value   score  expected  lower    upper
    ───────────────────────────────────────────────────────
     2026-02-06  1012.00    0.00   1019.17   -inf  1055.18
     2026-02-07  1019.00    0.00   1019.17   -inf  1055.18
     2026-02-09  5000.00  110.52   1019.17   -inf  1055.18
       reason 5,000 KRW is 4.9 times the mean of 1,019 KRW and 331.6 standard
         deviations above it

    ────────────────────────────────────────────────────────────────────────────────
                                                        fit_fuel_per_series
                                                        judge_fuel_per_series
     state, bytes                  16      65536  0.02  state_bytes
     output of a call, bytes      275   33554432  0.00  output_bytes
     reason, bytes                 83       1024  8.11  reason_bytes
    tutorial 0.1.0 over bill.csv: 40 rows, 3 judged, 1 anomalous, 0 with insufficient history
    ");
    let early =
        project().plugin(&["run", &bundled("tutorial"), "--input", "bill.csv", "--judge-from", "2"]).expect(0).stdout;
    insta::assert_snapshot!(early.lines().last().expect("a line"), @"tutorial 0.1.0 over bill.csv: 40 rows, 0 judged, 0 anomalous, 38 with insufficient history (18 more points needed)");
}

/// A trial run resolves no secrets of the config.
#[test]
fn limits_of_a_config_hold_without_its_secrets() {
    let project = project();
    project.write(
        "costwarden.toml",
        "[source]\nkind = \"kakao\"\ncredential_id = \"env:UNSET\"\ncredential_secret = \"file:/nonexistent\"\n\
         [plugins]\ndirectory = \"plugins\"\n[plugins.limits]\nstate_bytes = 15\n\
         [[plugins.registry]]\nhost = \"h\"\nusername = \"u\"\npassword = \"env:UNSET\"\n",
    );
    insta::assert_snapshot!(project.refused(&["run", &bundled("tutorial"), "--input", "bill.csv"]), @"failed: bill.csv: at 2026-02-06: plugin `tutorial`, rule `run`, series `bill`: returned 16 bytes of state, more than 15 (plugins.limits.state_bytes)");
}

/// Without a call there is no figure, so no limit is shown.
#[test]
fn functions_without_a_call_have_no_row() {
    let project = AuthorProject::new();
    project.write("bill.csv", "timestamp,value\n2026-01-01,5\n2026-01-02,5\n2026-01-03,5\n");
    let args = ["run", &bundled("tutorial"), "--input", "bill.csv"];
    let table = project.plugin(&args).expect(0).stdout;
    assert!(table.contains("fuel of fit") && !table.contains("fuel of judge"), "{table}");
    let report = project.plugin(&[&args[..], &["--format", "json"]].concat()).expect(0).report();
    let figures = report["usage"].as_array().expect("usage").iter().map(|figure| figure["resource"].as_str());
    assert!(figures.clone().any(|figure| figure == Some("fuel of fit")));
    assert!(!figures.clone().any(|figure| figure == Some("fuel of judge")));
}

#[test]
fn machines_get_every_digit() {
    let run = project().plugin(&[
        "run",
        &bundled("tutorial"),
        "--input",
        "bill.csv",
        "--judge-from",
        "37",
        "--format",
        "json",
    ]);
    let report = run.expect(0).report();
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &report["step"], &report["detector"]), (40, &86_400.into(), &"tutorial".into()));
    assert_eq!(report["digest"].as_str().map(str::len), Some(64));
    assert!(rows[36]["score"].is_null() && rows[37]["score"].is_f64(), "{rows:?}");
    assert!(rows[38]["value"].is_null() && rows[38]["score"].is_null(), "a value that is not known is not judged");
    assert!(rows[39]["score"].as_f64().expect("verdicts") >= 1.0);
    assert!(rows[39]["lower"].is_null(), "no bound is no number");
    assert_eq!(report["figures"]["sampleCount"], 37.0);
    let usage = report["usage"].as_array().expect("usage");
    assert_eq!(usage.len(), 6);
    for figure in usage {
        let [used, limit] = ["used", "limit"].map(|key| figure[key].as_u64().expect("a number"));
        assert!(used > 0 && used < limit, "{figure}");
    }
}

#[test]
fn csv_has_a_row_for_each_row() {
    let project = project();
    let tutorial = bundled("tutorial");
    let csv = |args: &[&str]| {
        let args = [&["run", &tutorial, "--input", "bill.csv", "--format", "csv"], args].concat();
        project.plugin(&args).expect(0).stdout
    };
    let text = csv(&["--settings", r#"{"minSamples": 5}"#, "--locale", "ko", "--unit", "USD"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 41);
    insta::assert_snapshot!(lines[0], @"timestamp,value,score,expected,lower,upper,reason");
    insta::assert_snapshot!(lines[36], @"2026-02-05,1005,,,,,");
    insta::assert_snapshot!(lines[37], @"2026-02-06,1012,0,1019.1666666666666,-inf,1055.1845193828644,");
    insta::assert_snapshot!(lines[39], @"2026-02-08,,,,,,");
    insta::assert_snapshot!(lines[40], @r#"2026-02-09,5000,110.52389393394054,1019.1666666666666,-inf,1055.1845193828644,"5,000 USD: 평균 1,019 USD의 4.9배이고 표준편차의 331.6배만큼 높습니다""#);
    project.write("settings.json", r#"{"minSamples": 5}"#);
    assert_eq!(csv(&["--settings", "@settings.json", "--locale", "ko", "--unit", "USD"]), text);
}

#[test]
fn remarks_do_not_stop_a_run() {
    let project = project();
    project.write("bill.csv", bill() + "2026-02-09,7\n2026-02-10T13:00,9\n");
    let run = project.plugin(&["run", &bundled("tutorial"), "--input", "bill.csv", "--format", "csv"]).expect(0);
    insta::assert_snapshot!(run.stderr, @"
    bill.csv: line 43: not a multiple of the step of 86400 seconds after the first row (1 row in total): each row counts for the point before
    bill.csv: line 42: an earlier row has the same point (1 row in total): the earliest row counts, the other rows get no verdict
    ");
    assert_eq!(run.stdout.lines().count(), 43);
    insta::assert_snapshot!(run.stdout.lines().nth(41).expect("a row"), @"2026-02-09,7,,,,,");
}

#[test]
fn any_step_is_judged() {
    let project = AuthorProject::new();
    for step in [60, 1_800, 86_400, 100_000, 604_800] {
        let rows: String = (0..400).map(|i| format!("{},{}\n", 1_700_000_000 + i * step, 100 + i % 9)).collect();
        project.write("bill.csv", format!("timestamp,value\n{rows}"));
        for plugin in &bundled_plugins() {
            if plugin == "daily-level" && step < 86_400 {
                // Refuses a series with more than one point per day.
                continue;
            }
            let args = ["run", &bundled(plugin), "--input", "bill.csv", "--format", "json", "--history-days", "3650"];
            let report = project.plugin(&args).expect(0).report();
            let judged = report["rows"].as_array().expect("rows").iter().filter(|row| !row["score"].is_null()).count();
            let learning = &report["insufficient_history"];
            assert_eq!(report["step"], step);
            assert_eq!((judged, learning), (40, &Value::from(0)), "{plugin}, {step} seconds");
        }
    }
}

#[test]
fn unusable_arguments_are_named() {
    let project = project();
    let tutorial = bundled("tutorial");
    let refused = |args: &[&str]| project.refused(&[&["run", &tutorial, "--input", "bill.csv"], args].concat());
    insta::assert_snapshot!(refused(&["--judge-from", "2027-01-01"]), @r#"failed: --judge-from: "2027-01-01" is not a point of bill.csv, expected a timestamp of the file from 2026-01-01 to 2026-02-09, or a row number from 0 to 39"#);
    insta::assert_snapshot!(refused(&["--settings", r#"{"zScore": 0, "deviationRatio": 1}"#]), @"
    failed: --settings: /zScore: must be above 0
    --settings: /deviationRatio: must be above 1: 2 alerts at twice the mean
    ");
    insta::assert_snapshot!(refused(&["--settings", "zScore = 3"]), @r#"failed: --settings: not a JSON object (expected value at line 1 column 1), expected an object like {"ratio": 2.5}, or @FILE"#);
    project.write("list.json", "[]");
    insta::assert_snapshot!(refused(&["--settings", "@list.json"]), @r#"failed: --settings: list.json: not a JSON object (invalid type: sequence, expected a map at line 1 column 0), expected an object like {"ratio": 2.5}, or @FILE"#);
    insta::assert_snapshot!(refused(&["--settings", "@absent.json"]), @"failed: --settings: absent.json cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(project.refused(&["run", "absent.wasm", "--input", "bill.csv"]), @"failed: absent.wasm: cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(project.refused(&["run", &tutorial, "--input", "absent.csv"]), @"failed: absent.csv: cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(refused(&["--reference", "absent"]), @"failed: --reference: absent is not a folder, expected a folder with reference data");
    insta::assert_snapshot!(refused(&["--walk", "0"]), @"
    error: invalid value '0' for '--walk <N>': expected a whole number of points from 1

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(refused(&["--history-days", "1.5"]), @"
    error: invalid value '1.5' for '--history-days <DAYS>': expected a whole number of days from 1 to 65535

    For more information, try '--help'.
    ");
    project.write("bad.csv", "timestamp,value\n2026-01-01,1\n2026-01-02,one\n");
    insta::assert_snapshot!(project.refused(&["run", &tutorial, "--input", "bad.csv"]), @r#"failed: bad.csv: line 3: expected a number, or an empty field for an unknown value, found "one""#);
}

#[test]
fn a_failure_is_told_with_its_point() {
    let project = project();
    let misbehaving = costwarden_tests::repository().join("target/test-plugins/misbehaving.wasm").display().to_string();
    let run = |args: &[&str]| {
        let args = [&["run", &misbehaving, "--input", "bill.csv", "--reference", "."], args].concat();
        project.refused(&args)
    };
    insta::assert_snapshot!(run(&["--settings", r#"{"mode": "nan-score"}"#]), @"failed: bill.csv: at 2026-02-06: plugin `misbehaving`, rule `run`, series `bill`: returned an invalid verdict: index 0: score is NaN, not finite");
    insta::assert_snapshot!(run(&["--walk", "7", "--settings", r#"{"mode": "failed", "phase": "fit"}"#]), @"failed: bill.csv: at 2026-01-01: plugin `misbehaving`, rule `run`, series `bill`: the detector refuses the series: failed on purpose");
    insta::assert_snapshot!(project.refused(&["run", &misbehaving, "--input", "bill.csv", "--settings", r#"{"mode": "ok"}"#]), @r#"failed: [repository]/target/test-plugins/misbehaving.wasm: reads reference data, but the config grants none: add `reference = "DIRECTORY"` under `[plugins.grants.misbehaving]`; or, for a trial, name the folder with --reference; a golden case may have a folder reference of its own"#);
}

#[test]
fn limits_are_those_of_the_config() {
    let workdir = costwarden_tests::Workdir::new(
        "[source]\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n",
    );
    workdir.write("bill.csv", &bill());
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    let args = ["plugin", "run", &bundled("tutorial"), "--input", "bill.csv", "--format", "json"];
    workdir.run(&args).expect(0);
    assert!(!workdir.path().join("state").exists(), "no trace among what runs keep");
    workdir.write(
        "costwarden.toml",
        &format!("{config}[plugins.limits]\nfit_fuel_per_series = 1\nfuel_per_call = 1000\n"),
    );
    insta::assert_snapshot!(workdir.run(&args).expect(2).stderr, @"failed: bill.csv: at 2026-02-06: plugin `tutorial`, rule `run`, series `bill`: used up its fuel of 1001 (plugins.limits.fit_fuel_per_series = 1)");
}

#[test]
fn log_lines_have_the_series_and_the_days() {
    let project = project();
    project.write("granted/weeks", "3");
    let misbehaving = costwarden_tests::repository().join("target/test-plugins/misbehaving.wasm").display().to_string();
    let args = ["run", &misbehaving, "--input", "bill.csv", "--judge-from", "2026-02-06", "--reference", "granted"];
    let logged = |settings: &str| {
        let stderr = project.plugin(&[&args[..], &["--settings", settings]].concat()).stderr;
        stderr.lines().map(|line| line.split(" run=").next().expect("a part").to_owned() + "\n").collect::<String>()
    };
    insta::assert_snapshot!(logged(r#"{"mode": "reference", "name": "weeks"}"#), @"
    INFO weeks: 1 bytes plugin=misbehaving rule=run series=bill from=2026-02-06 to=2026-02-09
    INFO weeks: 1 bytes plugin=misbehaving rule=run series=bill from=2026-02-06 to=2026-02-09
    INFO weeks: 1 bytes plugin=misbehaving rule=run series=bill from=2026-02-06 to=2026-02-09
    ");
    insta::assert_snapshot!(logged(r#"{"mode": "reference", "name": "weeks", "phase": "fit"}"#), @" INFO weeks: 1 bytes plugin=misbehaving rule=run series=bill from=2026-01-01 to=2026-02-05");
    insta::assert_snapshot!(logged(r#"{"mode": "reference", "name": "days"}"#), @r#"
     INFO no reference data "days": the granted folder has weeks
    failed: bill.csv: at 2026-02-06: plugin `misbehaving`, rule `run`, series `bill`: the detector refuses the series: no such reference data
    "#);
}
