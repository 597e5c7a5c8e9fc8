//! Ingest: fetches bills, archives the raw documents, sums the ledger, and checks the completeness.

mod completeness;
mod document;
mod gaps;
mod history;
mod row_problems;
mod spool;

pub(crate) use self::completeness::{
    CompletenessProblem, CompletenessTopic, FEW_SERIES_DAYS, LateBillCause, withheld_hour,
};
pub(crate) use self::document::FetchedDocument;
