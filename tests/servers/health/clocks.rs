//! A host with a wrong clock: dependent commands refuse, a step within a run has no effect, and documents from the
//! future are reported.

use std::fs;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::installation::{EMBEDDED, Installation};
use costwarden_tests::until_stopped;

#[test]
fn a_run_that_would_go_by_a_wrong_clock_is_refused_with_both_times() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    let path = |file: &str| installation.workdir.path().join("archive/raw/year=2026/month=11/day=23").join(file);
    for (moment, args, ours, off) in [
        ("2026-11-23 02:10:00", ["hourly"], "2026-11-23T02:1", 3_600),
        ("2026-11-23 00:10:00", ["hourly"], "2026-11-23T00:1", 3_600),
        // It would take what today has cost so far for all that yesterday cost.
        ("2026-11-24 01:10:00", ["daily"], "2026-11-24T01:1", 86_400),
    ] {
        let run = installation.at(moment, &args).expect(2);
        let line = run.stderr.lines().find(|line| line.starts_with("failed: ")).unwrap_or_else(|| panic!("{run:?}"));
        assert!(line.contains(&format!("the clock of this host ({ours}")), "{line}");
        assert!(line.contains(" and the clock of the billing API (2026-11-23T01:10:00Z) differ by "), "{line}");
        let (_, rest) = line.split_once(" differ by ").expect("by how much");
        let seconds: u64 = rest.split_once(" s: ").expect("seconds").0.parse().expect("a number");
        // The clock goes on while the run begins.
        assert!(seconds.abs_diff(off) < 60, "{line}");
    }
    assert!(path("hour=10").exists());
    for file in ["hour=09", "hour=11", "billing_20261123.json"] {
        assert!(!path(file).exists(), "{file}: nothing was kept");
    }
    installation.at("2026-11-24 01:10:00", &["hourly", "--at", "2026-11-23T10:10"]).expect(0);
    installation.at("2026-11-23 01:20:00", &["hourly"]).expect(0);
}

#[test]
fn a_clock_that_steps_back_in_the_middle_of_a_run_changes_nothing() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation.bill.set_now("2026-11-23T11:10:00+09:00");
    let time = installation.workdir.path().join("time");
    fs::write(&time, "@2026-11-23 02:10:00\n").expect("written");
    let mut command = installation.command("", &["hourly", "--json"]);
    command.env_remove("FAKETIME").env("FAKETIME_TIMESTAMP_FILE", &time).env("FAKETIME_NO_CACHE", "1");
    command.env("COSTWARDEN_FAILPOINT", "pause:written").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    until_stopped(&child);
    // Written beside and moved, so that no half of it is read.
    fs::write(time.with_extension("new"), "@2026-11-23 01:05:00\n").expect("written");
    fs::rename(time.with_extension("new"), &time).expect("moved");
    kill_process(Pid::from_child(&child), Signal::CONT).expect("ours to signal");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["period"], "20261123T11", "{report:#}");
    let durations = report["durationsMs"].as_object().expect("durations");
    let spans: Vec<f64> = durations.values().map(|took| took.as_f64().expect("a number")).collect();
    assert!(!spans.is_empty() && spans.iter().all(|took| (0.0..60_000.0).contains(took)), "{report:#}");
    installation.expect("2026-11-23 02:20:00", "hourly outcome", "OK", "done");
    installation.expect("2026-11-23 02:20:00", "hourly duration", "OK", " s");
}

#[test]
fn a_run_record_from_the_future_is_a_warning() {
    let Some(installation) = Installation::well("", EMBEDDED) else { return };
    installation.expect("2026-11-23 01:20:30", "hourly age", "OK", "started 10 minutes ago");
    // Within what clocks differ by.
    installation.expect("2026-11-23 01:00:00", "hourly age", "OK", "started 0 minutes ago");
    let behind = "2026-11-21 01:20:00";
    installation.expect(behind, "hourly age", "WARNING", "started at 2026-11-23T01:10:");
    installation.expect(behind, "hourly age", "WARNING", "in the future by the clock of this host (2026-11-21T01:2");
    installation.expect(behind, "daily age", "WARNING", "set the clocks of this host and of ");
    let freshness = "the newest day is 2026-11-22, but today is 2026-11-21 by the clock of this host: check the clock";
    installation.expect(behind, "freshness", "WARNING", freshness);
}
