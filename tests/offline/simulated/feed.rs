//! Late, short, stalled and corrected bills from the simulated API: a notification, a withheld day, and the repair by
//! the next run.

use serde_json::Value;

use super::simulated_bill::{JobOutput, MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago, later, moment};

const PLAIN: Setup<'_> =
    Setup { keys: "language = \"en\"\n[completeness]\nstalled_hours = 6", bill: &[], source: "", rules: PLAIN_RULE };

fn spoil(simulated: &SimulatedBill, flaw: &str) {
    simulated.bill.send("POST", "/simulate/flaws", flaw);
}

/// Runs the scheduled daily job at an hour of the day after [`TODAY`].
fn cron(simulated: &SimulatedBill, hour: i8) -> JobOutput {
    simulated.bill.set_now(&moment(later(1), hour));
    simulated.told(&["daily", "--to", &TODAY.to_string()])
}

/// Counts the notifications of a kind.
fn lines(told: &[&JobOutput], kind: &str) -> usize {
    told.iter().flat_map(|told| &told.lines).filter(|line| line.starts_with(kind)).count()
}

fn days_of_mysql(simulated: &SimulatedBill) -> Vec<Value> {
    simulated.documents(&["series", "show", "--series", MYSQL, "--from", &TODAY.to_string()])
}

#[test]
fn a_late_bill_is_told_once_and_made_good() {
    let simulated = SimulatedBill::with_history(&PLAIN, 20);
    spoil(&simulated, r#"{"date":"2026-11-23","kind":"late","until":"2026-11-24T13:00:00"}"#);
    let missing = cron(&simulated, 0).expect(1);
    assert_eq!((missing.count("missing_days"), days_of_mysql(&simulated).len()), (1, 0), "{missing:#?}");
    // It has been due since noon.
    let late = [simulated.hour(later(1), 12).expect(1), simulated.hour(later(1), 12).expect(1)];
    assert_eq!(late[0].count("late_days"), 1, "{late:#?}");
    assert_eq!(lines(&[&missing, &late[0], &late[1]], "[COSTWARDEN_STALE_FEED]"), 1, "{late:#?}");

    let good = cron(&simulated, 13).expect(0);
    assert_eq!((good.count("verdicts"), days_of_mysql(&simulated).len()), (1, 1), "{good:#?}");
    assert_eq!(lines(&[&good], "[COSTWARDEN_RECOVERED]"), 1, "{good:#?}");
    assert_eq!(lines(&[&good], "[BILLING_DAILY_TOTAL]"), 1, "{good:#?}");
}

/// The bill of the next day is no proof that the late bill is there.
#[test]
fn a_late_bill_is_late_until_it_is_in_the_ledger() {
    let simulated = SimulatedBill::with_history(&PLAIN, 20);
    spoil(&simulated, r#"{"date":"2026-11-23","kind":"late","until":"2026-11-25T13:00:00"}"#);
    let late = simulated.hour(later(1), 12).expect(1);
    assert_eq!(lines(&[&late], "[COSTWARDEN_STALE_FEED]"), 1, "{late:#?}");
    let daily = |hour: i8| {
        simulated.bill.set_now(&moment(later(2), hour));
        simulated.told(&["daily", "--to", &later(1).to_string()])
    };
    let next = daily(0).expect(1);
    assert_eq!(lines(&[&next], "[COSTWARDEN_RECOVERED]"), 0, "{next:#?}");
    let good = daily(13).expect(0);
    assert_eq!(lines(&[&good], "[COSTWARDEN_RECOVERED]"), 1, "{good:#?}");
}

#[test]
fn a_bill_without_most_of_its_rows_is_held_until_it_is_whole() {
    let simulated = SimulatedBill::with_history(&PLAIN, 20);
    spoil(&simulated, r#"{"date":"2026-11-23","kind":"missing-rows","keep":0.3,"until":"2026-11-24T09:00:00"}"#);
    let held = [cron(&simulated, 0).expect(1), cron(&simulated, 1).expect(1)];
    for held in &held {
        assert_eq!((held.count("withheld_days"), held.anomalies().len()), (1, 0), "{held:#?}");
    }
    assert_eq!(lines(&[&held[0], &held[1]], "[COSTWARDEN_STALE_FEED]"), 1, "{held:#?}");
    let first = ["series", "show", "--series", "dom-01/prj-01/virtual-machine", "--from", "2026-11-23"];
    assert_eq!(simulated.documents(&first).len(), 0, "a part of a day is not remembered, what it does have neither");

    let good = cron(&simulated, 9).expect(0);
    assert_eq!((simulated.documents(&first).len(), days_of_mysql(&simulated).len()), (1, 1), "{good:#?}");
    assert_eq!(lines(&[&good], "[COSTWARDEN_RECOVERED]"), 1, "{good:#?}");
}

#[test]
fn a_total_that_stands_still_is_held_until_it_moves() {
    let simulated = SimulatedBill::with_history(&PLAIN, 20);
    for days in (1..=3).rev() {
        for hour in [3, 9, 10] {
            simulated.hour(ago(days), hour);
        }
    }
    spoil(
        &simulated,
        r#"{"date":"2026-11-23","kind":"still","from":"2026-11-23T03:05:00","until":"2026-11-23T11:00:00"}"#,
    );
    simulated.hour(TODAY, 3).expect_silence();
    let still = [simulated.hour(TODAY, 9).expect(1), simulated.hour(TODAY, 10).expect(1)];
    for still in &still {
        assert_eq!([still.count("withheld_hours"), still.count("verdicts")], [1, 0], "{still:#?}");
    }
    assert_eq!(lines(&[&still[0], &still[1]], "[COSTWARDEN_STALE_FEED]"), 1, "{still:#?}");
    let moves = simulated.hour(TODAY, 11).expect(0);
    assert_eq!(lines(&[&moves], "[COSTWARDEN_RECOVERED]"), 1, "{moves:#?}");
    assert!(moves.count("verdicts") > 0, "{moves:#?}");
}

#[test]
fn a_bill_with_one_factor_over_all_amounts_is_withheld_until_corrected() {
    let simulated = SimulatedBill::with_history(&PLAIN, 30);
    spoil(&simulated, r#"{"date":"2026-11-23","kind":"corrected","from":"2026-11-23T00:00:00","factor":8}"#);
    let wrong = cron(&simulated, 0).expect(1);
    assert_eq!(lines(&[&wrong], "[COSTWARDEN_UNIFORM_FACTOR]"), 1, "{wrong:#?}");
    assert_eq!((wrong.count("withheld_days"), lines(&[&wrong], "[BILLING_ANOMALY]")), (1, 0), "{wrong:#?}");

    spoil(&simulated, r#"{"date":"2026-11-23","kind":"corrected","from":"2026-11-24T12:00:00","factor":0.125}"#);
    simulated.bill.set_now(&moment(later(2), 0));
    let right = simulated.told(&["daily", "--to", &later(1).to_string()]).expect(0);
    assert_eq!(lines(&[&right], "[COSTWARDEN_RECOVERED]"), 1, "{right:#?}");
    assert_eq!(lines(&[&right], "[BILLING_ANOMALY]"), 0, "{right:#?}");
    assert!(days_of_mysql(&simulated)[0]["expectAmount"].as_f64().is_some_and(|amount| amount > 0.0));
}

#[test]
fn a_restatement_sends_a_retraction() {
    let simulated = SimulatedBill::with_history(&PLAIN, 30);
    spoil(&simulated, r#"{"date":"2026-11-23","kind":"corrected","from":"2026-11-23T00:00:00","factor":1.7}"#);
    let wrong = cron(&simulated, 0).expect(0);
    let found = wrong.count("opened");
    assert!(found >= 1 && !wrong.rules(MYSQL).is_empty(), "{wrong:#?}");
    assert_eq!(lines(&[&wrong], "[BILLING_ANOMALY]") as u64, found, "{wrong:#?}");
    let before = days_of_mysql(&simulated)[0]["expectAmount"].as_f64().expect("an amount");

    spoil(&simulated, r#"{"date":"2026-11-23","kind":"corrected","from":"2026-11-24T12:00:00","factor":0.5882}"#);
    simulated.bill.set_now(&moment(later(2), 0));
    let right = simulated.told(&["daily", "--to", &later(1).to_string()]).expect(0);
    assert!(right.count("restated_days") >= 1, "{right:#?}");
    assert_eq!(right.count("retracted"), found, "{right:#?}");
    assert_eq!(lines(&[&right], "[BILLING_RETRACTED]") as u64, found, "{right:#?}");
    let restated = right.lines.iter().filter(|line| line.starts_with("[COSTWARDEN_RESTATED]")).collect::<Vec<_>>();
    let text = "the provider corrected the bills of 1 day: 2026-11-23 ";
    assert!(
        restated.len() == 1 && restated[0].contains(text) && restated[0].contains("; largest changes: "),
        "{right:#?}"
    );
    let after = days_of_mysql(&simulated)[0]["expectAmount"].as_f64().expect("an amount");
    assert!((after * 1.7 / before - 1.0).abs() < 0.05, "{before} became {after}");
    let states: Vec<Value> =
        simulated.documents(&["incidents", "list"]).iter().map(|incident| incident["state"].clone()).collect();
    assert!(states.iter().all(|state| state == "retracted"), "{states:?}");
    assert_eq!(simulated.documents(&["anomalies", "list"]), Vec::<Value>::new());
}
