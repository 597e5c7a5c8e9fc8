//! `archive verify`: missing and differing documents, with amounts.

use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use super::test_archive::TestArchive;
use costwarden_tests::eight_services::{self, DAYS, EDGE, MACHINE, day};
use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::{self, compact, key};
use costwarden_tests::{Run, Workdir, repository};

/// Keeps the bills, regardless of their age.
const FOR_EVER: &str = "delete_after_days = 36500";

fn workdir(archive: &TestArchive, store: &str) -> Workdir {
    let rules = repository().join("rules/tutorial");
    let source = replay::source();
    let workdir = Workdir::new(&format!("{source}{store}{}[rules]\ndirectory = {rules:?}\n", archive.table(FOR_EVER)));
    archive.join(&workdir);
    replay::write_all(&workdir, &eight_services::bills());
    for hour in 9..11 {
        replay::write(&workdir, "bills", day(DAYS), Some(hour), &eight_services::today(hour));
    }
    for run in eight_services::runs() {
        assert!(workdir.run(&eight_services::texts(&run)).code < 2);
    }
    workdir
}

/// Changes the only document that matches.
fn update(mongo: &Mongo, collection: &str, which: Document, change: Document) {
    let updated = mongo.run(async |database| {
        database.collection::<Document>(collection).update_one(which, change).await.expect("updated")
    });
    assert_eq!(updated.matched_count, 1);
}

/// Removes the only document that matches.
fn delete(mongo: &Mongo, collection: &str, which: Document) {
    let deleted = mongo
        .run(async |database| database.collection::<Document>(collection).delete_one(which).await.expect("deleted"));
    assert_eq!(deleted.deleted_count, 1);
}

/// The differences and the number of comparisons.
#[track_caller]
fn verify(workdir: &Workdir, args: &[&str], code: i32) -> (Vec<Value>, Value) {
    let run: Run = workdir.run(&[&["archive", "verify", "--json"], args].concat()).expect(code);
    let mut lines = run.json();
    let summary = lines.pop().expect("a summary");
    assert_eq!(summary["differences"], lines.len(), "{summary}");
    (lines, summary)
}

#[test]
fn every_difference_is_named() {
    for archive in TestArchive::all("verify") {
        let Some(mongo) = Mongo::new() else { return };
        let workdir = workdir(&archive, &mongo.store());
        let (found, summary) = verify(&workdir, &[], 0);
        assert_eq!(found, Vec::<Value>::new());
        assert_eq!((&summary["days"], &summary["hours"]), (&35.into(), &2.into()), "{summary}");

        // One of each kind. The document with its rows in another order, or with other metadata, is none.
        archive.remove(&workdir, &key(day(3), None));
        archive.put(&workdir, &key(day(5), None), "{\"result\":");
        let body = archive.read(&workdir, &key(day(7), None));
        archive.put(
            &workdir,
            &key(day(7), None),
            &body.replace("\"usageSize\":0.1", "\"usageSize\":0.10000000000000001"),
        );
        let body = archive.read(&workdir, &key(day(9), None));
        let rows = body.split_once("]},\"_metadata\"").expect("metadata").0.to_owned();
        archive.put(&workdir, &key(day(9), None), &format!("{rows}]}}}}"));
        archive.put(&workdir, &key(day(DAYS), None), &body);
        archive.put(&workdir, &key(day(DAYS), Some(11)), &body);
        archive.remove(&workdir, &key(day(DAYS), Some(10)));
        let of = |index: i64, series_key: costwarden_tests::replay::SeriesKey| {
            let [account, project, service] = series_key.ids;
            doc! {"date": compact(day(index)), "domainId": account, "projectId": project, "serviceId": service}
        };
        let ledger = "billing_daily";
        update(&mongo, ledger, of(11, MACHINE), doc! {"$inc": {"expectAmount": 0.01}});
        delete(&mongo, ledger, of(13, EDGE));
        let more = doc! {"date": compact(day(15)), "domainId": "d", "projectId": "p", "serviceId": "more", "expectAmount": 1.5,
        "pricingType": null};
        mongo.insert(ledger, &[more]);
        update(&mongo, "billing_hourly", of(DAYS, MACHINE), doc! {"$set": {"hours.09": 41.0}});

        let (found, summary) = verify(&workdir, &[], 1);
        let at = |index: i64| compact(day(index));
        let machine = "d-1/p-1/vm";
        let expected = [
            json!({"date": at(3), "hour": null, "what": "not archived"}),
            json!({"date": at(5), "hour": null, "what": "unreadable", "why": "EOF while parsing a value at line 1 column 10"}),
            json!({"date": at(7), "hour": null, "what": "amount", "series": machine, "field": "usage-quantity",
                "ledger": 0.3, "archive": 0.30000000000000004}),
            json!({"date": at(11), "hour": null, "what": "amount", "series": machine, "field": "billed-cost",
                "ledger": found[3]["ledger"], "archive": found[3]["archive"]}),
        ];
        assert_eq!(found[..4], expected);
        let difference =
            found[3]["ledger"].as_f64().expect("a number") - found[3]["archive"].as_f64().expect("a number");
        assert!((difference - 0.01).abs() < 1e-9, "{}", found[3]);
        // A series that one of the two does not know: one line for each amount of it.
        let lines_of = |index: i64| found.iter().filter(move |one| one["date"] == compact(day(index)));
        let known: Vec<_> = lines_of(13).map(|one| (&one["series"], &one["ledger"])).collect();
        assert_eq!(known, vec![(&json!("d-2/p-9/edge"), &Value::Null); 5]);
        let known: Vec<_> = lines_of(15).map(|one| (&one["series"], &one["ledger"], &one["archive"])).collect();
        assert_eq!(known, [(&json!("d/p/more"), &json!(1.5), &Value::Null)]);
        let today: Vec<_> = lines_of(DAYS).map(|one| (&one["hour"], &one["what"])).collect();
        let (nine, ten, eleven) = (json!(9), json!(10), json!(11));
        let (amount, gone, new) = (json!("amount"), json!("not archived"), json!("not in the ledger"));
        assert_eq!(today, [(&Value::Null, &new), (&nine, &amount), (&ten, &gone), (&eleven, &new)]);
        assert_eq!(summary["differences"], 4 + 5 + 1 + 4, "{found:#?}");

        let (found, _) = verify(&workdir, &[&format!("--from={}", day(4)), &format!("--to={}", day(6))], 1);
        assert_eq!(found, expected[1..2]);
        let all = workdir.run(&["archive", "verify"]).expect(1).stdout;
        assert!(
            all.contains("restore missing days from the archive") && all.contains("`costwarden archive rebuild`"),
            "{all}"
        );
        let text = workdir.run(&["archive", "verify", &format!("--to={}", day(7))]).expect(1).stdout;
        assert!(!text.contains("archive rebuild"), "nothing is lacking there: {text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("{}: the ledger has it, the archive has no document of it", day(3)));
        assert_eq!(
            lines[2],
            format!("{} {machine}: usage-quantity is 0.3 in the ledger, 0.30000000000000004 in the archive", day(7))
        );
        assert_eq!(lines[3].split(';').next(), Some("8 days and 0 hours compared, 3 differences"));
    }
}

#[test]
fn a_store_or_an_archive_that_is_away_is_no_agreement() {
    let workdir = workdir(&TestArchive::Folder, eight_services::EMBEDDED);
    verify(&workdir, &[], 0);
    std::fs::remove_dir_all(workdir.path().join("archive")).expect("removed");
    let (found, _) = verify(&workdir, &[], 1);
    assert_eq!(found.len(), 37, "35 days and 2 hours");
    workdir.write("archive", "a file in its place");
    let run = workdir.run(&["archive", "verify"]).expect(2);
    assert!(run.stderr.contains("cannot read") && run.stderr.contains("check that the folder exists"), "{run:?}");
}
