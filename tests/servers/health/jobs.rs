//! Running, missing, failing and hanging jobs.

use super::installation::mongodb;
use super::installation::{EMBEDDED, Installation, WELL};
use costwarden_tests::run;

const NAMES: [&str; 20] = [
    "store",
    "archive",
    "rules",
    "disk",
    "spool",
    "receivers",
    "daily age",
    "daily outcome",
    "daily duration",
    "hourly age",
    "hourly outcome",
    "hourly duration",
    "lease",
    "api latency",
    "api errors",
    "notifications",
    "freshness",
    "silences",
    "decisions",
    "anomalies",
];

/// Thresholds independent of the machine's disk.
const ANY_DISK: &str = "[health]\ndisk_percent = { warning = 100, critical = 100 }\n";

#[test]
fn all_is_well_after_the_jobs_ran_in_either_store() {
    let mut stores = vec![EMBEDDED.to_owned()];
    stores.extend(mongodb("well"));
    for store in stores {
        let Some(installation) = Installation::well(ANY_DISK, &store) else { return };
        let before = files(&installation);
        let run = installation.at(WELL, &["health"]).expect(0);
        let first = run.stdout.lines().next().expect("a line");
        assert!(first.starts_with("COSTWARDEN OK - 20 checks | rules=1 disk="), "{first}");
        assert!(
            first.contains("% spool=0;1;48 daily_age=367") || first.contains(" spool=0;1;48 daily_age="),
            "{first}"
        );
        assert!(first.ends_with(" undelivered=0;1;10 data_age=1;3;5 anomalous=0"), "{first}");
        assert_eq!(installation.at(WELL, &["health", "--brief"]).expect(0).stdout.lines().count(), 1);
        let report = installation.at(WELL, &["health", "--json"]).expect(0).report();
        let checks = report["checks"].as_array().expect("checks");
        let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().expect("a name")).collect();
        assert_eq!(names, NAMES);
        assert!(checks.iter().all(|check| check["state"] == "OK"), "{report:#}");
        assert_eq!(files(&installation), before, "nothing is written");
    }
}

/// Path, size and time of the last change of every file.
fn files(installation: &Installation) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut folders = vec![installation.workdir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let about = entry.metadata().expect("its metadata");
            if about.is_dir() {
                folders.push(entry.path());
            }
            found.push((entry.path(), about.len(), about.modified().expect("a time")));
        }
    }
    found.sort();
    found
}

#[test]
fn a_new_installation_knows_nothing_yet() {
    let Some(installation) = Installation::new(ANY_DISK, EMBEDDED) else { return };
    std::fs::create_dir(installation.workdir.path().join("archive")).expect("a folder");
    let run = installation.at(WELL, &["health"]).expect(3);
    assert!(
        run.stdout.starts_with("COSTWARDEN UNKNOWN - daily: has never run: run `costwarden schedule install`"),
        "{run:?}"
    );
    assert!(!installation.workdir.path().join("state").exists(), "nothing is made");
}

#[test]
fn a_job_that_is_not_started_any_more_is_noticed() {
    let Some(installation) = Installation::well(ANY_DISK, EMBEDDED) else { return };
    installation.expect("2026-11-23 02:30:30", "hourly age", "OK", "started 80 minutes ago");
    installation.expect(
        "2026-11-23 02:41:30",
        "hourly age",
        "WARNING",
        "started 91 minutes ago: check `costwarden schedule show`",
    );
    installation.expect("2026-11-23 04:11:00", "hourly age", "CRITICAL", "started 3 hours ago");
    installation.expect("2026-11-23 17:00:00", "daily age", "OK", "started 25 hours ago");
    installation.expect("2026-11-23 17:11:00", "daily age", "WARNING", "started 26 hours ago");
    installation.expect("2026-11-24 17:11:00", "daily age", "CRITICAL", "started 2 days ago");
    // Who runs no hourly job is not told of it.
    installation.configure("[health]\n", "[health]\njobs = [\"daily\"]\n");
    let run = installation.at("2026-11-23 04:11:00", &["health"]).expect(0);
    assert!(run.stdout.starts_with("COSTWARDEN OK - 17 checks | "), "{run:?}");
}

#[test]
fn three_failures_in_a_row_are_critical_until_one_succeeds() {
    let Some(installation) = Installation::well(ANY_DISK, EMBEDDED) else { return };
    installation.bill.send("PUT", "/simulate/faults", r#"{"status":500}"#);
    for (hour, state) in [(2, "WARNING"), (3, "WARNING"), (4, "CRITICAL")] {
        installation.bill.set_now(&format!("2026-11-23T{:02}:10:00+09:00", hour + 9));
        installation.at(&format!("2026-11-23 {hour:02}:10:00"), &["hourly"]).expect(2);
        let row = if hour == 2 { String::new() } else { format!(" {} times in a row", hour - 1) };
        let told = format!("failed{row}: the billing API at ");
        installation.expect(&format!("2026-11-23 {hour:02}:11:00"), "hourly outcome", state, &told);
    }
    installation.bill.send("PUT", "/simulate/faults", "{}");
    installation.bill.set_now("2026-11-23T14:10:00+09:00");
    installation.at("2026-11-23 05:10:00", &["hourly"]).expect(0);
    installation.expect("2026-11-23 05:11:00", "hourly outcome", "OK", "done");
}

#[test]
fn a_slow_run_and_one_that_never_ended_are_noticed() {
    let Some(installation) = Installation::well("[health]\nrun_seconds = 1\n", EMBEDDED) else { return };
    installation.bill.send("PUT", "/simulate/faults", r#"{"slowMs":1200}"#);
    installation.bill.set_now("2026-11-23T11:10:00+09:00");
    installation.at("2026-11-23 02:10:00", &["hourly"]).expect(0);
    installation.expect("2026-11-23 02:11:00", "hourly duration", "WARNING", " s, most of it in fetch");

    installation.bill.send("PUT", "/simulate/faults", "{}");
    installation.bill.set_now("2026-11-23T12:10:00+09:00");
    let died =
        run(installation.command("2026-11-23 03:10:00", &["hourly"]).env("COSTWARDEN_FAILPOINT", "kill:fetched"));
    assert_eq!(died.code, -1, "{died:?}");
    // Whoever can open the file is alone with it.
    let told = "started 2 minutes ago and has not ended: ";
    installation.expect("2026-11-23 03:12:30", "hourly duration", "WARNING", told);
    installation.bill.set_now("2026-11-23T13:10:00+09:00");
    installation.at("2026-11-23 04:10:00", &["hourly"]).expect(0);
    installation.expect("2026-11-23 04:11:00", "hourly duration", "OK", " s");
}
