//! The faults of a worker process.

use crate::failure::CallError;
use crate::limits::Limits;

/// The reason for ending a worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerFault {
    /// The wall clock of a call ended.
    #[error("did not answer in time")]
    TimedOut,
    /// The start of the worker, `describe` or `check-settings` took too much processor time.
    #[error("used up its processor time")]
    CallTime,
    /// The calls of the plugin took too much processor time.
    #[error("used up the time of all calls")]
    AllTime,
    /// The process of costwarden ends.
    #[error("was stopped with the run")]
    Stopped,
    #[error("used more than {0} bytes of memory")]
    Memory(u64),
    /// The process ended, or closed the socket.
    #[error("{0}")]
    Ended(String),
    /// The process does not follow the protocol.
    #[error("sent a message outside the protocol ({0})")]
    Message(String),
}

/// Returns the error of a call that is not made or not finished, because the process of costwarden ends.
pub(super) fn stopped_error() -> CallError {
    CallError::Host("the run was asked to stop".to_owned())
}

impl WorkerFault {
    /// Returns the fault as the result of a call.
    pub(super) fn call_error(&self, limits: &Limits) -> CallError {
        match self {
            Self::TimedOut => CallError::Time(limits.call_seconds),
            Self::CallTime => CallError::DescribeTime(limits.describe_seconds()),
            Self::AllTime => CallError::AllTime(limits.all_calls_seconds()),
            Self::Stopped => stopped_error(),
            fault => CallError::Worker(fault.to_string()),
        }
    }
}
