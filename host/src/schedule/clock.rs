//! The conversion of minutes from the bill's time zone to the clock of the host.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Returns all minutes of the local hour that equal `minute` of the hour in the bill's zone, on any day of the next year.
///
/// The list has two minutes if one of the zones changes the clock by half an hour. The extra run of a job repeats a
/// completed period, without an effect.
pub(super) fn local_minutes(minute: u8, zone: &TimeZone, local: &TimeZone, now: Timestamp) -> Vec<i8> {
    let first = now.to_zoned(zone.clone()).date();
    let on = |date: Date| {
        let due = date.at(0, minute as i8, 0, 0).to_zoned(zone.clone()).ok()?;
        Some(due.with_time_zone(local.clone()).minute())
    };
    let days = (0..=366_i32).filter_map(|days| first.checked_add(days.days()).ok());
    days.filter_map(on).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, local: &str, expect: &[i8]) {
        let zones = [zone, local].map(|name| TimeZone::get(name).unwrap());
        let now = "2026-11-25T03:00:00Z".parse().unwrap();
        assert_eq!(local_minutes(10, &zones[0], &zones[1], now), expect, "{zone} on {local}");
    }

    #[test]
    fn the_bills_minute_is_found_on_every_clock() {
        check("Asia/Seoul", "Asia/Seoul", &[10]);
        check("Asia/Seoul", "Etc/UTC", &[10]);
        check("Asia/Kolkata", "Etc/UTC", &[40]);
        check("America/New_York", "Asia/Seoul", &[10]);
        check("Etc/UTC", "Australia/Lord_Howe", &[10, 40]);
    }
}
