//! Timestamps in the notations of people and machines.

use std::fmt;

use jiff::Timestamp as UnixTime;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use model::series::parse_day;

/// A time with the UTC offset of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) clock: Clock,
    /// Seconds since 1970-01-01 on this clock.
    pub(super) local: i64,
    /// Seconds east of UTC.
    pub(super) offset: i32,
}

/// The kind of clock of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// Local time of the bill, with an unknown offset.
    Civil,
    /// Local time with a given offset.
    Offset,
    Unix,
}

impl Timestamp {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // Year first only: without the year in front, day and month are ambiguous.
        let dashed = (text.as_bytes().get(4) == Some(&b'/')).then(|| text.replacen('/', "-", 2));
        let text = dashed.as_deref().unwrap_or(text);
        if let Some(day) = parse_day(text) {
            return Self::civil(day.at(0, 0, 0, 0));
        }
        if let Some(month) = month(text) {
            return Self::civil(month.at(0, 0, 0, 0));
        }
        // Tables of floating-point numbers write whole seconds with `.0`.
        if let Ok(seconds) = text.strip_suffix(".0").unwrap_or(text).parse::<i64>() {
            // A number beyond the range of seconds means milliseconds.
            let time = UnixTime::from_second(seconds).or_else(|_| UnixTime::from_millisecond(seconds));
            return Some(Self { clock: Clock::Unix, local: time.ok()?.as_second(), offset: 0 });
        }
        if let Ok(time) = text.parse::<UnixTime>() {
            let offset = Pieces::parse(text).ok()?.to_numeric_offset()?.seconds();
            return Some(Self { clock: Clock::Offset, local: time.as_second() + i64::from(offset), offset });
        }
        Self::civil(text.parse().ok()?)
    }

    /// Returns Unix seconds; the clock of a civil time counts like UTC.
    pub(super) fn seconds(self) -> i64 {
        self.local - i64::from(self.offset)
    }

    fn civil(time: DateTime) -> Option<Self> {
        let local = TimeZone::UTC.to_timestamp(time).ok()?.as_second();
        Some(Self { clock: Clock::Civil, local, offset: 0 })
    }
}

/// Returns the civil time of a number of seconds since 1970-01-01 on the same clock.
pub(super) fn civil(local: i64) -> DateTime {
    let local = UnixTime::from_second(local).expect("read from a timestamp, or at most the length of a series later");
    TimeZone::UTC.to_datetime(local)
}

/// Parses a month like 2026-01 and returns the first day.
fn month(text: &str) -> Option<Date> {
    let (year, month) = text.split_once('-').filter(|(year, month)| year.len() == 4 && month.len() == 2)?;
    Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Civil => "a timestamp without an offset",
            Self::Offset => "a timestamp with an offset",
            Self::Unix => "Unix seconds",
        })
    }
}
