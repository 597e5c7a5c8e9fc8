//! Lasting changes, decisions of people about incidents, and a replayed history.

use mongodb::bson::{DateTime, doc};
use serde_json::Value;

use super::replayed_bill::{
    ReplayedBill, anomaly, count, day, empty_on_both, on_both, quiet, resolved, restated, retracted, tells, total,
};
use costwarden_tests::service;

fn new_level(from: i64, to: i64, before: &str, difference: &str) -> String {
    format!(
        "[BILLING_NEW_LEVEL] Virtual Machine of project acme/shop has a new level of 1500.00 KRW a day, which is the usual cost from now on. Before: {before} KRW a day, difference +{difference} KRW in 30 days. From {} to {}.",
        day(from),
        day(to)
    )
}

/// The id of an incident of one day, with a notification.
fn opened(replayed: &ReplayedBill) -> String {
    tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
    replayed.incident()["incident"].as_str().expect("an id").to_owned()
}

#[test]
fn a_change_that_lasts_is_told_as_the_new_level_once_and_learned() {
    on_both("accept_after_days = 4", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        tells(replayed.next(1, "1500"), 0, &[total(1, 1500)]);
        tells(replayed.next(2, "1500"), 0, &[total(2, 1500)]);
        tells(replayed.next(3, "1500"), 0, &[new_level(0, 3, "1000.00", "15000.00"), total(3, 1500)]);
        assert_eq!(replayed.incident()["state"], "new level");
        let report = tells(replayed.next(4, "1500"), 0, &[total(4, 1500)]);
        assert_eq!(count(&report, "anomalies"), 0, "it was learned: {report}");
        tells(replayed.daily(4), 0, &[]);
        assert_eq!(replayed.incident()["impact"], 2000.0);
    });
}

#[test]
fn a_new_level_that_a_correction_ends_is_over() {
    on_both("accept_after_days = 4", |replayed| {
        for index in 0..4 {
            replayed.next(index, "1500").expect(0);
        }
        assert_eq!(replayed.incident()["state"], "new level");
        replayed.bill(3, "1000");
        tells(replayed.next(4, "1000"), 0, &[restated(3, 1500, 1000), total(4, 1000)]);
        assert_eq!(replayed.incident()["state"], "over");
    });
}

#[test]
fn incidents_are_listed_and_shown() {
    on_both("", |replayed| {
        let id = opened(replayed);
        let text = |args: &[&str]| replayed.workdir.run(args).expect(0).stdout;
        let list = text(&["incidents", "list", "--open"]);
        assert!(list.contains(&id[..13]) && list.contains("acme / shop") && list.contains("+500\n"), "{list}");
        let show = text(&["incidents", "show", &id]);
        for part in [
            "state      open",
            "rules      tutorial",
            "impact     500 KRW more than expected on 1 anomalous day",
            "notified   ",
            "anomalies  1",
        ] {
            assert!(show.contains(part), "{part}: {show}");
        }
        let shown = replayed.workdir.run(&["incidents", "show", &id, "--json"]).expect(0).report();
        assert_eq!(
            (&shown["incident"], &shown["anomalies"][0]["observedAmount"]),
            (&id.as_str().into(), &1500.0.into())
        );

        tells(replayed.next(1, "1010"), 0, &[resolved(0, 0, "500"), total(1, 1010)]);
        let open = replayed.workdir.run(&["incidents", "list", "--open", "--json"]).expect(0);
        assert_eq!(open.json(), Vec::<Value>::new());
        assert_eq!(replayed.incident()["state"], "over");
    });
}

#[test]
fn an_incident_that_is_expected_is_closed_for_good_and_never_learned() {
    on_both("", |replayed| {
        let id = opened(replayed);
        let said =
            replayed.workdir.run(&["incidents", "accept", &id, "--once", "--as=kim", "--note=a load test"]).expect(0);
        assert_eq!(said.stdout.trim_end(), format!("incident {id} is closed as expected"));
        tells(replayed.next(1, "1500"), 0, &[total(1, 1500)]);
        // A correction changes what it came to, and not what was said of it.
        replayed.bill(0, "1490");
        let report = tells(replayed.next(2, "1000"), 0, &[total(2, 1000)]);
        assert_eq!(count(&report, "restated_days"), 1, "{report}");
        let incident = replayed.incident();
        assert_eq!((&incident["state"], &incident["impact"]), (&"expected".into(), &990.0.into()), "{incident}");
        let decision = &incident["history"][0];
        assert_eq!((&decision["author"], &decision["note"]), (&"kim".into(), &"a load test".into()), "{decision}");
        let later = replayed.next(6, "1500");
        let report = later.expect(1).report();
        assert_eq!(report["anomalies"][0]["expected"], 1000.0, "nothing of it was learned: {report}");
        // Nothing is left of it, and it stays what somebody said it was.
        for index in 0..2 {
            replayed.bill(index, "1000");
        }
        replayed.daily(6).expect(1);
        let states: Vec<_> = replayed.incidents().into_iter().map(|one| one["state"].clone()).collect();
        assert_eq!(states, ["expected", "open"]);
    });
}

#[test]
fn an_incident_that_is_the_new_level_is_told_as_such_and_learned() {
    on_both("", |replayed| {
        let id = opened(replayed);
        replayed.workdir.run(&["incidents", "accept", &id]).expect(0);
        tells(replayed.next(1, "1500"), 0, &[new_level(0, 1, "1008.62", "14741.38"), total(1, 1500)]);
        replayed.bill(0, "1490");
        tells(replayed.next(2, "1500"), 0, &[total(2, 1500)]);
        assert_eq!(replayed.incident()["state"], "new level");
        // 28 days of 1000 and three of 1490 and 1500.
        let report = tells(replayed.next(3, "1500"), 0, &[total(3, 1500)]);
        assert_eq!(report["anomalies"].as_array().map(Vec::len), Some(1), "{report}");
        let expected = report["anomalies"][0]["expected"].as_f64().expect("an amount");
        assert!((expected - (28_000.0 + 4_490.0) / 31.0).abs() < 1e-9, "{expected}");
        assert_eq!(replayed.incidents().len(), 1);
    });
}

#[test]
fn an_incident_that_cannot_be_accepted_is_refused_with_a_reason() {
    on_both("", |replayed| {
        let id = opened(replayed);
        for command in ["show", "accept"] {
            let run = replayed.workdir.run(&["incidents", command, "20261019-nothing"]).expect(2);
            let expected = "there is no incident 20261019-nothing: costwarden incidents list names all incidents";
            assert!(run.stderr.contains(expected), "{run:?}");
        }
        tells(replayed.next(0, "1000"), 0, &[retracted(0)]);
        let run = replayed.workdir.run(&["incidents", "accept", &id]).expect(2);
        let expected =
            format!("incident {id} was taken back, since the bill was corrected: there is nothing to decide");
        assert!(run.stderr.contains(&expected), "{run:?}");
        assert_eq!(replayed.incident()["state"], "retracted");
    });
}

#[test]
fn accepting_waits_for_the_write_lease() {
    for replayed in empty_on_both("[lease]\nwait_seconds = 0") {
        let Some(mongo) = &replayed.mongo else { continue };
        replayed.load();
        let id = opened(&replayed);
        let lease = |until: DateTime| {
            mongo.run(async |database| {
                let update = doc! { "$set": { "owner": "another:1:0", "leaseUntil": until, "wantedUntil": null } };
                let writer = doc! { "job": "writer", "period": "all" };
                let runs = database.collection::<mongodb::bson::Document>("job_runs");
                assert_eq!(runs.update_one(writer, update).await.expect("updated").matched_count, 1);
            });
        };
        lease(DateTime::MAX);
        let run = replayed.workdir.run(&["incidents", "accept", &id]).expect(2);
        assert!(run.stderr.contains("another:1:0 holds it"), "{run:?}");
        assert_eq!(replayed.incident()["state"], "open");
        lease(DateTime::from_millis(0));
        replayed.workdir.run(&["incidents", "accept", &id]).expect(0);
        assert_eq!(replayed.incident()["state"], "new level");
        // And gives it back.
        tells(replayed.next(1, "1500"), 0, &[new_level(0, 1, "1008.62", "14741.38"), total(1, 1500)]);
    }
}

#[test]
fn history_that_is_played_again_pages_nobody() {
    on_both("", |replayed| {
        for index in 0..4 {
            tells(replayed.next(index, "1000"), 0, &[total(index, 1000)]);
        }
        replayed.bill(0, "1500");
        replayed.bill(1, "1600");
        let (zero, one) = (format!("--date={}", day(0)), format!("--to={}", day(1)));
        let from = format!("--from={}", day(0));
        for args in [
            ["daily", &zero, "--json"].as_slice(),
            &["daily", &from, &one, "--json"],
            &["backfill", &from, &one, "--json"],
        ] {
            let report = tells(replayed.workdir.run(args), 0, &[]);
            assert_ne!(count(&report, "anomalies"), 0, "{report}");
        }
        let muted: Vec<_> = replayed.incidents().into_iter().map(|one| one["muted"].clone()).collect();
        assert_eq!(muted, [true]);
        tells(replayed.next(4, "1000"), 0, &[total(4, 1000)]);
    });
}

#[test]
fn an_open_backfill_that_was_interrupted_goes_on_where_it_was() {
    for replayed in empty_on_both("") {
        for index in -28..0 {
            replayed.bill(index, quiet(index));
        }
        let broken = format!("bills/{}", costwarden_tests::replay::key(day(-12), None));
        replayed.workdir.write(&broken, "{");
        let from = format!("--from={}", day(-28));
        let args = ["backfill", from.as_str(), "--json"];
        let report = replayed.workdir.run(&args).expect(2).report();
        assert_eq!(count(&report, "resumed_after_days"), 0, "{report}");
        if let Some(mongo) = &replayed.mongo {
            let runs = mongo.documents("job_runs");
            let run = runs.iter().find(|run| run.get_str("job") == Ok("backfill")).expect("a record");
            assert_eq!(run.get_str("period"), Ok("20260921-"), "it does not hang on the day of asking: {run}");
        }
        replayed.bill(-12, quiet(-12));
        // Days after the last bill are reported as missing.
        let report = replayed.workdir.run(&args).expect(1).report();
        assert_eq!(count(&report, "resumed_after_days"), 16, "{report}");
        assert_eq!(replayed.machine(-28, &[]).len(), 28);
        let report = replayed.workdir.run(&args).expect(1).report();
        assert_eq!(count(&report, "resumed_after_days"), 0, "once it is done, it is done anew: {report}");
    }
}

#[test]
fn an_open_backfill_that_goes_on_another_day_ends_where_it_had_begun_to() {
    let Some(faketime) = service("COSTWARDEN_TEST_FAKETIME") else { return };
    for replayed in empty_on_both("[lease]\nseconds = 5\n") {
        for index in -28..=1 {
            replayed.bill(index, quiet(index));
        }
        let from = format!("--from={}", day(-28));
        let at = |index: i64, rehearsal: &[(&str, &str)]| {
            let moment = format!("@{} 01:00:00", day(index));
            let clock = [("LD_PRELOAD", faketime.as_str()), ("FAKETIME", &moment), ("TZ", "UTC")];
            let env = [&clock[..], &[("FAKETIME_DONT_FAKE_MONOTONIC", "1")], rehearsal].concat();
            replayed.workdir.run_with(&["backfill", &from, "--json"], &env)
        };
        let died = at(0, &[("COSTWARDEN_FAILPOINT", "kill:written:12")]);
        assert_eq!(died.code, -1, "{died:?}");
        let report = at(1, &[]).expect(0).report();
        assert_eq!(
            (&report["period"], count(&report, "resumed_after_days")),
            (&"20260921-20261018".into(), 8),
            "{report}"
        );
        assert_eq!(replayed.machine(-28, &[]).len(), 28);
        let report = at(1, &[]).expect(0).report();
        assert_eq!(report["period"], "20260921-20261019", "the next one is another: {report}");
        assert_eq!(replayed.machine(-28, &[]).len(), 29);
    }
}
