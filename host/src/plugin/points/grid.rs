//! The even grid that a series' rows lie on: so many seconds apart, or so many months.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::moment::Moment;
use crate::count::counted;

/// How far points are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grid {
    Seconds(i64),
    /// By the calendar: the same day of each month, or the last one.
    Months(i64),
}

const DAY: i64 = 86_400;
/// A twelfth of a Gregorian year, in seconds.
const MONTH: i64 = 2_629_746;

impl Grid {
    /// Of moments in their order; none where all are the same. The usual time between two is the middle one of all, of
    /// two the shorter, since gaps are longer.
    pub(super) fn of(moments: &[Moment]) -> Option<Self> {
        let gaps = moments.windows(2).map(|pair| pair[1].local - pair[0].local);
        let mut gaps: Vec<i64> = gaps.filter(|gap| *gap > 0).collect();
        gaps.sort_unstable();
        let usual = *gaps.get(gaps.len().saturating_sub(1) / 2)?;
        let months = (usual + MONTH / 2) / MONTH;
        let by_calendar = usual >= 28 * DAY && same_day_of_month(moments);
        Some(if by_calendar { Self::Months(months.max(1)) } else { Self::Seconds(usual) })
    }

    /// In seconds; of months, their mean.
    pub(super) fn step(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Months(months) => months * MONTH,
        }
    }

    /// The point that a moment stands for, and whether it lies on it.
    pub(super) fn place(self, first: Moment, moment: Moment) -> (i64, bool) {
        let (since, step) = match self {
            // Days begin at midnight, also where the clocks are changed and a day is an hour shorter.
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
