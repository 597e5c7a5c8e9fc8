//! A repeated job: the same documents except timestamps, and no duplicate notification.

use serde_json::Value;

use super::{timeless, told};
use costwarden_tests::Workdir;
use costwarden_tests::eight_services::{self, DAYS, EMBEDDED, FIRST, HISTORY, MACHINE, day};
use costwarden_tests::mongo::{Dump, Mongo, assert_same};
use costwarden_tests::replay::compact;

/// The store's contents according to the command line.
fn shown(workdir: &Workdir) -> [Vec<Value>; 2] {
    [&["anomalies", "list", "--json"][..], &["series", "show", "--series=*/*/*", "--json"]]
        .map(|args| timeless(workdir.json(args)))
}

/// Removes the run records: their counts depend on earlier runs.
fn without_runs(mut dump: Dump) -> Dump {
    dump.remove("job_runs").expect("records of the runs");
    dump
}

#[test]
fn a_second_run_changes_no_document_in_mongodb() {
    let Some(mongo) = Mongo::new() else { return };
    let workdir = eight_services::workdir(&mongo.store());
    for run in eight_services::runs() {
        let args = [eight_services::texts(&run).as_slice(), &["--json"]].concat();
        let first = workdir.run(&args);
        let documents = mongo.dump();
        let second = workdir.run(&args).expect(first.code);
        assert_same(&documents, &mongo.dump(), &format!("{run:?}"));
        assert_eq!(told(&second), Vec::<&str>::new(), "{run:?}");
    }
    assert_eq!(mongo.documents("billing_hourly").len(), 3, "the runs had something to leave");
    let hours: Vec<_> = mongo.documents("billing_anomalies").iter().map(|found| found.get("hour").cloned()).collect();
    assert_eq!(hours.iter().filter(|hour| **hour == Some(10.into())).count(), 1, "{hours:?}");

    // And all of them once more, from the first to the last: each now meets what the later ones left.
    let documents = without_runs(mongo.dump());
    for run in eight_services::runs() {
        let again = workdir.run(&[eight_services::texts(&run).as_slice(), &["--json"]].concat());
        assert_eq!(told(&again), Vec::<&str>::new(), "{run:?}");
        assert_same(&documents, &without_runs(mongo.dump()), &format!("{run:?}"));
    }
}

#[test]
fn a_second_run_changes_no_document_in_the_embedded_store() {
    let workdir = eight_services::workdir(EMBEDDED);
    for run in eight_services::runs() {
        let args = [eight_services::texts(&run).as_slice(), &["--json"]].concat();
        let first = workdir.run(&args);
        let documents = shown(&workdir);
        let second = workdir.run(&args).expect(first.code);
        assert_eq!(shown(&workdir), documents, "{run:?}");
        assert_eq!(told(&second), Vec::<&str>::new(), "{run:?}");
    }
    let [anomalies, days] = shown(&workdir);
    assert_eq!(anomalies.len(), 10, "{anomalies:#?}");
    assert_eq!(days.len(), 6 * 35 + 25 + 28);
    for run in eight_services::runs() {
        workdir.run(&eight_services::texts(&run));
    }
    assert_eq!(shown(&workdir), [anomalies, days]);
}

#[test]
fn an_older_day_that_is_done_again_unlearns_nothing() {
    let Some(mongo) = Mongo::new() else { return };
    let workdir = eight_services::workdir(&mongo.store());
    for run in eight_services::runs() {
        workdir.run(&eight_services::texts(&run));
    }
    let documents = without_runs(mongo.dump());
    let fitted = |rules: &mongodb::bson::Document| {
        rules.get_document("tutorial").and_then(|rule| rule.get_str("fittedThrough")).map(str::to_owned)
    };
    let machine = |document: &&mongodb::bson::Document| document.get_str("serviceId") == Ok(MACHINE.ids[2]);
    let baseline = documents["billing_baseline"].iter().find(machine).expect("a baseline");
    assert_eq!(fitted(baseline.get_document("rules").expect("rules")), Ok(compact(day(DAYS - 1))));

    let again = ["daily", &format!("--date={}", day(HISTORY + 1))];
    workdir.run(&again).expect(0);
    assert_same(&documents, &without_runs(mongo.dump()), "a day of the week");
    let again = ["backfill", &format!("--from={FIRST}"), &format!("--to={}", day(21))];
    workdir.run(&again).expect(0);
    assert_same(&documents, &without_runs(mongo.dump()), "three weeks of the history");
}

#[test]
fn an_hour_that_is_done_again_after_its_day_keeps_what_it_found() {
    // Its bill has three series of eight.
    let workdir = eight_services::workdir(&format!("[completeness]\nmin_series_ratio = 0\n{EMBEDDED}"));
    for run in eight_services::runs() {
        workdir.run(&eight_services::texts(&run));
    }
    costwarden_tests::replay::write(&workdir, "bills", day(DAYS), None, &eight_services::today(11));
    workdir.run(&["daily", &format!("--date={}", day(DAYS))]).expect(0);
    let documents = shown(&workdir);
    let found: Vec<_> = documents[0].iter().filter(|found| found["date"] == compact(day(DAYS)).as_str()).collect();
    assert_eq!(found.iter().map(|found| &found["hour"]).collect::<Vec<_>>(), [&Value::Null, &Value::from(10)]);
    let again = workdir.run(&["hourly", &format!("--at={}T10:10", day(DAYS)), "--json"]).expect(1);
    assert_eq!(shown(&workdir), documents);
    assert_eq!(told(&again), Vec::<&str>::new());
}
