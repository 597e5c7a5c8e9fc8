//! A loaded plugin: the code for its workers, the limits and the granted reference data. Makes single calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fault::{WorkerFault, stopped_error};
use super::log::{CallLog, LogSource};
use super::reference::{ReferenceBudget, ReferenceFolder};
use super::subject::CallSubject;
use super::time_account::{TimeAccount, allowance};
use super::worker::Worker;
use super::workers::{Image, Workers};
use crate::call::{CallKind, Issue};
use crate::failure::CallError;
use crate::limits::{FuelLimit, Limits};
use crate::manifest::Manifest;
use crate::protocol::{Call, Finished, IssueList, Message, Output, Request, SetupFault, encode};
use crate::stop::is_stopped;
use crate::text;

/// A loaded plugin.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) image: Arc<Image>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) reference: Option<Arc<ReferenceFolder>>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) time: TimeAccount,
}

/// The fuel, the end and the log of a call.
pub(crate) struct CallBudget {
    pub(crate) kind: CallKind,
    pub(crate) fuel: u64,
    pub(crate) deadline: Instant,
    pub(crate) log: CallLog,
}

/// The result and the cost of a call.
pub(crate) struct FinishedCall<T> {
    pub(crate) result: Result<T, CallError>,
    /// The remaining log budget, to close or to pass to the next call.
    pub(crate) log: CallLog,
    pub(super) fuel: u64,
    /// Peak total of the instance's memories, in bytes.
    pub(super) memory_bytes: usize,
}

/// The value of a successful call.
pub(crate) struct Reply {
    pub(super) output: Output,
    /// The encoded results of the series.
    pub(super) results: Vec<u8>,
}

/// The end of a call, as the worker reports it.
struct Reported {
    finished: Finished,
    results: Vec<u8>,
    /// Bytes of the request.
    request_bytes: usize,
}

impl Plugin {
    /// Returns the fuel of a call over the given number of series.
    pub(super) fn fuel(&self, kind: CallKind, series: usize) -> u64 {
        let limit = self.limits.fuel_limit(kind).units;
        match kind {
            CallKind::Describe => limit,
            CallKind::Fit | CallKind::Judge => {
                self.limits.fuel_per_call.saturating_add(limit.saturating_mul(series as u64))
            }
        }
    }

    /// Returns the end of a call that starts now.
    pub(super) fn deadline(&self) -> Instant {
        // Beyond the range of the clock, a century is as good.
        let century = Duration::from_secs(100 * 365 * 86_400);
        Instant::now() + Duration::from_secs(self.limits.call_seconds).min(century)
    }

    /// Returns the processor time of a call; `None` for a call whose only limits are the clock and the account.
    fn processor_time(&self, kind: CallKind) -> Option<Duration> {
        (kind == CallKind::Describe).then(|| Duration::from_secs(self.limits.describe_seconds()))
    }

    /// Calls `describe`. The result is not checked.
    pub(crate) fn describe(&self) -> Result<Manifest, CallError> {
        match self.call_without_series(Call::Describe)? {
            Output::Manifest(manifest) => Ok(manifest),
            _ => Err(other_output()),
        }
    }

    /// Calls `check-settings`.
    pub(crate) fn check_settings(&self, settings: &str) -> Result<Vec<Issue>, CallError> {
        let Output::Issues(IssueList { first, more }) = self.call_without_series(Call::CheckSettings(settings))? else {
            return Err(other_output());
        };
        let plain = |text| text::single_line(text::truncated(text, self.limits.reason_bytes));
        let plain_issue = |Issue { pointer, message }| Issue { pointer: plain(pointer), message: plain(message) };
        let mut issues: Vec<_> = first.into_iter().map(plain_issue).collect();
        if more > 0 {
            issues.push(Issue { pointer: String::new(), message: format!("and {more} more") });
        }
        Ok(issues)
    }

    /// Returns the log budget of a call for a rule.
    pub(crate) fn log(&self, rule: &str, subject: CallSubject) -> CallLog {
        CallLog::new(&self.limits, LogSource { plugin: Arc::clone(&self.name), rule: rule.into(), subject })
    }

    /// Makes a call in a worker. A worker with a fault ends.
    pub(crate) fn call(&self, budget: CallBudget, call: Call<'_>) -> FinishedCall<Reply> {
        let CallBudget { kind, fuel, deadline, mut log } = budget;
        let failed = |error, log| FinishedCall { result: Err(error), log, fuel, memory_bytes: 0 };
        if is_stopped() {
            return failed(stopped_error(), log);
        }
        let mut busy = match self.workers.take(&self.image) {
            Ok(busy) => busy,
            Err(fault) => return failed(setup_error(fault), log),
        };
        let request = Request { fuel, log: log.budget(), call };
        if self.time.left().is_zero() {
            return failed(CallError::AllTime(self.limits.all_calls_seconds()), log);
        }
        let started = Instant::now();
        busy.worker().begin_call(&self.time, self.processor_time(kind));
        let reported = self.exchange(busy.worker(), &request, deadline, &mut log);
        let Reported { finished, results, request_bytes } = match reported {
            Ok(reported) => reported,
            Err(fault) => {
                busy.worker().end_call(&self.time, started.elapsed(), Duration::ZERO);
                busy.end();
                return failed(fault.call_error(&self.limits), log);
            }
        };
        let allowance = allowance(finished.fuel.min(fuel), request_bytes + results.len());
        busy.worker().end_call(&self.time, started.elapsed(), allowance);
        log.add_dropped(finished.dropped_lines);
        let result = match finished.result {
            Ok(output) => Ok(Reply { output, results }),
            // The limit is the limit of this side.
            Err(CallError::Fuel { .. }) => Err(self.fuel_error(kind, fuel)),
            Err(error) => Err(error.of_worker(self.limits.reason_bytes)),
        };
        FinishedCall { result, log, fuel: finished.fuel.min(fuel), memory_bytes: finished.memory_bytes }
    }

    /// Sends the request and serves the imports until the call ends.
    fn exchange(
        &self,
        worker: &mut Worker,
        request: &Request<'_>,
        deadline: Instant,
        log: &mut CallLog,
    ) -> Result<Reported, WorkerFault> {
        let encoded = encode(request, None::<()>).map_err(|error| WorkerFault::Message(error.to_string()))?;
        worker.send(&encoded, deadline)?;
        let mut reference = ReferenceBudget::new(self.reference.as_deref(), self.limits.reference_bytes_per_call);
        loop {
            match worker.receive_with_rest(deadline)? {
                (Message::Finished(finished), results) => {
                    return Ok(Reported { finished, results, request_bytes: encoded.len() });
                }
                (Message::Log { level, line }, _) => log.write(level, line),
                (Message::ReadReference(name), _) => {
                    let answer = encode(&reference.read(&name), None::<()>);
                    worker.send(&answer.map_err(|error| WorkerFault::Message(error.to_string()))?, deadline)?;
                }
                (Message::Ready(_) | Message::Inspected(_) | Message::CoreModule(_), _) => {
                    return Err(WorkerFault::Message("of a start".to_owned()));
                }
            }
        }
    }

    fn call_without_series(&self, call: Call<'_>) -> Result<Output, CallError> {
        let kind = CallKind::Describe;
        let budget = CallBudget {
            kind,
            fuel: self.fuel(kind, 0),
            deadline: self.deadline(),
            log: self.log("", CallSubject::default()),
        };
        let FinishedCall { result, log, .. } = self.call(budget, call);
        log.report_dropped();
        result.map(|reply| reply.output)
    }

    fn fuel_error(&self, kind: CallKind, budget: u64) -> CallError {
        let FuelLimit { key, units } = self.limits.fuel_limit(kind);
        CallError::Fuel { budget, key: key.into(), limit: units }
    }
}

/// Returns the error of a worker that cannot be started.
fn setup_error(fault: SetupFault) -> CallError {
    match fault {
        SetupFault::Host(message) => CallError::Host(message),
        // An earlier worker loaded the same code.
        _ => CallError::Host("a worker process cannot load the compiled plugin".to_owned()),
    }
}

pub(super) fn other_output() -> CallError {
    CallError::Worker("sent the result of another function".to_owned())
}
