//! Incidents over days: notifications at the opening, at each doubling, and at the end.

use jiff::civil::Date;
use serde_json::Value;

use super::simulated_bill::{JobOutput, MYSQL, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago, later};

const NONE: [&str; 0] = [];

const KOREAN: Setup<'_> = Setup { keys: "language = \"ko\"", bill: &[], source: "", rules: "" };

/// The first word of each notification, without its text.
fn kinds(told: &JobOutput) -> Vec<&str> {
    told.incidents().into_iter().map(|line| line.split_inclusive(']').next().expect("a name")).collect()
}

#[test]
fn a_spike_is_told_once_and_is_over_after_a_quiet_day() {
    let simulated = SimulatedBill::with_history(&KOREAN, 60);
    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":3"#);
    let told = simulated.day(TODAY).expect(0);
    // The service, the project, the account and the total; the service explains the sums.
    assert_eq!((kinds(&told), told.count("opened")), (vec!["[BILLING_ANOMALY]"], 4), "{told:#?}");
    let line = told.incidents()[0];
    assert!(line.starts_with("[BILLING_ANOMALY] example-corp/결제 프로젝트의 MySQL 비용이 평소 대비 약 "), "{line}");
    assert!(line.contains("% 높습니다. 현재 ") && line.ends_with("원."), "{line}");

    let again = simulated.day(TODAY).expect(0);
    assert_eq!((again.incidents(), again.count("opened")), (NONE.to_vec(), 0));
    assert_eq!(again.anomalies(), told.anomalies(), "judged again as before");
    let after = simulated.day(later(1)).expect(0);
    assert_eq!((kinds(&after), after.count("closed")), (vec!["[BILLING_RESOLVED]"], 4), "{after:#?}");
    assert_eq!(simulated.day(later(2)).expect(0).incidents(), NONE);
}

/// Each hour is more expensive: a notification at the opening, and one at the first doubling of the day.
#[test]
fn a_growing_incident_is_notified_once_more_in_a_day() {
    let simulated = SimulatedBill::with_history(&Setup::default(), 60);
    simulated.hide(MYSQL, "runaway", "2026-11-23T09:00:00", r#","amount":120000,"until":"2026-11-24T00:00:00""#);
    let mut notified: Vec<f64> = Vec::new();
    let mut impact = 0.0_f64;
    for hour in 9..24 {
        let told = simulated.hour(TODAY, hour).expect(0);
        let found = told.anomalies().iter().filter(|anomaly| anomaly["series"] == MYSQL);
        impact = found.map(|anomaly| anomaly["impact"].as_f64().expect("money")).fold(impact, f64::max);
        let due = match notified[..] {
            [] => impact > 0.0,
            [opening] => impact >= 2.0 * opening,
            _ => false,
        };
        assert_eq!(kinds(&told), if due { vec!["[BILLING_ANOMALY]"] } else { vec![] }, "{hour}: {impact} {told:#?}");
        if due {
            notified.push(impact);
        }
    }
    assert_eq!(notified.len(), 2, "{notified:?}");

    assert_eq!(simulated.day(TODAY).expect(0).incidents(), NONE);
    assert_eq!(kinds(&simulated.day(later(1)).expect(0)), ["[BILLING_RESOLVED]"]);
    let anomalies = simulated.documents(&["anomalies", "list", "--from", "2026-11-23"]);
    let incidents: std::collections::BTreeSet<&str> = anomalies
        .iter()
        .filter(|one| one["serviceId"] == "mysql" && one["projectId"] == "prj-01")
        .filter_map(|one| one["incident"].as_str())
        .collect();
    assert_eq!(incidents.len(), 1, "one incident, whichever hour and rule saw it");
}

/// The end of a rise and of a fall, on the first finished day after them.
#[test]
fn stopped_and_new_services_are_found_the_next_day() {
    let simulated = SimulatedBill::with_history(&KOREAN, 60);
    simulated.hide(MYSQL, "stop", "2026-11-23T00:00:00", "");
    simulated.hide("dom-01/prj-01/ml-notebook", "new-service", "2026-11-23T00:00:00", r#","amount":90000"#);
    let told = simulated.day(TODAY).expect(0);
    assert!(told.rules(MYSQL).contains(&"service-daily"), "{told:#?}");
    assert!(told.rules("dom-01/prj-01/ml-notebook").contains(&"service-daily"), "{told:#?}");
    assert_eq!(kinds(&told), ["[BILLING_ANOMALY]"; 2], "one line each, however many rules saw it");
    let directions = |service: &str| -> Vec<&Value> {
        let found = told.anomalies().iter().filter(|anomaly| anomaly["series"] == service);
        found.map(|anomaly| &anomaly["direction"]).collect()
    };
    assert!(directions(MYSQL).into_iter().all(|direction| direction == "down"));
    assert!(directions("dom-01/prj-01/ml-notebook").into_iter().all(|direction| direction == "up"));
    let stopped = told.incidents().into_iter().find(|line| line.contains("MySQL")).expect("a line");
    assert!(stopped.contains("비용이 끊겼습니다. 현재 0.00원"), "{stopped}");
    let new = told.incidents().into_iter().find(|line| line.contains("ml-notebook")).expect("a line");
    assert!(new.contains("비용이 새로 발생했습니다"), "{new}");
}

/// The default rules on a lasting doubling of the cost.
#[test]
fn a_lasting_step_is_told_once_and_becomes_the_new_level() {
    let simulated = SimulatedBill::with_history(&Setup::default(), 60);
    simulated.hide(MYSQL, "step", "2026-11-23T00:00:00", r#","factor":2"#);
    let mut days_found = Vec::new();
    let mut lines = Vec::new();
    for day in 0..25 {
        let told = simulated.day(later(day)).expect(0);
        if !told.rules(MYSQL).is_empty() {
            days_found.push(day);
        }
        lines.extend(told.incidents().into_iter().map(str::to_owned));
    }
    assert_eq!(days_found.first(), Some(&0));
    let of = |kind: &str| lines.iter().filter(|line| line.starts_with(kind)).count();
    let counts = ["[BILLING_ANOMALY]", "[BILLING_NEW_LEVEL]", "[BILLING_RESOLVED]"].map(of);
    assert_eq!(counts, [1, 1, 0], "{lines:#?}");
}

/// A rule without adaptation: anomalous days are not trained on until the configured number of days has passed.
#[test]
fn a_deviation_that_lasts_is_accepted_after_the_days_of_the_config() {
    let found = |accept_after_days: u16| -> Vec<Date> {
        let keys = format!("accept_after_days = {accept_after_days}");
        let simulated = SimulatedBill::with_history(&Setup { keys: &keys, rules: PLAIN_RULE, ..Setup::default() }, 60);
        simulated.hide(MYSQL, "step", "2026-11-23T00:00:00", r#","factor":2.5"#);
        simulated.bill.set_now("2026-12-20T00:10:00+09:00");
        let told = simulated.told(&["daily", "--from", "2026-11-23", "--to", "2026-12-19"]).expect(0);
        let date = |anomaly: &Value| Date::strptime("%Y%m%d", anomaly["date"].as_str().expect("a date"));
        told.anomalies().iter().map(|anomaly| date(anomaly).expect("a date")).collect()
    };
    let days: Vec<Date> = (0..27).map(later).collect();
    assert_eq!(found(90), days, "it is held against the level before it, day after day");
    let accepted = found(10);
    assert_eq!(accepted[..10], days[..10], "{accepted:?}");
    assert!(accepted.len() < 20, "{accepted:?}");
}

/// A backfilled anomaly is not news. If the anomaly continues, the first daily job sends a notification.
#[test]
fn a_backfilled_anomaly_is_notified_only_if_it_continues() {
    let simulated = SimulatedBill::new(&Setup { rules: PLAIN_RULE, ..Setup::default() });
    simulated.hide(MYSQL, "spike", "2026-11-10T00:00:00", r#","factor":4"#);
    simulated.hide(MYSQL, "step", "2026-11-20T00:00:00", r#","factor":3"#);
    let loaded = simulated.load(ago(60), ago(2)).expect(0);
    assert_eq!((loaded.anomalies().len(), loaded.lines.len()), (3, 0), "{loaded:#?}");
    let told = simulated.day(ago(1)).expect(0);
    assert_eq!((kinds(&told), told.count("opened")), (vec!["[BILLING_ANOMALY]"], 0), "{told:#?}");
    assert_eq!(simulated.day(ago(1)).expect(0).incidents(), NONE);
}
