//! A cost series: key, grain and values.
//!
//! The module is pure, without I/O and without a clock. The pipeline builds series from stored data.

pub mod hours;

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Placeholder in keys and documents for all values of a dimension in a grouped series.
pub const ALL: &str = "*";

/// The key of a series. A dimension outside the grouping of the rule is [`ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    pub account: Arc<str>,
    pub project: Arc<str>,
    pub service: Arc<str>,
}

/// The display names of the dimensions. Ids never change; names may change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Names {
    pub account: Arc<str>,
    pub project: Arc<str>,
    pub service: Arc<str>,
}

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

impl SeriesKey {
    pub fn new(account: &str, project: &str, service: &str) -> Self {
        Self { account: account.into(), project: project.into(), service: service.into() }
    }

    /// Parses the `Display` text of [`SeriesKey`].
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(unescape);
        let key = Self { account: parts.next()??, project: parts.next()??, service: parts.next()?? };
        parts.next().is_none().then_some(key)
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", escape(&self.account), escape(&self.project), escape(&self.service))
    }
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
        let place = |moment: i64| (moment - self.start).div_euclid(step);
        let len = self.values.len() as i64;
        // Rounds up: a point with a start before `from` is not included.
        let first = place(from + step - 1).clamp(0, len) as usize;
        let end = (place(to) + 1).clamp(first as i64, len) as usize;
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

/// Escapes a part of a key. Ids with `/` or `%` are rare but allowed.
fn escape(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

fn unescape(part: &str) -> Option<Arc<str>> {
    // `%25` is last: otherwise `%252F` would become `/`.
    (!part.is_empty()).then(|| part.replace("%2F", "/").replace("%25", "%").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for (account, project, service) in [("d", "p", "s"), ("a/b", "%2F", "100%"), ("d", ALL, ALL)] {
            let key = SeriesKey::new(account, project, service);
            assert_eq!(SeriesKey::parse(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn a_key_has_three_parts() {
        for text in ["", "a", "a/b", "a/b/c/d", "a//c"] {
            assert_eq!(SeriesKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_series_is_cut_at_moments() {
        let values = vec![0.0, 1.0, 2.0, 3.0];
        let series = Series { id: String::new(), start: 100, utc_offset: 0, step: 10, values, excluded: vec![1, 2] };
        let cut = |from, to| {
            let cut = series.between(from, to);
            (cut.start, cut.values, cut.excluded)
        };
        assert_eq!(cut(0, 1_000), (100, vec![0.0, 1.0, 2.0, 3.0], vec![1, 2]));
        assert_eq!(cut(111, 129), (120, vec![2.0], vec![0]));
        assert_eq!(cut(110, 110), (110, vec![1.0], vec![0]));
        assert_eq!(cut(500, 600), (140, vec![], vec![]));
    }

    /// On the second day, the clocks go back or forward, by an hour or by half an hour.
    #[test]
    fn a_day_of_any_length_is_one_day_of_a_series() {
        use jiff::ToSpan as _;
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
                let begins = series.day(later(index));
                for hour in [0, 23] {
                    let cut = series.between(begins, begins + hour * 3_600 + 3_599);
                    assert_eq!(cut.values, [index as f64], "{zone} {} {hour}", later(index));
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
