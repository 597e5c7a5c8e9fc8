//! The response time and the errors of the billing API in the last runs.

use std::collections::HashMap;

use super::{Check, State};
use crate::config::HealthOptions;
use crate::pipeline::Count;
use model::count;
use model::language::Language;
use store::RunRecord;

/// Number of runs in the check, over all jobs: a single slow hour is no trend.
const RUNS: usize = 5;

/// Returns the latency and error checks over the last runs with requests.
pub(super) fn checks<'r>(
    runs: impl Iterator<Item = &'r RunRecord>,
    config: &HealthOptions,
    language: Language,
) -> [Check; 2] {
    // A process writes the requests so far into the run record of each day: the record with the most requests is the
    // total.
    let mut processes: HashMap<&str, &RunRecord> = HashMap::new();
    for run in runs.filter(|run| counted(run, Count::ApiRequests) > 0) {
        let known = processes.entry(&run.owner).or_insert(run);
        if counted(run, Count::ApiRequests) > counted(known, Count::ApiRequests) {
            *known = run;
        }
    }
    let mut processes: Vec<_> = processes.into_values().collect();
    processes.sort_by_key(|run| std::cmp::Reverse(run.started_at));
    processes.truncate(RUNS);
    let sum = |count| processes.iter().map(|run| counted(run, count)).sum::<u64>();
    let (calls, failed, took) = (sum(Count::ApiRequests), sum(Count::FailedApiRequests), sum(Count::ApiMilliseconds));
    let runs = processes.len() as u64;
    let over = match language {
        Language::Korean => format!("실행 {runs}회의 요청 {calls}건"),
        Language::English => format!("{} of {}", count::counted(calls, "request"), count::counted(runs, "run")),
    };
    let seconds = took as f64 / 1e3 / calls.max(1) as f64;
    let percent = 100 * failed / calls.max(1);
    [
        latency(seconds, &over, config, language).with("api_latency", seconds, "s", Some(config.api_seconds)),
        errors(failed, &over, State::of(percent, config.api_errors_percent), language).with(
            "api_errors",
            percent as f64,
            "%",
            Some(config.api_errors_percent),
        ),
    ]
}

fn latency(seconds: f64, over: &str, config: &HealthOptions, language: Language) -> Check {
    let state = State::of(seconds as u64, config.api_seconds);
    let mut message = match language {
        Language::Korean => format!("요청마다 {seconds:.2}초, {over}"),
        Language::English => format!("{seconds:.2} s each, {over}"),
    };
    if state != State::Ok {
        message.push_str(language.choose(
            ". 요청을 줄이려면 source.page_size를 낮추고, 그래도 느리면 제공자에게 물어보세요",
            ": reduce source.page_size for shorter requests, or ask the provider about the latency",
        ));
    }
    Check::new("api latency", state, message)
}

fn errors(failed: u64, over: &str, state: State, language: Language) -> Check {
    let mut message = match language {
        Language::Korean => format!("실패 {failed}건, {over}"),
        Language::English => format!("{failed} failed, {over}"),
    };
    if state != State::Ok {
        message.push_str(language.choose(
            ". `costwarden check --online`을 실행하세요. 까닭은 `trying the billing API again`이 든 로그에 있습니다",
            ": run `costwarden check --online`; log lines with `trying the billing API again` give the reasons",
        ));
    }
    Check::new("api errors", state, message)
}

fn counted(run: &RunRecord, count: Count) -> u64 {
    run.counts.get(count.as_str()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::jobs::tests::run;
    use super::*;

    /// A run of a process that began `minutes` ago.
    fn asked(owner: &str, minutes: i64, calls: u64, failed: u64, took: u64) -> RunRecord {
        let mut run = run("done", minutes, &[]);
        run.owner = owner.to_owned();
        run.counts = [(Count::ApiRequests, calls), (Count::FailedApiRequests, failed), (Count::ApiMilliseconds, took)]
            .map(|(count, number)| (count.as_str().to_owned(), number))
            .into();
        run
    }

    fn text(runs: &[RunRecord]) -> [String; 2] {
        let checks = checks(runs.iter(), &HealthOptions::default(), Language::English);
        checks.map(|check| format!("{} {}: {}", check.state.as_str(), check.name, check.message))
    }

    #[test]
    fn an_api_that_is_slow_or_fails_is_noticed() {
        let quick = text(&[asked("a", 10, 4, 0, 1_000)]);
        assert_eq!(
            quick,
            ["OK api latency: 0.25 s each, 4 requests of 1 run", "OK api errors: 0 failed, 4 requests of 1 run"]
        );
        let at = |failed, took| {
            text(&[asked("a", 10, 100, failed, took)]).map(|text| text.split(' ').next().unwrap().to_owned())
        };
        assert_eq!(
            (at(24, 999_999), at(25, 1_000_000)),
            (["OK", "OK"].map(String::from), ["WARNING", "WARNING"].map(String::from))
        );
        assert_eq!(at(75, 4_000_000), ["CRITICAL", "CRITICAL"]);
        assert_eq!(text(&[run("done", 10, &[])])[0], "OK api latency: 0.00 s each, 0 requests of 0 runs");
    }

    #[test]
    fn the_last_runs_count_each_once() {
        let mut runs: Vec<_> = (0..5).map(|back| asked(&format!("p{back}"), 60 * back, 1, 0, 100)).collect();
        // Two days of the same process, and a run of long ago.
        runs.push(asked("p0", 0, 3, 1, 300));
        runs.push(asked("old", 9_000, 1_000, 1_000, 1_000_000));
        assert_eq!(text(&runs)[1], "OK api errors: 1 failed, 7 requests of 5 runs");
    }
}
