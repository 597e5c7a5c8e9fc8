//! Causes of a missing result. Messages name the plugin, the rule, the series and the limit.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use model::count::counted;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use wasmtime::{OutOfMemory, PoolConcurrencyLimitError};

use crate::text;

/// The cause of a missing result for a series.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Not a fault: the detector needs the given number of additional points.
    #[error("{0} more points are needed")]
    InsufficientHistory(u32),
    /// The detector was called and refuses the series.
    #[error("{context}: the detector refuses the series: {message}")]
    Refused { context: FailureContext, message: String },
    /// The plugin broke a limit or the contract, trapped, or could not run.
    #[error("{context}: {error}")]
    Call { context: FailureContext, error: CallError },
}

/// The plugin, the rule and the series of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureContext {
    pub plugin: Arc<str>,
    pub rule: Option<Arc<str>>,
    pub series: Option<String>,
}

/// The exceeded limit, the broken rule of the contract, or another cause of a failed call. A message about a limit
/// names the config key.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
pub enum CallError {
    #[error("trapped: {trap}{}", suffix(.logged.as_deref()))]
    Trapped {
        trap: String,
        /// The last error that the plugin logged. After a panic: the panic message and the source location.
        logged: Option<String>,
    },
    #[error("used up its fuel of {budget} (plugins.limits.{key} = {limit})")]
    Fuel { budget: u64, key: Cow<'static, str>, limit: u64 },
    /// The machine may have been busy, so the failure proves nothing about the plugin.
    #[error("ran longer than {0} seconds (plugins.limits.call_seconds)")]
    Time(u64),
    /// As [`Self::Time`], for the processor time of `describe` and `check-settings`.
    #[error("used more than {0} seconds of processor time (a fifth of plugins.limits.call_seconds)")]
    DescribeTime(u64),
    /// As [`Self::Time`], for the processor time of all calls of a plugin.
    #[error(
        "used {0} seconds of processor time more than the fuel, the data and the number of its calls allow (plugins.limits.call_seconds)"
    )]
    AllTime(u64),
    #[error("needs more memory than {0} bytes (plugins.limits.memory_bytes)")]
    Memory(usize),
    #[error("needs larger tables than {0} elements (plugins.limits.table_elements)")]
    Table(usize),
    #[error("needs a deeper stack than {0} bytes (plugins.limits.stack_bytes)")]
    Stack(usize),
    /// Too many core modules, memories or tables.
    #[error("has {0}")]
    TooMany(String),
    #[error("returned or passed more than {0} bytes in one call (plugins.limits.output_bytes)")]
    OutputTooLarge(usize),
    #[error("returned {bytes} bytes of state, more than {limit} (plugins.limits.state_bytes)")]
    StateTooLarge { bytes: usize, limit: usize },
    #[error("returned a reason of {bytes} bytes, more than {limit} (plugins.limits.reason_bytes)")]
    ReasonTooLong { bytes: usize, limit: usize },
    #[error("returned {} for {expected} series", counted(*returned, "result"))]
    WrongCount { expected: usize, returned: usize },
    #[error("returned an invalid verdict: {0}")]
    InvalidVerdict(String),
    #[error("returned invalid figures: {0}")]
    InvalidFigures(String),
    /// The process that runs the plugin failed, e.g. because the plugin escaped the engine, or because the machine has no
    /// memory left.
    #[error("had to be stopped: its worker process {0}")]
    Worker(String),
    #[error("was not called: {0}")]
    Skipped(SkipReason),
    /// A failure of the host, e.g. for lack of threads or memory. The plugin is not to blame.
    #[error("cannot be run: {0}")]
    Host(String),
}

/// The reason for skipping a series without a full call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum SkipReason {
    #[error("the retries of other series used up the fuel of the batch")]
    RetryFuel,
    #[error("the batch and the retries of other series used up the time of the batch (plugins.limits.call_seconds)")]
    RetryTime,
    #[error("all {0} series of an earlier batch failed")]
    FailedBatch(usize),
}

impl Failure {
    /// Returns true if the series was skipped after an earlier batch of the call failed for every series.
    pub fn is_after_failed_batch(&self) -> bool {
        matches!(self, Self::Call { error: CallError::Skipped(SkipReason::FailedBatch(_)), .. })
    }

    /// Returns true if the series had no full call.
    pub fn is_skipped(&self) -> bool {
        matches!(self, Self::Call { error: CallError::Skipped(_), .. })
    }

    /// Returns true if the plugin is not to blame and the next run tries again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Call { error, .. } if error.is_transient())
    }

    /// Returns the message with advice for the plugin's author, e.g. after a trap without a logged error.
    pub fn with_advice(&self) -> String {
        match self {
            Self::Call { error, .. } => format!("{self}{}", error.advice()),
            Self::InsufficientHistory(_) | Self::Refused { .. } => self.to_string(),
        }
    }
}

impl FailureContext {
    /// Returns the context of a call without a rule and a series.
    pub(crate) fn plugin(name: &str) -> Self {
        Self { plugin: name.into(), rule: None, series: None }
    }
}

impl fmt::Display for FailureContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}`", self.plugin)?;
        if let Some(rule) = &self.rule {
            write!(f, ", rule `{rule}`")?;
        }
        if let Some(series) = &self.series {
            write!(f, ", series `{series}`")?;
        }
        Ok(())
    }
}

impl CallError {
    /// Returns a likely cause for the plugin's author; empty if the message is sufficient.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Trapped { logged: None, .. } => {
                "; the plugin logged no error before the trap: a detector in Python or JavaScript traps like this if a result has a wrong type, or if the code uses a clock, files or another service of an operating system"
            }
            _ => "",
        }
    }

    /// Returns true if the cause can be the state of the host.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Host(_) | Self::Time(_) | Self::DescribeTime(_) | Self::AllTime(_) | Self::Worker(_))
    }

    /// Makes the texts of an error from a worker safe. The texts are short unless a plugin has taken over the worker.
    pub(crate) fn of_worker(self, limit_bytes: usize) -> Self {
        let plain = |text| text::single_line(text::truncated(text, limit_bytes));
        match self {
            Self::Trapped { trap, logged } => Self::Trapped { trap: plain(trap), logged: logged.map(plain) },
            Self::TooMany(text) => Self::TooMany(plain(text)),
            Self::Host(text) => Self::Host(plain(text)),
            Self::Worker(text) => Self::Worker(plain(text)),
            Self::InvalidVerdict(text) => Self::InvalidVerdict(plain(text)),
            Self::InvalidFigures(text) => Self::InvalidFigures(plain(text)),
            other => other,
        }
    }

    /// Returns true if series of the batch can succeed when called individually.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        !matches!(self, Self::TooMany(_) | Self::Time(_) | Self::AllTime(_) | Self::Host(_) | Self::Skipped(_))
    }
}

fn suffix(logged: Option<&str>) -> String {
    logged.map(|text| format!(": {text}")).unwrap_or_default()
}

/// Returns the message if the cause of an engine error is the system, e.g. a lack of memory or of addresses.
pub(crate) fn system_error(error: &wasmtime::Error) -> Option<String> {
    if error.is::<PoolConcurrencyLimitError>() {
        return Some(
            "the process may use too few addresses (RLIMIT_AS) for all memories of the plugin: raise the limit (`ulimit -v`; LimitAS= in systemd)"
                .to_owned(),
        );
    }
    let is_of_system =
        |cause: &(dyn Error + 'static)| cause.is::<io::Error>() || cause.is::<Errno>() || cause.is::<OutOfMemory>();
    // The other causes in the chain contain a core dump of the instance.
    let cause = error.chain().find(|cause| is_of_system(*cause))?;
    Some(format!("{cause}: free memory, or raise the limits of the process (`ulimit -a`)"))
}
