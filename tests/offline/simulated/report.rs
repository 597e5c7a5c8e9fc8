//! The command `report`: every format of one store, the incidents on the page, and names that attack the page.

use costwarden_tests::replay::{self, Row, SeriesKey};
use costwarden_tests::three_services::{HEALTHY, MINIMAL};
use costwarden_tests::{Workdir, plugins, repository, skipped};
use jiff::civil::date;

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>";

/// Returns a file of the folder `out`.
fn written(workdir: &Workdir, name: &str) -> String {
    std::fs::read_to_string(workdir.path().join("out").join(name)).expect("written")
}

#[test]
fn a_report_shows_the_open_incident_in_every_format() {
    let simulated = SimulatedBill::with_history(&Setup { keys: "language = \"en\"", ..Setup::default() }, 60);
    simulated.hide(MYSQL, "step", "2026-11-23T00:00:00", r#","factor":3"#);
    simulated.day(TODAY).expect(0);
    let incidents = simulated.run(&["incidents", "list", "--open", "--json"]).json();
    let incident = incidents.iter().find(|incident| incident["series"] == MYSQL).expect("the step is found");
    let id = incident["incident"].as_str().expect("an id");
    for format in ["html", "md", "csv", "json"] {
        let run = simulated.run(&["report", "--output", "out", "--format", format]).expect(0);
        assert!(run.stdout.starts_with(&format!("out/report.{format}: the report from 2026-")), "{}", run.stdout);
        let text = written(&simulated.workdir, &format!("report.{format}"));
        assert_eq!(text.contains(id), format != "csv", "{text}");
    }
    let page = written(&simulated.workdir, "report.html");
    assert!(page.contains("<html lang=\"en\">") && page.contains("Open incidents"), "{page}");
    simulated.run(&["report", "--output", "out", "--language", "ko", "--causes"]).expect(0);
    let korean = written(&simulated.workdir, "report.html");
    assert!(korean.contains("<html lang=\"ko\">") && korean.contains("이대로면 이달 말까지"), "{korean}");

    assert!(!page.contains("Cause, compared with") && korean.contains("원인(11월 16일(월) 대비): "), "{korean}");

    // The step lasts for the rest of the month: the 24th to the 30th.
    let json: serde_json::Value = serde_json::from_str(&written(&simulated.workdir, "report.json")).expect("JSON");
    let reported = json["incidents"].as_array().expect("incidents").iter().find(|it| it["incident"] == id);
    let reported = reported.expect("reported");
    let [impact, until] = ["impact", "impactUntilMonthEnd"].map(|field| reported[field].as_f64().expect("a number"));
    assert!((until - 8.0 * impact).abs() < 1e-6 * until, "{impact} until the end: {until}");
    let shown = simulated.run(&["incidents", "show", id, "--json"]).json();
    assert_eq!(shown[0]["impactUntilMonthEnd"], reported["impactUntilMonthEnd"]);
    let shown = simulated.run(&["incidents", "show", id]).expect(0).stdout;
    assert!(shown.contains(", if each later day is like the last three"), "{shown}");
}

#[test]
fn a_hostile_name_is_a_text() {
    let workdir = Workdir::new(MINIMAL);
    std::os::unix::fs::symlink(plugins(), workdir.path().join("plugins")).expect("a link");
    workdir.write("rules/healthy.toml", HEALTHY);
    let key = SeriesKey { ids: ["d", "p", "s"], names: ["Domain", "=cmd()", HOSTILE] };
    for days in 0..28 {
        let day = replay::after(date(2026, 11, 1), days);
        replay::write(&workdir, "bills", day, None, &[Row::of(key, "10.5")]);
    }
    workdir.run(&["backfill", "--from", "2026-11-01", "--to", "2026-11-28"]).expect(0);
    workdir.run(&["report", "--output", "out"]).expect(0);
    let page = written(&workdir, "report.html");
    assert!(!page.contains("<img"), "{page}");
    assert!(page.contains("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;"), "{page}");
    workdir.run(&["report", "--output", "out", "--format", "csv"]).expect(0);
    assert!(written(&workdir, "report.csv").contains(",'=cmd(),"));
}

#[test]
fn a_report_without_a_bill_names_the_next_step() {
    let simulated = SimulatedBill::with_history(&Setup::default(), 60);
    let early = simulated.run(&["report", "--output", "out", "--from", "2020-01-01", "--to", "2020-01-31"]).expect(2);
    insta::assert_snapshot!(early.stderr, @"
    note: --from 2020-01-01 is outside the stored days 2026-09-24 to 2026-11-22
    note: --to 2020-01-31 is outside the stored days 2026-09-24 to 2026-11-22
    failed: the ledger holds no day from 2020-01-01 to 2020-01-31: the ledger has days from 2026-09-24 to 2026-11-22; name other days
    ");
    let reversed =
        simulated.run(&["report", "--output", "out", "--from", "2026-02-01", "--to", "2026-01-31"]).expect(2);
    insta::assert_snapshot!(reversed.stderr, @"
    note: --from 2026-02-01 is outside the stored days 2026-09-24 to 2026-11-22
    note: --to 2026-01-31 is outside the stored days 2026-09-24 to 2026-11-22
    failed: --from 2026-02-01 is after the last day 2026-01-31: expected a first day up to the last day
    ");
}

/// A setting of the default rule for daily series that makes no day anomalous.
const TOLERANT: &str = r#"{"k":50.0,"floor":5}"#;

/// Returns the JSON of the trials in a page.
fn trials(page: &str) -> serde_json::Value {
    let data = page.split_once(r#"id="trials">"#).expect("trials").1;
    serde_json::from_str(data.split_once("</script>").expect("the end").0).expect("JSON")
}

#[test]
fn a_page_gives_the_verdicts_of_the_host_for_a_changed_setting() {
    let simulated = SimulatedBill::with_history(&Setup { keys: "language = \"en\"", ..Setup::default() }, 60);
    simulated.hide(MYSQL, "step", "2026-11-23T00:00:00", r#","factor":3"#);
    simulated.day(TODAY).expect(0);
    simulated.run(&["report", "--output", "out", "--try", MYSQL, "--try", "incidents"]).expect(0);
    let page = written(&simulated.workdir, "report.html");
    let data = trials(&page);
    let index = data["trials"].as_array().expect("a list").iter().position(|trial| trial["id"] == MYSQL);
    let index = index.expect("the trial of the series");
    let trial = &data["trials"][index];

    // The series of the page as a file for `plugin run`.
    let first: jiff::civil::Date = trial["first"].as_str().and_then(|day| day.parse().ok()).expect("a day");
    let rows = trial["values"].as_array().expect("values").iter().zip(0..).map(|(value, days)| {
        let day = replay::after(first, days);
        if value.is_null() { format!("{day},\n") } else { format!("{day},{value}\n") }
    });
    simulated.workdir.write("series.csv", &format!("timestamp,value\n{}", rows.collect::<String>()));
    let plugin = plugins().join("daily-level.wasm");
    let history_days = trial["historyPoints"].to_string();
    let host = simulated.run(&[
        "plugin",
        "run",
        plugin.to_str().expect("a path"),
        "--input",
        "series.csv",
        "--walk",
        "1",
        "--history-days",
        &history_days,
        "--settings",
        TOLERANT,
        "--unit",
        "KRW",
        "--locale",
        "en",
        "--format",
        "json",
    ]);
    simulated.workdir.write("verdicts.json", &host.expect(0).stdout);

    let mut node = std::process::Command::new("node");
    node.arg(repository().join("tests/browser/trial.mjs"));
    node.args(["out/report.html", &index.to_string(), TOLERANT, "verdicts.json"]).current_dir(simulated.workdir.path());
    let Ok(evaluated) = node.output() else { return skipped("node is not on PATH") };
    assert!(evaluated.status.success(), "{evaluated:?}");
    let result: serde_json::Value = serde_json::from_slice(&evaluated.stdout).expect("JSON");
    let days = result["days"].as_u64().expect("a number");
    assert_eq!(result["equal"], serde_json::json!([days, days]), "{result}");
    assert!(result["judged"].as_u64() > Some(30) && result["ownEqualsChanged"].as_u64() < Some(days), "{result}");
    assert_eq!(result["anomalous"], serde_json::json!([1, 0]), "{result}");
    assert_eq!(result["issues"][0]["pointer"], "/unknown", "{result}");
}

#[test]
fn a_trial_names_the_wrong_series_and_the_wrong_format() {
    let simulated = SimulatedBill::with_history(&Setup::default(), 60);
    let unknown = simulated.run(&["report", "--output", "out", "--try", "a/b/c"]).expect(2);
    insta::assert_snapshot!(unknown.stderr, @"failed: --try a/b/c: no usable rule over daily series evaluates this series, expected a series of `costwarden series list`");
    let format = simulated.run(&["report", "--output", "out", "--try", "incidents", "--format", "md"]).expect(2);
    insta::assert_snapshot!(format.stderr, @"failed: --try: a detector runs in the HTML page only, expected --format html");
}

/// The command of `schedule install --weekly-report`.
const WEEKLY: [&str; 5] = ["report", "--archive", "--causes", "--try", "incidents"];

#[test]
fn the_weekly_report_has_causes_and_trials_or_says_so() {
    let simulated = SimulatedBill::with_history(&Setup { keys: "language = \"en\"", ..Setup::default() }, 60);
    simulated.hide(MYSQL, "step", "2026-11-23T00:00:00", r#","factor":3"#);
    simulated.day(TODAY).expect(0);
    let archived = || {
        let run = simulated.run(&WEEKLY).expect(0);
        let key = run.stdout.split_once(": the report from").expect("a key").0.to_owned();
        assert_eq!(key, "reports/year=2026/month=11/report_20261123.html");
        let page = std::fs::read_to_string(simulated.workdir.path().join("archive").join(key)).expect("archived");
        (page, run.stderr)
    };
    let (page, _) = archived();
    assert!(trials(&page)["trials"].as_array().is_some_and(|trials| !trials.is_empty()), "{page}");
    assert!(page.contains("Cause, compared with 16 Nov (Mon)") && !page.contains("missing here"), "{page}");

    let config = std::fs::read_to_string(simulated.workdir.path().join("costwarden.toml")).expect("the config");
    simulated.workdir.write("costwarden.toml", &config.replace(&format!("{:?}", plugins()), "\"nowhere\""));
    let (page, messages) = archived();
    assert!(page.contains("Trials are missing here: a rule or a detector failed"), "{page}");
    assert!(page.contains("Cause, compared with 16 Nov (Mon)") && !page.contains("wasm-unsafe-eval"), "{page}");
    assert!(messages.contains("nowhere/daily-level.wasm"), "{messages}");
}
