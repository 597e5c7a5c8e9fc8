//! The simulated API's own idea of now: what it was told, or the real clock.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// Where a simulated API takes its now from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Stands still until it is set.
    At(Timestamp),
    /// The real one. The simulated API stands for a remote host, which has a clock of its own.
    Real,
}

impl Clock {
    pub(super) fn now(self) -> Timestamp {
        match self {
            Self::At(now) => now,
            Self::Real => Timestamp::now(),
        }
    }

    /// What its answers are dated, where the server would write the real time.
    pub(super) fn told(self) -> Option<String> {
        match self {
            Self::At(now) => rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok(),
            Self::Real => None,
        }
    }
}
