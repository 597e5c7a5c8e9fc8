//! A cost series: key, grain and values.
//!
//! The module is pure, without I/O and without a clock. The pipeline builds series from stored data.

pub mod hours;
mod key;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub use self::key::{ALL, NO_SERVICE, Names, SeriesKey};

/// The step of a series and the meaning of the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grain {
    /// One point per billing day.
    Daily,
    /// One point per day: the cost of the day up to the same hour.
    DayToDate,
    /// Increments between hourly snapshots.
    Hourly,
}

/// A cost series for a detector: `values[i]` belongs to `start + i * step`. NaN means "not known".
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The text form of [`SeriesKey`].
    pub id: String,
    /// Unix seconds of `values[0]`.
    pub start: i64,
    /// Seconds east of UTC of the billing time zone at `start`.
    pub utc_offset: i32,
    /// Seconds between two values.
    pub step: u32,
    pub values: Vec<f64>,
    /// Training mask: ascending indices of points for a fit to ignore.
    pub excluded: Vec<u32>,
}

/// The input of an evaluation. Points before `judge_from` are context since the fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub series: Series,
    pub state: Vec<u8>,
    pub judge_from: u32,
}

impl Series {
    /// Returns the start of a civil day in the series, in seconds. Every day takes 86,400 seconds, even a day of 23 or
    /// 25 hours.
    pub fn day(&self, date: Date) -> i64 {
        let first = Timestamp::from_second(self.start + i64::from(self.utc_offset)).unwrap_or(Timestamp::UNIX_EPOCH);
        let days = (date - first.to_zoned(TimeZone::UTC).date()).get_days();
        self.start + i64::from(days) * 86_400
    }

    /// Returns the points with a start in `from..=to`, in Unix seconds.
    pub fn between(&self, from: i64, to: i64) -> Self {
        let step = i64::from(self.step);
        let index_of = |second: i64| (second - self.start).div_euclid(step);
        let len = self.values.len() as i64;
        // Rounds up: a point with a start before `from` is not included.
        let first = index_of(from + step - 1).clamp(0, len) as usize;
        let end = (index_of(to) + 1).clamp(first as i64, len) as usize;
        let excluded = self.excluded.iter().map(|index| *index as usize).filter(|index| (first..end).contains(index));
        Self {
            id: self.id.clone(),
            start: self.start + first as i64 * step,
            utc_offset: self.utc_offset,
            step: self.step,
            values: self.values[first..end].to_vec(),
            excluded: excluded.map(|index| (index - first) as u32).collect(),
        }
    }
}

impl Grain {
    pub fn step_seconds(self) -> u32 {
        match self {
            Self::Daily | Self::DayToDate => 86_400,
            Self::Hourly => 3_600,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::DayToDate => "day-to-date",
            Self::Hourly => "hourly",
        }
    }
}

/// Returns the first moment of a civil day in the billing time zone: Unix seconds and UTC offset in seconds.
pub fn day_start(date: Date, zone: &TimeZone) -> (i64, i32) {
    let stamp = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().unwrap_or(Timestamp::UNIX_EPOCH);
    (stamp.as_second(), zone.to_offset(stamp).seconds())
}

/// Parses 2026-11-23 or 20261123.
pub fn parse_day(text: &str) -> Option<Date> {
    let format = match text.len() {
        8 => "%Y%m%d",
        10 => "%Y-%m-%d",
        _ => return None,
    };
    Date::strptime(format, text).ok()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn between_returns_the_points_with_a_start_in_the_range() {
        let values = vec![0.0, 1.0, 2.0, 3.0];
        let series = Series { id: String::new(), start: 100, utc_offset: 0, step: 10, values, excluded: vec![1, 2] };
        let between = |from, to| {
            let part = series.between(from, to);
            (part.start, part.values, part.excluded)
        };
        assert_eq!(between(0, 1_000), (100, vec![0.0, 1.0, 2.0, 3.0], vec![1, 2]));
        assert_eq!(between(111, 129), (120, vec![2.0], vec![0]));
        assert_eq!(between(110, 110), (110, vec![1.0], vec![0]));
        assert_eq!(between(500, 600), (140, vec![], vec![]));
    }

    /// On the second day, the clocks go back or forward, by an hour or by half an hour.
    #[test]
    fn a_day_of_any_length_is_one_day_of_a_series() {
        for (zone, day) in [
            ("Europe/Berlin", jiff::civil::date(2026, 10, 24)),
            ("Europe/Berlin", jiff::civil::date(2026, 3, 28)),
            ("America/New_York", jiff::civil::date(2026, 10, 31)),
            ("Australia/Lord_Howe", jiff::civil::date(2026, 4, 4)),
        ] {
            let zone_data = TimeZone::get(zone).expect("bundled");
            let later = |days: i64| day.checked_add(days.days()).expect("a day");
            let (start, utc_offset) = day_start(day, &zone_data);
            let values = (0..6).map(f64::from).collect();
            let series = Series { id: String::new(), start, utc_offset, step: 86_400, values, excluded: Vec::new() };
            for index in 0..6_i64 {
                let start_of_day = series.day(later(index));
                for hour in [0, 23] {
                    let part = series.between(start_of_day, start_of_day + hour * 3_600 + 3_599);
                    assert_eq!(part.values, [index as f64], "{zone} {} {hour}", later(index));
                }
            }
            assert_ne!(series.day(later(3)), day_start(later(3), &zone_data).0, "{zone}: clocks changed");
        }
    }

    #[test]
    fn a_day_starts_in_the_billing_time_zone() {
        let seoul = TimeZone::get("Asia/Seoul").expect("bundled");
        assert_eq!(day_start(jiff::civil::date(1970, 1, 2), &seoul), (54_000, 32_400));
    }
}
