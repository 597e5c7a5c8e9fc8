//! The headers of an answer: the wait before a retry, and the clock of the server.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{DATE, HeaderName, RETRY_AFTER};
use transport::retry;

/// Returns the wait of the `Retry-After` header, relative to the server's clock if present.
pub(super) fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    let requested_at = server_clock(response).unwrap_or(now);
    retry::parse_retry_after(header_text(response, RETRY_AFTER)?, requested_at)
}

/// Returns the server's clock.
pub(super) fn server_clock(response: &Response) -> Option<Timestamp> {
    header_text(response, DATE).and_then(retry::parse_http_date)
}

fn header_text(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}
