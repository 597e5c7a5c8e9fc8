//! Parsers of the days, moments and series keys on the command line.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use model::series::{SeriesKey, parse_day};

/// A moment with an offset, or a civil time in the bill's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Exact(Timestamp),
    Billing(DateTime),
}

/// A moment, or the end of a day in the bill's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AsOf {
    EndOf(Date),
    At(Moment),
}

impl AsOf {
    pub(super) fn in_zone(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self {
            // Not start plus 24 hours: a day with a change of daylight saving time has 23 or 25 hours.
            Self::EndOf(date) => zone.to_timestamp(date.tomorrow()?.at(0, 0, 0, 0))?.checked_sub(1.millisecond()),
            Self::At(moment) => moment.in_zone(zone),
        }
    }
}

impl Moment {
    pub(super) fn in_zone(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self {
            Self::Exact(timestamp) => Ok(timestamp),
            Self::Billing(civil) => zone.to_timestamp(civil),
        }
    }
}

/// Parses a day like 2026-11-23 or 20261123.
pub(super) fn day(text: &str) -> Result<Date, String> {
    parse_day(text).ok_or_else(|| "expected a day like 2026-11-23 or 20261123".to_owned())
}

pub(super) fn moment(text: &str) -> Result<Moment, String> {
    let exact = text.parse().map(Moment::Exact);
    exact
        .or_else(|_| text.parse().map(Moment::Billing))
        .map_err(|_| "expected a moment like 2026-11-23T10:10 or 2026-11-23T01:10Z".to_owned())
}

pub(super) fn as_of(text: &str) -> Result<AsOf, String> {
    let day = parse_day(text).map(AsOf::EndOf);
    day.map_or_else(|| moment(text).map(AsOf::At), Ok).map_err(|_| {
        "expected a day like 2026-11-23, or a moment like 2026-11-23T10:10 or 2026-11-23T01:10Z".to_owned()
    })
}

pub(super) fn series(text: &str) -> Result<SeriesKey, String> {
    SeriesKey::parse(text).ok_or_else(|| "expected domainId/projectId/serviceId".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_in_two_forms() {
        let expected = Ok(jiff::civil::date(2026, 11, 23));
        assert_eq!((day("2026-11-23"), day("20261123")), (expected.clone(), expected));
        for text in ["2026-13-01", "yesterday", "2026112", ""] {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_without_an_offset_is_in_the_bills_time_zone() {
        let seoul = TimeZone::get("Asia/Seoul").expect("bundled");
        let in_seoul = |text| moment(text).expect("a moment").in_zone(&seoul).expect("not ambiguous").to_string();
        assert_eq!(in_seoul("2026-11-23T10:10"), "2026-11-23T01:10:00Z");
        assert_eq!(in_seoul("2026-11-23T10:10Z"), "2026-11-23T10:10:00Z");
        assert!(moment("10:10").is_err());
        let as_of = |text| as_of(text).expect("a moment").in_zone(&seoul).expect("there is such a moment").to_string();
        assert_eq!(as_of("2026-11-23"), "2026-11-23T14:59:59.999Z");
        assert_eq!(as_of("2026-11-23T10:10"), "2026-11-23T01:10:00Z");
    }
}
