//! Periods of runs as text, and date arithmetic.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use model::series::hours::is_repeated_hour;
use store::DateRange;

/// The period of a day, for example `20261122`.
pub(crate) fn day_period(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

/// The period of a range of days, for example `20260101-20261122`. A single day has the period of the day.
pub(crate) fn range_period(range: DateRange) -> String {
    let DateRange { from, to } = range;
    if from == to { day_period(from) } else { format!("{}-{}", day_period(from), day_period(to)) }
}

/// The period of an open-ended range of days, for example `20260101-`.
pub(crate) fn open_period(from: Date) -> String {
    format!("{}-", day_period(from))
}

/// The period of an hour, for example `20261122T10`. The second pass of a repeated hour has a separate period, with the
/// UTC offset.
pub(crate) fn hour_period(at: Timestamp, zone: &TimeZone) -> String {
    let format = if is_repeated_hour(at, zone) { "%Y%m%dT%H%z" } else { "%Y%m%dT%H" };
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

/// The day `days` before `date`, or the first representable day.
pub(crate) fn days_before(date: Date, days: u16) -> Date {
    date.checked_sub(i64::from(days).days()).unwrap_or(Date::MIN)
}

/// The range of a single day.
pub(crate) fn single_day(date: Date) -> DateRange {
    DateRange { from: date, to: date }
}
