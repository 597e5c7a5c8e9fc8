//! The time that a run may spend on failed attempts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A time budget for failed attempts and the following waits, shared by all requests of a client.
#[derive(Debug)]
pub(super) struct RetryBudget {
    limit: Duration,
    spent_microseconds: AtomicU64,
}

/// A failed attempt and the planned wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailedAttempt {
    pub(super) took: Duration,
    /// Shortest wait that the API accepts.
    pub(super) min_wait: Duration,
    /// Planned wait, at least `min_wait`.
    pub(super) wait: Duration,
}

impl RetryBudget {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, spent_microseconds: AtomicU64::new(0) }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Charges an attempt and the following wait. Returns the wait, which ends within the budget. The error is the time
    /// spent, without a wait.
    pub(super) fn charge(&self, attempt: FailedAttempt) -> Result<Duration, Duration> {
        let spent = self.add(attempt.took);
        let left = self.limit.saturating_sub(spent);
        if left.is_zero() || attempt.min_wait > left {
            return Err(spent);
        }
        // A shorter last wait gives one more attempt at the end of the budget.
        let wait = attempt.wait.min(left);
        self.add(wait);
        Ok(wait)
    }

    /// Returns the sum after the addition.
    fn add(&self, span: Duration) -> Duration {
        let microseconds = span.as_micros() as u64;
        Duration::from_micros(self.spent_microseconds.fetch_add(microseconds, Ordering::Relaxed) + microseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn attempt(took: u32, min_wait: u32, wait: u32) -> FailedAttempt {
        FailedAttempt { took: SECOND * took, min_wait: SECOND * min_wait, wait: SECOND * wait }
    }

    #[test]
    fn attempts_and_waits_spend_the_budget() {
        let budget = RetryBudget::new(SECOND * 10);
        assert_eq!(budget.charge(attempt(1, 0, 2)), Ok(SECOND * 2));
        assert_eq!(budget.charge(attempt(1, 3, 3)), Ok(SECOND * 3));
        assert_eq!(budget.charge(attempt(1, 0, 60)), Ok(SECOND * 2), "the last wait ends with the budget");
        assert_eq!(budget.charge(attempt(1, 0, 60)), Err(SECOND * 11));
    }

    #[test]
    fn a_required_wait_is_never_shortened() {
        let budget = RetryBudget::new(SECOND * 10);
        assert_eq!(budget.charge(attempt(1, 10, 10)), Err(SECOND));
        assert_eq!(budget.charge(attempt(1, 8, 8)), Ok(SECOND * 8), "a refused wait is not charged");
    }

    #[test]
    fn an_empty_budget_permits_one_attempt() {
        assert_eq!(RetryBudget::new(Duration::ZERO).charge(attempt(0, 0, 0)), Err(Duration::ZERO));
    }
}
