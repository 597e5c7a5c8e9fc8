//! Injected faults of the simulated API.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An injected fault. JSON: `{"status":429,"retryAfter":1,"times":3}`, `{"body":"truncated"}`, `{"slowMs":500}`,
/// `{"status":429,"every":2}`, or a combination. `{}` removes the fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// HTTP status of the answer instead of 200.
    pub status: Option<u16>,
    /// Seconds in the `Retry-After` header, sent with the status.
    pub retry_after: Option<u64>,
    pub body: Option<BadBody>,
    /// Delay before the answer, in milliseconds.
    pub slow_ms: Option<u64>,
    /// Number of affected requests; `None` affects all requests until the removal of the fault.
    pub times: Option<u32>,
    /// Affects only the first of every `every` requests.
    pub every: Option<NonZeroU32>,
    /// Number of requests since the fault was set.
    #[serde(skip)]
    pub requests: u32,
}

/// A defective body with status 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadBody {
    /// The first half of the body.
    Truncated,
    /// A web page.
    Html,
    /// A JSON object with an unexpected shape.
    OtherShape,
    /// JSON with the received credentials.
    Echo,
    /// An endless sequence of full pages with different rows.
    Endless,
    /// The same full page without end.
    Repeated,
    /// Pages that begin with the last row of the previous page.
    Overlap,
    /// Pages with at most half of the requested rows.
    ShortPages,
    /// A number of rows, `result.totalElements`, that is greater than the number of rows on all pages by one.
    WrongTotal,
    /// A first page with its first row twice.
    RepeatedRow,
}

impl Fault {
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.slow_ms.unwrap_or(0))
    }

    /// Counts one request and returns the active fault; `None` if the fault spares the request or is used up.
    pub(super) fn next(&mut self) -> Option<Self> {
        let earlier_requests = self.requests;
        self.requests = self.requests.wrapping_add(1);
        if self.every.is_some_and(|every| earlier_requests % every != 0) {
            return None;
        }
        match &mut self.times {
            None => Some(self.clone()),
            Some(0) => None,
            Some(times) => {
                *times -= 1;
                Some(self.clone())
            }
        }
    }
}
