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
    /// A steady negative amount that shrank.
    CreditShrank,
    /// Nothing where a negative amount was expected.
    CreditEnded,
    CreditGrew,
}

/// Texts print two decimals: a smaller amount reads as 0.
const SMALLEST: f64 = 0.005;

impl Change {
    pub(crate) fn of(incident: &Incident) -> Self {
        let printed = |amount: f64| if amount.abs() < SMALLEST { 0.0 } else { amount };
        let (observed, expected) = (printed(incident.observed), printed(incident.expected));
        match incident.direction {
            // A cost is no smaller credit.
            Direction::Up if expected < 0.0 && observed > 0.0 => Self::New,
            Direction::Up if expected < 0.0 && observed == 0.0 => Self::CreditEnded,
            Direction::Up if expected < 0.0 => Self::CreditShrank,
            Direction::Up if expected == 0.0 => Self::New,
            Direction::Up => Self::Above,
            Direction::Down if expected < 0.0 => Self::CreditGrew,
            Direction::Down if observed < 0.0 => Self::Refund,
            Direction::Down if observed == 0.0 => Self::Stopped,
            Direction::Down => Self::Below,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::fixtures::incident;

    #[test]
    fn the_kind_of_a_change_follows_from_the_printed_amounts() {
        let check = |direction, observed, expected, change| {
            assert_eq!(Change::of(&incident(direction, observed, expected)), change, "{observed} {expected}");
        };
        check(Direction::Up, 2.0, 0.0, Change::New);
        check(Direction::Up, 2.0, 0.003, Change::New);
        check(Direction::Up, 2.0, 0.006, Change::Above);
        check(Direction::Up, 3.24, -0.02, Change::New);
        check(Direction::Up, 10.0, -40.0, Change::New);
        check(Direction::Up, 0.0, -40.0, Change::CreditEnded);
        check(Direction::Up, -10.0, -40.0, Change::CreditShrank);
        check(Direction::Down, 0.001, 2.44, Change::Stopped);
        check(Direction::Down, 0.006, 2.44, Change::Below);
        check(Direction::Down, -0.004, 2.44, Change::Stopped);
        check(Direction::Down, -8.0, 2.44, Change::Refund);
        check(Direction::Down, -8.0, -2.0, Change::CreditGrew);
    }
}
