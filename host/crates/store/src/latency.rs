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
pub struct Spent {
    pub done: u64,
    pub failed: u64,
    /// Total duration of the successful and failed calls.
    pub time: Duration,
}

/// A shared counter of calls, safe for concurrent calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Latency(Arc<Mutex<BTreeMap<Operation, Spent>>>);

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
    pub(super) async fn of<T, E>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = call.await;
        self.count(operation, started, result.is_ok());
        result
    }

    pub(super) fn count(&self, operation: Operation, started: Instant, good: bool) {
        let time = started.elapsed();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = all.entry(operation).or_default();
        spent.done += u64::from(good);
        spent.failed += u64::from(!good);
        spent.time += time;
    }

    pub(super) fn spent(&self, operation: Operation) -> Spent {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&operation).copied().unwrap_or_default()
    }
}
