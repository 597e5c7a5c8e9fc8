//! The limit of the request rate: a token bucket for all clients together.

use std::time::Instant;

/// Largest number of requests at once, and further requests per second.
const BURST: f64 = 40.0;
const PER_SECOND: f64 = 10.0;

/// A token bucket (J. S. Turner, New Directions in Communications, 1986).
#[derive(Debug)]
pub(super) struct Bucket {
    requests: f64,
    at: Instant,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { requests: BURST, at: now }
    }

    /// Takes a request. Returns false if the bucket is empty.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.requests = (self.requests + passed * PER_SECOND).min(BURST);
        self.at = now;
        let has_request = self.requests >= 1.0;
        if has_request {
            self.requests -= 1.0;
        }
        has_request
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = |bucket: &mut Bucket, at| (0..100).filter(|_| bucket.take(at)).count();
        assert_eq!(taken(&mut bucket, start), 40);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(550)), 5);
        assert_eq!(taken(&mut bucket, start), 0, "an earlier time adds nothing");
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(3_600)), 40);
    }
}
