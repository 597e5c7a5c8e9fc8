//! The processor time of all calls of a plugin beside the work of the calls. `call_seconds` ends a single call; the account
//! ends a plugin whose calls each stay just below, for example with loads of memory that is in no cache.
//!
//! The account allows a time for each call, unit of fuel and byte of a message, and some seconds once for all calls
//! together. Processor time depends less on other processes than the clock does.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Allowed nanoseconds for each call, unit of fuel and byte of a message.
const CALL_NANOSECONDS: u64 = 20_000_000;
const FUEL_NANOSECONDS: u64 = 10;
const BYTE_NANOSECONDS: u64 = 20;

/// The processor time that the calls of a plugin may still take beyond the allowance of their work, in nanoseconds.
pub(crate) struct TimeAccount(AtomicI64);

impl TimeAccount {
    pub(crate) fn new(seconds: u64) -> Self {
        Self(AtomicI64::new(nanoseconds(Duration::from_secs(seconds))))
    }

    /// Returns the time left for the next call; zero after the end of the account.
    pub(super) fn left(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed).try_into().unwrap_or(0))
    }

    /// Books the processor time of some calls against their allowance. Fast calls do not add to the account.
    pub(super) fn book(&self, used: Duration, allowed: Duration) {
        self.0.fetch_sub(nanoseconds(used.saturating_sub(allowed)), Ordering::Relaxed);
    }
}

/// Returns the allowance of a call with the given fuel and bytes of messages.
pub(super) fn allowance(fuel: u64, bytes: usize) -> Duration {
    let work = fuel.saturating_mul(FUEL_NANOSECONDS).saturating_add((bytes as u64).saturating_mul(BYTE_NANOSECONDS));
    Duration::from_nanos(work.saturating_add(CALL_NANOSECONDS))
}

fn nanoseconds(time: Duration) -> i64 {
    time.as_nanos().try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_beyond_the_work_is_booked() {
        let account = TimeAccount::new(10);
        let seconds = Duration::from_secs;
        account.book(seconds(1), allowance(100_000_000, 0));
        account.book(seconds(1), allowance(0, 50_000_000));
        assert_eq!(account.left(), seconds(10));
        account.book(seconds(4), allowance(100_000_000, 0));
        assert_eq!(account.left(), Duration::from_millis(7_020));
        account.book(seconds(9), Duration::ZERO);
        assert_eq!(account.left(), Duration::ZERO);
    }
}
