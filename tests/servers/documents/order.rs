//! The order of rows and the page size have no influence on documents.

use std::collections::BTreeMap;
use std::path::Path;

use super::timeless;
use costwarden_tests::eight_services::{self, DAYS, EMBEDDED, FIRST, day};
use costwarden_tests::replay::{self, compact};
use costwarden_tests::{Simulator, Workdir, repository};

/// Path and bytes of every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).expect("read"));
        }
    }
    found
}

fn shown(workdir: &Workdir) -> [Vec<serde_json::Value>; 2] {
    [&["anomalies", "list", "--json"][..], &["series", "show", "--series=*/*/*", "--json"]]
        .map(|args| timeless(workdir.run_with(args, &[Simulator::ENV]).expect(0).json()))
}

#[test]
fn rows_in_another_order_are_the_same_bill() {
    let workdir = eight_services::workdir(EMBEDDED);
    for run in eight_services::runs() {
        workdir.run(&eight_services::texts(&run));
    }
    let (documents, archived) = (shown(&workdir), files(&workdir.path().join("archive")));
    assert_eq!(archived.len() as i64, DAYS + 2);

    let mut bills = eight_services::bills();
    for (index, rows) in bills.values_mut().enumerate() {
        rows.reverse();
        let places = rows.len();
        rows.rotate_left(index % places);
    }
    replay::write_all(&workdir, &bills);
    for hour in 9..11 {
        let mut rows = eight_services::today(hour);
        rows.reverse();
        replay::write(&workdir, "bills", day(DAYS), Some(hour), &rows);
    }
    for run in eight_services::runs() {
        let again = workdir.run(&[eight_services::texts(&run).as_slice(), &["--json"]].concat());
        let report = again.report();
        assert_eq!(report["counts"].get("archived"), None, "{report}");
    }
    assert_eq!(shown(&workdir), documents);
    assert!(files(&workdir.path().join("archive")) == archived, "a document was written again");

    // A workdir that has never seen the other order holds the same.
    let fresh = eight_services::workdir_of(EMBEDDED, "language = \"ko\"");
    replay::write_all(&fresh, &bills);
    for hour in 9..11 {
        replay::write(&fresh, "bills", day(DAYS), Some(hour), &eight_services::today(hour));
    }
    for run in eight_services::runs() {
        fresh.run(&eight_services::texts(&run));
    }
    assert_eq!(shown(&fresh), documents);
    let first = &replay::key(FIRST, None);
    let rows = |workdir: &Workdir| {
        let text = std::fs::read_to_string(workdir.path().join("archive").join(first)).expect("archived");
        replay::rows_of(&text)
    };
    let (mut one, mut other) = (rows(&workdir), rows(&fresh));
    assert_ne!(one, other, "rows stay in the order in which they came");
    one.sort();
    other.sort();
    assert_eq!(one, other);
}

#[test]
fn pages_of_another_size_are_the_same_bill() {
    let simulator = Simulator::start(&["--now=2026-11-23T10:10:00+09:00", "--services=40", "--days=30"]);
    let rules = repository().join("rules/tutorial");
    let config = |page_size: u32| {
        format!(
            "{}page_size = {page_size}\nmax_pages = 1000\n{EMBEDDED}[archive]\nkind = \"directory\"\n\
             directory = \"archive\"\n[rules]\ndirectory = {rules:?}\n",
            simulator.source()
        )
    };
    let workdir = Workdir::new(&config(10_000));
    let span = ["backfill", "--from=2026-10-25", "--to=2026-11-21", "--json"];
    let daily = ["daily", "--date=2026-11-22", "--json"];
    let report = |args: &[&str], workdir: &Workdir| -> serde_json::Value {
        workdir.run_with(args, &[Simulator::ENV]).expect(0).report()
    };
    let whole = [report(&span, &workdir), report(&daily, &workdir)];
    assert_eq!(whole[0]["counts"]["archived"], 28);
    let (documents, archived) = (shown(&workdir), files(&workdir.path().join("archive")));

    let plugins = costwarden_tests::plugins();
    workdir.write("costwarden.toml", &format!("language = \"en\"\n{}[plugins]\ndirectory = {plugins:?}\n", config(7)));
    let paged = [report(&span, &workdir), report(&daily, &workdir)];
    let calls = |reports: &[serde_json::Value; 2]| reports[1]["counts"]["calls"].as_u64().expect("calls");
    assert_eq!(calls(&whole), 2);
    assert!(calls(&paged) > 5, "{}", paged[1]);
    assert_eq!(paged[1]["counts"].get("archived"), None);
    assert_eq!(paged[1]["counts"]["rows"], whole[1]["counts"]["rows"]);
    assert_eq!(shown(&workdir), documents);
    assert!(files(&workdir.path().join("archive")) == archived, "a document was written again");
    assert!(
        archived
            .keys()
            .any(|path| path.ends_with(&format!("billing_{}.json", compact(jiff::civil::date(2026, 11, 22)))))
    );
}
