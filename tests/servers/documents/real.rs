//! Real bills: a year of mybinder.org on Google Cloud, backfilled and then evaluated day by day.

use jiff::civil::{Date, date};
use serde_json::Value;

use super::formulas;
use super::{timeless, told};
use costwarden_tests::replay::{self, Bills, Row, SeriesKey, after, compact};
use costwarden_tests::{Workdir, repository, shared};

const FIRST: Date = date(2017, 12, 13);
const LAST: Date = date(2018, 12, 31);
/// A day without data in the provider's export.
const MISSING: Date = date(2018, 2, 3);

/// A working directory with a rule set of the repository. `min_impact`, an amount in won, is lowered for a bill in
/// dollars.
fn workdir(bills: &std::path::Path, rules: &str) -> Workdir {
    let rules = repository().join("rules").join(rules).join(format!("{rules}.toml"));
    let rules = std::fs::read_to_string(rules).expect("a rule set");
    let workdir = Workdir::new(&format!(
        "time_zone = \"America/Los_Angeles\"\ncurrency = \"USD\"\nlanguage = \"en\"\n\
         [source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = {bills:?}\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n\
         [store]\nkind = \"embedded\"\n[rules]\ndirectory = \"rules\"\n"
    ));
    workdir.write("rules/rules.toml", &rules);
    workdir
}

fn anomalies(workdir: &Workdir) -> Vec<Value> {
    timeless(workdir.json(&["anomalies", "list", "--json"]))
}

/// Reads the days as input of the formulas.
fn read(folder: &std::path::Path) -> Bills {
    let mut bills = Bills::new();
    for index in 0.. {
        let day = after(FIRST, index);
        if day > LAST {
            return bills;
        }
        let Ok(text) = std::fs::read_to_string(folder.join(replay::key(day, None))) else { continue };
        bills.insert(day, replay::rows_of(&text).iter().map(|row| row_of(row)).collect());
    }
    bills
}

fn row_of(text: &str) -> Row {
    let row: Value = serde_json::from_str(text).expect("a row");
    let id = |field: &str| -> &'static str { row[field].as_str().expect("an id").to_owned().leak() };
    let ids = [id("domainId"), id("projectId"), id("serviceId")];
    let amount = row["expectAmount"].to_string();
    Row::of(SeriesKey { ids, names: [""; 3] }, &amount)
}

#[test]
fn a_real_year_is_judged_as_the_formulas_say_and_twice_the_same() {
    let Some(folder) = shared("real/mybinder") else { return };
    let worked = formulas::work(&read(&folder));
    let judged = || {
        let workdir = workdir(&folder, "tutorial");
        let history = workdir.run(&["backfill", &format!("--from={FIRST}"), "--to=2018-02-28", "--json"]).expect(1);
        assert!(history.stdout.contains("1 day has no bill, the first 2018-02-03"), "{}", history.stdout);
        // Day by day around an incident, then the rest of the year.
        for index in 0..31 {
            let run =
                workdir.run(&["daily", &format!("--date={}", after(date(2018, 3, 1), index)), "--json"]).expect(0);
            assert_eq!(told(&run).iter().filter(|line| line.contains("TOTAL")).count(), 1);
        }
        workdir.run(&["daily", "--from=2018-04-01", &format!("--to={LAST}"), "--json"]).expect(0);
        workdir
    };
    let workdir = judged();
    let found = anomalies(&workdir);
    let keys = |found: &[Value]| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        found.iter().map(|found| (text(&found["date"]), text(&found["serviceId"]))).collect()
    };
    let expected: Vec<_> =
        worked.anomalies.keys().map(|(date, [_, _, service])| (compact(*date), service.clone())).collect();
    assert!(expected.contains(&("20180309".to_owned(), "compute-engine".to_owned())), "{expected:?}");
    assert_eq!(keys(&found), expected);
    for (found, anomaly) in found.iter().zip(worked.anomalies.values()) {
        assert_eq!(found["observedAmount"], anomaly.observed, "{found}");
        let mean = found["baselineMean"].as_f64().expect("a mean");
        assert!((mean - anomaly.mean).abs() <= 1e-12 * anomaly.mean.abs(), "{found} {anomaly:?}");
    }
    assert_eq!(anomalies(&judged()), found, "bit for bit");
}

#[test]
fn the_incident_of_february_is_found_and_the_missing_day_is_told() {
    let Some(folder) = shared("real/mybinder") else { return };
    let judged = || {
        let workdir = workdir(&folder, "default");
        let backfill = workdir.run(&["backfill", &format!("--from={FIRST}"), "--to=2018-01-31", "--json"]).expect(0);
        assert_eq!(told(&backfill), Vec::<&str>::new(), "history is loaded in silence");
        let mut lines = Vec::new();
        for index in 0..28 {
            let day = after(date(2018, 2, 1), index);
            let run = workdir.run(&["daily", &format!("--date={day}"), "--json"]);
            let run = run.expect(if day == MISSING { 2 } else { 0 });
            assert_eq!(run.stdout.contains("no raw document of 2018-02-03"), day == MISSING, "{}", run.stdout);
            lines.extend(told(&run).into_iter().map(|line| (day, line.to_owned())));
        }
        (workdir, lines)
    };
    let (workdir, lines) = judged();
    let days = workdir.json(&["series", "show", "--series=d-mybinder/p-binder/compute-engine", "--json"]);
    let amount = |date: Date| days.iter().find(|day| day["date"] == compact(date).as_str());
    assert_eq!(amount(MISSING), None, "not known is not 0");
    assert_eq!(amount(after(MISSING, 1)).map(|day| day["expectAmount"].as_f64().is_some()), Some(true));
    assert_eq!(days.len(), 77);

    let found = anomalies(&workdir);
    let incident: Vec<_> =
        found.iter().filter(|found| found["date"] == "20180220" && found["serviceId"] == "compute-engine").collect();
    assert!(!incident.is_empty(), "{found:#?}");
    assert!(incident.iter().all(|found| found["direction"] == "up"), "{incident:#?}");
    let line = |(day, line): &&(Date, String)| *day == date(2018, 2, 20) && line.starts_with("[BILLING_ANOMALY]");
    assert_eq!(lines.iter().filter(line).count(), 1, "{lines:#?}");
    assert!(!found.iter().any(|found| found["date"] == "20180203"), "{found:#?}");

    let (again, said) = judged();
    assert_eq!(anomalies(&again), found, "bit for bit");
    assert_eq!(said, lines);
}

#[test]
fn a_span_with_a_missing_day_is_degraded_and_goes_on() {
    let Some(folder) = shared("real/mybinder") else { return };
    let workdir = workdir(&folder, "tutorial");
    workdir.run(&["backfill", &format!("--from={FIRST}"), "--to=2018-01-31"]).expect(0);
    let run = workdir.run(&["daily", "--from=2018-02-01", "--to=2018-02-05", "--json"]).expect(1);
    let report = run.report();
    assert_eq!(report["counts"]["missing_days"], 1, "{report}");
    let problems = report["problems"].as_array().expect("problems");
    assert!(problems.iter().any(|problem| problem.as_str().expect("a text").contains("2018-02-03")), "{report}");
    let days = workdir.json(&["series", "show", "--series=*/*/*", "--from=2018-02-01", "--json"]);
    let dates: std::collections::BTreeSet<_> = days.iter().map(|day| day["date"].as_str().expect("a date")).collect();
    assert_eq!(dates.into_iter().collect::<Vec<_>>(), ["20180201", "20180202", "20180204", "20180205"]);
}
