//! Ten days of operation for each seed, in this process: the jobs at the times of the crontab, on the simulated API and
//! the embedded store. Each seed draws one outage, one corrected bill and a new rule. The days have changes of daylight
//! saving time and ends of months.
//!
//! `SEEDS="3 17"` plays these seeds. The failure of an assertion prints the seed.

mod expected;
mod installation;
mod outage;
mod play;

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::expected::{Expected, check};
use self::installation::Installation;
use self::play::{Played, play};

/// The number of seeds without `SEEDS`: enough for each of the installations and several outages.
const SEEDS: u64 = 12;
const STACK_BYTES: usize = 8 << 20;
const VARIABLE: &str = "SEEDS";
/// Largest median and largest maximum of the delays of a finished day.
const MEDIAN_MINUTES: i64 = 60;
const MAXIMUM_MINUTES: i64 = 240;

#[test]
fn outages_lose_no_day_and_cause_no_false_message() {
    let seeds = seeds();
    let installations = with_stack(Installation::all);
    let next = AtomicUsize::new(0);
    let incomplete_runs = AtomicUsize::new(0);
    let work = || -> Vec<i64> {
        let mut delays = Vec::new();
        while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let installation = &installations[seed as usize % installations.len()];
            // The message of the failure is already printed.
            let result = catch_unwind(|| play_seed(seed, installation));
            let Ok(played) = result else { panic!("seed {seed} failed: {VARIABLE}={seed} replays the seed") };
            incomplete_runs.fetch_add(played.incomplete.len(), Ordering::Relaxed);
            delays.extend(played.delays());
        }
        delays
    };
    let mut delays: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores()).map(|_| scope.spawn(|| with_stack(work))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the seeds of a thread")).collect()
    });
    delays.sort_unstable();
    let has_effect = incomplete_runs.into_inner() > 0;
    assert!(has_effect || seeds.len() < SEEDS as usize, "no outage met a job");
    assert!(delays[delays.len() / 2] < MEDIAN_MINUTES, "the median delay in minutes, of {delays:?}");
    assert!(delays[delays.len() - 1] < MAXIMUM_MINUTES, "the largest delay in minutes, of {delays:?}");
}

fn play_seed(seed: u64, installation: &Installation) -> Played {
    let expected = Expected::draw(seed, installation);
    let played = play(installation, &expected);
    check(&expected, &played);
    played
}

/// Returns the seeds of `SEEDS`: a list, or the number of seeds as `1..=200`.
fn seeds() -> Vec<u64> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    if text.trim().is_empty() {
        return (1..=SEEDS).collect();
    }
    let number = |word: &str| word.parse::<u64>().expect("a number");
    match text.split_once("..=") {
        Some((first, last)) => (number(first)..=number(last)).collect(),
        None => text.split_whitespace().map(number).collect(),
    }
}

/// Calls a function on a thread with the stack of a main thread: without optimization, a job needs more than the stack of
/// a test.
fn with_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        thread.expect("a thread").join().expect("the work of the thread")
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
