//! Queries for incidents, as a filter of MongoDB and as a predicate.

use jiff::civil::Date;
use mongodb::bson::{Document, RawDocument, doc};

use super::field::date_text;

/// A query for incidents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IncidentQuery<'q> {
    /// Unsettled incidents, and incidents last seen or closed on the day or later.
    Current(Date),
    /// Incidents with an operator's decision, last seen on the day or later.
    Decided(Date),
    Id(&'q str),
    All,
}

impl IncidentQuery<'_> {
    pub(crate) fn filter(self) -> Document {
        let since = |date: Date| doc! { "$gte": date_text(date) };
        match self {
            Self::Current(date) => {
                doc! { "$or": [{ "settled": false }, { "closedAt.date": since(date) }, { "lastSeen.date": since(date) }] }
            }
            Self::Decided(date) => doc! { "decision.as": { "$exists": true }, "lastSeen.date": since(date) },
            Self::Id(id) => doc! { "incident": id },
            Self::All => doc! {},
        }
    }

    /// Returns whether a document matches [`IncidentQuery::filter`].
    pub(crate) fn matches(self, document: &RawDocument) -> bool {
        let since = |field: &str, date: Date| {
            let day = document.get_document(field).and_then(|moment| moment.get_str("date"));
            day.is_ok_and(|day| day >= date_text(date).as_str())
        };
        match self {
            Self::Current(date) => {
                document.get_bool("settled") == Ok(false) || since("closedAt", date) || since("lastSeen", date)
            }
            Self::Decided(date) => document.get_document("decision").is_ok() && since("lastSeen", date),
            Self::Id(id) => document.get_str("incident") == Ok(id),
            Self::All => true,
        }
    }
}
