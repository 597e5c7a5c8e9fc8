//! Splits many series into batches and calls the plugin on all cores. If a batch fails, calls each series individually.
//!
//! Results, failures and usage depend on the input and the batch size, never on the number of threads.
//! [`super::plugin`] makes a single call.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::parallel::{Completed, run_in_parallel};
use super::plugin::{CallBudget, FinishedCall, Plugin, Reply, other_output};
use super::subject::{CallPoints, CallSubject};
use crate::call::{CallContext, CallKind, CallOutcome, Usage};
use crate::failure::{CallError, Failure, FailureContext, SkipReason};
use crate::manifest::Scope;
use crate::protocol::{Call, Output, Refusal, split};
use crate::text;

/// Series in a batch: enough to hide the cost of an instance, with data that fits into the processor's cache.
pub(crate) const BATCH_SERIES: usize = 256;

/// Series per batch, and batches that run in parallel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batching {
    pub(crate) series: usize,
    pub(crate) threads: usize,
}

/// A call without the inputs.
pub(crate) struct BatchCall<'a> {
    pub(crate) plugin: &'a Plugin,
    pub(crate) name: Arc<str>,
    pub(crate) context: &'a CallContext<'a>,
    pub(crate) kind: CallKind,
    pub(crate) scope: Scope,
    pub(crate) batching: Batching,
}

/// A contract function over many inputs, and the check of each result.
pub(crate) struct Operation<I, C> {
    pub(crate) points: for<'a> fn(&'a I) -> CallPoints<'a>,
    pub(crate) call: for<'a> fn(CallContext<'a>, &'a [I]) -> Call<'a>,
    pub(crate) check: C,
}

/// The results of a call, a result per input.
type SeriesResults<R> = Vec<Result<R, Refusal>>;

/// The results and the usage of a batch.
struct BatchResult<T> {
    results: Vec<Result<T, Failure>>,
    usage: Usage,
    /// True if every series failed with [`Failure::Call`].
    has_failed: bool,
}

/// The result of an individual call for a series, and the budget left for the next retry.
struct Retry<T> {
    result: Result<T, Failure>,
    left: CallBudget,
}

/// Calls the plugin for all inputs. Results are in input order.
pub(crate) fn run<I, R, T, C>(call: &BatchCall<'_>, inputs: &[I], operation: &Operation<I, C>) -> CallOutcome<T>
where
    I: Sync,
    R: DeserializeOwned,
    T: Send + Sync,
    C: Fn(&I, R) -> Result<T, CallError> + Sync,
{
    let size = match call.scope {
        Scope::Each => call.batching.series.max(1),
        Scope::Group => inputs.len().max(1),
    };
    let batches: Vec<&[I]> = inputs.chunks(size).collect();
    // A plugin that fails for every series of a batch is broken. The later batches are skipped, so the plugin cannot
    // exhaust its limits again and again. "Later" means input order, not execution order: the result is deterministic.
    let first_failed = AtomicUsize::new(usize::MAX);
    let Completed { mut items, stopped } = run_in_parallel(call.batching.threads, batches.len(), |index| {
        if index > first_failed.load(Ordering::Relaxed) {
            return None;
        }
        let result = call.run_batch(batches[index], operation);
        if result.has_failed {
            first_failed.fetch_min(index, Ordering::Relaxed);
        }
        Some(result)
    });
    let first_failed = first_failed.into_inner();
    let mut outcome = CallOutcome { results: Vec::with_capacity(inputs.len()), usage: Usage::default() };
    for (index, batch) in batches.iter().enumerate() {
        match items[index].take() {
            Some(result) if index <= first_failed => {
                outcome.usage.add(result.usage);
                outcome.results.extend(result.results);
            }
            None if index <= first_failed => {
                outcome.results.extend(call.fail_all(batch, operation.points, &stopped));
            }
            _ => {
                let skipped = CallError::Skipped(SkipReason::FailedBatch(batches[first_failed].len()));
                outcome.results.extend(call.fail_all(batch, operation.points, &skipped));
            }
        }
    }
    outcome
}

impl BatchCall<'_> {
    /// Calls the plugin for a batch. If the call fails, calls the plugin for each series individually.
    fn run_batch<I, R, T, C>(&self, inputs: &[I], operation: &Operation<I, C>) -> BatchResult<T>
    where
        R: DeserializeOwned,
        C: Fn(&I, R) -> Result<T, CallError>,
    {
        let fuel = self.plugin.fuel(self.kind, inputs.len());
        let deadline = self.plugin.deadline();
        let subject = CallSubject::new(inputs.iter().map(operation.points));
        let log = self.plugin.log(self.context.rule, subject);
        let budget = CallBudget { kind: self.kind, fuel, deadline, log };
        let FinishedCall { result, mut log, fuel: used, memory_bytes } = self.call(inputs, budget, operation);
        let mut usage = Usage { fuel: used, budget: fuel, memory_bytes, batches: 1, retried: 0 };
        let results: Vec<_> = match result {
            Ok(results) => {
                inputs.iter().zip(results).map(|(input, result)| self.check_result(input, result, operation)).collect()
            }
            Err(error) if self.scope == Scope::Each && inputs.len() > 1 && error.is_worth_a_retry() => {
                // All retries share the fuel of one batch, and the time that the batch left. So a batch costs and logs at
                // most twice its limit, even if all of its series fail.
                log.reset_budget(&self.plugin.limits);
                let mut left = CallBudget { kind: self.kind, fuel, deadline, log };
                let mut results = Vec::with_capacity(inputs.len());
                for input in inputs {
                    let retry = self.retry(input, left, operation);
                    left = retry.left;
                    results.push(retry.result);
                }
                usage.fuel += fuel - left.fuel;
                usage.retried += inputs.len() as u64;
                log = left.log;
                results
            }
            Err(error) => self.fail_all(inputs, operation.points, &error).collect(),
        };
        log.report_dropped();
        let has_failed = results.iter().all(|result| matches!(result, Err(Failure::Call { .. })));
        BatchResult { results, usage, has_failed }
    }

    /// Calls the plugin for a single series of a failed batch, within the remaining log budget, fuel and time.
    fn retry<I, R, T, C>(&self, input: &I, left: CallBudget, operation: &Operation<I, C>) -> Retry<T>
    where
        R: DeserializeOwned,
        C: Fn(&I, R) -> Result<T, CallError>,
    {
        let id = &(operation.points)(input).series.id;
        if left.deadline <= Instant::now() {
            return Retry { result: Err(self.failure(id, CallError::Skipped(SkipReason::RetryTime))), left };
        }
        let deadline = left.deadline;
        let full_fuel = self.plugin.fuel(self.kind, 1);
        let fuel = full_fuel.min(left.fuel);
        let total_fuel = left.fuel;
        let mut budget = CallBudget { fuel, ..left };
        budget.log.set_subject(CallSubject::new(std::iter::once((operation.points)(input))));
        let FinishedCall { result, log, fuel: used, .. } = self.call(slice::from_ref(input), budget, operation);
        let result = match result {
            Ok(mut results) => match results.pop() {
                Some(result) => self.check_result(input, result, operation),
                None => Err(self.failure(id, CallError::WrongCount { expected: 1, returned: 0 })),
            },
            // The series had less than its full fuel, because the earlier retries used up the rest.
            Err(CallError::Fuel { .. }) if fuel < full_fuel => {
                Err(self.failure(id, CallError::Skipped(SkipReason::RetryFuel)))
            }
            Err(CallError::Time(_)) => Err(self.failure(id, CallError::Skipped(SkipReason::RetryTime))),
            Err(error) => Err(self.failure(id, error)),
        };
        Retry { result, left: CallBudget { kind: self.kind, fuel: total_fuel - used, deadline, log } }
    }

    /// Makes a call for the inputs and checks the number of results before their decoding.
    fn call<I, R: DeserializeOwned, C>(
        &self,
        inputs: &[I],
        budget: CallBudget,
        operation: &Operation<I, C>,
    ) -> FinishedCall<SeriesResults<R>> {
        let FinishedCall { result, log, fuel, memory_bytes } =
            self.plugin.call(budget, (operation.call)(*self.context, inputs));
        let result = result.and_then(|reply| decoded(&reply, inputs.len()));
        FinishedCall { result, log, fuel, memory_bytes }
    }

    fn check_result<I, R, T, C>(
        &self,
        input: &I,
        result: Result<R, Refusal>,
        operation: &Operation<I, C>,
    ) -> Result<T, Failure>
    where
        C: Fn(&I, R) -> Result<T, CallError>,
    {
        let id = &(operation.points)(input).series.id;
        match result {
            Ok(output) => (operation.check)(input, output).map_err(|error| self.failure(id, error)),
            Err(Refusal::Learning(points)) => Err(Failure::InsufficientHistory(points)),
            Err(Refusal::Failed(message)) => {
                let message = text::single_line(text::truncated(message, self.plugin.limits.reason_bytes));
                Err(Failure::Refused { context: self.failure_context(id), message })
            }
        }
    }

    fn fail_all<'b, I, T>(
        &'b self,
        inputs: &'b [I],
        points: for<'p> fn(&'p I) -> CallPoints<'p>,
        error: &'b CallError,
    ) -> impl Iterator<Item = Result<T, Failure>> + 'b {
        inputs.iter().map(move |input| Err(self.failure(&points(input).series.id, error.clone())))
    }

    fn failure(&self, series: &str, error: CallError) -> Failure {
        Failure::Call { context: self.failure_context(series), error }
    }

    fn failure_context(&self, series: &str) -> FailureContext {
        FailureContext {
            plugin: Arc::clone(&self.name),
            rule: Some(Arc::from(self.context.rule)),
            series: Some(series.to_owned()),
        }
    }
}

/// Decodes the results of a call.
fn decoded<R: DeserializeOwned>(reply: &Reply, expected: usize) -> Result<SeriesResults<R>, CallError> {
    let Output::Results(returned) = reply.output else { return Err(other_output()) };
    if returned != expected {
        return Err(CallError::WrongCount { expected, returned });
    }
    let mut rest = &reply.results[..];
    let mut results = Vec::with_capacity(expected);
    for _ in 0..expected {
        let (result, left) =
            split(rest).map_err(|error| CallError::Worker(format!("sent damaged results ({error})")))?;
        results.push(result);
        rest = left;
    }
    Ok(results)
}
