//! The pages of one day, joined into the rows of a document.
//!
//! The documentation of the API names the last page: the first page with fewer rows than requested. The module does not
//! rely on the rule. A server with a lower limit sends short pages only, and rows that are added during the paging move
//! to the next page. Therefore only an empty page is the end, and a row on both sides of a page seam counts once.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::{DocumentContent, DocumentProblem};

/// The pages received so far.
#[derive(Debug)]
pub(super) struct Pages {
    /// Requested rows per page.
    size: usize,
    rows: Vec<Box<RawValue>>,
    /// Index in `rows` of the first row of the last page with rows.
    page_start: usize,
    last_page: Option<usize>,
    /// Number of rows of the day in the last answer that states a number.
    reported_rows: Option<u64>,
}

/// The meaning of a page for the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Further rows are possible.
    Continue,
    /// The earlier pages have all rows.
    End,
    /// The page equals the previous full page, so that the sequence has no end.
    Repeated,
}

impl Pages {
    pub(super) fn new(size: u32) -> Self {
        Self { size: size as usize, rows: Vec::new(), page_start: 0, last_page: None, reported_rows: None }
    }

    /// Appends a page without the rows that the previous page has at the seam.
    pub(super) fn add(&mut self, page: DocumentContent) -> Progress {
        let previous_page = self.last_page.replace(page.rows.len());
        self.reported_rows = page.total_rows.or(self.reported_rows);
        if page.rows.is_empty() {
            // One further request, in case the reported rows follow an empty page.
            let is_first_empty_page = previous_page.is_some_and(|rows| rows > 0);
            return if is_first_empty_page && self.lacks_rows() { Progress::Continue } else { Progress::End };
        }
        let before = &self.rows[self.page_start..];
        let is_before_short = before.len() < self.size;
        if same_rows(before, &page.rows) {
            // Some APIs answer with the last page for every later page.
            return if is_before_short { Progress::End } else { Progress::Repeated };
        }
        let overlap = seam_overlap(before, &page.rows);
        if overlap > 0 {
            tracing::info!(rows = overlap, "rows on both sides of a page seam count once");
        }
        self.page_start = self.rows.len() - overlap;
        self.rows.extend(page.rows.into_iter().skip(overlap));
        Progress::Continue
    }

    /// Returns whether the last page has fewer rows than requested.
    pub(super) fn is_last_page_short(&self) -> bool {
        self.last_page.is_some_and(|rows| rows < self.size)
    }

    /// Returns the number of rows in the API's answers; `None` if no answer states a number.
    pub(super) fn reported_rows(&self) -> Option<u64> {
        self.reported_rows
    }

    /// Returns the rows in page order, and the difference between the rows and the reported number.
    pub(super) fn finish(self) -> (Vec<Box<RawValue>>, Option<DocumentProblem>) {
        let received = self.rows.len() as u64;
        let difference = self.reported_rows.filter(|reported| *reported != received);
        (self.rows, difference.map(|reported| DocumentProblem::WrongTotal { reported, received }))
    }

    fn lacks_rows(&self) -> bool {
        self.reported_rows.is_some_and(|reported| reported > self.rows.len() as u64)
    }
}

/// The ids of a row. The API documents `resourceId` only.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowIds<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    row_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource_id: Option<&'a RawValue>,
}

/// The identity of a row at a seam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Identity<'a> {
    /// An id of the row.
    Row(&'a str),
    /// All bytes of a row with a resource id. One resource may have several different rows.
    Resource(&'a str),
}

/// Returns the identity of a row; `None` for a row without an id.
fn identity(row: &RawValue) -> Option<Identity<'_>> {
    let ids: RowIds<'_> = serde_json::from_str(row.get()).ok()?;
    let text = |id: Option<&'_ RawValue>| id.is_some_and(|id| !matches!(id.get(), "null" | "\"\""));
    match ids {
        RowIds { row_id, .. } if text(row_id) => row_id.map(|id| Identity::Row(id.get())),
        RowIds { id, .. } if text(id) => id.map(|id| Identity::Row(id.get())),
        RowIds { resource_id, .. } => text(resource_id).then(|| Identity::Resource(row.get())),
    }
}

/// Returns the number of rows at the beginning of a page that are the last rows of the previous page. A row that occurs
/// twice in one page is not counted: the bill has equal rows, so that an equal row can be a separate charge.
fn seam_overlap(before: &[Box<RawValue>], after: &[Box<RawValue>]) -> usize {
    let Some(first) = after.first().and_then(|row| identity(row)) else { return 0 };
    let before: Vec<_> = before.iter().map(|row| identity(row)).collect();
    let Some(start) = before.iter().position(|identity| *identity == Some(first)) else { return 0 };
    let after: Vec<_> = after.iter().map(|row| identity(row)).collect();
    let overlapping = &before[start..];
    if !after.starts_with(overlapping) {
        return 0;
    }
    let counts = [occurrences(&before), occurrences(&after)];
    let is_unique = |identity: &Option<Identity<'_>>| {
        identity.is_some_and(|identity| counts.iter().all(|counts| counts.get(&identity) == Some(&1)))
    };
    if overlapping.iter().all(is_unique) { overlapping.len() } else { 0 }
}

fn occurrences<'a>(identities: &[Option<Identity<'a>>]) -> HashMap<Identity<'a>, u32> {
    let mut counts = HashMap::new();
    for identity in identities.iter().flatten() {
        *counts.entry(*identity).or_insert(0) += 1;
    }
    counts
}

fn same_rows(a: &[Box<RawValue>], b: &[Box<RawValue>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.get() == b.get())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    /// Returns a page. A row `a` has the resource id `a`; a row `-a` has no id; a row `#a=1` has the row id `a`.
    fn page(rows: &str, total_rows: Option<u64>) -> DocumentContent {
        let row = |text: &str| match (text.strip_prefix('-'), text.strip_prefix('#')) {
            (Some(name), _) => format!(r#"{{"serviceId":"{name}"}}"#),
            (_, Some(text)) => {
                let (id, amount) = text.split_once('=').unwrap_or((text, "0"));
                format!(r#"{{"rowId":"{id}","resourceId":"r","expectAmount":{amount}}}"#)
            }
            _ => format!(r#"{{"serviceId":"s","resourceId":"{text}"}}"#),
        };
        let rows = rows.split_whitespace().map(|text| RawValue::from_string(row(text)).unwrap()).collect();
        DocumentContent { rows, total_rows, fetched_at: None, api_params: Map::new() }
    }

    /// Joins pages of three rows, and returns the progress of each page and the number of rows.
    fn joined(pages: &[&str]) -> (String, usize) {
        let mut joined = Pages::new(3);
        let progress: Vec<String> = pages.iter().map(|rows| format!("{:?}", joined.add(page(rows, None)))).collect();
        (progress.join(" "), joined.finish().0.len())
    }

    #[test]
    fn an_empty_page_is_the_end() {
        for (pages, expected, rows) in [
            (&[""][..], "End", 0),
            (&["a b", ""], "Continue End", 2),
            (&["a b c", ""], "Continue End", 3),
            (&["a b", "c d", "e", ""], "Continue Continue Continue End", 5),
            (&["a b c", "a b c"], "Continue Repeated", 3),
            (&["a b", "a b"], "Continue End", 2),
            (&["-a -b", "-a -b"], "Continue End", 2),
        ] {
            assert_eq!(joined(pages), (expected.to_owned(), rows), "{pages:?}");
        }
    }

    #[test]
    fn a_row_on_both_sides_of_a_seam_counts_once() {
        for (pages, rows) in [
            (&["a b c", "c d"][..], 4),
            (&["a b c", "b c d"], 4),
            (&["a b c", "c d e", "e f"], 6),
            // A second page without new rows.
            (&["a b c", "b c"], 3),
            (&["#a #b=1", "#b=2 #c"], 3),
        ] {
            assert_eq!(joined(pages).1, rows, "{pages:?}");
        }
    }

    #[test]
    fn other_equal_rows_are_kept() {
        for (pages, rows) in [
            // Rows without an id.
            (&["-a -b -c", "-c -d"][..], 5),
            // Not at the seam.
            (&["a b c", "d b"], 5),
            (&["a b c", "a d"], 5),
            // The bill has equal rows.
            (&["a c c", "c d"], 5),
            (&["a b c", "c c"], 5),
            // A page between the two rows.
            (&["a b c", "d e f", "c"], 7),
        ] {
            assert_eq!(joined(pages).1, rows, "{pages:?}");
        }
    }

    #[test]
    fn different_rows_of_one_resource_are_kept() {
        let mut pages = Pages::new(1);
        for amount in [1, 2] {
            let mut content = page("", None);
            let row = format!(r#"{{"resourceId":"a","expectAmount":{amount}}}"#);
            content.rows.push(RawValue::from_string(row).unwrap());
            assert_eq!(pages.add(content), Progress::Continue);
        }
        assert_eq!(pages.finish().0.len(), 2);
    }

    #[test]
    fn a_reported_total_is_compared() {
        let total = |pages: &[(&str, Option<u64>)]| {
            let mut joined = Pages::new(3);
            let progress: Vec<_> = pages.iter().map(|(rows, total)| joined.add(page(rows, *total))).collect();
            (progress.last().copied(), joined.finish().1)
        };
        let end = Some(Progress::End);
        assert_eq!(total(&[("a b", Some(2)), ("", Some(2))]), (end, None));
        // The total counts a row at a seam once.
        assert_eq!(total(&[("a b c", Some(4)), ("c d", Some(4)), ("", None)]), (end, None));
        // An empty page is followed by one further request.
        assert_eq!(total(&[("a b", Some(4)), ("", Some(4)), ("c d", Some(4)), ("", Some(4))]), (end, None));
        let problem = Some(DocumentProblem::WrongTotal { reported: 4, received: 2 });
        assert_eq!(total(&[("a b", Some(4)), ("", Some(4)), ("", Some(4))]), (end, problem));
        let problem = Some(DocumentProblem::WrongTotal { reported: 1, received: 2 });
        assert_eq!(total(&[("a b", Some(1)), ("", None)]), (end, problem));
        assert_eq!(total(&[("", Some(4))]).0, end);
    }
}
