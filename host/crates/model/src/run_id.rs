//! The id of one run of the program, written to every log line, to the report and to every document.

use std::fmt;

use jiff::Timestamp;
use uuid::{Builder, Uuid};

/// A UUID of version 7: later runs have greater ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(Uuid);

impl RunId {
    /// Creates the id of a run starting at `now`. Every call gives a different id.
    pub fn new(now: Timestamp) -> Self {
        let mut random = [0; 10];
        random.fill_with(|| fastrand::u8(..));
        let milliseconds = now.as_millisecond().try_into().unwrap_or(0);
        Self(Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
    }

    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// Returns `None` for zero bytes, the id of an unknown run.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let id = Uuid::from_bytes(bytes);
        (!id.is_nil()).then_some(Self(id))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sorted_by_time() {
        let at = |second| Timestamp::from_second(1_790_000_000 + i64::from(second)).unwrap();
        let ids: Vec<RunId> = (0..100_i32).map(|second| RunId::new(at(second))).collect();
        assert!(ids.is_sorted());
        assert_ne!(RunId::new(at(0)), RunId::new(at(0)));
        let text = ids[0].to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "7"), "{text}");
        assert_eq!(RunId::from_bytes(ids[0].to_bytes()), Some(ids[0]));
        assert_eq!(RunId::from_bytes([0; 16]), None);
    }
}
