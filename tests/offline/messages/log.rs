//! Standard error of scheduled jobs: every line is JSON, whatever the result of the run.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::misbehaving::{self, contained};
use costwarden_tests::three_services::{LAST, MINIMAL, workdir, workdir_with_history};
use costwarden_tests::{Run, Workdir, binary, run};

fn command(workdir: &Workdir, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).current_dir(workdir.path()).env("COSTWARDEN_CONFIG", workdir.path().join("costwarden.toml"));
    command.env_remove("COSTWARDEN_LOG").env_remove("COSTWARDEN_LOG_FORMAT");
    command
}

/// Runs a job with the given exit code. Asserts that every line is JSON with the same run id, and returns the lines.
#[track_caller]
fn lines(workdir: &Workdir, args: &[&str], code: i32) -> Vec<Value> {
    let lines = said(run(&mut command(workdir, args)).expect(code));
    assert!(!lines.is_empty(), "{args:?} says nothing");
    lines
}

#[track_caller]
fn said(Run { stderr, .. }: Run) -> Vec<Value> {
    let parsed =
        stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let lines: Vec<Value> = parsed.collect();
    for line in &lines {
        assert!(["timestamp", "level", "message"].iter().all(|name| line[*name].is_string()), "{line}");
        assert_eq!(line["runId"].as_str().map(str::len), Some(36), "{line}");
        assert_eq!(line["runId"], lines[0]["runId"], "{line}");
    }
    lines
}

/// The outcome in the only summary line of the run.
#[track_caller]
fn outcome(lines: &[Value]) -> &str {
    let summaries: Vec<&str> = lines.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(summaries.len(), 1, "{lines:?}");
    summaries[0]
}

#[track_caller]
fn says(lines: &[Value], level: &str, start: &str) {
    let is_meant =
        |line: &Value| line["level"] == level && line["message"].as_str().is_some_and(|m| m.starts_with(start));
    assert!(lines.iter().any(is_meant), "no {level} {start:?} in {lines:?}");
}

#[test]
fn of_runs_that_succeed() {
    let workdir = workdir();
    assert_eq!(outcome(&lines(&workdir, &["backfill", "--from", "2026-10-26", "--to", "2026-11-21"], 0)), "done");
    assert_eq!(outcome(&lines(&workdir, &["daily", "--date", &LAST.to_string()], 0)), "done");
}

#[test]
fn of_a_run_that_is_degraded() {
    let workdir = misbehaving::workdir();
    contained(&workdir, "panic", "judge");
    let lines = lines(&workdir, &["daily", "--date", &LAST.to_string()], 1);
    assert_eq!(outcome(&lines), "degraded");
    says(&lines, "WARN", "degraded: plugin `misbehaving`");
}

#[test]
fn of_runs_that_fail() {
    let workdir = workdir_with_history();
    for args in [&["daily", "--date", "2027-01-01"][..], &["hourly", "--at", "2027-01-01T10:10"]] {
        let lines = lines(&workdir, args, 2);
        assert_eq!(outcome(&lines), "failed");
        says(&lines, "ERROR", "failed: ");
    }
}

/// A killed run writes no end; the next run reports the end.
#[test]
fn of_a_run_that_is_killed() {
    let workdir = workdir_with_history();
    let args = ["daily", "--date", &LAST.to_string()];
    let killed = run(command(&workdir, &args).env("COSTWARDEN_FAILPOINT", "kill:archived"));
    assert_eq!((killed.code, killed.stdout.as_str()), (-1, ""), "{killed:?}");
    assert!(said(killed).iter().all(|line| line["outcome"].is_null()), "it did not come to its end");
    let after = lines(&workdir, &args, 0);
    assert_eq!(outcome(&after), "done");
    says(&after, "WARN", "the run of daily 20261122 that ");
    let told = after.iter().find_map(|line| line["message"].as_str().filter(|message| message.contains("killed")));
    assert!(told.is_some_and(|told| told.contains(" has no recorded end: ")), "{after:?}");
    let once_more = lines(&workdir, &args, 0);
    assert!(once_more.iter().all(|line| line["level"] == "INFO"), "that is over: {once_more:?}");
}

/// Without a reader, or with a full disk under the log, the run continues.
#[test]
fn a_log_that_nobody_takes_ends_no_run() {
    let workdir = workdir_with_history();
    let (reader, gone) = std::io::pipe().expect("a pipe");
    drop(reader);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
    for stderr in [Stdio::from(gone), Stdio::from(full)] {
        let run = run(command(&workdir, &["daily", "--date", &LAST.to_string()]).stderr(stderr)).expect(0);
        assert!(run.stdout.contains("daily 20261122 done: "), "{run:?}");
    }
}

#[test]
fn of_a_config_or_a_command_line_that_is_wrong() {
    let workdir = workdir();
    says(&lines(&workdir, &["daily", "--dat"], 2), "ERROR", "error: ");
    workdir.write("costwarden.toml", &MINIMAL.replace("[store]", "[stor]"));
    for args in [&["daily"][..], &["hourly"], &["backfill", "--from", "2026-11-01"]] {
        says(&lines(&workdir, args, 2), "ERROR", "failed: ");
    }
}
