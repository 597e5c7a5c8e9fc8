//! The hours of a civil day with clock changes. An hour may occur twice or never, and a zone may skip a day.
//!
//! A day always has 24 places for hours. A repeated hour has one place, with the cost of the day at the end of the
//! repetition. The evaluation compensates for the different cost of a longer or shorter day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::day_start;

/// Resolution in seconds. No zone changes the clock by a fraction of the resolution.
const GRAIN_SECONDS: i64 = 900;

/// Begin and end of each clock hour, in hours since the start of the day.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// `None` for a skipped hour.
    spans: [Option<(f64, f64)>; 24],
    length: f64,
}

impl Hours {
    /// Returns the hours of a day, with or without a clock change; `None` for a day skipped by the zone.
    pub fn of(date: Date, zone: &TimeZone) -> Option<Self> {
        let (start, _) = day_start(date, zone);
        let (end, _) = day_start(date.tomorrow().ok()?, zone);
        let usual = || Self { spans: std::array::from_fn(|hour| Some((hour as f64, hour as f64 + 1.0))), length: 24.0 };
        match end - start {
            ..=0 => None,
            86_400 => Some(usual()),
            seconds => Some(Self { spans: spans((start, end), zone), length: seconds as f64 / 3_600.0 }),
        }
    }

    /// Returns whether the clocks change on the day.
    pub fn are_unusual(&self) -> bool {
        self.length != 24.0
    }

    /// Returns the factor for a comparison with normal days: for the cost of the day, or for the cost up to the end of
    /// `hour`.
    pub fn scale(&self, hour: Option<u8>) -> f64 {
        match hour.map(usize::from) {
            None => 24.0 / self.length,
            Some(hour) => self.spans[hour].map_or(1.0, |(_, end)| (hour as f64 + 1.0) / end),
        }
    }

    /// Returns the elapsed seconds of the day at the end of `hour`.
    pub fn seconds(&self, hour: u8) -> i64 {
        self.spans[usize::from(hour)].map_or(0, |(_, end)| (end * 3_600.0) as i64)
    }

    /// Returns the cost per hour of elapsed time for each clock hour, from cumulative costs; NaN if unknown. A repeated
    /// hour is combined with the following hour, because a snapshot contains one or both repetitions.
    pub fn increments(&self, by_hour: &[f64; 24]) -> [f64; 24] {
        let seen_once = |hour: &usize| self.spans[*hour].is_some_and(|(begin, end)| end - begin <= 1.0);
        let begin = |hour: usize| self.spans[hour].map_or(f64::NAN, |(begin, _)| begin);
        std::array::from_fn(|hour| {
            let Some(through) = (hour..24).find(seen_once).filter(|_| self.spans[hour].is_some()) else {
                return f64::NAN;
            };
            // Costs stand at the end of an hour, therefore the start of the day has the begin -1.
            let (before, began) =
                (0..hour).rev().find(seen_once).map_or((0.0, -1.0), |before| (by_hour[before], begin(before)));
            (by_hour[through] - before) / (begin(through) - began)
        })
    }
}

fn spans((start, end): (i64, i64), zone: &TimeZone) -> [Option<(f64, f64)>; 24] {
    let mut spans = [None; 24];
    for second in (start..end).step_by(GRAIN_SECONDS as usize) {
        let Ok(moment) = Timestamp::from_second(second) else { continue };
        let hour = zone.to_datetime(moment).hour() as usize;
        let since = |second: i64| (second - start) as f64 / 3_600.0;
        let (begin, _) = spans[hour].unwrap_or((since(second), 0.0));
        spans[hour] = Some((begin, since(second + GRAIN_SECONDS)));
    }
    spans
}

/// Returns whether a moment lies in the repetition of a clock hour, or of a part of an hour.
pub fn comes_again(moment: Timestamp, zone: &TimeZone) -> bool {
    let first = zone.to_ambiguous_timestamp(zone.to_datetime(moment)).earlier();
    first.is_ok_and(|first| first < moment)
}

/// Returns whether a zone has a day. A zone with a move across the date line skipped a day.
pub fn has_day(zone: &TimeZone, date: Date) -> bool {
    date.tomorrow().map_or(true, |next| day_start(date, zone).0 < day_start(next, zone).0)
}

/// Returns the last existing day before `date`.
pub fn day_before(date: Date, zone: &TimeZone) -> Date {
    let mut before = std::iter::successors(date.yesterday().ok(), |date| date.yesterday().ok());
    before.find(|date| has_day(zone, *date)).unwrap_or(date)
}

/// Returns the days `from..=to` without the days skipped by the zone.
pub fn days_through(from: Date, to: Date, zone: &TimeZone) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |date| *date <= to).filter(|date| has_day(zone, *date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("bundled")
    }

    fn hours(name: &str, date: Date) -> Hours {
        Hours::of(date, &zone(name)).expect("a day")
    }

    /// Cumulative costs at the end of every hour, for a cost of 1 per hour. A repeated hour has the value after the
    /// repetition.
    fn steady(hours: &Hours) -> [f64; 24] {
        hours.spans.map(|span| span.map_or(f64::NAN, |(_, end)| end))
    }

    #[test]
    fn days_are_as_long_as_their_clocks_make_them() {
        for (name, day, length) in [
            ("Asia/Seoul", date(2026, 10, 25), 24.0),
            ("Europe/Berlin", date(2026, 10, 25), 25.0),
            ("Europe/Berlin", date(2026, 3, 29), 23.0),
            ("America/New_York", date(2026, 11, 1), 25.0),
            ("America/Havana", date(2026, 11, 1), 25.0),
            ("America/Santiago", date(2026, 4, 4), 25.0),
            ("America/Santiago", date(2026, 9, 6), 23.0),
            ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
            ("Antarctica/Troll", date(2026, 10, 25), 26.0),
        ] {
            let hours = hours(name, day);
            assert_eq!(hours.length, length, "{name}");
            assert_eq!(hours.are_unusual(), length != 24.0, "{name}");
            let ends = hours.spans.iter().flatten().map(|(_, end)| *end).fold(0.0, f64::max);
            assert_eq!(ends, length, "{name}");
        }
    }

    #[test]
    fn a_steady_cost_adds_as_much_every_hour() {
        for (name, day, untold) in [
            ("Asia/Seoul", date(2026, 10, 25), &[][..]),
            ("Europe/Berlin", date(2026, 10, 25), &[]),
            ("Europe/Berlin", date(2026, 3, 29), &[2]),
            ("America/New_York", date(2026, 11, 1), &[]),
            ("America/New_York", date(2026, 3, 8), &[2]),
            ("America/Havana", date(2026, 11, 1), &[]),
            // The last hour occurs twice, and no hour follows.
            ("America/Santiago", date(2026, 4, 4), &[23]),
            ("America/Santiago", date(2026, 9, 6), &[0]),
            ("Antarctica/Troll", date(2026, 10, 25), &[]),
        ] {
            let hours = hours(name, day);
            let twice = |hour: usize| hours.spans[hour].is_some_and(|(begin, end)| end - begin > 1.0);
            let mut seen_early = steady(&hours);
            for hour in (0..24).filter(|hour| twice(*hour)) {
                seen_early[hour] = hours.spans[hour].map_or(f64::NAN, |(begin, _)| begin + 1.0);
            }
            for seen in [steady(&hours), seen_early] {
                let added = hours.increments(&seen);
                for (hour, added) in added.iter().enumerate() {
                    let expected = if untold.contains(&hour) { f64::NAN } else { 1.0 };
                    assert_eq!(added.to_bits(), expected.to_bits(), "{name} {hour}: {added:?}");
                }
            }
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_told_with_the_one_after_it() {
        let hours = hours("Europe/Berlin", date(2026, 10, 25));
        let mut by_hour = steady(&hours);
        by_hour[3..].fill(f64::NAN);
        let added = hours.increments(&by_hour);
        assert!(added[2].is_nan() && added[3].is_nan(), "nobody knows yet whether it was seen once or twice");
        by_hour[3] = by_hour[1] + 9.0;
        assert_eq!(hours.increments(&by_hour)[1..4], [1.0, 3.0, 3.0]);
    }

    #[test]
    fn what_the_clock_adds_is_taken_off() {
        let autumn = hours("Europe/Berlin", date(2026, 10, 25));
        assert_eq!([1, 2, 23].map(|hour| autumn.scale(Some(hour))), [1.0, 0.75, 0.96]);
        assert_eq!(autumn.scale(None), 0.96);
        let spring = hours("Europe/Berlin", date(2026, 3, 29));
        assert_eq!([1, 3].map(|hour| spring.scale(Some(hour))), [1.0, 4.0 / 3.0]);
        assert_eq!(hours("Asia/Seoul", date(2026, 3, 29)).scale(Some(5)), 1.0);
    }

    #[test]
    fn only_the_second_time_comes_again() {
        let berlin = zone("Europe/Berlin");
        let again = |text: &str| comes_again(text.parse().expect("a time"), &berlin);
        assert!(!again("2026-10-25T02:10:00+02:00") && again("2026-10-25T02:10:00+01:00"));
        assert!(!again("2026-10-25T01:10:00+02:00") && !again("2026-10-25T03:10:00+01:00"));
        assert!(!again("2026-03-29T03:10:00+02:00"));
    }

    #[test]
    fn a_day_that_never_was_is_none() {
        let apia = zone("Pacific/Apia");
        let gone = date(2011, 12, 30);
        assert!(Hours::of(gone, &apia).is_none() && !has_day(&apia, gone));
        assert_eq!(day_before(date(2011, 12, 31), &apia), date(2011, 12, 29));
        assert_eq!(day_before(date(2011, 12, 30), &apia), date(2011, 12, 29));
        let days: Vec<_> = days_through(date(2011, 12, 28), date(2012, 1, 1), &apia).map(Date::day).collect();
        assert_eq!(days, [28, 29, 31, 1]);
    }
}
