//! The conversion of times from the bill's time zone to the clock of the host.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// A time of day on the clock of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalTime {
    pub(crate) hour: i8,
    pub(crate) minute: i8,
}

/// Returns all local times that equal `minute` past midnight in the bill's zone, on any day of the next year.
///
/// The list has several times if the two zones change clocks differently. A daily job started at each time is punctual
/// all year; the extra run repeats a completed day, without an effect.
pub(super) fn local_times(minute: u8, zone: &TimeZone, local: &TimeZone, now: Timestamp) -> Vec<LocalTime> {
    let first = now.to_zoned(zone.clone()).date();
    let on = |date: Date| {
        let due = date.at(0, minute as i8, 0, 0).to_zoned(zone.clone()).ok()?;
        let due = due.with_time_zone(local.clone());
        Some(LocalTime { hour: due.hour(), minute: due.minute() })
    };
    let days = (0..=366_i32).filter_map(|days| first.checked_add(days.days()).ok());
    days.filter_map(on).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, local: &str, expect: &[(i8, i8)]) {
        let zones = [zone, local].map(|name| TimeZone::get(name).unwrap());
        let now = "2026-11-25T03:00:00Z".parse().unwrap();
        let times = local_times(10, &zones[0], &zones[1], now);
        assert_eq!(times.iter().map(|time| (time.hour, time.minute)).collect::<Vec<_>>(), expect, "{zone} on {local}");
    }

    #[test]
    fn the_bills_midnight_is_found_on_every_clock() {
        check("Asia/Seoul", "Asia/Seoul", &[(0, 10)]);
        check("Asia/Seoul", "Etc/UTC", &[(15, 10)]);
        check("Asia/Kolkata", "Etc/UTC", &[(18, 40)]);
        check("Asia/Seoul", "America/New_York", &[(10, 10), (11, 10)]);
        check("America/New_York", "Asia/Seoul", &[(13, 10), (14, 10)]);
        check("Europe/Berlin", "Europe/Paris", &[(0, 10)]);
        check("Etc/UTC", "Australia/Lord_Howe", &[(10, 40), (11, 10)]);
    }
}
