//! `archive rebuild`: an empty database gets the same documents from the archive as from the jobs.

use mongodb::bson::Document;

use super::test_archive::TestArchive;
use costwarden_tests::eight_services::{self, DAYS, EMBEDDED, day};
use costwarden_tests::mongo::{Dump, Mongo, assert_same};
use costwarden_tests::replay::{self, Row};
use costwarden_tests::rules::OF_OTHER_KINDS;
use costwarden_tests::{Workdir, repository};

/// Six and a half weeks: a history at once, a week day by day, the hours of a runaway, the day after, and restatements
/// in between.
fn live(workdir: &Workdir) {
    replay::write_all(workdir, &eight_services::bills());
    let hours = |index: i64, hours: std::ops::Range<u8>, ahead: u8| {
        for hour in hours {
            replay::write(workdir, "bills", day(index), Some(hour), &eight_services::today(hour + ahead));
            assert!(workdir.run(&["hourly", &format!("--at={}T{hour:02}:10", day(index))]).code < 2);
        }
    };
    let daily = |index: i64| assert!(workdir.run(&["daily", &format!("--date={}", day(index))]).code < 2);
    let runs = eight_services::runs();
    for run in &runs[..5] {
        assert!(workdir.run(&eight_services::texts(run)).code < 2, "{run:?}");
    }
    // The day of an incident was not so dear after all, and one of the history was.
    let mut bills = eight_services::bills();
    for (index, factor) in [(30, "101"), (20, "300")] {
        let rows = bills.get_mut(&day(index)).expect("a day");
        rows.retain(|row| row.series_key != eight_services::MACHINE);
        rows.push(Row::of(eight_services::MACHINE, factor));
        replay::write(workdir, "bills", day(index), None, rows);
        // And all after it, which are judged by it.
        let span = [format!("--from={}", day(index)), format!("--to={}", day(31))];
        assert!(workdir.run(&["daily", &span[0], &span[1]]).code < 2);
    }
    for index in 32..DAYS {
        hours(index, 9..11, 0);
        daily(index);
    }
    hours(DAYS, 9..11, 0);
    // An hour that was fetched twice, and saw more the second time.
    let more = [eight_services::today(10), vec![Row::of(eight_services::FREE, "12.5")]].concat();
    replay::write(workdir, "bills", day(DAYS), Some(10), &more);
    assert!(workdir.run(&["hourly", &format!("--at={}T10:50", day(DAYS))]).code < 2);
    let mut rows = eight_services::bills().remove(&day(DAYS - 1)).expect("a day");
    rows.retain(|row| row.series_key != eight_services::MACHINE);
    rows.push(Row::of(eight_services::MACHINE, "510"));
    replay::write(workdir, "bills", day(DAYS), None, &rows);
    daily(DAYS);
    // It has cost at nine what other days had at twelve.
    hours(DAYS + 1, 9..12, 3);
}

fn workdir(archive: &TestArchive, store: &str, source: &str) -> Workdir {
    let workdir = Workdir::new(&format!("{source}{store}{}[rules]\ndirectory = \"rules\"\n{LEASE}", archive.table("")));
    let tutorial = std::fs::read_to_string(repository().join("rules/tutorial/tutorial.toml")).expect("rules");
    workdir.write("rules/all.toml", &format!("{tutorial}{OF_OTHER_KINDS}"));
    archive.join(&workdir);
    workdir
}

/// A short lease: the rebuild waits for the lease of the killed one.
const LEASE: &str = "[lease]\nseconds = 2\nwait_seconds = 120\n";

const ARCHIVE: &str = "[source]\naccount = \"suite\"\nkind = \"archive\"\n";

/// Removes the run records and notifications, unknown to a rebuild.
fn derived(mut dump: Dump) -> Dump {
    for of_runs in ["job_runs", "billing_notifications"] {
        dump.remove(of_runs);
    }
    for incident in dump.get_mut("billing_incidents").into_iter().flatten() {
        for told in ["muted", "explained", "suppressedBy", "deliveries"] {
            assert!(incident.remove(told).is_some(), "{incident}");
        }
    }
    dump.values_mut().for_each(|documents| documents.sort_by_cached_key(|document: &Document| document.to_string()));
    dump
}

#[test]
fn a_database_is_rebuilt_out_of_a_bucket_to_equal_documents() {
    let Some(archive) =
        TestArchive::all("rebuild").into_iter().find(|archive| matches!(archive, TestArchive::Bucket(_)))
    else {
        return;
    };
    let (Some(first), Some(second)) = (Mongo::new(), Mongo::new()) else { return };
    let original = workdir(&archive, &first.store(), replay::source());
    live(&original);
    let before = derived(first.dump());
    for (collection, least) in
        [("billing_anomalies", 10), ("billing_incidents", 3), ("billing_hourly", 6), ("billing_baseline", 8)]
    {
        assert!(before[collection].len() >= least, "{collection}: {}", before[collection].len());
    }
    let rules = |found: &Document| (found.get_str("ruleId").expect("a rule").to_owned(), found.get("hour").cloned());
    let found: Vec<_> = before["billing_anomalies"].iter().map(rules).collect();
    for rule in ["tutorial", "by-hour", "account", "level"] {
        assert!(found.iter().any(|(of, _)| of == rule), "{rule} found nothing: {found:?}");
    }
    let keys = archive.keys(&original);
    assert_eq!(keys.iter().filter(|key| key.matches('.').count() == 2).count(), 3, "predecessors: {keys:#?}");

    // Nothing but the bucket: another workdir, without bills or state.
    let rebuilt = workdir(&archive, &second.store(), ARCHIVE);
    let run = rebuilt.run(&["archive", "rebuild", "--json"]);
    let report = run.report();
    assert!(run.code < 2 && !run.stderr.contains("[BILLING_"), "{run:?}");
    assert_eq!((&report["counts"]["days"], &report["counts"]["hours"]), (&38.into(), &12.into()), "{report}");
    assert_same(&before, &derived(second.dump()), "rebuilt");
    assert_eq!(archive.keys(&original), keys, "the archive is as it was");
    rebuilt.run(&["archive", "verify"]).expect(0);
    let muted = second.documents("billing_incidents").iter().all(|incident| incident.get_bool("muted") == Ok(true));
    assert!(muted, "nobody is told of what is rebuilt");
    let mut runs = second.documents("job_runs");
    // The document `writer` is the write lease and not a run.
    runs.retain(|run| run.get_str("job") != Ok("writer"));
    assert_eq!(runs.iter().map(|run| run.get_str("job").expect("a job")).collect::<Vec<_>>(), ["rebuild"]);

    for step in ["written:2", "anomalies:20", "writing:60", "training", "training:3", "notified:50", "finished"] {
        goes_on_after(step, &archive, &before);
    }

    let refused = rebuilt.run(&["archive", "rebuild"]).expect(2);
    assert!(refused.stderr.contains("the database is not empty (it holds billing_daily, "), "{refused:?}");
    assert!(refused.stderr.contains("drop this one first"), "{refused:?}");
    assert_same(&before, &derived(second.dump()), "refused");
}

/// Kills a rebuild at a step and runs the rebuild again.
fn goes_on_after(step: &str, archive: &TestArchive, expected: &Dump) {
    let Some(mongo) = Mongo::new() else { return };
    let workdir = workdir(archive, &mongo.store(), ARCHIVE);
    let died = workdir.run_with(&["archive", "rebuild"], &[("COSTWARDEN_FAILPOINT", &format!("kill:{step}"))]);
    assert_eq!(died.code, -1, "{step}: {died:?}");
    let other = workdir.run(&["daily", &format!("--date={}", day(3))]).expect(2);
    assert!(other.stderr.contains("the database is only partly rebuilt"), "{step}: {other:?}");
    let run = workdir.run(&["archive", "rebuild", "--json"]);
    let report = run.report();
    assert!(run.code < 2, "{step}: {run:?}");
    let again = report["counts"].get("resumed_after_documents").and_then(serde_json::Value::as_u64);
    assert!(again.is_some_and(|documents| documents > 0), "{step}: {report}");
    assert_same(expected, &derived(mongo.dump()), step);
    workdir.run(&["archive", "rebuild"]).expect(2);
}

/// Writes a raw document to an archive folder, as fetched at midnight some days later.
fn keep(workdir: &Workdir, index: i64, rows: &[Row], fetched_on: i64, predecessor: &str) {
    replay::write(workdir, "archive", day(index), None, rows);
    let path = workdir.path().join("archive").join(replay::key(day(index), None));
    let text = std::fs::read_to_string(&path).expect("a document");
    let metadata = format!(",\"_metadata\":{{\"fetchedAt\":\"{}T00:00:00+09:00\"}}}}", day(fetched_on));
    let name = path.to_str().expect("UTF-8").replace(".json", &format!("{predecessor}.json"));
    std::fs::remove_file(&path).expect("moved");
    std::fs::write(name, format!("{}{metadata}", text.strip_suffix('}').expect("an object"))).expect("written");
}

/// Rebuilds the days up to `through`, each fetched after its end. `others` are exceptions.
fn rebuilt_of(through: i64, others: &[(i64, &[Row], i64, &str)], code: i32) -> Option<Dump> {
    let mongo = Mongo::new()?;
    let workdir = workdir(&TestArchive::Folder, &mongo.store(), ARCHIVE);
    for (other, rows, fetched_on, predecessor) in others {
        keep(&workdir, *other, rows, *fetched_on, predecessor);
    }
    for index in (0..=through).filter(|index| others.iter().all(|(other, ..)| other != index)) {
        keep(&workdir, index, &eight_services::bills()[&day(index)], index + 1, "");
    }
    workdir.run(&["archive", "rebuild"]).expect(code);
    Some(derived(mongo.dump()))
}

#[test]
fn half_a_day_waits_as_the_daily_job_waited() {
    let half = [Row::of(eight_services::MACHINE, "100"), Row::of(eight_services::DISK, "50")];
    let whole = &eight_services::bills()[&day(25)][..];
    let of_day = |dump: &Dump, index: i64| {
        let date = day(index).strftime("%Y%m%d").to_string();
        dump["billing_daily"].iter().filter(|one| one.get_str("date") == Ok(&*date)).count()
    };
    // It was made whole two days later.
    let pair: [(i64, &[Row], i64, &str); 2] = [(25, &half, 26, ".0123456789ab"), (25, whole, 28, "")];
    let (Some(waited), Some(late)) = (rebuilt_of(30, &pair, 0), rebuilt_of(30, &pair[1..], 0)) else { return };
    assert_same(&late, &waited, "made whole");
    assert!(of_day(&waited, 25) > 5 && waited.get("billing_restatements").is_none_or(Vec::is_empty));

    // It stayed as it was, until no correction was waited for any more.
    let waits = rebuilt_of(29, &[(25, &half, 26, "")], 1).expect("a server");
    assert_eq!([of_day(&waits, 25), of_day(&waits, 29)], [0, whole_series(29)]);
    let taken = rebuilt_of(32, &[(25, &half, 26, "")], 0).expect("a server");
    let then = rebuilt_of(32, &[(25, &half, 31, "")], 0).expect("a server");
    assert_eq!(of_day(&taken, 25), 2);
    assert_same(&then, &taken, "taken as it is");
}

fn whole_series(index: i64) -> usize {
    let bills = eight_services::bills();
    bills[&day(index)].iter().map(|row| row.series_key.ids).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_folder_rebuilds_the_embedded_database() {
    let archive = TestArchive::Folder;
    let original = workdir(&archive, EMBEDDED, replay::source());
    live(&original);
    let shown = |workdir: &Workdir| {
        [&["anomalies", "list", "--json"][..], &["series", "show", "--series=*/*/*", "--json"]].map(|args| {
            let mut values = workdir.json(args);
            for value in &mut values {
                let fields = value.as_object_mut().expect("an object");
                ["createdAt", "updatedAt", "runId"].iter().for_each(|field| drop(fields.remove(*field)));
            }
            values
        })
    };
    let id = original.json(&["incidents", "list", "--json"])[0]["incident"].as_str().expect("an id").to_owned();
    original.run(&["incidents", "assign", &id, "team-shop", "--as=lee"]).expect(0);
    original.run(&["incidents", "dismiss", &id, "--as=kim", "--note=a test"]).expect(0);
    original.run(&["incidents", "comment", &id, "the team knows", "--as=lee"]).expect(0);
    // The next job archives the entries.
    assert!(original.run(&["daily", &format!("--date={}", day(DAYS))]).code < 2);
    let history = |workdir: &Workdir| {
        let incident = workdir.run(&["incidents", "show", &id, "--json"]).expect(0).report();
        (incident["state"].clone(), incident["history"].clone())
    };
    let recorded = history(&original);
    assert_eq!((&recorded.0, &recorded.1[1]["author"]), (&"dismissed".into(), &"kim".into()), "{recorded:?}");
    assert_eq!(recorded.1.as_array().map(Vec::len), Some(3), "{recorded:?}");
    let before = shown(&original);
    assert!(before[0].len() >= 10 && before[1].len() >= 200);
    let database = original.path().join("state/costwarden.redb");
    std::fs::remove_file(&database).expect("a database");
    let config = std::fs::read_to_string(original.path().join("costwarden.toml")).expect("the config");
    original.write("costwarden.toml", &config.replace(replay::source(), ARCHIVE));
    let died = original.run_with(&["archive", "rebuild"], &[("COSTWARDEN_FAILPOINT", "kill:anomalies:20")]);
    assert_eq!(died.code, -1, "{died:?}");
    assert!(original.run(&["archive", "rebuild"]).code < 2);
    assert_eq!(shown(&original), before);
    assert_eq!(history(&original), recorded, "the entries of people survive");
    // And the next hour is judged by what was learned of it.
    let run = original.run(&["hourly", &format!("--at={}T11:10", day(DAYS + 1)), "--json"]);
    let report = run.report();
    assert!(report["counts"]["verdicts"].as_u64().expect("verdicts") > 0, "{report}");
}

#[test]
fn an_archive_is_a_source_of_its_own() {
    let archive = TestArchive::Folder;
    let workdir = workdir(&archive, EMBEDDED, ARCHIVE);
    let empty = workdir.run(&["archive", "rebuild"]).expect(2);
    assert!(empty.stderr.contains("holds no raw document: a rebuild needs at least one"), "{empty:?}");
    let run = workdir.run(&["daily", &format!("--date={}", day(0))]).expect(2);
    let missing = format!(
        "no raw document of {} in the archive: expected {} in {}",
        day(0),
        replay::key(day(0), None),
        archive.name(&workdir)
    );
    assert!(run.stderr.contains(&missing), "{run:?}");
    for (date, rows) in eight_services::bills() {
        replay::write(&workdir, "archive", date, None, &rows);
    }
    let files = archive.keys(&workdir);
    let span = ["backfill", &format!("--from={}", day(0)), &format!("--to={}", day(DAYS - 1)), "--json"];
    let report = workdir.run(&span).report();
    assert_eq!(report["counts"]["days"], DAYS, "{report}");
    assert_eq!(report["counts"].get("archived"), None, "{report}");
    assert_eq!(archive.keys(&workdir), files);
}
