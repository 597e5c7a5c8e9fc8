//! Successive failing jobs: a notification for the first failure and a notification for the recovery.

use std::fs;
use std::process::Command;

use costwarden_tests::{Simulator, run};

use super::simulated_bill::{JobOutput, PLAIN_RULE, Setup, SimulatedBill, TODAY, later};

const DOWN: &str = r#"{"status":500}"#;

fn simulated() -> SimulatedBill {
    SimulatedBill::with_history(
        &Setup { keys: "language = \"en\"", source: "retry_seconds = 0", rules: PLAIN_RULE, ..Setup::default() },
        20,
    )
}

/// The lines about costwarden itself.
fn operational(told: &JobOutput) -> Vec<&str> {
    told.lines.iter().map(String::as_str).filter(|line| line.starts_with("[COSTWARDEN_")).collect()
}

/// Runs a job that fails before its report, and returns its notifications.
fn told_without_report(simulated: &SimulatedBill) -> Vec<String> {
    let run = simulated.run(&["daily", "--date", "2026-11-23", "--json"]).expect(2);
    assert_eq!(run.stdout, "", "{run:?}");
    run.stderr.lines().filter(|line| line.starts_with("[COSTWARDEN_")).map(str::to_owned).collect()
}

#[test]
fn three_failed_runs_of_a_job_are_told_once_until_one_succeeds() {
    let simulated = simulated();
    simulated.fault(DOWN);
    for day in 0..2 {
        let told = simulated.day(later(day)).expect(2);
        assert_eq!(told.lines, [""; 0], "not yet: {told:#?}");
    }
    simulated.hour(later(2), 1).expect(2);
    let third = simulated.day(later(2)).expect(2);
    let [line] = operational(&third)[..] else { panic!("{third:#?}") };
    let begins = "[COSTWARDEN_FAILING] the daily job failed 3 times in a row; the last error: the billing API at ";
    assert!(line.starts_with(begins) && line.contains("returned no page 0 of 2026-11-25"), "{line}");
    assert_eq!(third.count("notifications"), 1, "{third:#?}");
    assert_eq!(operational(&simulated.day(later(2)).expect(2)), [""; 0], "told already");

    simulated.fault("{}");
    let good = simulated.day(TODAY).expect(0);
    let [over] = operational(&good)[..] else { panic!("{good:#?}") };
    assert!(over.starts_with("[COSTWARDEN_RECOVERED] the daily job succeeds again; the failures began at "), "{over}");
    assert_eq!(operational(&simulated.day(later(1)).expect(0)), [""; 0]);

    simulated.fault(DOWN);
    for expected in [0, 0, 1] {
        assert_eq!(operational(&simulated.day(later(2)).expect(2)).len(), expected, "counted anew");
    }
}

#[test]
fn a_store_that_is_down_is_told_as_well() {
    let simulated = simulated();
    simulated.fault(DOWN);
    assert_eq!(simulated.day(TODAY).expect(2).lines, [""; 0]);
    let store = simulated.workdir.path().join("state/costwarden.redb");
    let away = simulated.workdir.path().join("away");
    fs::rename(&store, &away).expect("moved away");
    fs::write(&store, "no database, and longer than nothing").expect("written");
    assert_eq!(told_without_report(&simulated), [""; 0], "the second");
    let third = told_without_report(&simulated);
    assert_eq!(third.len(), 1, "{third:?}");
    assert!(third[0].starts_with("[COSTWARDEN_FAILING] the daily job failed 3 times in a row; "), "{third:?}");
    assert_eq!(told_without_report(&simulated), [""; 0], "told already");

    fs::rename(&away, &store).expect("moved back");
    simulated.fault("{}");
    let good = simulated.day(TODAY).expect(0);
    assert_eq!(operational(&good).len(), 1, "{good:#?}");
    assert!(operational(&good)[0].starts_with("[COSTWARDEN_RECOVERED] "), "{good:#?}");
}

#[test]
fn a_korean_line_ends_in_korean() {
    let setup = Setup { keys: "language = \"ko\"", source: "retry_seconds = 0", rules: PLAIN_RULE, ..Setup::default() };
    let simulated = SimulatedBill::with_history(&setup, 20);
    simulated.fault(DOWN);
    let lines: Vec<String> = (0..3).flat_map(|day| simulated.day(later(day)).expect(2).lines).collect();
    let [line] = &lines[..] else { panic!("{lines:#?}") };
    assert!(line.starts_with("[COSTWARDEN_FAILING] daily 작업이 3회 연속으로 실패했습니다(마지막 오류: "), "{line}");
    assert!(line.ends_with("). costwarden health로 확인해 주세요"), "{line}");
}

#[test]
fn mistyped_dates_are_no_failures() {
    let simulated = simulated();
    for _ in 0..4 {
        let told = simulated.told(&["daily", "--date", "2027-11-22"]).expect(2);
        assert_eq!((&told.report["outcome"], operational(&told)), (&"refused".into(), vec![]), "{told:#?}");
        simulated.run(&["daily", "--date", "22.11.2026"]).expect(2);
    }
    let health = simulated.run(&["health", "--json"]).report();
    let outcome = health["checks"].as_array().expect("checks").iter().find(|check| check["name"] == "daily outcome");
    assert_eq!(outcome.map(|outcome| &outcome["state"]), Some(&"OK".into()), "{health:#?}");
    assert_eq!(operational(&simulated.day(TODAY).expect(0)), [""; 0], "no recovery without a failure");
}

#[test]
fn a_health_check_prints_each_change_once() {
    let simulated = simulated();
    let changes = || simulated.run(&["health", "--brief", "--changes"]);
    let first = changes();
    assert!(first.code > 0 && first.stdout.contains(" (since 20"), "the hourly job has never run: {first:?}");
    let second = changes();
    assert_eq!((second.code, second.stdout.as_str(), second.stderr.as_str()), (0, "", ""));
}

#[test]
fn little_address_space_stops_only_the_detectors() {
    let simulated = simulated();
    simulated.bill.set_now("2026-11-24T00:10:00+09:00");
    let job = simulated.workdir.command(&["daily", "--date", "2026-11-23", "--json"], &[Simulator::ENV]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\""]).arg(job.get_program()).args(job.get_args());
    limited.envs(job.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(simulated.workdir.path());
    let report = run(&mut limited).expect(2).report();
    let error = report["error"].as_str().expect("an error");
    assert!(error.contains("(RLIMIT_AS)") && error.contains("raise the limit"), "{error}");
    assert!(error.contains("the bill is archived and stored"), "{error}");
    assert_eq!(
        (&report["counts"]["archived"], &report["problems"]),
        (&1.into(), &serde_json::json!([])),
        "{report:#?}"
    );

    let told = simulated.day(TODAY).expect(0);
    assert_eq!((told.count("archived"), told.count("verdicts")), (0, 1), "{told:#?}");
}

#[test]
fn a_dry_run_that_fails_counts_for_nothing() {
    let simulated = simulated();
    simulated.fault(DOWN);
    for _ in 0..3 {
        let run = simulated.run(&["daily", "--date", "2026-11-23", "--dry-run"]).expect(2);
        assert!(!format!("{run:?}").contains("[COSTWARDEN_"), "{run:?}");
    }
    assert!(!simulated.workdir.path().join("state/failing.json").exists());
}
