//! What a simulated API does wrong when it is told to.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A fault, until it has struck so many times. JSON: `{"status":429,"retryAfter":1,"times":3}`,
/// `{"body":"truncated"}`, `{"slowMs":500}`, `{"status":429,"every":2}`, or several together; `{}` ends it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Fault {
    /// Answered instead of 200.
    pub(crate) status: Option<u16>,
    /// Seconds, sent as a header with the status.
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Option<BadBody>,
    /// Waited before anything else.
    pub(crate) slow_ms: Option<u64>,
    /// Requests that it strikes; without it, all until it is ended.
    pub(crate) times: Option<u32>,
    /// It strikes the first of so many requests, and lets the others pass.
    pub(crate) every: Option<NonZeroU32>,
    /// Requests that came so far.
    #[serde(skip)]
    pub(crate) came: u32,
}

/// What is wrong with the body of a 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BadBody {
    /// The first half.
    Truncated,
    /// A web page.
    Html,
    /// A JSON object of another shape.
    OtherShape,
    /// JSON that repeats the credentials that it was sent.
    Echo,
    /// Full pages without end, each with other rows.
    Endless,
    /// The same full page without end.
    Repeated,
}

impl Fault {
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.slow_ms.unwrap_or(0))
    }

    /// Counts one request; none when the fault lets it pass, or has struck often enough.
    pub(super) fn strike(&mut self) -> Option<Self> {
        let before = self.came;
        self.came = self.came.wrapping_add(1);
        if self.every.is_some_and(|every| before % every != 0) {
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
