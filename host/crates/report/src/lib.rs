//! Reports for cost owners: the month so far, the forecast, the incidents and the costs of every service.
//!
//! The crate is pure: the same [`Facts`] give the same bytes. The crate reads no store, no clock and no network, and the
//! page that it writes requests nothing.

mod costs;
mod csv_file;
mod facts;
mod html;
mod json;
mod markdown;
mod report;
mod texts;
mod trial;
mod words;

pub use self::facts::{Facts, LastRun, PartState};
pub use self::html::{EntryAction, EntryForm, IncidentPage};
pub use self::report::Report;
pub use self::trial::{Trial, TrialDetector, TrialVerdict};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Html,
    Markdown,
    /// The costs of the month: one row per account, project and service.
    Csv,
    Json,
}

impl Format {
    /// Returns the extension of a file.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    /// Returns the text of a report.
    pub fn text(self, report: &Report<'_>) -> String {
        match self {
            Self::Html => html::page(report),
            Self::Markdown => markdown::document(report),
            Self::Csv => csv_file::rows(report),
            Self::Json => json::object(report).to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
