//! `archive prune` deletes expired documents and nothing else.

use jiff::civil::{Date, date};

use super::test_archive::TestArchive;
use costwarden_tests::replay::{self, Row, SeriesKey, after, key};
use costwarden_tests::{Workdir, repository};

/// A day far in the past of any clock.
const FIRST: Date = date(2020, 3, 1);
const DISK: SeriesKey = SeriesKey { ids: ["d", "p", "disk"], names: ["", "", ""] };

/// A working directory with three days and an hour, archived and stored. One of the days is restated.
fn workdir(archive: &TestArchive, lifecycle: &str) -> Workdir {
    let rules = repository().join("rules/tutorial");
    let workdir = Workdir::new(&format!(
        "{}{}[store]\nkind = \"embedded\"\n[rules]\ndirectory = {rules:?}\n",
        replay::source(),
        archive.table(lifecycle)
    ));
    archive.join(&workdir);
    for amount in ["1", "2"] {
        for index in 0..3 {
            let amount = if index == 1 { amount } else { "7" };
            replay::write(&workdir, "bills", after(FIRST, index), None, &[Row::of(DISK, amount)]);
        }
        workdir.run(&["daily", &format!("--from={FIRST}"), &format!("--to={}", after(FIRST, 2))]).expect(1);
    }
    replay::write(&workdir, "bills", after(FIRST, 1), Some(9), &[Row::of(DISK, "1")]);
    workdir.run(&["hourly", &format!("--at={}T09:10", after(FIRST, 1))]).expect(1);
    workdir
}

#[test]
fn expired_documents_are_listed_first_and_then_deleted() {
    for archive in TestArchive::all("prune") {
        let workdir = workdir(&archive, "");
        let before = archive.keys(&workdir);
        assert_eq!(before.len(), 5, "three days, a predecessor, an hour: {before:#?}");
        let near = format!("{}.bak", key(FIRST, None));
        let wrong_day = "raw/year=2020/month=03/day=01/billing_20200302.json";
        let others = [near.as_str(), wrong_day, "raw/notes.txt", "elsewhere/raw/x.json"];
        others.iter().for_each(|other| archive.put(&workdir, other, "not ours"));
        let all = archive.keys(&workdir);

        let third = after(FIRST, 2);
        let prune = format!("--before={third}");
        let shown = workdir.run(&["archive", "prune", &prune]).expect(0).stdout;
        assert!(shown.contains(&format!("4 documents of days before {third}, ")), "{shown}");
        assert!(shown.contains("would be deleted: delete them with --apply; 3 other files are left alone"), "{shown}");
        assert_eq!(archive.keys(&workdir), all, "they were only shown");

        let deleted = workdir.run(&["archive", "prune", &prune, "--apply", "--json"]).expect(0).json();
        let order: Vec<&str> = deleted.iter().map(|one| one["key"].as_str().expect("a key")).collect();
        assert_eq!(order.len(), 4, "{order:?}");
        let place_of = |wanted: &str| order.iter().position(|key| *key == wanted).expect("deleted");
        let predecessor = before.iter().find(|key| key.matches('.').count() == 2).expect("a predecessor");
        assert!(place_of(predecessor) < place_of(&key(after(FIRST, 1), None)), "{order:?}");
        let mut left: Vec<String> = others.iter().map(|other| (*other).to_owned()).chain([key(third, None)]).collect();
        left.sort();
        assert_eq!(archive.keys(&workdir), left);
        let again = workdir.run(&["archive", "prune", &prune, "--apply"]).expect(0).stdout;
        assert!(again.contains("0 documents"), "{again}");
        if matches!(archive, TestArchive::Folder) {
            assert!(!workdir.path().join("archive/raw/year=2020/month=03/day=02").exists(), "an empty folder is left");
        }

        // Without a day, what the policy says; then nothing is missed.
        let verified = workdir.run(&["archive", "verify", "--json"]).expect(0).json();
        assert_eq!((&verified[0]["expired"], &verified[0]["days"]), (&3.into(), &3.into()), "{verified:?}");
        let by_policy = workdir.run(&["archive", "prune", "--apply"]).expect(0).stdout;
        assert!(by_policy.starts_with(&key(third, None)), "{by_policy}");
        left.retain(|left| *left != key(third, None));
        assert_eq!(archive.keys(&workdir), left);
    }
}

#[test]
fn documents_that_may_be_restated_are_not_deleted() {
    let workdir = workdir(&TestArchive::Folder, "delete_after_days = 36500");
    let all = TestArchive::Folder.keys(&workdir);
    let run = workdir.run(&["archive", "prune", "--before=9000-01-01", "--apply"]).expect(2);
    assert!(
        run.stderr.contains("documents of the last 31 days; the provider still corrects these bills: expected "),
        "{run:?}"
    );
    let run = workdir.run(&["archive", "prune", "--apply"]).expect(0);
    assert!(run.stdout.starts_with("0 documents of days before 19"), "{run:?}");
    assert_eq!(TestArchive::Folder.keys(&workdir), all);
}
