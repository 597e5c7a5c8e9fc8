//! Moments as people and machines write them.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
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
        // The year first: of other orders nobody knows which is the day.
        let dashed = (text.as_bytes().get(4) == Some(&b'/')).then(|| text.replacen('/', "-", 2));
        let text = dashed.as_deref().unwrap_or(text);
        if let Some(day) = parse_day(text) {
            return Self::civil(day.at(0, 0, 0, 0));
        }
        if let Some(month) = month(text) {
            return Self::civil(month.at(0, 0, 0, 0));
        }
        // As tables of floating-point numbers write whole seconds.
        if let Ok(seconds) = text.strip_suffix(".0").unwrap_or(text).parse::<i64>() {
            // What is too late for seconds is milliseconds.
            let moment = Timestamp::from_second(seconds).or_else(|_| Timestamp::from_millisecond(seconds));
            return Some(Self { clock: Clock::Unix, local: moment.ok()?.as_second(), offset: 0 });
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

/// The first day of a month like 2026-01.
fn month(text: &str) -> Option<Date> {
    let (year, month) = text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2)?;
    Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
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
