//! Deterministic noise: a function of the arguments only, independent of time and call order.

use jiff::civil::Date;
use model::series::SeriesKey;

/// An independent random stream for each seed, service and time.
pub(super) struct Noise(fastrand::Rng);

impl Noise {
    pub(super) fn of_service(seed: u64, key: &SeriesKey) -> Self {
        Self(fastrand::Rng::with_seed(mix(seed, hash(key))))
    }

    /// Creates the stream of a day. `service` is the result of [`hash`].
    pub(super) fn of_day(seed: u64, service: u64, date: Date) -> Self {
        Self(fastrand::Rng::with_seed(mix(mix(seed, service), days(date))))
    }

    pub(super) fn of_hour(seed: u64, service: u64, date: Date, hour: u8) -> Self {
        Self(fastrand::Rng::with_seed(mix(mix(mix(seed, service), days(date)), u64::from(hour) + 1)))
    }

    /// Returns a uniform number in 0..1.
    pub(super) fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit)
    }

    /// Returns an approximately normal number with mean 0, standard deviation 1 and limits -3.5 and 3.5: a sum of four
    /// uniforms.
    pub(super) fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3.0_f64.sqrt()
    }
}

/// FNV-1a (Fowler, Noll, Vo, 1991) over the parts of the key.
pub(super) fn hash(key: &SeriesKey) -> u64 {
    let parts = [&key.account, &key.project, &key.service];
    parts
        .iter()
        // The zero byte separates the parts: ("ab", "c") and ("a", "bc") give different hashes.
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn days(date: Date) -> u64 {
    u64::from(date.year().unsigned_abs()) * 512 + u64::from(date.day_of_year().unsigned_abs())
}

/// One round of SplitMix64 (Steele, Lea, Flood, 2014) over both numbers.
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.rotate_left(32) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
