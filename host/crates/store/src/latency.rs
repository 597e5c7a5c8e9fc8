//! Counts and durations of the calls to a database, by kind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A kind of call to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Read,
    Write,
    Delete,
}

/// The count and total duration of the calls of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallTotals {
    pub succeeded: u64,
    pub failed: u64,
    /// Total duration of the successful and failed calls.
    pub duration: Duration,
}

/// A shared counter of calls, safe for concurrent calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latency(Arc<Mutex<BTreeMap<Operation, CallTotals>>>);

impl Operation {
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

impl Latency {
    /// Waits for a call, and counts the call.
    pub(crate) async fn measure<T, E>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = call.await;
        self.count(operation, started, &result);
        result
    }

    /// Counts a call that began at `started` and ended now.
    pub(crate) fn count<T, E>(&self, operation: Operation, started: Instant, result: &Result<T, E>) {
        let duration = started.elapsed();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = all.entry(operation).or_default();
        totals.succeeded += u64::from(result.is_ok());
        totals.failed += u64::from(result.is_err());
        totals.duration += duration;
    }

    pub(crate) fn totals(&self, operation: Operation) -> CallTotals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&operation).copied().unwrap_or_default()
    }
}
