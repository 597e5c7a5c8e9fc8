//! The failure of one attempt, with the decision about a retry.

use std::time::Duration;

use super::error::KakaoError;

/// The reason for an attempt without rows.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestFailure {
    #[error(transparent)]
    Permanent(KakaoError),
    #[error("{why}")]
    Transient { why: String, retry_after: Option<Duration> },
    /// A transient failure with a more specific error than the end of attempts.
    #[error(transparent)]
    Truncated(KakaoError),
}

impl RequestFailure {
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::Permanent(_) | Self::Truncated(_) => None,
        }
    }

    /// Returns the error after the last attempt; `exhausted` unless the failure has a more specific error.
    pub(super) fn into_last(self, exhausted: KakaoError) -> KakaoError {
        match self {
            Self::Permanent(error) | Self::Truncated(error) => error,
            Self::Transient { .. } => exhausted,
        }
    }
}
