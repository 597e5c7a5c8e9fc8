//! The step of a series, in seconds or in months.

use std::fmt;

use jiff::civil::DateTime;

use model::count::counted;

use super::timestamp::{self, Timestamp};

/// The distance between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Seconds(i64),
    /// Calendar months: the same day of every month, or the last day of every month.
    Months(i64),
}

const DAY_SECONDS: i64 = 86_400;
/// A twelfth of a Gregorian year, in seconds.
const MONTH_SECONDS: i64 = 2_629_746;

/// The position of a time among the points of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Index of the point at or before the time.
    pub(super) index: i64,
    /// True if the time is the time of the point.
    pub(super) is_exact: bool,
}

impl Step {
    /// Derives the step from times in time order; `None` if all times are equal. The step is the lower median of
    /// the gaps, because missing rows only lengthen gaps.
    pub(super) fn of(times: &[Timestamp]) -> Option<Self> {
        let gaps = times.windows(2).map(|pair| pair[1].local - pair[0].local);
        let mut gaps: Vec<i64> = gaps.filter(|gap| *gap > 0).collect();
        gaps.sort_unstable();
        let usual = *gaps.get(gaps.len().saturating_sub(1) / 2)?;
        let months = (usual + MONTH_SECONDS / 2) / MONTH_SECONDS;
        // The shortest month has 28 days.
        let by_calendar = usual >= 28 * DAY_SECONDS && same_day_of_month(times);
        Some(if by_calendar { Self::Months(months.max(1)) } else { Self::Seconds(usual) })
    }

    /// Returns the step in seconds; for months the mean length.
    pub(super) fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Months(months) => months * MONTH_SECONDS,
        }
    }

    /// Returns the position of a time in a series that starts at `first`.
    pub(super) fn position(self, first: Timestamp, time: Timestamp) -> Position {
        let (since, step) = match self {
            // Local time: days begin at midnight even if a clock change shortens a day by an hour.
            Self::Seconds(step) if step >= DAY_SECONDS => (time.local - first.local, step),
            Self::Seconds(step) => (time.seconds() - first.seconds(), step),
            Self::Months(step) => (month(time) - month(first), step),
        };
        Position { index: since / step, is_exact: since % step == 0 }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => f.write_str(&counted(*seconds, "second")),
            Self::Months(1) => f.write_str("a month"),
            Self::Months(months) => write!(f, "{months} months"),
        }
    }
}

fn same_day_of_month(times: &[Timestamp]) -> bool {
    let dates: Vec<DateTime> = times.iter().map(|time| timestamp::civil(time.local)).collect();
    let is_last_day = |date: &DateTime| date.day() == date.days_in_month();
    dates.iter().all(|date| date.day() == dates[0].day()) || dates.iter().all(is_last_day)
}

/// Months since the year 0.
fn month(time: Timestamp) -> i64 {
    let date = timestamp::civil(time.local);
    i64::from(date.year()) * 12 + i64::from(date.month())
}
