//! The textfile after successful, failed and aborted runs.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use super::{MonitoredBill, TEXTFILE, tools};
use costwarden_tests::service;

#[test]
fn counts_go_on_from_run_to_run_and_through_failures() {
    let monitored = MonitoredBill::learned(TEXTFILE);
    let rows = monitored.figure("costwarden_rows_total{job_name=\"backfill\"}");
    assert!(rows > 100.0);
    monitored.daily().expect(0);
    let of_day = monitored.figure("costwarden_rows_total{job_name=\"daily\"}");
    let first = monitored.figure("costwarden_last_success_timestamp_seconds{job_name=\"daily\"}");
    monitored.daily().expect(0);
    assert_eq!(monitored.figure("costwarden_rows_total{job_name=\"daily\"}"), 2.0 * of_day);
    assert_eq!(monitored.figure("costwarden_rows_total{job_name=\"backfill\"}"), rows);
    assert_eq!(monitored.figure("costwarden_runs_total{job_name=\"daily\",outcome=\"done\"}"), 2.0);
    let last = monitored.figure("costwarden_last_success_timestamp_seconds{job_name=\"daily\"}");
    assert!(last > first);
    assert_eq!(monitored.figure("costwarden_api_up"), 1.0);
    assert!(monitored.figure("costwarden_detector_fuel_total{rule=\"service-daily\",plugin=\"daily-level\"}") > 1e6);
    assert!(monitored.figure("costwarden_daily_cost{currency=\"KRW\"}") > 1e6);

    monitored.bill.send("PUT", "/simulate/faults", r#"{"status":503}"#);
    for failures in [1.0, 2.0] {
        monitored.daily().expect(2);
        assert_eq!(monitored.figure("costwarden_failures_in_a_row{job_name=\"daily\"}"), failures);
    }
    assert_eq!(monitored.figure("costwarden_runs_total{job_name=\"daily\",outcome=\"failed\"}"), 2.0);
    assert_eq!(monitored.figure("costwarden_api_up"), 0.0);
    assert!(monitored.figure("costwarden_api_requests_total{outcome=\"error\"}") >= 2.0);
    assert_eq!(monitored.figure("costwarden_last_success_timestamp_seconds{job_name=\"daily\"}"), last);
    let mode = std::fs::metadata(monitored.workdir.path().join("prom/costwarden.prom"))
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644, "the exporter is another user");

    let before = monitored.text();
    monitored.run(&["daily", "--date", "2026-11-22", "--dry-run"]).expect(2);
    assert_eq!(monitored.text(), before, "a dry run leaves no trace");
}

#[test]
fn a_store_that_is_away_is_seen() {
    let monitored = MonitoredBill::new(
        "[store]\nkind = \"mongodb\"\nuri = \"mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100\"\n",
        TEXTFILE,
    );
    monitored.hourly().expect(2);
    assert_eq!(monitored.figure("costwarden_store_up"), 0.0);
    assert_eq!(monitored.figure("costwarden_runs_total{job_name=\"hourly\",outcome=\"failed\"}"), 1.0);
    assert_eq!(monitored.figure("costwarden_failures_in_a_row{job_name=\"hourly\"}"), 1.0);
    assert!(monitored.figure("costwarden_state_filesystem_size_bytes") > 0.0);
}

#[test]
fn calls_of_a_real_database_are_timed() {
    let Some(uri) = service("COSTWARDEN_TEST_MONGODB") else { return };
    let database = format!("metrics-{}", std::process::id());
    let store = format!("[store]\nkind = \"mongodb\"\nuri = {uri:?}\ndatabase = {database:?}\n");
    let monitored = MonitoredBill::new(&store, TEXTFILE);
    monitored.run(&["backfill", "--from", "2026-11-01", "--to", "2026-11-05"]).expect(1);
    for operation in ["read", "write"] {
        let calls = |outcome: &str| {
            let labels = format!("operation=\"{operation}\",outcome=\"{outcome}\"");
            monitored.figure(&format!("costwarden_store_operations_total{{{labels}}}"))
        };
        let seconds =
            monitored.figure(&format!("costwarden_store_operation_seconds_total{{operation=\"{operation}\"}}"));
        assert!(calls("ok") >= 5.0 && seconds > 0.0, "{operation}: {} calls in {seconds} s", calls("ok"));
        assert_eq!(calls("error"), 0.0, "{operation}");
    }
    assert_eq!(monitored.figure("costwarden_store_up"), 1.0);
}

#[test]
fn a_folder_that_is_not_there_degrades_the_run_and_loses_no_count() {
    let monitored = MonitoredBill::learned(TEXTFILE);
    std::fs::remove_dir_all(monitored.workdir.path().join("prom")).expect("gone");
    let run = monitored.hourly().expect(1);
    let told = run.stderr.lines().find(|line| line.contains("prom/costwarden.prom")).expect("it is told");
    assert!(told.starts_with("degraded: cannot write ") && told.ends_with("is writable and has space"), "{told}");
    let warned = monitored.run(&["check"]).expect(0).stderr;
    assert!(
        warned.contains("metrics.textfile: ") && warned.contains("prom does not exist: expected the folder"),
        "{warned}"
    );
    std::fs::create_dir(monitored.workdir.path().join("prom")).expect("there again");
    monitored.hourly().expect(0);
    assert_eq!(monitored.figure("costwarden_runs_total{job_name=\"hourly\",outcome=\"done\"}"), 2.0);
}

#[test]
fn promtool_has_nothing_against_it() {
    let Some(tools) = tools::folder() else { return };
    let monitored = MonitoredBill::learned(TEXTFILE);
    monitored.daily().expect(0);
    monitored.hourly().expect(0);
    let mut promtool = tools::program(&tools, "usr/bin/promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool");
    promtool.stdin.take().expect("piped").write_all(monitored.text().as_bytes()).expect("read");
    let output = promtool.wait_with_output().expect("ended");
    assert!(output.status.success() && tools::said(&output).is_empty(), "{}", tools::said(&output));
}
