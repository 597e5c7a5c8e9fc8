//! The context, the results and the resource usage of calls over many series.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The rule and the `context` record of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallContext<'a> {
    pub rule: &'a str,
    /// JSON accepted by [`Detector::check_settings`](crate::Detector::check_settings).
    pub settings: &'a str,
    /// Unit of the values, e.g. `KRW`.
    pub unit: &'a str,
    /// Language of the reasons, e.g. `ko`.
    pub locale: &'a str,
}

/// The results and the usage of a call over many series.
#[derive(Debug, Clone, PartialEq)]
pub struct CallOutcome<T> {
    /// A result per input, in input order.
    pub results: Vec<Result<T, Failure>>,
    pub usage: Usage,
}

/// The resources used by a call. Equal inputs give equal usage on every machine, with any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Fuel used; a unit is about a WebAssembly instruction.
    pub fuel: u64,
    /// Fuel limit of all batches, without the additional fuel of retried series.
    pub budget: u64,
    /// Peak total of the memories of an instance, in bytes.
    pub memory_bytes: usize,
    pub batches: u64,
    /// Series called again individually after a failure of the batch.
    pub retried: u64,
}

/// The result of fitting a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Opaque state; valid only for a plugin with the same digest.
    #[serde(with = "serde_bytes")]
    pub state: Vec<u8>,
    /// Finite values with unique names of ASCII letters, digits, `_` and `-`.
    pub figures: Vec<(String, f64)>,
}

/// A judged point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Index into the window's values, at least `judge_from`.
    pub index: u32,
    /// Finite; a score of 1 or more is anomalous.
    pub score: f64,
    /// Finite.
    pub expected: f64,
    /// Never NaN; can be infinite.
    pub lower: f64,
    /// Never NaN; can be infinite.
    pub upper: f64,
    /// A single line of text, safe in terminals and logs.
    pub reason: String,
}

/// A problem in a rule's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// JSON pointer into the settings.
    pub pointer: String,
    pub message: String,
}

impl Usage {
    /// Adds the usage of another batch.
    pub(crate) fn add(&mut self, other: Self) {
        self.fuel += other.fuel;
        self.budget += other.budget;
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.batches += other.batches;
        self.retried += other.retried;
    }
}

impl Issue {
    /// Returns the location in the settings, for messages.
    pub fn location(&self) -> &str {
        if self.pointer.is_empty() { "as a whole" } else { &self.pointer }
    }
}
