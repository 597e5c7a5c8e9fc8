//! An empty database out of the archive alone: the same documents as those that the jobs left.

use mongodb::bson::Document;

use crate::bills::{self, DAYS, EMBEDDED, day};
use crate::mongo::{Dump, Mongo, assert_same};
use crate::place::Place;
use crate::support::replay::{self, Row};
use crate::support::rules::OF_OTHER_KINDS;
use crate::support::{Lab, repository};

/// Six weeks and a half: the history at once, a week day by day, hours of a day that runs away, that day, hours of the
/// next day, and bills that were corrected in between.
fn live(lab: &Lab) {
    replay::write_all(lab, &bills::bills());
    let hours = |index: i64, hours: std::ops::Range<u8>, ahead: u8| {
        for hour in hours {
            replay::write(lab, "bills", day(index), Some(hour), &bills::today(hour + ahead));
            assert!(lab.run(&["hourly", &format!("--at={}T{hour:02}:10", day(index))]).code < 2);
        }
    };
    let daily = |index: i64| assert!(lab.run(&["daily", &format!("--date={}", day(index))]).code < 2);
    let runs = bills::runs();
    for run in &runs[..5] {
        assert!(lab.run(&bills::texts(run)).code < 2, "{run:?}");
    }
    // The day of an incident was not so dear after all, and one of the history was.
    let mut bills = bills::bills();
    for (index, factor) in [(30, "101"), (20, "300")] {
        let rows = bills.get_mut(&day(index)).expect("a day");
        rows.retain(|row| row.whose != bills::MACHINE);
        rows.push(Row::of(bills::MACHINE, factor));
        replay::write(lab, "bills", day(index), None, rows);
        // And all after it, which are judged by it.
        let span = [format!("--from={}", day(index)), format!("--to={}", day(31))];
        assert!(lab.run(&["daily", &span[0], &span[1]]).code < 2);
    }
    for index in 32..DAYS {
        hours(index, 9..11, 0);
        daily(index);
    }
    hours(DAYS, 9..11, 0);
    // An hour that was fetched twice, and saw more the second time.
    let more = [bills::today(10), vec![Row::of(bills::FREE, "12.5")]].concat();
    replay::write(lab, "bills", day(DAYS), Some(10), &more);
    assert!(lab.run(&["hourly", &format!("--at={}T10:50", day(DAYS))]).code < 2);
    let mut rows = bills::bills().remove(&day(DAYS - 1)).expect("a day");
    rows.retain(|row| row.whose != bills::MACHINE);
    rows.push(Row::of(bills::MACHINE, "510"));
    replay::write(lab, "bills", day(DAYS), None, &rows);
    daily(DAYS);
    // It has cost at nine what other days had at twelve.
    hours(DAYS + 1, 9..12, 3);
}

fn lab(place: &Place, store: &str, source: &str) -> Lab {
    let lab = Lab::new(&format!("{source}{store}{}[rules]\ndirectory = \"rules\"\n", place.table("")));
    let tutorial = std::fs::read_to_string(repository().join("rules/tutorial/tutorial.toml")).expect("rules");
    lab.write("rules/all.toml", &format!("{tutorial}{OF_OTHER_KINDS}"));
    place.join(&lab);
    lab
}

const ARCHIVE: &str = "[source]\nkind = \"archive\"\n";

/// What a rebuilt database cannot know: which runs there were, and who was told.
fn derived(mut dump: Dump) -> Dump {
    for of_runs in ["job_runs", "billing_notices"] {
        dump.remove(of_runs);
    }
    for episode in dump.get_mut("billing_episodes").into_iter().flatten() {
        for told in ["muted", "deliveries"] {
            assert!(episode.remove(told).is_some(), "{episode}");
        }
    }
    dump.values_mut().for_each(|documents| documents.sort_by_cached_key(|document: &Document| document.to_string()));
    dump
}

#[test]
fn a_database_is_rebuilt_out_of_a_bucket_to_equal_documents() {
    let Some(place) = Place::all("rebuild").into_iter().find(|place| matches!(place, Place::Bucket(_))) else { return };
    let (Some(first), Some(second)) = (Mongo::new(), Mongo::new()) else { return };
    let original = lab(&place, &first.store(), replay::source());
    live(&original);
    let before = derived(first.dump());
    for (collection, least) in
        [("billing_anomalies", 10), ("billing_episodes", 3), ("billing_hourly", 6), ("billing_baseline", 8)]
    {
        assert!(before[collection].len() >= least, "{collection}: {}", before[collection].len());
    }
    let rules = |found: &Document| (found.get_str("ruleId").expect("a rule").to_owned(), found.get("hour").cloned());
    let found: Vec<_> = before["billing_anomalies"].iter().map(rules).collect();
    for rule in ["tutorial", "by-hour", "domain", "newcomer"] {
        assert!(found.iter().any(|(of, _)| of == rule), "{rule} found nothing: {found:?}");
    }
    let keys = place.keys(&original);
    assert_eq!(keys.iter().filter(|key| key.matches('.').count() == 2).count(), 3, "predecessors: {keys:#?}");

    // Nothing but the bucket: another lab, without bills or state.
    let rebuilt = lab(&place, &second.store(), ARCHIVE);
    let run = rebuilt.run(&["archive", "rebuild", "--json"]);
    let report = run.report();
    assert!(run.code < 2 && !run.stderr.contains("[BILLING_"), "{run:?}");
    assert_eq!((&report["counts"]["days"], &report["counts"]["hours"]), (&38.into(), &12.into()), "{report}");
    assert_same(&before, &derived(second.dump()), "rebuilt");
    assert_eq!(place.keys(&original), keys, "the archive is as it was");
    rebuilt.run(&["archive", "verify"]).expect(0);
    let muted = second.documents("billing_episodes").iter().all(|episode| episode.get_bool("muted") == Ok(true));
    assert!(muted, "nobody is told of what is rebuilt");
    let mut runs = second.documents("job_runs");
    // Whose turn it is to write is no run.
    runs.retain(|run| run.get_str("job") != Ok("writer"));
    assert_eq!(runs.iter().map(|run| run.get_str("job").expect("a job")).collect::<Vec<_>>(), ["rebuild"]);

    let refused = rebuilt.run(&["archive", "rebuild"]).expect(2);
    assert!(refused.stderr.contains("the database is not empty (it holds billing_daily, "), "{refused:?}");
    assert!(refused.stderr.contains("drop this one first"), "{refused:?}");
    assert_same(&before, &derived(second.dump()), "refused");
}

#[test]
fn a_folder_rebuilds_the_embedded_database() {
    let place = Place::Folder;
    let original = lab(&place, EMBEDDED, replay::source());
    live(&original);
    let shown = |lab: &Lab| {
        [&["anomalies", "list", "--json"][..], &["series", "show", "--series=*/*/*", "--json"]].map(|args| {
            let mut values = lab.json(args);
            for value in &mut values {
                let fields = value.as_object_mut().expect("an object");
                ["createdAt", "updatedAt", "runId"].iter().for_each(|field| drop(fields.remove(*field)));
            }
            values
        })
    };
    let before = shown(&original);
    assert!(before[0].len() >= 10 && before[1].len() >= 200);
    let database = original.path().join("state/costwarden.redb");
    std::fs::remove_file(&database).expect("a database");
    let config = std::fs::read_to_string(original.path().join("costwarden.toml")).expect("the config");
    original.write("costwarden.toml", &config.replace(replay::source(), ARCHIVE));
    assert!(original.run(&["archive", "rebuild"]).code < 2);
    assert_eq!(shown(&original), before);
    // And the next hour is judged by what was learned of it.
    let run = original.run(&["hourly", &format!("--at={}T11:10", day(DAYS + 1)), "--json"]);
    let report = run.report();
    assert!(report["counts"]["judged"].as_u64().expect("judged") > 0, "{report}");
}

#[test]
fn an_archive_is_a_source_of_its_own() {
    let place = Place::Folder;
    let lab = lab(&place, EMBEDDED, ARCHIVE);
    let empty = lab.run(&["archive", "rebuild"]).expect(2);
    assert!(empty.stderr.contains("holds no raw document: there is nothing to rebuild from"), "{empty:?}");
    let run = lab.run(&["daily", &format!("--date={}", day(0))]).expect(2);
    let missing = format!(
        "no raw document of {} in the archive: expected {} in {}",
        day(0),
        replay::key(day(0), None),
        place.name(&lab)
    );
    assert!(run.stderr.contains(&missing), "{run:?}");
    for (date, rows) in bills::bills() {
        replay::write(&lab, "archive", date, None, &rows);
    }
    let files = place.keys(&lab);
    let span = ["backfill", &format!("--from={}", day(0)), &format!("--to={}", day(DAYS - 1)), "--json"];
    let report = lab.run(&span).report();
    assert_eq!(report["counts"]["days"], DAYS, "{report}");
    assert_eq!(report["counts"].get("archived"), None, "{report}");
    assert_eq!(place.keys(&lab), files);
}
