//! Moments as people and machines write them.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;

use crate::series::parse_day;

/// A moment, and how far its clock is from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) clock: Clock,
    /// Seconds since 1970-01-01 on the clock that it was read from.
    pub(super) local: i64,
    /// Seconds east of UTC.
    pub(super) offset: i32,
}

/// Which clock a moment was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The bill's own, whichever that is.
    Civil,
    /// One whose offset is said.
    Offset,
    Unix,
}

impl Moment {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(day) = parse_day(text) {
            return Self::civil(day.at(0, 0, 0, 0));
        }
        if let Ok(seconds) = text.parse::<i64>() {
            let local = Timestamp::from_second(seconds).ok()?.as_second();
            return Some(Self { clock: Clock::Unix, local, offset: 0 });
        }
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            let offset = Pieces::parse(text).ok()?.to_numeric_offset()?.seconds();
            return Some(Self { clock: Clock::Offset, local: timestamp.as_second() + i64::from(offset), offset });
        }
        Self::civil(text.parse().ok()?)
    }

    /// Unix seconds; of a civil moment, as if its clock were UTC.
    pub(super) fn seconds(self) -> i64 {
        self.local - i64::from(self.offset)
    }

    fn civil(moment: DateTime) -> Option<Self> {
        let local = TimeZone::UTC.to_timestamp(moment).ok()?.as_second();
        Some(Self { clock: Clock::Civil, local, offset: 0 })
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Civil => "a timestamp without an offset",
            Self::Offset => "a timestamp with an offset",
            Self::Unix => "unix seconds",
        })
    }
}
