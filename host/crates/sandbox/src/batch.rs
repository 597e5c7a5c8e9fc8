//! Splits many series into batches and calls the plugin on all cores. If a batch fails, calls each series individually.
//!
//! Results, failures and usage depend on the input and the batch size, never on the number of threads.
//! [`super::session`] makes a single call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use wasmtime::Store;

use super::bindings::{Guest, Refusal};
use super::failure::Abandoned;
use super::log::Log;
use super::session::{Answers, Attempt, Kind, Program, State};
use super::{Breach, Call, Failure, Outcome, Scope, Site, Usage, output};

/// Series per batch, and batches that run in parallel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) series: usize,
    pub(super) threads: usize,
}

/// A call without the inputs.
pub(super) struct Batches<'a> {
    pub(super) program: &'a Program,
    pub(super) plugin: Arc<str>,
    pub(super) call: &'a Call<'a>,
    pub(super) kind: Kind,
    pub(super) scope: Scope,
    pub(super) cut: Cut,
}

/// The results and the usage of a batch.
struct Done<T> {
    results: Vec<Result<T, Failure>>,
    usage: Usage,
    /// True if every series failed with [`Failure::Broken`].
    lost: bool,
}

/// A contract function over many series.
type Ask<I, R> = fn(&Guest, &mut Store<State>, &Call<'_>, &[I]) -> wasmtime::Result<Answers<R>>;

/// The contract function to call, and the check of each answer.
struct Question<I, R, O> {
    id: fn(&I) -> &str,
    ask: Ask<I, R>,
    check: O,
}

/// Calls the plugin for all inputs. Results are in input order.
pub(super) fn run<I: Sync, R, T: Send + Sync>(
    batches: &Batches<'_>,
    inputs: &[I],
    id: fn(&I) -> &str,
    ask: Ask<I, R>,
    check: impl Fn(&I, R) -> Result<T, Breach> + Sync,
) -> Outcome<T> {
    let question = Question { id, ask, check };
    let size = match batches.scope {
        Scope::Each => batches.cut.series.max(1),
        Scope::Group => inputs.len().max(1),
    };
    let cut: Vec<&[I]> = inputs.chunks(size).collect();
    // A plugin that fails for every series of a batch is broken. The later batches are skipped, so the plugin cannot
    // exhaust its limits again and again. "Later" means input order, not execution order: the result is deterministic.
    let lost_at = AtomicUsize::new(usize::MAX);
    let (mut done, stopped) = on_threads(batches, cut.len(), |place| {
        if place > lost_at.load(Ordering::Relaxed) {
            return None;
        }
        let done = batches.run_one(cut[place], &question);
        if done.lost {
            lost_at.fetch_min(place, Ordering::Relaxed);
        }
        Some(done)
    });
    let lost_at = lost_at.into_inner();
    let mut outcome = Outcome { results: Vec::with_capacity(inputs.len()), usage: Usage::default() };
    for (place, batch) in cut.iter().enumerate() {
        match done[place].take() {
            Some(done) if place <= lost_at => {
                outcome.usage.add(done.usage);
                outcome.results.extend(done.results);
            }
            None if place <= lost_at => outcome.results.extend(batches.all_broken(batch, id, &stopped)),
            _ => {
                let breach = Breach::Abandoned(Abandoned::Batch(cut[lost_at].len()));
                outcome.results.extend(batches.all_broken(batch, id, &breach));
            }
        }
    }
    outcome
}

impl Batches<'_> {
    /// Calls the plugin for a batch. If the call fails, calls the plugin for each series individually.
    fn run_one<I, R, T>(
        &self,
        inputs: &[I],
        question: &Question<I, R, impl Fn(&I, R) -> Result<T, Breach>>,
    ) -> Done<T> {
        let budget = self.program.fuel(self.kind, inputs.len());
        let Attempt { result, mut log, fuel, memory_bytes } =
            self.attempt(inputs, self.program.log(self.call.rule), budget, question);
        let mut usage = Usage { fuel, budget, memory_bytes, batches: 1, retried: 0 };
        let results: Vec<_> = match result {
            Ok(answers) => {
                inputs.iter().zip(answers).map(|(input, answer)| self.answer(input, answer, question)).collect()
            }
            Err(breach) if self.scope == Scope::Each && inputs.len() > 1 && breach.is_worth_a_retry() => {
                // All retries share the fuel of one batch. So a batch costs and logs at most twice its limit, even if
                // all of its series fail.
                let mut left = budget;
                log.renew(&self.program.limits);
                let mut results = Vec::with_capacity(inputs.len());
                for input in inputs {
                    let (result, fuel, logged) = self.alone(input, log, left, question);
                    log = logged;
                    left -= fuel;
                    usage.fuel += fuel;
                    usage.retried += 1;
                    results.push(result);
                }
                results
            }
            Err(breach) => self.all_broken(inputs, question.id, &breach).collect(),
        };
        log.close();
        let lost = results.iter().all(|result| matches!(result, Err(Failure::Broken { .. })));
        Done { results, usage, lost }
    }

    /// Calls the plugin for a single series of a failed batch, within the remaining log budget and fuel.
    fn alone<I, R, T>(
        &self,
        input: &I,
        log: Log,
        left: u64,
        question: &Question<I, R, impl Fn(&I, R) -> Result<T, Breach>>,
    ) -> (Result<T, Failure>, u64, Log) {
        let whole = self.program.fuel(self.kind, 1);
        let fuel = whole.min(left);
        let Attempt { result, log, fuel: used, .. } = self.attempt(std::slice::from_ref(input), log, fuel, question);
        let result = match result {
            Ok(mut answers) => match answers.pop() {
                Some(answer) => self.answer(input, answer, question),
                None => Err(self.broken((question.id)(input), Breach::WrongCount { expected: 1, got: 0 })),
            },
            // The series had less than its full fuel, because the earlier retries used up the rest.
            Err(Breach::Fuel { .. }) if fuel < whole => {
                Err(self.broken((question.id)(input), Breach::Abandoned(Abandoned::Retries)))
            }
            Err(breach) => Err(self.broken((question.id)(input), breach)),
        };
        (result, used, log)
    }

    fn attempt<I, R, O>(&self, inputs: &[I], log: Log, fuel: u64, question: &Question<I, R, O>) -> Attempt<Answers<R>> {
        let Attempt { result, log, fuel, memory_bytes } =
            self.program.attempt(log, self.kind, fuel, |guest, store| (question.ask)(guest, store, self.call, inputs));
        let result = result.and_then(|answers| {
            let (expected, got) = (inputs.len(), answers.len());
            if got == expected { Ok(answers) } else { Err(Breach::WrongCount { expected, got }) }
        });
        Attempt { result, log, fuel, memory_bytes }
    }

    fn answer<I, R, T>(
        &self,
        input: &I,
        answer: Result<R, Refusal>,
        question: &Question<I, R, impl Fn(&I, R) -> Result<T, Breach>>,
    ) -> Result<T, Failure> {
        let id = (question.id)(input);
        match answer {
            Ok(given) => (question.check)(input, given).map_err(|breach| self.broken(id, breach)),
            Err(Refusal::Learning(points)) => Err(Failure::Learning(points)),
            Err(Refusal::Failed(message)) => {
                let message = output::plain(output::shortened(message, self.program.limits.reason_bytes));
                Err(Failure::Refused { site: self.site(id), message })
            }
        }
    }

    fn all_broken<'b, I, T>(
        &'b self,
        inputs: &'b [I],
        id: fn(&I) -> &str,
        breach: &'b Breach,
    ) -> impl Iterator<Item = Result<T, Failure>> + 'b {
        inputs.iter().map(move |input| Err(self.broken(id(input), breach.clone())))
    }

    fn broken(&self, series: &str, breach: Breach) -> Failure {
        Failure::Broken { site: self.site(series), breach }
    }

    fn site(&self, series: &str) -> Site {
        let rule = Some(Arc::from(self.call.rule));
        Site { plugin: Arc::clone(&self.plugin), rule, series: Some(series.to_owned()) }
    }
}

impl Usage {
    fn add(&mut self, other: Self) {
        self.fuel += other.fuel;
        self.budget += other.budget;
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.batches += other.batches;
        self.retried += other.retried;
    }
}

/// Calls `run` for every place below `places`; each thread takes the next free place. `None` marks a skipped place or a
/// stopped thread. The breach states the cause of a stop.
fn on_threads<T: Send + Sync>(
    batches: &Batches<'_>,
    places: usize,
    run: impl Fn(usize) -> Option<T> + Sync,
) -> (Vec<Option<T>>, Breach) {
    let slots: Vec<OnceLock<T>> = (0..places).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let place = next.fetch_add(1, Ordering::Relaxed)
            && let Some(slot) = slots.get(place)
        {
            if let Some(done) = run(place) {
                let _ = slot.set(done);
            }
        }
    };
    let mut stopped = Breach::Host("its thread stopped".to_owned());
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..batches.cut.threads.clamp(1, places.max(1)) {
            match batches.program.thread().spawn_scoped(scope, work) {
                Ok(thread) => threads.push(thread),
                Err(error) => stopped = Breach::Host(format!("no thread can be started: {error}")),
            }
        }
        // The scope would propagate a panic to the caller. The explicit join limits the damage to the panicking batch.
        for thread in threads {
            let _ = thread.join();
        }
    });
    (slots.into_iter().map(OnceLock::into_inner).collect(), stopped)
}
