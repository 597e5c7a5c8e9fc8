//! Queries for incidents, as a filter of MongoDB and as a predicate.

use jiff::civil::Date;
use mongodb::bson::{Document, RawDocument, doc};

use super::field::date_text;

/// A query for incidents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IncidentQuery<'q> {
    /// Unsettled incidents, incidents last seen or closed on the day or later, and incidents of recurring charges with a
    /// next charge on the day or later.
    Current(Date),
    /// Incidents with a person's decision and incidents of recurring charges, last seen on the day or later.
    Training(Date),
    /// Incidents with a history entry that the archive does not have.
    WithUnarchivedHistory,
    Id(&'q str),
    All,
}

impl IncidentQuery<'_> {
    pub(crate) fn filter(self) -> Document {
        let since = |date: Date| doc! { "$gte": date_text(date) };
        match self {
            Self::Current(date) => {
                doc! { "$or": [
                    { "settled": false },
                    { "closedAt.date": since(date) },
                    { "lastSeen.date": since(date) },
                    { "recursUntil": since(date) },
                ] }
            }
            Self::Training(date) => doc! {
                "$or": [{ "history.action": "decision" }, { "recursUntil": { "$type": "string" } }],
                "lastSeen.date": since(date),
            },
            Self::WithUnarchivedHistory => doc! { "history.archived": false },
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
        let recurs_until = || document.get_str("recursUntil").ok();
        let has_entry = |is_wanted: &dyn Fn(&RawDocument) -> bool| {
            let mut entries = document.get_array("history").into_iter().flatten().flatten();
            entries.any(|entry| entry.as_document().is_some_and(is_wanted))
        };
        match self {
            Self::Current(date) => {
                document.get_bool("settled") == Ok(false)
                    || since("closedAt", date)
                    || since("lastSeen", date)
                    || recurs_until().is_some_and(|until| until >= date_text(date).as_str())
            }
            Self::Training(date) => {
                let is_decided = has_entry(&|entry| entry.get_str("action") == Ok("decision"));
                (is_decided || recurs_until().is_some()) && since("lastSeen", date)
            }
            Self::WithUnarchivedHistory => has_entry(&|entry| entry.get_bool("archived") == Ok(false)),
            Self::Id(id) => document.get_str("incident") == Ok(id),
            Self::All => true,
        }
    }
}
