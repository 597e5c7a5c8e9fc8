//! The bill of an incident beside the bill of earlier days.

use bigdecimal::BigDecimal;

use super::Drivers;
use crate::moment::Moment;

/// The drivers of an incident, or the reason for their absence.
pub type Cause = Result<BillComparison, UnknownCause>;

/// The bill of an incident and the bill of the compared days.
#[derive(Debug, Clone, PartialEq)]
pub struct BillComparison {
    /// The moments of the incident, ascending, each with the compared moment.
    pub moments: Vec<ComparedMoments>,
    /// The drivers of the series.
    pub drivers: Drivers,
    /// The expected cost of the opening band for the same moments; `None` if the rules expect no comparable cost.
    pub expected: Option<BigDecimal>,
    /// The drivers of the other services of the same project; `None` for a sum over projects or services.
    pub rest_of_project: Option<Drivers>,
}

/// A day, or a day up to an hour, and the earlier day of the same weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparedMoments {
    pub moment: Moment,
    pub earlier: Moment,
}

/// The reason for an incident without drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownCause {
    ArchiveUnreadable,
    /// The archive has no bill of a moment of the incident.
    NoBill(Moment),
    /// The archive has no bill of the same weekday in the weeks before the incident.
    NoEarlierBill(Moment),
    /// The archived bill does not have the amounts of the incident: a rule may select a part of a sum, or evaluate
    /// another measure.
    OtherAmounts,
}

impl BillComparison {
    /// Returns the difference between the compared days and the expected cost.
    pub fn usual_variation(&self) -> Option<BigDecimal> {
        self.expected.as_ref().map(|expected| &self.drivers.before - expected)
    }

    /// Returns the difference between the bill and the expected cost: the difference of the drivers and the usual
    /// variation.
    pub fn excess(&self) -> Option<BigDecimal> {
        self.expected.as_ref().map(|expected| &self.drivers.after - expected)
    }
}

impl UnknownCause {
    /// Returns the word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArchiveUnreadable => "archive-unreadable",
            Self::NoBill(_) => "no-bill",
            Self::NoEarlierBill(_) => "no-earlier-bill",
            Self::OtherAmounts => "other-amounts",
        }
    }
}
