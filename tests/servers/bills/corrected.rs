//! Restated bills: retractions, notifications about growth, and no duplicates.

use serde_json::Value;

use super::replayed_bill::{
    ReplayedBill, anomaly, count, day, on_both, quiet, resolved, restated, retracted, tells, total,
};

#[test]
fn a_restatement_retracts_an_incident_once() {
    on_both("", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        assert_eq!(replayed.anomalies().len(), 1);

        replayed.bill(0, "1000");
        let report = tells(replayed.next(1, "1010"), 0, &[restated(0, 1500, 1000), retracted(0), total(1, 1010)]);
        assert_eq!([count(&report, "restated_days"), count(&report, "retracted")], [1, 1], "{report}");
        assert_eq!(replayed.anomalies(), Vec::<Value>::new());
        let incident = replayed.incident();
        assert_eq!((&incident["state"], &incident["days"]), (&"retracted".into(), &Value::Array(Vec::new())));
        let text = replayed.workdir.run(&["incidents", "list"]).expect(0).stdout;
        assert!(text.contains(" +0\n") && !text.contains("-0\n"), "{text}");
        assert_eq!(incident["impact"].to_string(), "0.0");
        let day = &replayed.machine(0, &[])[0];
        assert_eq!((&day["expectAmount"], &day["isAnomaly"]), (&1000.0.into(), &false.into()), "{day}");

        let report = tells(replayed.daily(1), 0, &[]);
        assert_eq!([count(&report, "restated_days"), count(&report, "retracted")], [0, 0], "{report}");
        tells(replayed.next(2, quiet(2)), 0, &[total(2, 990)]);
    });
}

#[test]
fn an_incident_without_a_notification_is_retracted_silently() {
    on_both("", |replayed| {
        replayed.bill(0, "1500");
        let report = tells(replayed.backfill(0, 0), 0, &[]);
        assert_eq!(count(&report, "anomalies"), 1, "{report}");
        assert_eq!(replayed.incident()["muted"], true);

        replayed.bill(0, "1000");
        let report = tells(replayed.next(1, "1010"), 0, &[restated(0, 1500, 1000), total(0, 1000), total(1, 1010)]);
        assert_eq!(count(&report, "retracted"), 1, "{report}");
        assert_eq!(replayed.incident()["state"], "retracted");
    });
}

#[test]
fn nothing_follows_the_notification_of_an_end() {
    on_both("", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        let run = replayed.next(1, "1010");
        let proof = format!("is back at its usual cost: 1010.00 KRW on {}. From", day(1));
        assert!(run.stderr.contains(&proof), "{run:?}");
        tells(run, 0, &[resolved(0, 0, "500"), total(1, 1010)]);
        let incident = replayed.incident();
        assert_eq!(incident["resolvedBy"]["observed"], 1010.0, "{incident}");
        let id = incident["incident"].as_str().expect("an id");
        let show = replayed.workdir.run(&["incidents", "show", id]).expect(0).stdout;
        let closed = format!("closed     {} as over: 1,010 KRW, expected ", day(1));
        assert!(show.contains(&closed), "{show}");
        replayed.bill(0, "1000");
        tells(replayed.daily(1), 0, &[restated(0, 1500, 1000)]);
        assert_eq!(replayed.incident()["state"], "retracted");
        tells(replayed.next(2, "990"), 0, &[total(2, 990)]);
    });
}

#[test]
fn a_retracted_anomaly_that_returns_is_notified_again() {
    on_both("", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        tells(replayed.next(0, "1000"), 0, &[retracted(0)]);
        tells(replayed.next(0, "1600"), 0, &[anomaly("60.0", "1600")]);
        assert_eq!(replayed.incident()["state"], "open");
        tells(replayed.daily(0), 0, &[]);
    });
}

#[test]
fn a_daily_excess_that_doubles_is_notified_once() {
    on_both("renotify_factor = 2", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        tells(replayed.next(1, "1990"), 0, &[total(1, 1990)]);
        tells(replayed.next(2, "2000"), 0, &[anomaly("100.0", "2000"), total(2, 2000)]);
        tells(replayed.daily(2), 0, &[]);
        tells(replayed.next(3, "2900"), 0, &[total(3, 2900)]);
        tells(replayed.next(4, "1000"), 0, &[resolved(0, 3, "4390"), total(4, 1000)]);
    });
}

#[test]
fn a_restatement_after_the_end_changes_the_excess_in_silence() {
    on_both("", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        tells(replayed.next(1, "1010"), 0, &[resolved(0, 0, "500"), total(1, 1010)]);
        replayed.bill(0, "2000");
        tells(replayed.daily(1), 0, &[]);
        assert_eq!(replayed.incident()["impact"], 1_000.0);
        replayed.bill(0, "1300");
        let report = tells(replayed.daily(1), 0, &[restated(0, 2000, 1300)]);
        assert_eq!(count(&report, "restated_days"), 1, "{report}");
        let incident = replayed.incident();
        assert_eq!((&incident["state"], &incident["impact"]), (&"over".into(), &300.0.into()), "{incident}");
    });
}

#[test]
fn an_anomaly_revealed_by_a_restatement_is_notified_once() {
    on_both("", |replayed| {
        for index in 0..3 {
            tells(replayed.next(index, "1000"), 0, &[total(index, 1000)]);
        }
        replayed.bill(1, "1500");
        let news = [restated(1, 1000, 1500), anomaly("50.0", "1500"), resolved(1, 1, "500"), total(3, 1000)];
        tells(replayed.next(3, "1000"), 0, &news);
        tells(replayed.next(4, "1000"), 0, &[total(4, 1000)]);
        let incident = replayed.incident();
        assert_eq!((&incident["firstSeen"]["date"], &incident["state"]), (&day(1).to_string().into(), &"over".into()));
    });
}

#[test]
fn a_bill_that_is_older_than_corrections_are_waited_for_is_not_asked_for_again() {
    on_both("restate_days = 2", |replayed| {
        for index in 0..3 {
            tells(replayed.next(index, "1000"), 0, &[total(index, 1000)]);
        }
        replayed.bill(0, "1500");
        let report = tells(replayed.next(3, "1000"), 0, &[total(3, 1000)]);
        assert_eq!([count(&report, "restated_days"), count(&report, "unchanged_days")], [0, 2], "{report}");
        assert_eq!(replayed.machine(0, &[])[0]["expectAmount"], 1000.0);
    });
}

#[test]
fn the_replaced_bill_stays_visible() {
    on_both("", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        let known = |as_of: &str| -> Vec<Value> {
            let days = replayed.machine(0, &[&format!("--as-of={as_of}")]);
            days.into_iter().map(|day| day["expectAmount"].clone()).collect()
        };
        let moment =
            |replayed: &ReplayedBill| replayed.machine(0, &[])[0]["updatedAt"].as_str().expect("a moment").to_owned();
        let first = moment(replayed);
        tells(replayed.next(0, "1000"), 0, &[retracted(0)]);
        let second = moment(replayed);
        let timestamp = |text: &str| text.parse::<jiff::Timestamp>().expect("a timestamp");
        assert!(timestamp(&first) < timestamp(&second), "{first} {second}");
        tells(replayed.next(0, "1250"), 0, &[anomaly("25.0", "1250")]);

        assert_eq!([known(&first), known(&second)], [[1500.0], [1000.0]]);
        assert_eq!(known("2100-01-01"), [1250.0]);
        assert_eq!(known("2020-01-01"), Vec::<Value>::new(), "nothing was known before the first run");
        let text = replayed.workdir.run(&[
            "series",
            "show",
            "--series=d-1/p-1/vm",
            &format!("--as-of={first}"),
            "--from=2026-10-19",
        ]);
        let text = text.expect(0).stdout;
        assert!(text.contains("1,500 ") && !text.contains("1,250 "), "{text}");
    });
}

/// Removes fields that differ from run to run.
pub(crate) fn timeless(mut values: Vec<Value>) -> Vec<Value> {
    for value in &mut values {
        let fields = value.as_object_mut().expect("an object");
        for of_one_run in ["createdAt", "updatedAt", "lastUpdated", "fetchedAt", "runId", "incident"] {
            fields.remove(of_one_run);
        }
    }
    values
}

#[test]
fn a_store_of_corrected_bills_is_that_of_the_final_ones() {
    let finals = ["1500", "1000", "1490", "1010", "1600", "1620", "1000", "990"];
    on_both("", |replayed| {
        for (index, machine) in ["1000", "1500", "1000", "1700", "1000", "1620", "1000", "990"].iter().enumerate() {
            replayed.bill(index as i64, machine);
            // Corrections come late, and in no order.
            for corrected in [index.checked_sub(2), index.checked_sub(4)].into_iter().flatten() {
                replayed.bill(corrected as i64, finals[corrected]);
            }
            replayed.daily(index as i64).expect(0);
        }
        for (index, machine) in finals.iter().enumerate() {
            replayed.bill(index as i64, machine);
        }
        replayed.daily(7).expect(0);

        let Some(other) = replayed.another() else { return };
        other.load();
        for (index, machine) in finals.iter().enumerate() {
            other.bill(index as i64, machine);
        }
        other.backfill(0, 7).expect(0);
        let days = |replayed: &ReplayedBill| timeless(replayed.machine(-28, &[]));
        assert_eq!(days(replayed), days(&other));
        // Which of them belong together was told to people as they came; what was found, and what it cost, is the same.
        let anomalies = timeless(replayed.anomalies());
        assert_eq!(anomalies, timeless(other.anomalies()));
        assert_eq!(anomalies.len(), 4, "{anomalies:#?}");
        let impact = |replayed: &ReplayedBill| -> f64 {
            replayed.incidents().iter().filter_map(|one| one["impact"].as_f64()).sum()
        };
        let expected: f64 = anomalies.iter().filter_map(|found| found["impact"].as_f64()).sum();
        for replayed in [replayed, &other] {
            assert!((impact(replayed) - expected).abs() < 1e-6, "{} {expected}", impact(replayed));
        }
        if let (Some(one), Some(other)) = (&replayed.mongo, &other.mongo) {
            for collection in ["billing_daily", "billing_baseline"] {
                assert_eq!(one.dump()[collection], other.dump()[collection], "{collection}");
            }
            assert_ne!(one.documents("billing_restatements").len(), 0, "what was replaced is kept");
            assert_eq!(other.documents("billing_restatements").len(), 0);
        }
    });
}
