//! The errors of the billing API client. Messages show the beginning of a body with redacted credentials.

use jiff::civil::Date;
use model::count::counted;

/// A failure to fetch a day from the billing API.
#[derive(Debug, thiserror::Error)]
pub enum KakaoError {
    #[error("source.{key}: expected {expected}: {why}")]
    Options { key: &'static str, expected: &'static str, why: String },
    #[error(
        "the billing API at {url} refused the credentials with {status}: check source.credential_id and \
         source.credential_secret"
    )]
    Refused { url: String, status: u16 },
    #[error("the billing API at {url} is not trusted: {why}; check source.ca_file and the host in source.endpoint")]
    Distrusted { url: String, why: String },
    #[error("the billing API at {url} answered {status} for {date}, and a retry does not help: {body}")]
    Rejected { url: String, date: Date, status: u16, body: String },
    /// The end of a short test. A fetch ends with [`KakaoError::RetryBudget`].
    #[error(
        "the billing API at {url} returned no row of {date} in {}; the last attempt: {why}; try again when the API \
         answers",
        counted(*attempts, "attempt")
    )]
    Unanswered { url: String, date: Date, attempts: u32, why: String },
    #[error(
        "the billing API at {url} returned no page {page} of {date} in {}, and the time for retries is used up: {failed} \
         of {} failed and took {seconds} s of source.retry_seconds = {budget}; the last attempt: {why}; run the job \
         again when the API answers, or raise source.retry_seconds",
        counted(*attempts, "attempt"),
        counted(*calls, "request")
    )]
    RetryBudget {
        url: String,
        date: Date,
        page: u32,
        attempts: u32,
        calls: u64,
        failed: u64,
        seconds: u64,
        budget: u64,
        why: String,
    },
    #[error(
        "page {page} of {date} from {url} is not the expected shape: expected an array at result.content: {why}; the \
         body begins with: {body}"
    )]
    Shape { url: String, date: Date, page: u32, why: String, body: String },
    #[error(
        "page {page} of {date} from {url} is larger than {limit} bytes: lower source.page_size, or check \
         source.endpoint"
    )]
    TooLarge { url: String, date: Date, page: u32, limit: u64 },
    #[error(
        "page {page} of {date} from {url} equals the previous page of {size} rows: expected different rows, or an empty \
         page after the last row"
    )]
    Repeated { url: String, date: Date, page: u32, size: u32 },
    #[error(
        "the pages of {date} from {url} do not end: {} of up to {size} rows are followed by another; raise \
         source.max_pages if the bill is that long",
        counted(*pages, "page")
    )]
    Endless { url: String, date: Date, pages: u32, size: u32 },
    #[error(
        "the billing API at {url} reports {} of {date} and returns only empty pages: expected the rows; run the job \
         again when the API returns the rows",
        counted(*reported, "row")
    )]
    OnlyEmptyPages { url: String, date: Date, reported: u64 },
}
