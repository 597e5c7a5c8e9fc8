//! An unreachable database, and a database of a newer version.

use mongodb::bson::{Document, doc};

use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay;
use costwarden_tests::{Workdir, repository};

#[test]
fn a_mongod_that_cannot_be_reached_is_named_without_its_credentials() {
    // Bound and let go: nobody listens there.
    let address = format!("127.0.0.1:{}", costwarden_tests::free_port());
    let rules = repository().join("rules/tutorial");
    let workdir = Workdir::new(&format!(
        "{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"mongodb\"\n\
         uri = \"env:BILLING_DB\"\n[rules]\ndirectory = {rules:?}\n",
        replay::source()
    ));
    let uri = format!("mongodb://keeper:hunter2@{address}/?serverSelectionTimeoutMS=700&connectTimeoutMS=500");
    let commands: [&[&str]; 4] = [
        &["daily", "--date=2026-11-22"],
        &["hourly", "--at=2026-11-23T10:10"],
        &["backfill", "--from=2026-11-01", "--to=2026-11-22"],
        &["anomalies", "list"],
    ];
    for command in commands {
        let run = workdir.run_with(command, &[("BILLING_DB", &uri)]).expect(2);
        let said = format!("{}{}", run.stdout, run.stderr);
        let expected = format!("no MongoDB server answered at {address} within 0.7 s");
        assert!(said.contains(&expected), "{said}");
        assert!(said.contains("[store] uri"), "{said}");
        assert!(said.contains("Connection refused"), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("keeper"), "{said}");
    }
    assert!(!workdir.path().join("archive").exists(), "nothing was begun");
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_both_formats() {
    let Some(mongo) = Mongo::new() else { return };
    let workdir = Workdir::new(&format!(
        "{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{}",
        replay::source(),
        mongo.store()
    ));
    let daily = || workdir.run(&["daily", "--date=2026-11-22"]).expect(2).stderr;
    assert!(!daily().contains("has format"), "the first run records the format");
    mongo.run(async |database| {
        let newer = doc! { "$set": { "format": 999_i64 } };
        let installation = database.collection::<Document>("billing_installation");
        assert_eq!(installation.update_one(doc! {}, newer).await.expect("updated").matched_count, 1);
    });
    let said = daily();
    assert!(said.contains("has format 999, and this version of costwarden knows formats up to "), "{said}");
    assert!(said.contains("install the version that wrote the database"), "{said}");
}
