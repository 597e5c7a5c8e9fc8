//! The checks of the last runs of a job.

use jiff::{SignedDuration, Timestamp};

use super::lease::{LeaseState, lease_state, lease_text};
use super::{Check, State};
use crate::config::{HealthOptions, Levels};
use model::count::counted;
use store::{HeldLease, RunRecord};

/// Tolerated difference between the clocks of two hosts.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(15);

/// The facts about the runs of one job.
pub(super) struct JobFacts<'a> {
    pub(super) job: &'a str,
    /// Newest first.
    pub(super) runs: &'a [RunRecord],
    /// Number of consecutive failed runs without access to the store. Such a run leaves no run record.
    pub(super) failing: u32,
    pub(super) leases: Option<&'a [HeldLease]>,
    pub(super) now: Timestamp,
}

/// Checks the age, outcome and duration of a job.
pub(super) fn checks(facts: &JobFacts<'_>, config: &HealthOptions) -> Vec<Check> {
    let JobFacts { job, failing, leases, now, .. } = *facts;
    // A refused run says nothing about the job.
    let runs: Vec<&RunRecord> = facts.runs.iter().filter(|run| run.outcome != "refused").collect();
    let Some(&last) = runs.first() else {
        let message = format!("has never run: run `costwarden schedule install` or `costwarden {job}`");
        return vec![Check::new(job, State::Unknown, message)];
    };
    vec![
        age(job, last, now, config),
        outcome(job, &runs, failing, config),
        duration(job, last, lease_state(last, leases), now, config),
    ]
}

fn age(job: &str, last: &RunRecord, now: Timestamp, config: &HealthOptions) -> Check {
    let age = now.duration_since(last.started_at);
    if age < -CLOCKS_APART {
        let (began, age) = (last.started_at, span(-age));
        let message = format!(
            "started at {began}, {age} in the future by the clock of this host ({now}): set the clocks of this host and of {} by NTP; the age of the job is unknown until then",
            last.owner
        );
        return Check::new(format!("{job} age"), State::Warning, message);
    }
    let age = age.max(SignedDuration::ZERO);
    let (value, levels, unit) = match job {
        "daily" => (age.as_hours() as u64, config.daily_hours, 3_600),
        _ => (age.as_mins() as u64, config.hourly_minutes, 60),
    };
    let state = State::of(value, levels);
    let mut message = format!("started {} ago", span(age));
    if state != State::Ok {
        message.push_str(": check `costwarden schedule show` and the log of the job");
    }
    // The figure is in seconds, the thresholds are in hours or minutes.
    let seconds = Levels { warning: levels.warning * unit, critical: levels.critical * unit };
    Check::new(format!("{job} age"), state, message).with(
        format!("{job}_age"),
        age.as_secs() as f64,
        "s",
        Some(seconds),
    )
}

fn outcome(job: &str, runs: &[&RunRecord], failing: u32, config: &HealthOptions) -> Check {
    // An unfinished run has no outcome: the outcome of the run before counts.
    let ended = || runs.iter().filter(|run| run.outcome != "running");
    let failures = ended().take_while(|run| run.outcome == "failed").count().max(failing as usize) as u64;
    let last = ended().next();
    let why = last.and_then(|run| run.error.as_deref()).unwrap_or("see the log");
    let (state, message) = match last.map(|run| run.outcome.as_str()) {
        // `failing` may count failures after the last run record.
        _ if failures > 0 => (
            State::of(failures, config.failures),
            match failures {
                1 => format!("failed: {why}"),
                _ => format!("failed {failures} times in a row: {why}"),
            },
        ),
        Some("degraded") => (State::Warning, format!("degraded: {why}")),
        Some(outcome) => (State::Ok, outcome.to_owned()),
        None => (State::Ok, "the first run is in progress".to_owned()),
    };
    Check::new(format!("{job} outcome"), state, message).with(
        format!("{job}_failures"),
        failures as f64,
        "",
        Some(config.failures),
    )
}

fn duration(job: &str, last: &RunRecord, lease_state: LeaseState<'_>, now: Timestamp, config: &HealthOptions) -> Check {
    let name = format!("{job} duration");
    if last.outcome == "running" {
        let running = now.duration_since(last.started_at).max(SignedDuration::ZERO);
        let too_long = running.as_mins() as u64 >= config.running_minutes;
        let (running, owner) = (span(running), &last.owner);
        let (state, message) = match lease_state {
            LeaseState::Renewed if too_long => (
                State::Warning,
                format!(
                    "has been running for {running}: {owner} still renews the lease; end the process if the process hangs"
                ),
            ),
            LeaseState::Renewed => (State::Ok, format!("has been running for {running}")),
            LeaseState::Expired(lease) => (
                State::Warning,
                format!("started {running} ago and has not ended: {}; the next run takes over", lease_text(lease)),
            ),
            LeaseState::None => (
                State::Warning,
                format!(
                    "started {running} ago and has not ended: {owner} has no lease and has died; the next run resumes the work"
                ),
            ),
        };
        return Check::new(name, state, message);
    }
    let took: u64 = last.durations_ms.values().sum();
    let slow = took >= config.run_seconds * 1_000;
    let longest = last.durations_ms.iter().max_by_key(|(_, took)| **took);
    let hint = match longest {
        Some((step, _)) if slow => format!(", most of it in {step}"),
        _ => String::new(),
    };
    let state = if slow { State::Warning } else { State::Ok };
    let seconds = took as f64 / 1e3;
    Check::new(name, state, format!("{seconds:.1} s{hint}")).with(format!("{job}_duration"), seconds, "s", None)
}

/// Returns a duration in the largest unit of two or more.
pub(super) fn span(duration: SignedDuration) -> String {
    match duration.as_mins() {
        minutes if minutes >= 2 * 24 * 60 => format!("{} days", minutes / (24 * 60)),
        minutes if minutes >= 2 * 60 => format!("{} hours", minutes / 60),
        minutes => counted(minutes, "minute"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use model::ledger::RefusedTotal;

    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use store::LeaseKey;
    use store::checkpoint::Checkpoint;

    /// A run of the hourly job that began `minutes` before [`now`].
    pub(in crate::health) fn run(outcome: &str, minutes: i64, took: &[(&str, u64)]) -> RunRecord {
        RunRecord {
            job: "hourly".to_owned(),
            period: "20261125T10".to_owned(),
            owner: "vm-1:7".to_owned(),
            attempts: 1,
            checkpoint: Checkpoint::Started,
            through: None,
            until: None,
            replayed_through: None,
            outcome: outcome.to_owned(),
            error: (outcome != "done").then(|| "the reason".to_owned()),
            counts: BTreeMap::new(),
            durations_ms: took.iter().map(|(step, took)| ((*step).to_owned(), *took)).collect(),
            total_delivered: BTreeSet::new(),
            total: None,
            refused: RefusedTotal::default(),
            started_at: now() - SignedDuration::from_mins(minutes),
            finished_at: None,
            lease_until: None,
        }
    }

    fn now() -> Timestamp {
        "2026-11-25T01:20:00Z".parse().unwrap()
    }

    /// The states and messages of the job's checks.
    fn text(job: &str, runs: &[RunRecord], failing: u32) -> String {
        let leases = [lease(40)];
        let facts = JobFacts { job, runs, failing, leases: Some(&leases), now: now() };
        let checks = checks(&facts, &HealthOptions::default());
        checks.iter().map(|check| format!("{} {}: {}\n", check.state.as_str(), check.name, check.message)).collect()
    }

    /// A lease of the owner of [`run`].
    fn lease(left: i64) -> HeldLease {
        let [left, renewed] = [left, 60 - left].map(SignedDuration::from_secs);
        let key = LeaseKey { job: "writer".to_owned(), period: "all".to_owned() };
        HeldLease { key, owner: "vm-1:7".to_owned(), left, renewed: Some(renewed) }
    }

    #[test]
    fn a_run_without_a_lease_is_dead_however_short_it_has_been() {
        let message = |leases: Option<&[HeldLease]>| {
            let config = HealthOptions::default();
            let check = duration(
                "hourly",
                &run("running", 3, &[]),
                lease_state(&run("running", 3, &[]), leases),
                now(),
                &config,
            );
            format!("{} {}", check.state.as_str(), check.message)
        };
        assert_eq!(message(Some(&[lease(40)])), "OK has been running for 3 minutes");
        assert_eq!(
            message(Some(&[lease(-30)])),
            "WARNING started 3 minutes ago and has not ended: the write lease of vm-1:7 expired 30 s ago, \
             renewed 90 s ago; the next run takes over"
        );
        let gone = "WARNING started 3 minutes ago and has not ended: vm-1:7 has no lease and has died; the next \
                    run resumes the work";
        assert_eq!((message(Some(&[])), message(None)), (gone.to_owned(), gone.to_owned()));
    }

    #[test]
    fn a_job_that_runs_is_well() {
        insta::assert_snapshot!(text("hourly", &[run("done", 10, &[("fetch", 900), ("judge", 350)])], 0), @"
        OK hourly age: started 10 minutes ago
        OK hourly outcome: done
        OK hourly duration: 1.2 s
        ");
        insta::assert_snapshot!(text("hourly", &[run("running", 3, &[])], 0), @"
        OK hourly age: started 3 minutes ago
        OK hourly outcome: the first run is in progress
        OK hourly duration: has been running for 3 minutes
        ");
        // A small difference between clocks, and a clock set back by a day.
        assert!(text("hourly", &[run("done", -10, &[])], 0).starts_with("OK hourly age: started 0 minutes ago\n"));
        assert!(text("hourly", &[run("done", -24 * 60, &[])], 0).starts_with(
            "WARNING hourly age: started at 2026-11-26T01:20:00Z, 24 hours in the future by the clock of this host"
        ));
    }

    #[test]
    fn a_job_that_never_ran_is_not_known() {
        insta::assert_snapshot!(text("daily", &[], 0), @"UNKNOWN daily: has never run: run `costwarden schedule install` or `costwarden daily`");
    }

    #[test]
    fn a_job_that_was_not_started_is_missed() {
        let age = |job: &str, minutes: i64| {
            let lines = text(job, &[run("done", minutes, &[])], 0);
            lines.lines().next().unwrap().split(' ').next().unwrap().to_owned()
        };
        assert_eq!([89, 90, 179, 180].map(|minutes| age("hourly", minutes)), ["OK", "WARNING", "WARNING", "CRITICAL"]);
        let hours = [25, 26, 49, 50].map(|hours| age("daily", hours * 60 + 59));
        assert_eq!(hours, ["OK", "WARNING", "WARNING", "CRITICAL"]);
    }

    #[test]
    fn three_failures_in_a_row_are_critical() {
        let [failed, done, running, degraded] =
            ["failed", "done", "running", "degraded"].map(|outcome| run(outcome, 10, &[]));
        let outcome = |runs: &[&RunRecord], failing| {
            let runs: Vec<_> = runs.iter().copied().cloned().collect();
            text("hourly", &runs, failing).lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(outcome(&[&failed, &done], 0), "WARNING hourly outcome: failed: the reason");
        assert_eq!(
            outcome(&[&running, &failed, &failed, &done], 0),
            "WARNING hourly outcome: failed 2 times in a row: the reason"
        );
        assert_eq!(
            outcome(&[&failed, &failed, &failed, &done], 0),
            "CRITICAL hourly outcome: failed 3 times in a row: the reason"
        );
        assert_eq!(
            outcome(&[&failed, &degraded, &failed], 3),
            "CRITICAL hourly outcome: failed 3 times in a row: the reason"
        );
        assert_eq!(outcome(&[&degraded, &failed, &failed, &failed], 0), "WARNING hourly outcome: degraded: the reason");
        assert_eq!(outcome(&[&done, &failed, &failed, &failed], 0), "OK hourly outcome: done");
    }

    #[test]
    fn a_run_that_takes_long_is_a_warning() {
        let slow = text("hourly", &[run("done", 10, &[("fetch", 280_000), ("judge", 20_000)])], 0);
        assert_eq!(slow.lines().nth(2), Some("WARNING hourly duration: 300.0 s, most of it in fetch"));
        let endless = text("hourly", &[run("running", 120, &[])], 0);
        assert_eq!(
            endless.lines().nth(2),
            Some(
                "WARNING hourly duration: has been running for 2 hours: vm-1:7 still renews the lease; end the process if the process hangs"
            )
        );
    }
}
