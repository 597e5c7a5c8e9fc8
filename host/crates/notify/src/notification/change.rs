//! The kind of a change, for the words of a text.

use model::anomaly::Direction;
use model::incident::Incident;

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Cost above an expected value of 0.
    New,
    Above,
    Below,
    /// No cost where cost was expected.
    Stopped,
    /// A negative amount where cost, or no cost, was expected.
    Refund,
    /// A steady negative amount that ended or shrank.
    CreditShrank,
    CreditGrew,
}

impl Change {
    pub(crate) fn of(incident: &Incident) -> Self {
        let Incident { observed, expected, direction, .. } = incident;
        match direction {
            Direction::Up if *expected < 0.0 => Self::CreditShrank,
            Direction::Up if *expected == 0.0 => Self::New,
            Direction::Up => Self::Above,
            Direction::Down if *expected < 0.0 => Self::CreditGrew,
            Direction::Down if *observed < 0.0 => Self::Refund,
            Direction::Down if *observed == 0.0 => Self::Stopped,
            Direction::Down => Self::Below,
        }
    }
}
