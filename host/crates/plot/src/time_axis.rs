//! The axis of time: ticks at the first point of a calendar unit.

use jiff::civil::{DateTime, Time};

use crate::figure::Figure;

/// A tick of the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeTick {
    /// Index of the point.
    pub(crate) point: usize,
    pub(crate) text: String,
}

/// The distance between two ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TickUnit {
    Minutes(i64),
    Days(i64),
    /// Weeks from Monday.
    Weeks,
    Months(i64),
    Years(i64),
}

/// The units from short to long.
const UNITS: [TickUnit; 16] = [
    TickUnit::Minutes(5),
    TickUnit::Minutes(15),
    TickUnit::Minutes(60),
    TickUnit::Minutes(180),
    TickUnit::Minutes(360),
    TickUnit::Minutes(720),
    TickUnit::Days(1),
    TickUnit::Days(2),
    TickUnit::Weeks,
    TickUnit::Months(1),
    TickUnit::Months(3),
    TickUnit::Months(6),
    TickUnit::Years(1),
    TickUnit::Years(2),
    TickUnit::Years(5),
    TickUnit::Years(10),
];

/// Returns at most `max` ticks of a figure, with the shortest possible distance. A figure inside one unit has one tick, at
/// the first point.
pub(crate) fn time_ticks(figure: &Figure, max: usize) -> Vec<TimeTick> {
    let times: Vec<DateTime> = figure.points.iter().map(|point| point.time).collect();
    let are_days = times.iter().all(|time| time.time() == Time::midnight());
    let units = UNITS.iter().filter(|unit| !(are_days && matches!(unit, TickUnit::Minutes(_))));
    let fitting = units.map(|unit| unit.ticks(&times)).find(|ticks| ticks.len() <= max);
    let first = || times.first().map(|time| TimeTick { point: 0, text: time.date().to_string() });
    fitting.filter(|ticks| !ticks.is_empty()).unwrap_or_else(|| first().into_iter().collect())
}

/// Formats the time of a point: the day alone at midnight.
pub(crate) fn time_text(time: DateTime) -> String {
    if time.time() == Time::midnight() { time.date().to_string() } else { time.strftime("%Y-%m-%d %H:%M").to_string() }
}

impl TickUnit {
    fn ticks(self, times: &[DateTime]) -> Vec<TimeTick> {
        let starts = times.iter().enumerate().filter(|(index, time)| match index.checked_sub(1) {
            Some(previous) => self.number(times[previous]) != self.number(**time),
            None => self.is_start(**time),
        });
        starts.map(|(point, time)| TimeTick { point, text: self.text(*time) }).collect()
    }

    /// Returns the number of the unit that contains the time.
    fn number(self, time: DateTime) -> i64 {
        let date = time.date();
        let days = || i64::from(date.since(jiff::civil::date(1970, 1, 1)).map_or(0, |span| span.get_days()));
        let minutes = || days() * 1_440 + i64::from(time.hour()) * 60 + i64::from(time.minute());
        let months = || i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        match self {
            Self::Minutes(count) => minutes().div_euclid(count),
            Self::Days(count) => days().div_euclid(count),
            // 1970-01-01 was a Thursday.
            Self::Weeks => (days() + 3).div_euclid(7),
            Self::Months(count) => months().div_euclid(count),
            Self::Years(count) => i64::from(date.year()).div_euclid(count),
        }
    }

    /// Returns true if the unit before the time differs.
    fn is_start(self, time: DateTime) -> bool {
        time.checked_sub(jiff::Span::new().minutes(1)).is_ok_and(|before| self.number(before) != self.number(time))
    }

    fn text(self, time: DateTime) -> String {
        match self {
            Self::Minutes(_) => time.strftime("%m-%d %H:%M").to_string(),
            _ => time.date().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Span;
    use jiff::civil::date;

    use super::*;
    use crate::figure::Point;

    fn check(start: DateTime, step: Span, count: i64, expect: &str) {
        let time = |number: i64| start.checked_add(step.checked_mul(number).expect("short")).expect("a time");
        let points = (0..count).map(|number| Point::new(time(number), 0.0)).collect();
        let figure =
            Figure { language: model::language::Language::English, title: String::new(), unit: String::new(), points };
        let ticks = time_ticks(&figure, 4);
        let texts: Vec<String> = ticks.into_iter().map(|tick| format!("{} {}", tick.point, tick.text)).collect();
        assert_eq!(texts.join(", "), expect);
    }

    #[test]
    fn ticks_are_the_starts_of_calendar_units() {
        let day = Span::new().days(1);
        let midnight = date(2026, 1, 30).at(0, 0, 0, 0);
        let evening = date(2026, 1, 30).at(22, 0, 0, 0);
        check(midnight, day, 0, "");
        check(midnight, day, 1, "0 2026-01-30");
        check(midnight, day, 5, "1 2026-01-31, 3 2026-02-02");
        check(midnight, day, 30, "3 2026-02-02, 10 2026-02-09, 17 2026-02-16, 24 2026-02-23");
        check(midnight, day, 100, "2 2026-02-01, 30 2026-03-01, 61 2026-04-01, 91 2026-05-01");
        check(midnight, day, 365, "61 2026-04-01, 152 2026-07-01, 244 2026-10-01, 336 2027-01-01");
        check(evening, Span::new().minutes(5), 30, "0 01-30 22:00, 12 01-30 23:00, 24 01-31 00:00");
        check(evening, Span::new().hours(1), 60, "2 2026-01-31, 26 2026-02-01, 50 2026-02-02");
    }
}
