//! The clock of the simulated API: a fixed time or the real clock.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The clock of a simulated API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Stands still until the next change.
    At(Timestamp),
    /// The real clock. The simulated API represents a remote host with an independent clock.
    Real,
}

impl Clock {
    pub(super) fn now(self) -> Timestamp {
        match self {
            Self::At(now) => now,
            Self::Real => Timestamp::now(),
        }
    }

    /// Returns the `Date` header for answers at a fixed time. With the real clock, the HTTP server writes the header.
    pub(super) fn date_header(self) -> Option<String> {
        match self {
            Self::At(now) => rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok(),
            Self::Real => None,
        }
    }
}
