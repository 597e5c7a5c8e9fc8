//! A service that appears within a day: the hourly job reports the service on the same day, and the daily job continues
//! the same incident.

use serde_json::Value;

use super::simulated_bill::{JobOutput, PLAIN_RULE, Setup, SimulatedBill, TODAY, ago, later};

const NEW: &str = "dom-01/prj-01/gpu-farm";

/// The first hours are a small part of the day, so the factor suppresses notifications about growth.
const SETUP: Setup<'_> = Setup { keys: "language = \"en\"\nrenotify_factor = 1000", bill: &[], source: "", rules: "" };

/// State and number of notifications of each incident of a service.
fn incidents(simulated: &SimulatedBill, service: &str) -> Vec<(String, u64)> {
    let incidents = simulated.documents(&["incidents", "list"]);
    let of_service = incidents.iter().filter(|incident| incident["series"] == service);
    let told = |incident: &Value| {
        let receivers = incident["deliveries"].as_object().expect("by receiver").values();
        receivers.map(|delivery| delivery["notifications"].as_u64().expect("a number")).sum()
    };
    of_service.map(|incident| (incident["state"].as_str().expect("a state").to_owned(), told(incident))).collect()
}

#[test]
fn a_new_service_is_told_by_the_hour_and_once() {
    let simulated = SimulatedBill::with_history(&SETUP, 60);
    simulated.hour(TODAY, 8).expect_silence();
    simulated.hide(NEW, "new-service", "2026-11-23T09:00:00", r#","amount":2400000"#);
    let told = simulated.hour(TODAY, 9).expect(0);
    assert_eq!(told.rules(NEW), ["service-daily"], "as the daily job will find it: {told:#?}");
    let said = "[BILLING_ANOMALY] gpu-farm of project example-corp/결제 costs money where none was expected.";
    assert!(matches!(told.incidents()[..], [line] if line.starts_with(said)), "{told:#?}");
    let again = simulated.hour(TODAY, 9).expect(0);
    assert_eq!((again.anomalies(), again.incidents().len()), (told.anomalies(), 0), "bit for bit, and no news");
    assert_eq!(simulated.hour(TODAY, 10).expect(0).incidents().len(), 0);
    assert_eq!(incidents(&simulated, NEW), [("open".to_owned(), 1)]);

    let finished = simulated.day(TODAY).expect(0);
    assert_eq!(finished.rules(NEW), ["service-daily"], "{finished:#?}");
    let scores = |told: &JobOutput| -> Vec<f64> {
        let of_service = told.anomalies().iter().filter(|anomaly| anomaly["series"] == NEW);
        of_service.map(|anomaly| anomaly["score"].as_f64().expect("a score")).collect()
    };
    assert_eq!(scores(&finished), scores(&told), "learned from the very same days");
    // The project, the account and the total, which the service explains.
    assert_eq!([finished.count("opened"), finished.count("closed")], [3, 0], "{finished:#?}");
    assert_eq!(finished.incidents().len(), 0, "{finished:#?}");

    assert_eq!(simulated.hour(later(1), 9).expect(0).incidents().len(), 0);
    assert_eq!(simulated.day(later(1)).expect(0).incidents().len(), 0);
    assert_eq!(incidents(&simulated, NEW), [("open".to_owned(), 1)], "one incident, told once");
}

/// The rule requires an impact of 10,000 KRW.
#[test]
fn a_new_service_that_costs_little_is_no_news() {
    let simulated = SimulatedBill::with_history(&SETUP, 60);
    simulated.hide(NEW, "new-service", "2026-11-23T09:00:00", r#","amount":12000"#);
    for hour in [9, 15, 23] {
        let told = simulated.hour(TODAY, hour).expect_silence();
        assert_eq!(told.count("insufficient_history"), 7, "by the rule of the day so far, as all services: {told:#?}");
    }
    simulated.day(TODAY).expect_silence();
}

/// The ledger has old rows of the service.
#[test]
fn a_service_that_comes_back_is_told_by_the_hour() {
    for quiet_days in [16, 50] {
        let simulated = SimulatedBill::new(&SETUP);
        let (from, until) = (ago(quiet_days + 3), ago(quiet_days));
        let until = format!(r#","amount":90000,"until":"{until}T00:00:00""#);
        simulated.hide(NEW, "new-service", &format!("{from}T00:00:00"), &until);
        simulated.hide(NEW, "new-service", "2026-11-23T09:00:00", r#","amount":2400000"#);
        simulated.load(ago(75), ago(2)).expect(0);
        simulated.day(ago(1)).expect(0);
        let told = simulated.hour(TODAY, 11).expect(0);
        assert_eq!(told.rules(NEW), ["service-daily"], "after {quiet_days} days: {told:#?}");
    }
}

/// A service in the ledger is not new, even before its first fit.
#[test]
fn a_young_ledger_has_no_new_services() {
    let simulated = SimulatedBill::new(&SETUP);
    simulated.load(ago(10), ago(1)).expect(1);
    simulated.hide(NEW, "new-service", "2026-11-23T09:00:00", r#","amount":2400000"#);
    let told = simulated.hour(TODAY, 11);
    assert_eq!((told.code, told.anomalies().len()), (1, 0), "{told:#?}");
    let nothing = "no rule gave a verdict: 17 series have insufficient history";
    assert!(told.report["problems"].as_array().expect("a list").contains(&Value::from(nothing)), "{told:#?}");
}

#[test]
fn an_hour_that_the_clock_of_the_api_has_passed_is_refused() {
    let simulated = SimulatedBill::with_history(&Setup { rules: PLAIN_RULE, ..SETUP }, 20);
    simulated.day(TODAY).expect(0);
    let told = simulated.told(&["hourly", "--at", "2026-11-23T15:10:00+09:00"]).expect(2);
    assert_eq!(told.report["outcome"], "refused");
    let error = told.report["error"].as_str().expect("an error");
    assert!(error.starts_with("the billing API no longer has the total of 2026-11-23 at 15:00: "), "{error}");
    assert_eq!(told.count("archived"), 0, "{told:#?}");
}
