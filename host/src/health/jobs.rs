//! The checks of the last runs of a job.

use jiff::{SignedDuration, Timestamp};

use super::lease::{LeaseState, lease_state, lease_text};
use super::{Check, State};
use crate::config::{HealthOptions, Levels};
use crate::pipeline::Outcome;
use model::count::counted;
use model::language::Language;
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
    /// The language of the messages.
    pub(super) language: Language,
}

/// Checks the age, outcome and duration of a job.
pub(super) fn checks(facts: &JobFacts<'_>, config: &HealthOptions) -> Vec<Check> {
    let JobFacts { job, language, .. } = *facts;
    // A refused run says nothing about the job.
    let runs: Vec<&RunRecord> = facts.runs.iter().filter(|run| run.outcome != "refused").collect();
    let Some(&last) = runs.first() else {
        let message = match language {
            Language::Korean => {
                format!("실행한 적이 없습니다. `costwarden schedule install` 또는 `costwarden {job}` 명령을 실행하세요")
            }
            Language::English => {
                format!("has never run: run `costwarden schedule install` or `costwarden {job}`")
            }
        };
        return vec![Check::new(job, State::Unknown, message)];
    };
    vec![age(last, facts, config), outcome(&runs, facts, config), duration(last, facts, config)]
}

fn age(last: &RunRecord, facts: &JobFacts<'_>, config: &HealthOptions) -> Check {
    let JobFacts { job, now, language, .. } = *facts;
    let age = now.duration_since(last.started_at);
    if age < -CLOCKS_APART {
        let RunRecord { started_at, owner, .. } = last;
        let age = span(-age, language);
        let message = match language {
            Language::Korean => format!(
                "{started_at}에 시작했는데, 이 호스트의 시계({now})로는 {age} 뒤입니다. 이 호스트와 {owner}의 시계를 NTP로 맞추세요. 그때까지 언제 시작했는지 알 수 없습니다"
            ),
            Language::English => format!(
                "started at {started_at}, {age} in the future by the clock of this host ({now}): set the clocks of this host and of {owner} by NTP; the age of the job is unknown until then"
            ),
        };
        return Check::new(format!("{job} age"), State::Warning, message);
    }
    let age = age.max(SignedDuration::ZERO);
    let (value, levels, unit) = match job {
        "daily" => (age.as_hours() as u64, config.daily_hours, 3_600),
        _ => (age.as_mins() as u64, config.hourly_minutes, 60),
    };
    let state = State::of(value, levels);
    let ago = span(age, language);
    let mut message = language.choose(format!("{ago} 전"), format!("started {ago} ago"));
    if state != State::Ok {
        message.push_str(language.choose(
            ". `costwarden schedule show`와 작업의 로그를 확인하세요",
            ": check `costwarden schedule show` and the log of the job",
        ));
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

fn outcome(runs: &[&RunRecord], facts: &JobFacts<'_>, config: &HealthOptions) -> Check {
    let JobFacts { job, failing, language, .. } = *facts;
    // An unfinished run has no outcome: the outcome of the run before counts.
    let ended = || runs.iter().filter(|run| run.outcome != "running");
    let failures = ended().take_while(|run| run.outcome == "failed").count().max(failing as usize) as u64;
    let last = ended().next();
    let why = last.and_then(|run| run.error.as_deref()).unwrap_or(language.choose("로그를 확인하세요", "see the log"));
    let words = |outcome: Outcome| outcome.text(language);
    let (state, message) = match last.map(|run| run.outcome.as_str()) {
        // `failing` may count failures after the last run record.
        _ if failures > 0 => (
            State::of(failures, config.failures),
            match (language, failures) {
                (_, 1) => format!("{}: {why}", words(Outcome::Failed)),
                (Language::Korean, _) => format!("{failures}회 연속 실패: {why}"),
                (Language::English, _) => format!("failed {failures} times in a row: {why}"),
            },
        ),
        Some("degraded") => (State::Warning, format!("{}: {why}", words(Outcome::Degraded))),
        Some(outcome) => {
            let known = Outcome::ALL.into_iter().find(|known| known.as_str() == outcome);
            (State::Ok, known.map_or(outcome, words).to_owned())
        }
        None => (State::Ok, language.choose("첫 실행 중", "the first run is in progress").to_owned()),
    };
    Check::new(format!("{job} outcome"), state, message).with(
        format!("{job}_failures"),
        failures as f64,
        "",
        Some(config.failures),
    )
}

fn duration(last: &RunRecord, facts: &JobFacts<'_>, config: &HealthOptions) -> Check {
    let JobFacts { job, language, .. } = *facts;
    let name = format!("{job} duration");
    if last.outcome == "running" {
        let (state, message) = unfinished(last, facts, config);
        return Check::new(name, state, message);
    }
    let took: u64 = last.durations_ms.values().sum();
    let slow = took >= config.run_seconds * 1_000;
    let longest = last.durations_ms.iter().max_by_key(|(_, took)| **took);
    let hint = match (language, longest) {
        (Language::Korean, Some((step, _))) if slow => format!(", 대부분 {step}"),
        (Language::English, Some((step, _))) if slow => format!(", most of it in {step}"),
        _ => String::new(),
    };
    let state = if slow { State::Warning } else { State::Ok };
    let seconds = took as f64 / 1e3;
    let message = format!("{seconds:.1}{}{hint}", language.choose("초", " s"));
    Check::new(name, state, message).with(format!("{job}_duration"), seconds, "s", None)
}

/// Returns the state and the message of a run without an end.
fn unfinished(last: &RunRecord, facts: &JobFacts<'_>, config: &HealthOptions) -> (State, String) {
    let JobFacts { leases, now, language, .. } = *facts;
    let running = now.duration_since(last.started_at).max(SignedDuration::ZERO);
    let too_long = running.as_mins() as u64 >= config.running_minutes;
    let (running, owner) = (span(running, language), &last.owner);
    match (language, lease_state(last, leases)) {
        (Language::Korean, LeaseState::Renewed) if too_long => (
            State::Warning,
            format!("{running}째 실행 중입니다. {owner}: 쓰기 권한을 아직 갱신합니다. 멈춘 프로세스라면 끝내세요"),
        ),
        (Language::English, LeaseState::Renewed) if too_long => (
            State::Warning,
            format!(
                "has been running for {running}: {owner} still renews the lease; end the process if the process hangs"
            ),
        ),
        (Language::Korean, LeaseState::Renewed) => (State::Ok, format!("{running}째 실행 중")),
        (Language::English, LeaseState::Renewed) => (State::Ok, format!("has been running for {running}")),
        (Language::Korean, LeaseState::Expired(lease)) => {
            let lease = lease_text(lease, language);
            let message = format!("{running} 전에 시작해 끝나지 않았습니다. {lease}. 다음 실행이 이어받습니다");
            (State::Warning, message)
        }
        (Language::English, LeaseState::Expired(lease)) => {
            let lease = lease_text(lease, language);
            (State::Warning, format!("started {running} ago and has not ended: {lease}; the next run takes over"))
        }
        (Language::Korean, LeaseState::None) => (
            State::Warning,
            format!(
                "{running} 전에 시작해 끝나지 않았습니다. {owner}: 쓰기 권한이 없는 죽은 프로세스입니다. 다음 실행이 이어서 합니다"
            ),
        ),
        (Language::English, LeaseState::None) => (
            State::Warning,
            format!(
                "started {running} ago and has not ended: {owner} has no lease and has died; the next run resumes the work"
            ),
        ),
    }
}

/// Returns a duration in the largest unit of two or more.
pub(super) fn span(duration: SignedDuration, language: Language) -> String {
    match (language, duration.as_mins()) {
        (Language::Korean, minutes) if minutes >= 2 * 24 * 60 => format!("{}일", minutes / (24 * 60)),
        (Language::English, minutes) if minutes >= 2 * 24 * 60 => format!("{} days", minutes / (24 * 60)),
        (Language::Korean, minutes) if minutes >= 2 * 60 => format!("{}시간", minutes / 60),
        (Language::English, minutes) if minutes >= 2 * 60 => format!("{} hours", minutes / 60),
        (Language::Korean, minutes) => format!("{minutes}분"),
        (Language::English, minutes) => counted(minutes, "minute"),
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
        let facts = JobFacts { job, runs, failing, leases: Some(&leases), now: now(), language: Language::English };
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
            let language = Language::English;
            let facts = JobFacts { job: "hourly", runs: &[], failing: 0, leases, now: now(), language };
            let check = duration(&run("running", 3, &[]), &facts, &HealthOptions::default());
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
