//! Silences and planned events: incidents that are stored and counted, and not sent.

use serde_json::{Value, json};

use super::replayed_bill::{ReplayedBill, anomaly, count, day, on_both, tells, total};

fn silence(replayed: &ReplayedBill, scope: &[&str]) -> String {
    let add = ["silences", "add", "--until=2099-01-01", "--reason=a load test", "--as=kim", "--json"];
    let added = replayed.workdir.run(&[add.as_slice(), scope].concat()).expect(0).report();
    added["silence"].as_str().expect("an id").to_owned()
}

#[test]
fn a_silenced_incident_is_counted_and_notified_after_the_silence() {
    on_both("", |replayed| {
        let id = silence(replayed, &["--project=sh*", "--rule=*"]);
        let report = tells(replayed.next(0, "1500"), 0, &[total(0, 1500)]);
        assert_eq!((count(&report, "suppressed"), count(&report, "opened")), (1, 1));
        assert_eq!(replayed.incident()["suppressedBy"]["silence"], id.as_str());
        let text = |args: &[&str]| replayed.workdir.run(args).stdout;
        let listed = text(&["silences", "list"]);
        assert!(listed.contains(&id) && listed.contains("2099-01-01 23:59"), "{listed}");
        let listed = replayed.workdir.run(&["silences", "list", "--json"]).expect(0).report();
        let scope = json!({ "account": null, "project": "sh*", "service": null, "rule": "*" });
        assert_eq!(
            [&listed["scope"], &listed["author"], &listed["reason"]],
            [&scope, &json!("kim"), &json!("a load test")]
        );
        let health = text(&["health"]);
        assert!(health.contains("1 active silence") && health.contains("every notification was delivered"), "{health}");

        replayed.workdir.run(&["silences", "expire", &id[..12], "--as=lee"]).expect(0);
        let again = replayed.workdir.run(&["silences", "expire", &id]).expect(2);
        assert!(again.stderr.contains("has ended") && text(&["silences", "list", "--json"]).is_empty(), "{again:?}");
        let all = replayed.workdir.run(&["silences", "list", "--all", "--json"]).expect(0).json();
        assert_eq!(all[0]["expiredBy"], "lee");
        tells(replayed.next(1, "1500"), 0, &[anomaly("50.0", "1500"), total(1, 1500)]);
        assert_eq!(replayed.incident()["suppressedBy"], Value::Null);
    });
}

#[test]
fn an_incident_that_ends_in_a_silence_is_never_notified() {
    on_both("", |replayed| {
        let id = silence(replayed, &["--service=Virtual*"]);
        tells(replayed.next(0, "1500"), 0, &[total(0, 1500)]);
        tells(replayed.next(1, "1000"), 0, &[total(1, 1000)]);
        assert_eq!(replayed.incident()["state"], "over");
        replayed.workdir.run(&["silences", "expire", &id]).expect(0);
        tells(replayed.next(2, "1000"), 0, &[total(2, 1000)]);
    });
}

#[test]
fn a_silence_of_another_scope_holds_back_nothing() {
    on_both("", |replayed| {
        silence(replayed, &["--project=payments"]);
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        let refused = replayed.workdir.run(&["silences", "add", "--until=2099-01-01", "--reason=x"]).expect(2);
        assert!(refused.stderr.contains("expected at least one of --account"), "{refused:?}");
    });
}

#[test]
fn a_plan_explains_incidents_up_to_its_difference_and_is_compared_with_the_bill() {
    on_both("", |replayed| {
        let days = [format!("--from={}", day(0)), format!("--to={}", day(1))];
        let add = ["events", "add", "load test", "--service=vm", "--daily-effect=450", "--owner=team-shop", "--json"];
        let args: Vec<&str> = add.into_iter().chain(days.iter().map(String::as_str)).collect();
        let event = replayed.workdir.run(&args).expect(0).report();
        let report = tells(replayed.next(0, "1500"), 0, &[total(0, 1500)]);
        assert_eq!(count(&report, "suppressed"), 1);
        assert_eq!(replayed.anomalies()[0]["status"], "PLANNED");
        assert_eq!(replayed.incident()["suppressedBy"]["event"], event["event"]);
        let result = format!(
            "[BILLING_PLANNED] The bill of the planned event load test ({}~{}) differs by +1,020.00 KRW from the same weekdays before ({}~{}), planned +900.00 KRW.",
            day(0),
            day(1),
            day(-7),
            day(-6)
        );
        tells(replayed.next(1, "1520"), 0, &[total(1, 1520), result]);
        // The incident outlives the plan.
        tells(replayed.next(2, "1500"), 0, &[anomaly("50.0", "1500"), total(2, 1500)]);
    });
}

#[test]
fn a_runaway_does_not_hide_behind_a_plan() {
    on_both("", |replayed| {
        let days = [format!("--from={}", day(0)), format!("--to={}", day(5))];
        let add = ["events", "add", "load test", "--service=vm", "--daily-effect=450", "--owner=team-shop"];
        let args: Vec<&str> = add.into_iter().chain(days.iter().map(String::as_str)).collect();
        replayed.workdir.run(&args).expect(0);
        tells(replayed.next(0, "9000"), 0, &[anomaly("800.0", "9000"), total(0, 9000)]);
    });
}
