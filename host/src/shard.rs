//! Which series are whose, where several processes share the work.
//!
//! Pure. Every process reads the whole bill and all that is remembered, since sums need their members, and writes, judges,
//! learns and tells only its own series: what all of them write together is what one would write.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::series::SeriesKey;

/// One of several processes, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u32,
    of: u32,
}

/// More processes than this are a slip of the pen.
const MOST: u32 = 10_000;

impl Shard {
    /// All series: nobody shares the work.
    pub(crate) const WHOLE: Self = Self { index: 0, of: 1 };

    pub(crate) fn new(index: u32, of: u32) -> Option<Self> {
        (index < of && of <= MOST).then_some(Self { index, of })
    }

    pub(crate) fn is_whole(self) -> bool {
        self.of == 1
    }

    pub(crate) fn index(self) -> u32 {
        self.index
    }

    pub(crate) fn of(self) -> u32 {
        self.of
    }

    /// Whether it sees to what is nobody's series, such as a day's total.
    pub(crate) fn is_first(self) -> bool {
        self.index == 0
    }

    /// Whether a series, or a sum, is its own: by the first eight bytes of the SHA-256 of the key's text, as a big-endian
    /// number, modulo the number of processes. It never changes, so that processes of different versions agree.
    pub(crate) fn owns(self, key: &SeriesKey) -> bool {
        self.is_whole() || place(key) % u64::from(self.of) == u64::from(self.index)
    }

    /// The period of a run of this process: each has a record of its own.
    pub(crate) fn period(self, period: &str) -> String {
        if self.is_whole() { period.to_owned() } else { format!("{period}.shard-{}-of-{}", self.index, self.of) }
    }
}

/// What [`Shard::period`] was made of: the period that all processes have in common, and which of them it is.
pub(crate) fn of_period(period: &str) -> (&str, Shard) {
    let parted = period.split_once(".shard-").and_then(|(period, part)| {
        let (index, of) = part.split_once("-of-")?;
        Some((period, Shard::new(index.parse().ok()?, of.parse().ok()?)?))
    });
    parted.unwrap_or((period, Shard::WHOLE))
}

fn place(key: &SeriesKey) -> u64 {
    let digest = Sha256::digest(key.to_string());
    digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shard = text.split_once('/').and_then(|(index, of)| Self::new(index.parse().ok()?, of.parse().ok()?));
        shard.ok_or_else(|| format!("expected I/N with I from 0 to N - 1, like 0/7, and N at most {MOST}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(service: &str) -> SeriesKey {
        SeriesKey::new("domain", "project", service)
    }

    /// These numbers stand for every installation there is: should they change, two versions would both leave out a
    /// series, or both write it.
    #[test]
    fn a_series_has_one_place_for_ever() {
        for (series, expect) in [
            (SeriesKey::new("d-1", "p-1", "vm"), 0x3ebe_e119_5654_f388_u64),
            (SeriesKey::new("*", "*", "*"), 0x2303_fb88_ec9f_6a9b),
            (SeriesKey::new("a/b", "c%d", "디스크"), 0x0900_4281_9ca4_643d),
        ] {
            assert_eq!(place(&series), expect, "{series}: {:#x}", place(&series));
        }
    }

    #[test]
    fn every_series_is_of_exactly_one_process() {
        for of in [1, 2, 7, 100] {
            let owners =
                |series: &SeriesKey| (0..of).filter(|index| Shard::new(*index, of).unwrap().owns(series)).count();
            assert!((0..500).all(|number| owners(&key(&format!("s-{number}"))) == 1), "{of}");
        }
    }

    #[test]
    fn the_work_is_shared_about_evenly() {
        let shard = Shard::new(3, 7).unwrap();
        let own = (0..7_000).filter(|number| shard.owns(&key(&format!("s-{number}")))).count();
        assert!((900..1_100).contains(&own), "{own}");
    }

    #[test]
    fn a_shard_is_read_as_it_is_written() {
        for text in ["0/1", "0/7", "6/7", "9999/10000"] {
            assert_eq!(text.parse::<Shard>().map(|shard| shard.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "1", "7/7", "-1/7", "0/0", "1/2/3", "a/b", "0/10001", "0/99999999999"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!(Shard::WHOLE.period("20261122"), "20261122");
        let shard = Shard::new(0, 7).unwrap();
        assert_eq!(shard.period("20261122T10"), "20261122T10.shard-0-of-7");
        assert_eq!(of_period(&shard.period("20261122T10")), ("20261122T10", shard));
        assert_eq!(of_period("20261122"), ("20261122", Shard::WHOLE));
    }
}
