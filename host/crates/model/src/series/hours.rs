//! The hours of a civil day with clock changes. An hour may occur twice or never, and a zone may skip a day.
//!
//! A day always has 24 places for hours. A repeated hour has one place, with the cost of the day at the end of the
//! repetition. The evaluation compensates for the different cost of a longer or shorter day.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::day_start;

/// Resolution in seconds. No zone changes the clock by a fraction of the resolution.
const RESOLUTION_SECONDS: i64 = 900;

/// Begin and end of each clock hour, in hours since the start of the day.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    /// `None` for a skipped hour.
    spans: [Option<(f64, f64)>; 24],
    length: f64,
}

impl Hours {
    /// Returns the hours of a day, with or without a clock change; `None` for a day skipped by the zone.
    pub fn of_day(date: Date, zone: &TimeZone) -> Option<Self> {
        let (start, _) = day_start(date, zone);
        let (end, _) = day_start(date.tomorrow().ok()?, zone);
        match end - start {
            ..=0 => None,
            86_400 => {
                let spans = std::array::from_fn(|hour| Some((hour as f64, hour as f64 + 1.0)));
                Some(Self { spans, length: 24.0 })
            }
            seconds => Some(Self { spans: hour_spans(start..end, zone), length: seconds as f64 / 3_600.0 }),
        }
    }

    /// Returns whether the clocks change on the day.
    pub fn has_clock_change(&self) -> bool {
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
        let occurs_once = |hour: &usize| self.spans[*hour].is_some_and(|(begin, end)| end - begin <= 1.0);
        let begin = |hour: usize| self.spans[hour].map_or(f64::NAN, |(begin, _)| begin);
        std::array::from_fn(|hour| {
            let Some(last) = (hour..24).find(occurs_once).filter(|_| self.spans[hour].is_some()) else {
                return f64::NAN;
            };
            let previous = (0..hour).rev().find(occurs_once);
            let cost_before = previous.map_or(0.0, |previous| by_hour[previous]);
            // Costs stand at the end of an hour, therefore the start of the day has the begin -1.
            let begin_before = previous.map_or(-1.0, begin);
            (by_hour[last] - cost_before) / (begin(last) - begin_before)
        })
    }
}

/// Returns the span of each clock hour of a day. `day` is in Unix seconds.
fn hour_spans(day: Range<i64>, zone: &TimeZone) -> [Option<(f64, f64)>; 24] {
    let start = day.start;
    let mut spans = [None; 24];
    for second in day.step_by(RESOLUTION_SECONDS as usize) {
        let Ok(moment) = Timestamp::from_second(second) else { continue };
        let hour = zone.to_datetime(moment).hour() as usize;
        let elapsed = |second: i64| (second - start) as f64 / 3_600.0;
        let (begin, _) = spans[hour].unwrap_or((elapsed(second), 0.0));
        spans[hour] = Some((begin, elapsed(second + RESOLUTION_SECONDS)));
    }
    spans
}

/// Returns whether a moment lies in the repetition of a clock hour, or of a part of an hour.
pub fn is_repeated_hour(moment: Timestamp, zone: &TimeZone) -> bool {
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
    use jiff::civil::date;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).expect("bundled")
    }

    fn hours(name: &str, date: Date) -> Hours {
        Hours::of_day(date, &zone(name)).expect("a day")
    }

    /// Cumulative costs at the end of every hour, for a cost of 1 per hour. A repeated hour has the value after the
    /// repetition.
    fn steady(hours: &Hours) -> [f64; 24] {
        hours.spans.map(|span| span.map_or(f64::NAN, |(_, end)| end))
    }

    #[test]
    fn clock_changes_give_longer_and_shorter_days() {
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
            assert_eq!(hours.has_clock_change(), length != 24.0, "{name}");
            let ends = hours.spans.iter().flatten().map(|(_, end)| *end).fold(0.0, f64::max);
            assert_eq!(ends, length, "{name}");
        }
    }

    #[test]
    fn a_steady_cost_has_equal_increments() {
        for (name, day, unknown_hours) in [
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
            let mut before_repetition = steady(&hours);
            for hour in (0..24).filter(|hour| twice(*hour)) {
                before_repetition[hour] = hours.spans[hour].map_or(f64::NAN, |(begin, _)| begin + 1.0);
            }
            for by_hour in [steady(&hours), before_repetition] {
                let increments = hours.increments(&by_hour);
                for (hour, increment) in increments.iter().enumerate() {
                    let expected = if unknown_hours.contains(&hour) { f64::NAN } else { 1.0 };
                    assert_eq!(increment.to_bits(), expected.to_bits(), "{name} {hour}: {increments:?}");
                }
            }
        }
    }

    #[test]
    fn a_repeated_hour_is_combined_with_the_next_hour() {
        let hours = hours("Europe/Berlin", date(2026, 10, 25));
        let mut by_hour = steady(&hours);
        by_hour[3..].fill(f64::NAN);
        let increments = hours.increments(&by_hour);
        assert!(increments[2].is_nan() && increments[3].is_nan(), "the snapshot has one or both repetitions");
        by_hour[3] = by_hour[1] + 9.0;
        assert_eq!(hours.increments(&by_hour)[1..4], [1.0, 3.0, 3.0]);
    }

    #[test]
    fn the_scale_compensates_for_the_length_of_the_day() {
        let autumn = hours("Europe/Berlin", date(2026, 10, 25));
        assert_eq!([1, 2, 23].map(|hour| autumn.scale(Some(hour))), [1.0, 0.75, 0.96]);
        assert_eq!(autumn.scale(None), 0.96);
        let spring = hours("Europe/Berlin", date(2026, 3, 29));
        assert_eq!([1, 3].map(|hour| spring.scale(Some(hour))), [1.0, 4.0 / 3.0]);
        assert_eq!(hours("Asia/Seoul", date(2026, 3, 29)).scale(Some(5)), 1.0);
    }

    #[test]
    fn only_the_repetition_is_a_repeated_hour() {
        let berlin = zone("Europe/Berlin");
        let repeated = |text: &str| is_repeated_hour(text.parse().expect("a time"), &berlin);
        assert!(!repeated("2026-10-25T02:10:00+02:00") && repeated("2026-10-25T02:10:00+01:00"));
        assert!(!repeated("2026-10-25T01:10:00+02:00") && !repeated("2026-10-25T03:10:00+01:00"));
        assert!(!repeated("2026-03-29T03:10:00+02:00"));
    }

    #[test]
    fn a_skipped_day_has_no_hours() {
        let apia = zone("Pacific/Apia");
        let skipped = date(2011, 12, 30);
        assert!(Hours::of_day(skipped, &apia).is_none() && !has_day(&apia, skipped));
        assert_eq!(day_before(date(2011, 12, 31), &apia), date(2011, 12, 29));
        assert_eq!(day_before(date(2011, 12, 30), &apia), date(2011, 12, 29));
        let days: Vec<_> = days_through(date(2011, 12, 28), date(2012, 1, 1), &apia).map(Date::day).collect();
        assert_eq!(days, [28, 29, 31, 1]);
    }
}
