//! The even grid of a series, with a step in seconds or in months.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::moment::Moment;
use model::count::counted;

/// The distance between points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    Seconds(i64),
    /// Calendar months: the same day of every month, or the last day of every month.
    Months(i64),
}

const DAY: i64 = 86_400;
/// A twelfth of a Gregorian year, in seconds.
const MONTH: i64 = 2_629_746;

impl Grid {
    /// Derives the grid from moments in time order; `None` if all moments are equal. The step is the lower median of
    /// the gaps, because missing rows only lengthen gaps.
    pub(super) fn of(moments: &[Moment]) -> Option<Self> {
        let gaps = moments.windows(2).map(|pair| pair[1].local - pair[0].local);
        let mut gaps: Vec<i64> = gaps.filter(|gap| *gap > 0).collect();
        gaps.sort_unstable();
        let usual = *gaps.get(gaps.len().saturating_sub(1) / 2)?;
        let months = (usual + MONTH / 2) / MONTH;
        // The shortest month has 28 days.
        let by_calendar = usual >= 28 * DAY && same_day_of_month(moments);
        Some(if by_calendar { Self::Months(months.max(1)) } else { Self::Seconds(usual) })
    }

    /// Returns the step in seconds; for months the mean length.
    pub(super) fn step(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Months(months) => months * MONTH,
        }
    }

    /// Returns the index of the point at or before a moment, and whether the moment lies exactly on the point.
    pub(super) fn place(self, first: Moment, moment: Moment) -> (i64, bool) {
        let (since, step) = match self {
            // Local time: days begin at midnight even if a clock change shortens a day by an hour.
            Self::Seconds(step) if step >= DAY => (moment.local - first.local, step),
            Self::Seconds(step) => (moment.seconds() - first.seconds(), step),
            Self::Months(step) => (month(moment) - month(first), step),
        };
        (since / step, since % step == 0)
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => f.write_str(&counted(*seconds, "second")),
            Self::Months(1) => f.write_str("a month"),
            Self::Months(months) => write!(f, "{months} months"),
        }
    }
}

fn same_day_of_month(moments: &[Moment]) -> bool {
    let dates: Vec<DateTime> = moments.iter().map(|moment| civil(*moment)).collect();
    let is_last = |date: &DateTime| date.day() == date.days_in_month();
    dates.iter().all(|date| date.day() == dates[0].day()) || dates.iter().all(is_last)
}

/// Months since the year 0.
fn month(moment: Moment) -> i64 {
    let date = civil(moment);
    i64::from(date.year()) * 12 + i64::from(date.month())
}

fn civil(moment: Moment) -> DateTime {
    let local = Timestamp::from_second(moment.local).expect("read from a timestamp, at most a day off it");
    TimeZone::UTC.to_datetime(local)
}
