//! The wait before a retry.
//!
//! Exponential backoff with full jitter (Marc Brooker, "Exponential Backoff And Jitter", 2015): a random fraction of a
//! ceiling. The ceiling doubles with each attempt. Jitter spreads the retries of many clients.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// Limits of the waits between attempts.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Ceiling of the first wait.
    pub base_delay: Duration,
    /// Ceiling of every wait without Retry-After.
    pub max_delay: Duration,
    /// Ceiling of a wait with Retry-After. Longer values are reduced.
    pub max_retry_after: Duration,
}

impl Backoff {
    /// Returns the wait after attempt number `attempt`, counted from 1. `random` is in 0..1.
    pub fn delay(&self, attempt: u32, retry_after: Option<Duration>, random: f64) -> Duration {
        let doubled = self.base_delay.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let jittered = doubled.min(self.max_delay).mul_f64(random);
        // Retry-After is a lower bound of the wait.
        retry_after.map_or(jittered, |wait| wait.min(self.max_retry_after).max(jittered))
    }
}

/// Parses a Retry-After header: whole seconds, or an HTTP date relative to `requested_at`.
pub fn parse_retry_after(text: &str, requested_at: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = parse_http_date(text)?.duration_since(requested_at);
    // A date in the past needs no wait.
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        base_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(30),
        max_retry_after: Duration::from_secs(120),
    };

    #[test]
    fn the_ceiling_doubles_up_to_its_limit() {
        for (attempt, ceiling) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (40, 30)] {
            assert_eq!(BACKOFF.delay(attempt, None, 0.5), Duration::from_secs(ceiling).mul_f64(0.5), "{attempt}");
            assert_eq!(BACKOFF.delay(attempt, None, 0.0), Duration::ZERO);
        }
    }

    #[test]
    fn retry_after_is_a_lower_bound_with_a_limit() {
        let after = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(BACKOFF.delay(1, after(7), 0.9), Duration::from_secs(7));
        assert_eq!(BACKOFF.delay(5, after(1), 0.5), Duration::from_secs(8));
        assert_eq!(BACKOFF.delay(1, after(86_400), 0.5), Duration::from_secs(120));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let requested_at = parse_http_date("Mon, 23 Nov 2026 01:10:00 GMT").unwrap();
        assert_eq!(requested_at, "2026-11-23T01:10:00Z".parse().unwrap());
        let wait = |text| parse_retry_after(text, requested_at);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Mon, 23 Nov 2026 01:10:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Mon, 23 Nov 2026 01:09:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-3"), None);
    }
}
