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
    #[error(
        "the billing API at {url} returned no page {page} of {date} in {}; the last attempt: {why}; run the job again \
         when the API answers, or raise source.attempts",
        counted(*attempts, "attempt")
    )]
    Exhausted { url: String, date: Date, page: u32, attempts: u32, why: String },
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
        "page {page} of {date} from {url} equals the previous page: expected different rows, or a last page with fewer \
         than {size} rows"
    )]
    Repeated { url: String, date: Date, page: u32, size: u32 },
    #[error(
        "the pages of {date} from {url} do not end: {pages} full pages of {size} rows; raise source.max_pages if the \
         bill is that long"
    )]
    Endless { url: String, date: Date, pages: u32, size: u32 },
}
