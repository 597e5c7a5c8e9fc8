//! An S3 bucket as the archive: the replaced pipeline's keys, earlier versions, and an outage.

use std::path::Path;

use serde_json::Value;

use super::bills::{self, day};
use costwarden_tests::bucket::Bucket;
use costwarden_tests::replay::{self, compact};
use costwarden_tests::{Simulator, Workdir, repository};

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let below = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path.display().to_string()] };
    entries.flat_map(|entry| below(entry.expect("an entry").path())).collect()
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
}

#[test]
fn raw_documents_are_objects_under_the_tutorials_keys() {
    let Some(bucket) = Bucket::new("keys") else { return };
    let simulator = Simulator::start(&["--now=2026-11-23T10:10:00+09:00", "--services=12", "--days=30"]);
    let rules = repository().join("rules/tutorial");
    let workdir = Workdir::new(&format!(
        "{}{}[store]\nkind = \"embedded\"\n[rules]\ndirectory = {rules:?}\n",
        simulator.source(),
        bucket.archive(&bucket.endpoint)
    ));
    bucket.hand_over_secret(&workdir);
    let runs: [&[&str]; 3] = [
        &["backfill", "--from=2026-10-25", "--to=2026-11-21", "--json"],
        &["daily", "--date=2026-11-22", "--json"],
        &["hourly", "--at=2026-11-23T10:10", "--json"],
    ];
    for run in runs {
        workdir.run_with(run, &[Simulator::ENV]).expect(0);
    }
    let day = "raw/year=2026/month=11/day=22/billing_20261122.json";
    let hour = "raw/year=2026/month=11/day=23/hour=10/billing_20261123_10.json";
    let keys = bucket.keys();
    assert_eq!(keys.len(), 30, "{keys:#?}");
    assert!(keys.iter().any(|key| key == "raw/year=2026/month=10/day=25/billing_20261025.json"), "{keys:#?}");
    for (key, date) in [(day, "20261122"), (hour, "20261123")] {
        let (kind, body) = bucket.object(key);
        assert_eq!(kind.as_deref(), Some("application/json"), "{key}");
        let document: Value = serde_json::from_str(&body).expect("JSON");
        let rows = document["result"]["content"].as_array().expect("rows");
        assert!(rows.len() >= 12 && rows.iter().all(|row| row["meteringDate"] == date), "{key}");
        let metadata = &document["_metadata"];
        assert!(is_time(&metadata["fetchedAt"]) && is_time(&metadata["uploadedAt"]), "{metadata}");
        assert_eq!(
            (&metadata["apiParams"]["from"], &metadata["apiParams"]["to"]),
            (&date.into(), &date.into()),
            "{metadata}"
        );
    }

    let written = bucket.list();
    for run in runs {
        let report = workdir.run_with(run, &[Simulator::ENV]).expect(0).report();
        assert_eq!(report["counts"].get("archived"), None, "{report}");
    }
    assert_eq!(bucket.list(), written, "unchanged content was written again");
}

#[test]
fn a_corrected_bill_keeps_its_predecessor_beside_it() {
    let Some(bucket) = Bucket::new("corrected") else { return };
    let workdir = bills::workdir(&bucket.archive(&bucket.endpoint));
    bucket.hand_over_secret(&workdir);
    bills::load(&workdir).expect(0);
    bills::daily(&workdir, 0, "1000").expect(0);
    let key = replay::key(day(0), None);
    let (_, before) = bucket.object(&key);
    let report = bills::daily(&workdir, 0, "1001").expect(0).report();
    assert_eq!(report["counts"]["archived"], 1, "{report}");

    let stem = key.strip_suffix(".json").expect("JSON");
    let of_day: Vec<String> = bucket.keys().into_iter().filter(|found| found.starts_with(stem)).collect();
    let [predecessor] = of_day.iter().filter(|found| **found != key).collect::<Vec<_>>()[..] else {
        panic!("expected one predecessor: {of_day:?}")
    };
    assert_eq!(bucket.object(predecessor).1, before);
    let amounts = |document: &str| {
        let row = |row: &String| serde_json::from_str::<Value>(row).expect("a row")["expectAmount"].to_string();
        replay::rows_of(document).iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(amounts(&before), ["1000", "234.5"]);
    assert_eq!(amounts(&bucket.object(&key).1), ["1001", "234.5"]);
    let days = workdir.json(&["series", "show", "--series=d-1/p-1/vm", &format!("--from={}", day(0)), "--json"]);
    assert_eq!(days[0]["expectAmount"], 1001.0);
}

#[test]
fn a_document_of_an_outage_is_spooled_and_uploaded_by_the_next_run() {
    let Some(bucket) = Bucket::new("spooled") else { return };
    let away = format!("127.0.0.1:{}", costwarden_tests::free_port());
    let workdir = bills::workdir(&bucket.archive(&bucket.endpoint));
    bucket.hand_over_secret(&workdir);
    bills::load(&workdir).expect(0);
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("the workdir's config");
    workdir.write("costwarden.toml", &config.replace(&bucket.endpoint, &format!("http://{away}")));

    let run = bills::daily(&workdir, 0, "1500").expect(1);
    let report = run.report();
    let problem = report["problems"][0].as_str().expect("a problem");
    assert!(problem.contains(&format!("bucket {} at http://{away}", bucket.name)), "{problem}");
    assert!(problem.ends_with("the document is in the spool, and the next run uploads it"), "{problem}");
    assert!(!format!("{run:?}").contains(&bucket.secret), "{run:?}");
    assert_eq!(report["counts"]["spooled"], 1, "{report}");
    assert_eq!(report["counts"]["anomalies"], 1, "{report}");
    let found = workdir.json(&["anomalies", "list", "--json"]);
    assert_eq!(found[0]["date"], compact(day(0)).as_str());
    let spool = workdir.path().join("state/spool");
    let spooled = files(&spool);
    assert_eq!(spooled.len(), 1, "{spooled:?}");
    let key = replay::key(day(0), None);
    assert!(!bucket.keys().contains(&key));

    // Still away: the first document waits on, the next joins it.
    let report = bills::hourly(&workdir, 1, 1, "40").expect(1).report();
    assert_eq!(report["counts"]["spooled"], 1, "{report}");
    let problems = report["problems"].to_string();
    assert!(problems.contains("1 spooled document waits for the next run"), "{problems}");
    assert_eq!(files(&spool).len(), 2);

    workdir.write("costwarden.toml", &config);
    let report = bills::daily(&workdir, 1, "1000").expect(0).report();
    assert_eq!(report["counts"]["unspooled"], 2, "{report}");
    assert_eq!(files(&spool), Vec::<String>::new());
    let (kind, body) = bucket.object(&key);
    assert_eq!(kind.as_deref(), Some("application/json"));
    assert!(replay::rows_of(&body)[0].contains("1500"), "{body}");
    let document: Value = serde_json::from_str(&body).expect("JSON");
    assert!(is_time(&document["_metadata"]["uploadedAt"]), "{document}");
    let keys = bucket.keys();
    assert!(keys.contains(&replay::key(day(1), None)) && keys.contains(&replay::key(day(1), Some(1))), "{keys:?}");
}
