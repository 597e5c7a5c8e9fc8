//! `rules backtest`: the replay of the stored days equals the runs of the jobs, and nothing is written.

use jiff::civil::Date;
use serde_json::Value;

use costwarden_tests::{Workdir, block_on, shared};
use jiff::Timestamp;
use model::incident::{Action, HistoryEntry, IncidentState, Resolution};
use model::run_id::RunId;
use store::options::StoreOptions;
use store::{Access, IncidentWrite, Store};

use super::simulated_bill::{JobOutput, MYSQL, PLAIN_RULE, Setup, SimulatedBill, ago, tree};

/// Rules over services, over sums, and over hours.
const RULES: &str = r#"
[[rule]]
id = "service"
why = "A service."
detector = "daily-level"
series = "daily"
history_days = 60
min_impact_share = 0.0005
min_change = 0.2
[[rule]]
id = "service-simple"
why = "A service, with another detector."
detector = "tutorial"
series = "daily"
[rule.settings]
minSamples = 14
[[rule]]
id = "total"
why = "All services."
detector = "daily-level"
series = "daily"
group_by = []
history_days = 60
[[rule]]
id = "today"
why = "A service so far."
detector = "tutorial"
series = "day-to-date"
history_days = 28
direction = "up"
severity = "critical"
[rule.settings]
minSamples = 4
"#;

const VIRTUAL_MACHINE: &str = "dom-01/prj-01/virtual-machine";

/// The days of the jobs, from the first day of the ledger on.
struct Jobs {
    days: i32,
    /// The hours of the hourly runs on the last days.
    hours: &'static [i8],
    last_days_with_hours: i32,
}

/// Runs the jobs day by day and returns the anomalies of all runs.
fn run_jobs(simulated: &SimulatedBill, jobs: &Jobs, mut decide: impl FnMut(Date)) -> Vec<Value> {
    let mut anomalies = Vec::new();
    let mut add = |told: JobOutput| anomalies.extend(told.anomalies().iter().cloned());
    for days in (1..=jobs.days).rev() {
        if days <= jobs.last_days_with_hours {
            jobs.hours.iter().for_each(|hour| add(simulated.hour(ago(days), *hour)));
        }
        add(simulated.day(ago(days)));
        decide(ago(days));
    }
    anomalies
}

/// A bill with a spike, a lasting change and a runaway, after daily and hourly jobs.
fn after_jobs() -> (SimulatedBill, Vec<Value>) {
    let simulated = SimulatedBill::new(&Setup { rules: RULES, ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-05T00:00:00", r#","factor":3"#);
    simulated.hide(VIRTUAL_MACHINE, "spike", "2026-11-08T00:00:00", r#","factor":4"#);
    simulated.hide(MYSQL, "step", "2026-11-12T00:00:00", r#","factor":2"#);
    simulated.hide(MYSQL, "runaway", "2026-11-20T09:00:00", r#","amount":300000"#);
    let jobs = Jobs { days: 44, hours: &[10, 20], last_days_with_hours: 8 };
    let anomalies = run_jobs(&simulated, &jobs, |day| {
        if day == ago(15) {
            block_on(dismiss(&simulated, "2026-11-09T12:00:00Z".parse().expect("a time")));
        }
    });
    (simulated, anomalies)
}

/// Dismisses the open incidents of the virtual machines at a time. The command would take the real time.
async fn dismiss(simulated: &SimulatedBill, at: Timestamp) {
    let path = simulated.workdir.path().join("state/costwarden.redb");
    let access = Access::Write(RunId::new(at));
    let store = Store::open(&StoreOptions::Embedded { path }, access).await.expect("the store of the jobs");
    let mut incidents = store.all_incidents().await.expect("incidents");
    incidents
        .retain(|incident| incident.series.to_string() == VIRTUAL_MACHINE && incident.state == IncidentState::Open);
    assert!(!incidents.is_empty());
    for mut incident in incidents {
        let action = Action::Decision(Resolution::Dismissed);
        incident.record(HistoryEntry { action, author: "kim".to_owned(), note: None, at, is_archived: true });
        store.put_incidents(&[IncidentWrite { incident, is_settled: true }], at).await.expect("written");
    }
}

#[test]
fn a_backtest_equals_the_jobs_bit_for_bit_and_leaves_no_trace() {
    let (simulated, anomalies) = after_jobs();
    let incidents = simulated.run(&["incidents", "list", "--json"]).expect(0).json();
    let has_state = |state: &str| incidents.iter().any(|incident| incident["state"] == state);
    assert!(["over", "dismissed", "open"].into_iter().all(has_state), "{incidents:#?}");
    assert!(anomalies.iter().any(|anomaly| anomaly["ruleId"] == "today"), "{anomalies:#?}");

    let before = tree(simulated.workdir.path());
    let told = simulated.told(&["rules", "backtest"]).expect(0);
    assert_eq!(told.anomalies(), anomalies);
    assert_eq!(told.report["incidents"], Value::from(incidents));
    assert_eq!((told.count("days"), told.count("hours")), (44, 16));
    assert!(tree(simulated.workdir.path()) == before, "a trace is left");
}

/// Real bills of a year, read in place.
#[test]
fn a_backtest_of_a_year_of_real_bills_equals_the_jobs() {
    let Some(bills) = shared("real/mybinder") else { return };
    let workdir = Workdir::new(&format!(
        "currency = \"USD\"\ntime_zone = \"UTC\"\n[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = {bills:?}\n\
         [archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n"
    ));
    let mut anomalies = Vec::new();
    let mut add = |args: &[&str]| {
        let report = workdir.run(&[args, &["--json"]].concat()).report();
        anomalies.extend(report["anomalies"].as_array().expect("anomalies").iter().cloned());
    };
    add(&["backfill", "--alert", "--from", "2017-12-13", "--to", "2018-12-21"]);
    for day in 22..=31 {
        add(&["daily", "--date", &format!("2018-12-{day}")]);
    }
    let incidents = workdir.run(&["incidents", "list", "--json"]).expect(0).json();
    let backtest = workdir.run(&["rules", "backtest", "--json"]).report();
    assert!(anomalies.len() > 20 && incidents.len() > 10, "{incidents:#?}");
    assert_eq!(backtest["anomalies"], Value::from(anomalies));
    assert_eq!(backtest["incidents"], Value::from(incidents));
}

#[test]
fn a_backtest_counts_by_rule_and_scores_labels() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, keys: "language = \"en\"", ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-05T00:00:00", r#","factor":3"#);
    simulated.hide(MYSQL, "spike", "2026-11-15T00:00:00", r#","factor":4"#);
    simulated.load(ago(60), ago(1)).expect(0);
    let told = simulated.told(&["rules", "backtest"]).expect(0);
    let figures = &told.report["rules"][0];
    let counts = ["anomalies", "incidents", "notifications"].map(|count| figures[count].as_u64().expect("a count"));
    // Each incident has a notification of the opening and of the end.
    assert_eq!((counts, told.report["notifications"].as_u64()), ([2, 2, 4], Some(4)), "{figures}");
    let impact: f64 = told.report["incidents"].as_array().expect("incidents").iter().map(impact).sum();
    assert_eq!(figures["impact"].as_f64(), Some(impact));
    assert!(figures["fuel"].as_f64() > Some(0.0) && figures["score"].is_null(), "{figures}");

    // One of two events is found, and one of two alerts touches an event.
    let labels = format!("date,series,label\n2026-11-15,{MYSQL},1\n2026-11-19,{MYSQL},2\n");
    simulated.workdir.write("labels.csv", &labels);
    let scored = simulated.run(&["rules", "backtest", "--labels", "labels.csv"]).expect(0);
    let lines: Vec<&str> = scored.stdout.lines().collect();
    assert_eq!(lines[3].trim(), "precision 0.50 of 2 · recall 0.50 of 2", "{}", scored.stdout);

    simulated.workdir.write("labels.csv", &format!("{labels}2026-11-15,no/such/series,3\n"));
    let warned = simulated.run(&["rules", "backtest", "--labels", "labels.csv"]).expect(0).stderr;
    let expected =
        "--labels labels.csv: no/such/series has no stored day, and its events count as missed: check the key";
    assert_eq!(warned.matches(expected).count(), 1, "{warned}");

    let drawn = simulated.run(&["rules", "backtest", "--plot"]).expect(0).stdout;
    assert!(drawn.starts_with("rules backtest 20260924-20261122, days with new incidents, KRW\n"), "{drawn}");
    assert!(drawn.contains("X anomaly"), "{drawn}");
    let id = told.report["incidents"][0]["incident"].as_str().expect("an id");
    simulated.run(&["rules", "backtest", "--json", "--plot", "backtest.svg"]).expect(0);
    simulated.run(&["incidents", "explain", id, "--plot", "incident.svg"]).expect(0);
    for (file, text) in
        [("backtest.svg", format!("{MYSQL} (plain)")), ("incident.svg", "2026-11-05: rule plain, score ".to_owned())]
    {
        let document = std::fs::read_to_string(simulated.workdir.path().join(file)).expect("written");
        assert!(document.contains(&text), "{file}: {document}");
    }
    let refused = simulated.run(&["rules", "backtest", "--json", "--plot"]).expect(2);
    assert!(refused.stderr.contains("--plot FILE.svg"), "{refused:?}");
    simulated.run(&["incidents", "dismiss", id, "--as", "kim"]).expect(0);
    let decided = simulated.told(&["rules", "backtest"]).expect(0);
    assert_eq!(decided.report["rules"][0]["precision"], 0.0, "{}", decided.report["rules"]);

    let part = simulated.told(&["rules", "backtest", "--from", "2026-11-10", "--to", "2026-11-20"]).expect(0);
    assert_eq!((part.anomalies().len(), part.report["incidents"].as_array().map(Vec::len)), (1, Some(1)));
    assert_eq!(part.anomalies()[0], told.anomalies()[1]);
    let refused = simulated.run(&["rules", "backtest", "--from", "2027-01-01", "--to", "2027-01-02"]).expect(2);
    insta::assert_snapshot!(refused.stderr, @"failed: the store holds no finished day from 2027-01-01 to 2027-01-02: its first day is 2026-09-24 and its newest day is 2026-11-22; name stored days with --from and --to");
}

#[test]
fn two_rule_sets_differ_in_incidents_and_notifications() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, keys: "language = \"en\"", ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-05T00:00:00", r#","factor":1.6"#);
    simulated.hide(MYSQL, "spike", "2026-11-15T00:00:00", r#","factor":4"#);
    simulated.hide(VIRTUAL_MACHINE, "spike", "2026-11-15T00:00:00", r#","factor":4"#);
    simulated.load(ago(60), ago(1)).expect(0);
    let renamed = PLAIN_RULE.replace("\"plain\"", "\"renamed\"");
    // The new set finds the virtual machines, misses the small spike, and calls the large spike critical.
    let select = r#"["mysql", "virtual-machine"]"#;
    let new = renamed
        .replace(r#"["mysql"]"#, select)
        .replace("direction = \"up\"", "direction = \"up\"\nmin_change = 1\nseverity = \"critical\"");
    simulated.workdir.write("renamed/rules.toml", &renamed);
    simulated.workdir.write("new/rules.toml", &new);
    let before = tree(simulated.workdir.path());
    let empty = simulated.run(&["rules", "diff", "rules", "renamed"]).expect(0);
    insta::assert_snapshot!(empty.stdout, @"
    rule plain: live in OLD, 2 anomalies, 2 incidents
    rule renamed: live in NEW, 2 anomalies, 2 incidents
    rules diff 20260924-20261122: 0 incidents only in OLD, 0 incidents only in NEW, 0 changed; OLD: 2 incidents, 4 notifications, 939,140 KRW, NEW: 2 incidents, 4 notifications, 939,140 KRW
    Nothing was written.
    ");
    let diff = simulated.run(&["rules", "diff", "rules", "new"]).expect(0);
    insta::assert_snapshot!(diff.stdout, @"
        since       state  notifications          impact KRW
    ─────────────────────────────────────────────────────────
     -  2026-11-05  over               2             172,523
       series example-corp / 결제 / MySQL
     +  2026-11-15  over               2             377,307
       series example-corp / 결제 / Virtual Machine
     ~  2026-11-15  over               2  766,617 -> 763,151
       series example-corp / 결제 / MySQL
    rule plain: live in OLD, 2 anomalies, 2 incidents
    rule renamed: live in NEW, 2 anomalies, 2 incidents
    rules diff 20260924-20261122: 1 incident only in OLD, 1 incident only in NEW, 1 changed; OLD: 2 incidents, 4 notifications, 939,140 KRW, NEW: 2 incidents, 4 notifications, 1,140,458 KRW
    Nothing was written.
    ");
    let mistyped = simulated.run(&["rules", "diff", "rules", "absent"]).expect(2);
    assert!(mistyped.stderr.contains("absent has no usable rule: expected a folder with rules"), "{mistyped:?}");
    let json = simulated.run(&["rules", "diff", "rules", "new", "--json"]).expect(0).json();
    let changes: Vec<&str> = json.iter().filter_map(|line| line["change"].as_str()).collect();
    assert_eq!(
        (changes, json.last().map(|sums| &sums["changes"])),
        (vec!["only-old", "only-new", "changed"], Some(&Value::from(3)))
    );
    assert!(tree(simulated.workdir.path()) == before, "a trace is left");
}

#[test]
fn a_rule_set_is_applied_within_the_limits_and_rolled_back() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, keys: "language = \"en\"", ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-15T00:00:00", r#","factor":4"#);
    let new = PLAIN_RULE.replace("\"plain\"", "\"new\"");
    simulated.workdir.write("new/rules.toml", &new);
    let apply = || simulated.run(&["rules", "apply", "new", "--as", "kim"]);
    let rules = || simulated.run(&["rules", "list", "--json"]).expect(0).json()[0]["id"].clone();
    let without_bills = apply().expect(2);
    insta::assert_snapshot!(without_bills.stderr.lines().last().expect("a line"), @"failed: the live rules are unchanged: the backtest failed: the store holds no finished day: load days with costwarden backfill first");
    simulated.load(ago(60), ago(1)).expect(0);

    let config = std::fs::read_to_string(simulated.workdir.path().join("costwarden.toml")).expect("the config");
    let limited = config.replace("directory = \"rules\"", "directory = \"rules\"\nmax_notifications_per_month = 0");
    simulated.workdir.write("costwarden.toml", &limited);
    let refused = apply().expect(2);
    insta::assert_snapshot!(refused.stderr, @"failed: the live rules are unchanged: the new rules send 1.0 notifications per 30 days in the backtest, and [rules] max_notifications_per_month = 0 allows 0: change the rules, or raise the limit");
    simulated.workdir.write("costwarden.toml", &config);
    simulated.workdir.write("broken/rules.toml", "[[rule]]\nid = \"half\"\n");
    let broken = simulated.run(&["rules", "apply", "broken"]).expect(2);
    assert!(broken.stderr.contains("rule.why: is missing") && broken.stderr.contains("are unchanged"), "{broken:?}");
    assert_eq!(rules(), "plain");

    let applied = apply().expect(0);
    assert!(applied.stdout.contains("0 changed"), "{}", applied.stdout);
    assert_eq!(rules(), "new");
    // A rollback keeps the edits of the live rules.
    simulated.workdir.write("rules/night.txt", "raise the limit on Mondays");
    simulated.run(&["rules", "rollback", "--as", "kim"]).expect(0);
    assert_eq!(rules(), "plain");
    let kept = std::fs::read_dir(simulated.workdir.path().join("state/rule-sets/rolled-back")).expect("kept sets");
    let kept: Vec<_> = kept.map(|set| set.expect("a set").path()).collect();
    let note = std::fs::read_to_string(kept[0].join("night.txt")).expect("the edit");
    assert_eq!((kept.len(), note.as_str()), (1, "raise the limit on Mondays"));
    let nothing = simulated.run(&["rules", "rollback"]).expect(2);
    assert!(nothing.stderr.contains("no replaced rule set"), "{nothing:?}");
    let history = simulated.workdir.path().join("state/rule-sets/history.jsonl");
    let history = std::fs::read_to_string(history).expect("the records");
    let records: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let actions: Vec<&Value> = records.iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["apply", "rollback"]);
    assert_eq!((&records[0]["author"], &records[0]["replacedDigest"]), (&"kim".into(), &records[1]["digest"]));
}

#[test]
fn a_rule_is_tuned_to_a_number_of_notifications() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, keys: "language = \"en\"", ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-05T00:00:00", r#","factor":1.6"#);
    simulated.hide(MYSQL, "spike", "2026-11-15T00:00:00", r#","factor":4"#);
    simulated.load(ago(60), ago(1)).expect(0);
    // Two notifications of the large spike in 60 days.
    let tuned = simulated.run(&["rules", "tune", "plain", "--notifications-per-month", "1"]).expect(0);
    let last = tuned.stdout.lines().last().expect("a line");
    let (value, rest) = last.split_once(" adds ").expect("a result");
    assert!(rest.starts_with("1.0 notifications per 30 days"), "{last}");
    let share = value.rsplit(' ').next().expect("a value");
    let notifications = |share: &str| {
        let rule = PLAIN_RULE.replace("direction = \"up\"", &format!("direction = \"up\"\nmin_impact_share = {share}"));
        simulated.workdir.write("tuned/rules.toml", &rule);
        let told = simulated.told(&["rules", "backtest", "--rules", "tuned"]).expect(0);
        told.report["notifications"].as_u64()
    };
    assert_eq!((notifications(share), notifications("0")), (Some(2), Some(4)), "{}", tuned.stdout);
    // Another rule finds the same spikes.
    simulated
        .workdir
        .write("both/rules.toml", &format!("{PLAIN_RULE}{}", PLAIN_RULE.replace("\"plain\"", "\"other\"")));
    let both =
        simulated.run(&["rules", "tune", "plain", "--rules", "both", "--notifications-per-month", "0"]).expect(0);
    assert!(both.stdout.contains("min_impact_share = 0 adds 0.0 notifications"), "{}", both.stdout);
    let refused = simulated.run(&["rules", "tune", "absent", "--notifications-per-month", "1"]).expect(2);
    assert!(refused.stderr.contains("no usable rule absent in "), "{refused:?}");
}

fn impact(incident: &Value) -> f64 {
    incident["impact"].as_f64().expect("an amount")
}
