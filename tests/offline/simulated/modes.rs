//! Options and output of runs: dry runs, JSON, spans of days, and a run without an evaluation.

use serde_json::Value;

use super::simulated_bill::{MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, tree};

fn simulated() -> SimulatedBill {
    simulated_with("language = \"en\"")
}

fn simulated_with(keys: &str) -> SimulatedBill {
    let simulated = SimulatedBill::with_history(&Setup { keys, rules: PLAIN_RULE, ..Setup::default() }, 30);
    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":4"#);
    simulated.bill.set_now("2026-11-24T00:10:00+09:00");
    simulated
}

#[test]
fn a_dry_run_looks_and_leaves_no_trace() {
    let simulated = simulated();
    let before = tree(simulated.workdir.path());
    for job in
        [&["daily", "--date", "2026-11-23"][..], &["backfill", "--from", "2026-11-21", "--to", "2026-11-23", "--alert"]]
    {
        let run = simulated.run(&[job, &["--dry-run"]].concat()).expect(0);
        assert!(
            run.stdout.contains("MySQL") && run.stdout.contains(" 1 anomaly, 0 notifications"),
            "{job:?} {}",
            run.stdout
        );
        assert!(!run.stdout.contains("[BILLING"), "{job:?} {}", run.stdout);
        let after = tree(simulated.workdir.path());
        let differ = |name: &&String| before.get(*name) != after.get(*name);
        let changed: Vec<&String> = before.keys().chain(after.keys()).filter(differ).collect();
        assert_eq!(changed, [] as [&String; 0], "{job:?}");
    }
    assert_eq!(simulated.documents(&["anomalies", "list"]), [] as [Value; 0]);
    assert_eq!(simulated.day(TODAY).incidents().len(), 1, "it is still news");
}

#[test]
fn a_dry_run_makes_no_folder_either() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    let before = tree(simulated.workdir.path());
    simulated.run(&["daily", "--date", "2026-11-22", "--dry-run"]).expect(1);
    assert_eq!(tree(simulated.workdir.path()).keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
}

#[test]
fn json_is_one_object_a_run() {
    let simulated = simulated();
    for (job, code) in [
        (&["daily", "--date", "2026-11-23"][..], 0),
        (&["backfill", "--from", "2026-11-21", "--to", "2026-11-23"], 0),
        (&["daily", "--date", "2026-12-24"], 2),
    ] {
        let run = simulated.run(&[job, &["--json"]].concat()).expect(code);
        assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert_eq!(report["job"], job[0]);
        assert_eq!(report["outcome"], if code == 0 { "done" } else { "refused" });
        assert_eq!(report["error"].is_null(), code == 0);
        if code == 0 {
            let anomaly = &report["anomalies"][0];
            assert_eq!((&anomaly["series"], &anomaly["ruleId"]), (&MYSQL.into(), &"plain".into()));
            assert!(anomaly["observedAmount"].as_f64() > anomaly["expected"].as_f64(), "{anomaly}");
        }
    }
}

#[test]
fn days_are_asked_for_one_by_one_or_as_a_span_in_either_form() {
    let simulated = simulated_with("language = \"ko\"");
    let told = simulated.told(&["daily", "--from", "20261121", "--to", "2026-11-23"]).expect(0);
    assert_eq!(
        (told.report["period"].as_str(), told.count("calls"), told.count("verdicts")),
        (Some("20261121-20261123"), 6, 3)
    );
    let totals: Vec<&str> = told.lines.iter().map(|line| &line[.."[BILLING_DAILY_TOTAL] [2026-11-21]".len()]).collect();
    let total = |day| format!("[BILLING_DAILY_TOTAL] [2026-11-{day}]");
    assert_eq!(totals, ["[BILLING_ANOMALY] example-corp/결".to_owned(), total(21), total(23)]);
    for form in ["20261123", "2026-11-23"] {
        assert_eq!(simulated.told(&["daily", "--date", form]).expect(0).report["period"], "20261123");
    }
}

/// A night without an evaluation is not a success.
#[test]
fn a_run_that_judges_nothing_is_degraded() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    let run = simulated.run(&["daily", "--date", "2026-11-22"]).expect(1);
    insta::assert_snapshot!(run.stderr, @"degraded: no rule gave a verdict: 1 series has insufficient history");
    assert!(
        run.stdout
            .contains("daily 20261122 degraded: 16 rows, 6 series, 1 rule, 0 verdicts, 1 with insufficient history, "),
        "{run:?}"
    );
    assert!(
        run.stdout.starts_with("[BILLING_DAILY_TOTAL] The total cost of [2026-11-22] is "),
        "the rest is done: {run:?}"
    );
}

#[test]
fn a_day_that_is_not_over_is_not_taken_for_a_whole_one() {
    let simulated = SimulatedBill::with_history(&Setup { rules: PLAIN_RULE, ..Setup::default() }, 30);
    simulated.bill.set_now("2026-11-23T23:59:00+09:00");
    let archived = || tree(&simulated.workdir.path().join("archive")).len();
    let before = archived();
    for args in [
        &["daily", "--date", "2026-11-23"][..],
        &["daily", "--to", "2026-11-23"],
        &["daily", "--from", "2026-11-23", "--to", "2026-11-24"],
        &["backfill", "--from", "2026-11-23", "--to", "2026-11-23"],
    ] {
        let said = simulated.run(args).expect(2).stderr;
        let why = "2026-11-23 is not over: the clock of the billing API says 2026-11-23T23:59:00+09:00[Asia/Seoul], and the day \
                   of the bill ends at 2026-11-24T00:00:00+09:00[Asia/Seoul]; ";
        assert!(said.contains(why) && said.contains("costwarden hourly evaluates the current day"), "{args:?}: {said}");
    }
    assert_eq!(archived(), before, "nothing was kept");
    simulated.bill.set_now("2026-11-24T00:00:00+09:00");
    simulated.run(&["daily", "--date", "2026-11-23"]).expect(0);
}
