//! An S3 bucket as the archive: the tutorial's keys, predecessors, and what happens while it is away.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use serde_json::Value;

use crate::bills::{self, day};
use crate::support::replay::{self, compact};
use crate::support::{Lab, Simulator, block_on, repository, service};

/// A bucket of a test's own on the running server.
struct Bucket {
    endpoint: String,
    key: String,
    secret: String,
    name: String,
}

/// An object's key, and what changes when it is written.
type Listed = (String, Option<String>, Option<i64>);

impl Bucket {
    /// None, said aloud, where no server is there.
    fn new(name: &str) -> Option<Self> {
        let bucket = Self {
            endpoint: service("COSTWARDEN_TEST_S3_ENDPOINT")?,
            key: service("COSTWARDEN_TEST_S3_KEY")?,
            secret: service("COSTWARDEN_TEST_S3_SECRET")?,
            name: format!("{name}-{}", std::process::id()),
        };
        block_on(bucket.client().create_bucket().bucket(&bucket.name).send()).expect("a bucket");
        Some(bucket)
    }

    fn client(&self) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&self.endpoint)
            .region(Region::new("kr-central-2"))
            .credentials_provider(Credentials::new(&self.key, &self.secret, None, None, "suite"))
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    /// The `[archive]` table; the secret is in the file `secret` of the lab.
    fn archive(&self, endpoint: &str) -> String {
        format!(
            "[archive]\nkind = \"s3\"\nendpoint = {endpoint:?}\nbucket = {:?}\naccess_key = {:?}\nsecret_key = \"file:secret\"\n",
            self.name, self.key
        )
    }

    /// Puts the secret where the lab's config looks for it.
    fn hand_over_secret(&self, lab: &Lab) {
        lab.write("secret", &self.secret);
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(lab.path().join("secret"), owner_only).expect("permissions");
    }

    fn list(&self) -> Vec<Listed> {
        let client = self.client();
        let reply = block_on(client.list_objects_v2().bucket(&self.name).send()).expect("a list");
        let listed = reply.contents().iter().map(|object| {
            let written = object.last_modified().map(aws_sdk_s3::primitives::DateTime::as_nanos);
            (object.key().expect("a key").to_owned(), object.e_tag().map(str::to_owned), written.map(|at| at as i64))
        });
        listed.collect()
    }

    fn keys(&self) -> Vec<String> {
        self.list().into_iter().map(|(key, ..)| key).collect()
    }

    /// Content type and body.
    fn object(&self, key: &str) -> (Option<String>, String) {
        let client = self.client();
        block_on(async {
            let object = client.get_object().bucket(&self.name).key(key).send().await.expect("an object");
            let kind = object.content_type().map(str::to_owned);
            let body = object.body.collect().await.expect("a body").to_vec();
            (kind, String::from_utf8(body).expect("UTF-8"))
        })
    }
}

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
    let lab = Lab::new(&format!(
        "{}{}[store]\nkind = \"embedded\"\n[rules]\ndirectory = {rules:?}\n",
        simulator.source(),
        bucket.archive(&bucket.endpoint)
    ));
    bucket.hand_over_secret(&lab);
    let runs: [&[&str]; 3] = [
        &["backfill", "--from=2026-10-25", "--to=2026-11-21", "--json"],
        &["daily", "--date=2026-11-22", "--json"],
        &["hourly", "--at=2026-11-23T10:10", "--json"],
    ];
    for run in runs {
        lab.run_with(run, &[Simulator::ENV]).expect(0);
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
        let report = lab.run_with(run, &[Simulator::ENV]).expect(0).report();
        assert_eq!(report["counts"].get("archived"), None, "{report}");
    }
    assert_eq!(bucket.list(), written, "unchanged content was written again");
}

#[test]
fn a_corrected_bill_keeps_its_predecessor_beside_it() {
    let Some(bucket) = Bucket::new("corrected") else { return };
    let lab = bills::lab(&bucket.archive(&bucket.endpoint));
    bucket.hand_over_secret(&lab);
    bills::load(&lab).expect(0);
    bills::daily(&lab, 0, "1000").expect(0);
    let key = replay::key(day(0), None);
    let (_, before) = bucket.object(&key);
    let report = bills::daily(&lab, 0, "1001").expect(0).report();
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
    let days = lab.json(&["series", "show", "--series=d-1/p-1/vm", &format!("--from={}", day(0)), "--json"]);
    assert_eq!(days[0]["expectAmount"], 1001.0);
}

#[test]
fn what_the_archive_could_not_take_is_spooled_and_goes_out_at_the_next_run() {
    let Some(bucket) = Bucket::new("spooled") else { return };
    let away = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let lab = bills::lab(&bucket.archive(&bucket.endpoint));
    bucket.hand_over_secret(&lab);
    bills::load(&lab).expect(0);
    let config = std::fs::read_to_string(lab.path().join("costwarden.toml")).expect("the lab's config");
    lab.write("costwarden.toml", &config.replace(&bucket.endpoint, &format!("http://{away}")));

    let run = bills::daily(&lab, 0, "1500").expect(1);
    let report = run.report();
    let problem = report["problems"][0].as_str().expect("a problem");
    assert!(problem.contains(&format!("bucket {} at http://{away}", bucket.name)), "{problem}");
    assert!(problem.ends_with("the document is spooled and uploaded by the next run"), "{problem}");
    assert!(!format!("{run:?}").contains(&bucket.secret), "{run:?}");
    assert_eq!(report["counts"]["spooled"], 1, "{report}");
    assert_eq!(report["counts"]["findings"], 1, "{report}");
    let found = lab.json(&["anomalies", "list", "--json"]);
    assert_eq!(found[0]["date"], compact(day(0)).as_str());
    let spool = lab.path().join("state/spool");
    let spooled = files(&spool);
    assert_eq!(spooled.len(), 1, "{spooled:?}");
    let key = replay::key(day(0), None);
    assert!(!bucket.keys().contains(&key));

    // Still away: the first document waits on, the next joins it.
    let report = bills::hourly(&lab, 1, 1, "40").expect(1).report();
    assert_eq!(report["counts"]["spooled"], 1, "{report}");
    let problems = report["problems"].to_string();
    assert!(problems.contains("1 spooled documents wait for the next run"), "{problems}");
    assert_eq!(files(&spool).len(), 2);

    lab.write("costwarden.toml", &config);
    let report = bills::daily(&lab, 1, "1000").expect(0).report();
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
