//! Unusable databases, archives and bills.

use costwarden_tests::three_services::{LAST, MINIMAL, plain, workdir, workdir_with_history};

/// Returns the error of a failing command.
#[track_caller]
fn failed(workdir: &costwarden_tests::Workdir, args: &[&str]) -> String {
    plain(workdir, &workdir.run(args).expect(2).stderr)
}

#[test]
fn a_database_that_is_none() {
    let workdir = workdir();
    workdir.write(
        "state/costwarden.redb",
        "this is no database, and long enough to have a header to look at: ".repeat(9).as_str(),
    );
    for args in [
        &["daily", "--date", "2026-11-22"][..],
        &["anomalies", "list"],
        &["daily", "--dry-run"],
        &["check", "--online"],
    ] {
        let told = failed(&workdir, args);
        assert!(told.contains("[workdir]/state/costwarden.redb: "), "{told}");
    }
    insta::assert_snapshot!(failed(&workdir, &["anomalies", "list"]), @"failed: [workdir]/state/costwarden.redb: I/O error: Not a redb database: magic number mismatch");
}

#[test]
fn a_folder_where_the_database_should_be() {
    let workdir = workdir();
    std::fs::create_dir_all(workdir.path().join("state/costwarden.redb")).expect("a folder");
    insta::assert_snapshot!(failed(&workdir, &["daily", "--date", "2026-11-22"]), @"failed: [workdir]/state/costwarden.redb: I/O error: Is a directory (os error 21)");
}

#[test]
fn an_address_that_is_none() {
    let workdir = workdir();
    let store = |uri: &str| MINIMAL.replace("kind = \"embedded\"", &format!("kind = \"mongodb\"\nuri = \"{uri}\""));
    workdir.write("costwarden.toml", &store("mongodb:/127.0.0.1"));
    insta::assert_snapshot!(failed(&workdir, &["anomalies", "list"]), @"failed: [store] uri is not a MongoDB connection string: An invalid argument was provided: connection string contains no scheme; expected mongodb://host:port or mongodb+srv://host");
    workdir.write("costwarden.toml", &store("mongodb://user:hunter2@127.0.0.1:notaport"));
    let told = failed(&workdir, &["anomalies", "list"]);
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @"failed: [store] uri is not a MongoDB connection string: An invalid argument was provided: invalid server address 127.0.0.1:notaport: the port must be an integer between 1 and 65535, got notaport; expected mongodb://host:port or mongodb+srv://host");
}

#[test]
fn a_day_that_is_not_in_the_tree() {
    let workdir = workdir();
    insta::assert_snapshot!(failed(&workdir, &["daily", "--date", "2026-11-23"]), @"failed: no raw document of 2026-11-23: expected [workdir]/bills/raw/year=2026/month=11/day=23/billing_20261123.json");
    insta::assert_snapshot!(failed(&workdir, &["backfill", "--from", "2026-11-23", "--to", "2026-11-24"]), @"failed: no raw document of 2026-11-24: expected [workdir]/bills/raw/year=2026/month=11/day=24/billing_20261124.json");
    insta::assert_snapshot!(failed(&workdir, &["daily", "--from", "2026-11-23", "--to", "2026-11-22"]), @"failed: the range from 2026-11-23 to 2026-11-22 has no day: --from must not be after --to");
    let key = "bills/raw/year=2026/month=11/day=23/billing_20261123.json";
    workdir.write(key, "{\"result\": {\"content\": {}}}");
    insta::assert_snapshot!(failed(&workdir, &["daily", "--date", "2026-11-23"]), @"failed: [workdir]/bills/raw/year=2026/month=11/day=23/billing_20261123.json is not a raw document: expected JSON with an array at result.content: invalid type: map, expected a sequence at line 1 column 23");
    workdir.write(key, "{\"result\": {\"content\": []}}");
    insta::assert_snapshot!(failed(&workdir, &["daily", "--date", "2026-11-23"]), @"failed: the bill of 2026-11-23 has no row yet: nothing was evaluated; run the job again after the provider has published the bill");
}

/// A raw document waits in the spool, the run continues, and the next run uploads it.
#[test]
fn an_archive_that_is_down() {
    let workdir = workdir_with_history();
    let archive = workdir.path().join("archive");
    std::fs::rename(&archive, workdir.path().join("elsewhere")).expect("renamed");
    workdir.write("archive", "a file where the folder was");
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(1);
    insta::assert_snapshot!(plain(&workdir, &run.stderr), @"degraded: cannot read [workdir]/archive/raw/year=2026/month=11/day=22/billing_20261122.json: Not a directory (os error 20); check that the folder exists, is writable and has space; the document is in the spool, and the next run uploads it");
    assert!(run.stdout.contains("[BILLING_ANOMALY]"), "{run:?}");

    std::fs::remove_file(&archive).expect("removed");
    std::fs::rename(workdir.path().join("elsewhere"), &archive).expect("renamed");
    let document = archive.join("raw/year=2026/month=11/day=22/billing_20261122.json");
    assert!(!document.exists());
    let run = workdir.run(&["hourly", "--at", "2026-11-22T23:10"]);
    assert!(run.code < 2 && document.exists(), "{run:?}");
}
