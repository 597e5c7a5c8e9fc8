//! `plugin test`: the golden cases of the bundled detectors, and the messages for differences and missing files.

use super::project::{AuthorProject, bundled, golden};
use costwarden_tests::repository;

#[test]
fn the_bundled_detectors_pass_their_cases() {
    let project = AuthorProject::new();
    for (plugin, cases) in [("daily-level", 3), ("hourly-level", 2), ("tutorial", 2)] {
        let folder = repository().join("plugins").join(plugin).display().to_string();
        let run = project.plugin(&["test", &folder, "--plugin", &bundled(plugin)]).expect(0);
        assert!(run.stdout.ends_with(&format!("{plugin}.wasm: {cases} cases, {cases} passed, 0 failed\n")), "{run:?}");
    }
}

#[test]
fn the_example_with_holidays_passes_its_case() {
    let folder = repository().join("plugins/examples/holt-winters").display().to_string();
    let plugin = repository().join("target/examples/holt-winters.wasm").display().to_string();
    let run = AuthorProject::new().plugin(&["test", &folder, "--plugin", &plugin, "--reference", "."]).expect(0);
    assert!(run.stdout.ends_with("holt-winters.wasm: 1 case, 1 passed, 0 failed\n"), "{run:?}");
}

/// A project with one case of the bundled `tutorial`.
fn project() -> AuthorProject {
    let project = AuthorProject::new();
    for file in ["input.csv", "case.toml", "expected.csv"] {
        project.write(
            &format!("golden/strict/{file}"),
            std::fs::read(golden("tutorial", "strict", file)).expect("a file"),
        );
    }
    project.write("watch.wasm", std::fs::read(bundled("tutorial")).expect("a plugin"));
    project
}

#[test]
fn a_result_that_depends_on_the_batch_is_refused() {
    let project = project();
    project
        .write("watch.wasm", std::fs::read(repository().join("target/test-plugins/misbehaving.wasm")).expect("built"));
    project.write("golden/strict/case.toml", "[settings]\nmode = \"batch-position\"\nphase = \"fit\"\n");
    insta::assert_snapshot!(project.refused(&["test", "--reference", "."]), @r#"
    watch.wasm: 1 case, 0 passed, 1 failed
    case strict: `fit` gives another result behind other series than alone, so the anomalies of a run depend on its batches: Fitted { state: [41, 92, 143, 194, 245, 44, 126, 64, 0], figures: [("last", 482.81), ("earlier", 0.0)] } alone, Fitted { state: [41, 92, 143, 194, 245, 44, 126, 64, 0], figures: [("last", 482.81), ("earlier", 1.0)] } behind 1 series; expected the same result: use no state across series, and BTreeMap in place of HashMap
    "#);
}

#[test]
fn a_difference_is_a_diff() {
    let project = project();
    let case = project.read("golden/strict/case.toml").replace("1.0", "1.25");
    project.write("golden/strict/case.toml", case);
    let differs = project.refused(&["test"]);
    insta::assert_snapshot!(differs, @"
    --- golden/strict/expected.csv
    +++ actual
    @@ -29,13 +29,13 @@
     2026-07-28,782.47,,,,,
     2026-07-29,670.01,,,,,
     2026-07-30,703.09,,,,,
    -2026-07-31,843.17,0.6908968562433758,724.5043333333333,-inf,896.2603133965359,
    -2026-08-01,439.91,0,724.5043333333333,-inf,896.2603133965359,
    -2026-08-02,566.66,0,724.5043333333333,-inf,896.2603133965359,
    -2026-08-03,828.34,0.6045534288148648,724.5043333333333,-inf,896.2603133965359,
    -2026-08-04,704.28,0,724.5043333333333,-inf,896.2603133965359,
    -2026-08-05,849.73,0.7290905773445923,724.5043333333333,-inf,896.2603133965359,
    -2026-08-06,755.32,0.521266723502459,724.5043333333333,-inf,896.2603133965359,
    -2026-08-07,938.48,1.2458120327916855,724.5043333333333,-inf,896.2603133965359,938.48원: 평균 724.50원의 1.3배이고 표준편차의 1.2배만큼 높습니다
    -2026-08-08,558.63,0,724.5043333333333,-inf,896.2603133965359,
    -2026-08-09,482.81,0,724.5043333333333,-inf,896.2603133965359,
    +2026-07-31,843.17,0.5818943802038451,724.5043333333333,-inf,939.1993084123367,
    +2026-08-01,439.91,0,724.5043333333333,-inf,939.1993084123367,
    +2026-08-02,566.66,0,724.5043333333333,-inf,939.1993084123367,
    +2026-08-03,828.34,0.5716597968358138,724.5043333333333,-inf,939.1993084123367,
    +2026-08-04,704.28,0,724.5043333333333,-inf,939.1993084123367,
    +2026-08-05,849.73,0.5864216133052804,724.5043333333333,-inf,939.1993084123367,
    +2026-08-06,755.32,0.521266723502459,724.5043333333333,-inf,939.1993084123367,
    +2026-08-07,938.48,0.9966496262333484,724.5043333333333,-inf,939.1993084123367,
    +2026-08-08,558.63,0,724.5043333333333,-inf,939.1993084123367,
    +2026-08-09,482.81,0,724.5043333333333,-inf,939.1993084123367,
    watch.wasm: 1 case, 0 passed, 1 failed
    strict: differs from golden/strict/expected.csv
    ");
    let shown = project.plugin(&["--json", "test"]).expect(2).report();
    assert_eq!((&shown["case"], &shown["outcome"]), (&"strict".into(), &"different".into()));
    insta::assert_snapshot!(project.plugin(&["test", "--update"]).expect(0).stdout, @"
    strict: wrote golden/strict/expected.csv: review the file
    watch.wasm: 1 case, 1 passed, 0 failed
    ");
    insta::assert_snapshot!(project.plugin(&["test"]).expect(0).stdout, @"
    strict: as expected
    watch.wasm: 1 case, 1 passed, 0 failed
    ");
    insta::assert_snapshot!(project.plugin(&["test", "--update"]).expect(0).stdout, @"
    strict: as expected
    watch.wasm: 1 case, 1 passed, 0 failed
    ");
}

#[test]
fn the_last_digit_counts() {
    let project = project();
    let expected = project.read("golden/strict/expected.csv");
    let last = expected.trim_end().rsplit_once(',').expect("a reason").0.to_owned();
    assert!(last.ends_with(|digit: char| digit.is_ascii_digit()), "{last}");
    let other = if last.ends_with('1') { "2" } else { "1" };
    project
        .write("golden/strict/expected.csv", expected.replace(&last, &format!("{}{other}", &last[..last.len() - 1])));
    assert!(project.refused(&["test"]).contains("1 case, 0 passed, 1 failed"));
    project.write("golden/strict/expected.csv", expected.replace('\n', "\r\n"));
    project.plugin(&["test"]).expect(0);
}

#[test]
fn missing_files_are_named() {
    let project = project();
    std::fs::remove_file(project.path().join("golden/strict/expected.csv")).expect("removed");
    insta::assert_snapshot!(project.refused(&["test"]), @"
    watch.wasm: 1 case, 0 passed, 1 failed
    strict: golden/strict/expected.csv is absent: write the file with --update and review the file
    ");
    std::fs::rename(project.path().join("watch.wasm"), project.path().join("other")).expect("renamed");
    insta::assert_snapshot!(project.refused(&["test"]), @"failed: . has no plugin, expected one .wasm file in the folder or in dist: build the plugin with `costwarden plugin build`, or name the file with --plugin");
    project.write("dist/a.wasm", "");
    project.write("dist/b.wasm", "");
    insta::assert_snapshot!(project.refused(&["test"]), @"failed: more than one plugin: ./dist/a.wasm, ./dist/b.wasm: name one file with --plugin");
    insta::assert_snapshot!(project.refused(&["test", "--plugin", "dist/a.wasm"]), @"failed: dist/a.wasm: empty, expected a .wasm core module or component built for costwarden:detector@1");
    insta::assert_snapshot!(project.refused(&["test", "dist"]), @"failed: dist/golden has no cases, expected a folder with an input.csv for each case");
    insta::assert_snapshot!(project.refused(&["test", "other"]), @"failed: other/golden cannot be read: Not a directory (os error 20)");
}

#[test]
fn a_broken_case_leaves_the_others_running() {
    let project = project();
    project.write("golden/empty/notes", "");
    project.write("golden/typo/input.csv", "timestamp,value\n2026-01-01,1\n2026-01-02,1\n");
    project.write("golden/typo/case.toml", "wlak = 7\n");
    insta::assert_snapshot!(project.refused(&["test"]), @"
    strict: as expected
    watch.wasm: 3 cases, 1 passed, 2 failed
    golden/empty has no input.csv, expected an input.csv in each folder of golden
    golden/typo/case.toml:1: wlak: unknown key, expected one of judge_from, walk, history_days, alerts, excluded, settings, unit, locale; did you mean `walk`?
    ");
    let outcomes: Vec<_> = project.plugin(&["test", "--json"]).expect(2).json();
    let outcomes: Vec<_> = outcomes.iter().map(|case| (case["case"].clone(), case["outcome"].clone())).collect();
    assert_eq!(
        serde_json::json!(outcomes),
        serde_json::json!([["empty", "failed"], ["strict", "same"], ["typo", "failed"]])
    );
}

#[test]
fn a_case_that_is_not_as_expected_is_told() {
    let project = project();
    let refused = |case: &str| {
        project.write("golden/strict/case.toml", case);
        project.refused(&["test"])
    };
    insta::assert_snapshot!(refused("walk = 0\njudge_from = \"3\"\nsetting = {}\nunit = 5\nhistory_days = 0\n"), @"
    watch.wasm: 1 case, 0 passed, 1 failed
    golden/strict/case.toml:1: walk: excludes judge_from, expected one of the two keys
    golden/strict/case.toml:1: walk: expected a whole number from 1 to 1000000, found 0
    golden/strict/case.toml:3: setting: unknown key, expected one of judge_from, walk, history_days, alerts, excluded, settings, unit, locale; did you mean `settings`?
    golden/strict/case.toml:4: unit: expected a string in quotes, found 5
    golden/strict/case.toml:5: history_days: expected a whole number from 1 to 3660, found 0
    ");
    insta::assert_snapshot!(refused("judge_from = \"2030-01-01\"\n"), @"
    watch.wasm: 1 case, 0 passed, 1 failed
    case strict: judge_from is not a point of input.csv, expected a timestamp of the file or a row number from 0
    ");
    insta::assert_snapshot!(refused("settings = { zScore = 0 }\n"), @"
    watch.wasm: 1 case, 0 passed, 1 failed
    case strict: settings /zScore: must be above 0
    ");
    insta::assert_snapshot!(refused("settings = {"), @"
    watch.wasm: 1 case, 0 passed, 1 failed
    golden/strict/case.toml:1: invalid TOML: expected a table key, found eof
    ");
    project.write("golden/strict/input.csv", "timestamp,value\n");
    insta::assert_snapshot!(refused(""), @"
    watch.wasm: 1 case, 0 passed, 1 failed
    golden/strict/input.csv: 0 rows, expected at least two rows with different times: the step is the time between rows
    ");
}

/// The verdicts need no review: the case states the alerts, and no expected file.
#[test]
fn a_case_with_intents_states_the_alerts() {
    let project = project();
    std::fs::remove_file(project.path().join("golden/strict/expected.csv")).expect("removed");
    let case = project.read("golden/strict/case.toml");
    let outcome = |alerts: &str| {
        project.write("golden/strict/case.toml", format!("alerts = {alerts}\n{case}"));
        let run = project.plugin(&["test"]);
        (run.code, format!("{}{}", run.stdout, run.stderr))
    };
    let (code, passed) = outcome(r#"["2026-08-07"]"#);
    insta::assert_snapshot!(passed, @"
    strict: as expected
    watch.wasm: 1 case, 1 passed, 0 failed
    ");
    assert_eq!(code, 0);
    insta::assert_snapshot!(outcome(r#"["2026-08-06", "2026-08-07"]"#).1, @"
    watch.wasm: 1 case, 0 passed, 1 failed
    strict: no alert on 2026-08-06: the case expects the alerts of `alerts` in case.toml and no others
    ");
    insta::assert_snapshot!(outcome("[]").1, @"
    watch.wasm: 1 case, 0 passed, 1 failed
    strict: unexpected alerts on 2026-08-07: the case expects the alerts of `alerts` in case.toml and no others
    ");
    insta::assert_snapshot!(outcome(r#"["2026-08-32"]"#).1, @r#"
    watch.wasm: 1 case, 0 passed, 1 failed
    case strict: alerts: "2026-08-32" is not a row of input.csv, expected a timestamp as in the file
    "#);
    project.write("golden/strict/case.toml", format!("alerts = []\n{case}"));
    let shown = project.plugin(&["--json", "test", "--update"]).expect(2).report();
    assert_eq!(shown["outcome"], "alerts", "an update does not change the intents");
    project.write("golden/strict/case.toml", format!("alerts = [\"2026-08-07\"]\n{case}"));
    project.write("golden/strict/expected.csv", "timestamp\n");
    assert!(project.refused(&["test"]).contains("strict: differs from golden/strict/expected.csv"));
}

/// An excluded spike does not raise the mean of the first fit.
#[test]
fn a_case_names_known_incidents() {
    let project = project();
    std::fs::remove_file(project.path().join("golden/strict/expected.csv")).expect("removed");
    let mut text = "timestamp,value\n".to_owned();
    for day in 0..30 {
        let date = jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day));
        let value = match day {
            10 => 90_000,
            29 => 5_000,
            _ => 1_000 + day % 3,
        };
        text.push_str(&format!("{date},{value}\n"));
    }
    project.write("golden/strict/input.csv", text);
    let case = |more: &str| {
        project.write(
            "golden/strict/case.toml",
            format!("judge_from = \"2026-01-30\"\nalerts = [\"2026-01-30\"]\n{more}"),
        );
        project.plugin(&["test"])
    };
    case("excluded = [\"2026-01-11\"]\n").expect(0);
    let masked = case("").expect(2);
    insta::assert_snapshot!(masked.stderr, @"strict: no alert on 2026-01-30: the case expects the alerts of `alerts` in case.toml and no others");
    insta::assert_snapshot!(case("excluded = [\"2026-02-11\"]\n").expect(2).stderr, @r#"case strict: excluded: "2026-02-11" is not a row of input.csv, expected a timestamp as in the file"#);
}

#[test]
fn a_case_has_reference_data_of_its_own() {
    let project = project();
    project
        .write("watch.wasm", std::fs::read(repository().join("target/test-plugins/misbehaving.wasm")).expect("built"));
    std::fs::remove_file(project.path().join("golden/strict/expected.csv")).expect("removed");
    project.write("golden/strict/case.toml", "alerts = []\n[settings]\nmode = \"reference\"\nname = \"weeks\"\n");
    let refused = project.refused(&["test", "--reference", "."]);
    assert!(refused.contains("no such reference data"), "{refused}");
    project.write("golden/strict/reference/weeks", "3");
    project.plugin(&["test"]).expect(0);
}

#[test]
fn a_stale_plugin_is_not_tested() {
    let project = project();
    project.write("Cargo.toml", "[package]\nname = \"watch\"\n");
    project.write("src/lib.rs", "");
    let empty = project.path().join("empty").display().to_string();
    let stale = project.plugin_with(&["test"], &[("PATH", &empty)]).expect(2);
    assert_eq!(stale.stdout, "");
    insta::assert_snapshot!(stale.stderr, @"
    watch.wasm is older than src/lib.rs: building
    failed: watch.wasm is older than src/lib.rs, and the build failed; to test watch.wasm as it is, name the file with --plugin: Rust is required, but no folder of PATH has cargo and rustc: install Rust with rustup, then run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    ");
    project.plugin(&["test", "--plugin", "watch.wasm"]).expect(0);
}

/// A workspace has the plugins of its projects in one folder.
#[test]
fn a_plugin_may_be_in_the_dist_folder_beside_the_project() {
    let project = project();
    std::fs::create_dir(project.path().join("detectors")).expect("a folder");
    std::fs::rename(project.path().join("golden"), project.path().join("detectors/golden")).expect("moved");
    project.write("dist/detectors.wasm", std::fs::read(bundled("tutorial")).expect("a plugin"));
    let tested = project.plugin(&["test", "detectors"]).expect(0).stdout;
    assert!(tested.ends_with("dist/detectors.wasm: 1 case, 1 passed, 0 failed\n"), "{tested}");
}
