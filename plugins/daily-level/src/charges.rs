//! Recurring charges: the same day of the month, the last day, the n-th or last weekday, every second week.

use costwarden_sdk::{Series, Weekday};
use serde::{Deserialize, Serialize};

/// Maximum number of charges outside of a rule. With more charges, pairs occur by accident.
const MAX_OTHERS: usize = 6;
/// Minimum ratio of two amounts of one charge that has to come again.
const STEADY: f64 = 0.9;
const WEEK: i64 = 7;

/// The place of a day in its month.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Day {
    /// Days since 1970-01-01.
    number: i64,
    /// Months since the year 0.
    month: i32,
    /// The day of the month, 1 to 31.
    of_month: u8,
    /// Whether the day is the last of its month.
    is_last: bool,
    /// Whether the day is in the last seven days of its month.
    is_in_last_week: bool,
}

/// A deviation of a day in the history that may recur.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) day: Day,
    pub(crate) excess: f64,
}

/// The excess over the usual amount that a recurring charge explains.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Excess {
    pub(crate) expected: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

/// A rule by which charges recur.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Recurrence {
    DayOfMonth,
    LastDay,
    WeekdayOfMonth,
    LastWeekday,
    SecondWeek,
}

const RECURRENCES: [Recurrence; 5] = [
    Recurrence::DayOfMonth,
    Recurrence::LastDay,
    Recurrence::WeekdayOfMonth,
    Recurrence::LastWeekday,
    Recurrence::SecondWeek,
];

impl Day {
    pub(crate) fn of(series: &Series, i: usize) -> Self {
        let date = series.date(i);
        // The next day and the next week, at a step of one day.
        let month_after = |days: usize| series.date(i + days).month;
        Self {
            number: series.local_seconds(i).div_euclid(i64::from(crate::DAY)),
            month: date.year * 12 + i32::from(date.month),
            of_month: date.day,
            is_last: month_after(1) != date.month,
            is_in_last_week: month_after(WEEK as usize) != date.month,
        }
    }

    pub(crate) fn weekday(&self) -> Weekday {
        // 1970-01-01 was a Thursday.
        Weekday::ALL[(self.number + 3).rem_euclid(WEEK) as usize]
    }

    /// The number of recurrences from an earlier day to this day; `None` if the rule does not connect both.
    fn recurrences_since(&self, earlier: &Self, rule: Recurrence) -> Option<i64> {
        let months = i64::from(self.month - earlier.month);
        let days = self.number - earlier.number;
        let same_weekday = days % WEEK == 0;
        let count = match rule {
            Recurrence::DayOfMonth => (self.of_month == earlier.of_month).then_some(months),
            Recurrence::LastDay => (self.is_last && earlier.is_last).then_some(months),
            Recurrence::WeekdayOfMonth => {
                let week = |day: &Self| (i64::from(day.of_month) - 1) / WEEK;
                (same_weekday && week(self) == week(earlier)).then_some(months)
            }
            Recurrence::LastWeekday => {
                (same_weekday && self.is_in_last_week && earlier.is_in_last_week).then_some(months)
            }
            Recurrence::SecondWeek => (days % (2 * WEEK) == 0).then_some(days / (2 * WEEK)),
        };
        count.filter(|count| *count > 0)
    }
}

/// The excess on `day` by the charges of the history.
pub(crate) fn expected(day: &Day, charges: &[Charge]) -> Excess {
    let mut pairs = RECURRENCES.iter().filter_map(|rule| Some((*rule, pair(day, charges, *rule)?)));
    let Some((_, [last, earlier])) = pairs.find(|(rule, pair)| is_simplest(*rule, pair, charges)) else {
        return Excess::default();
    };
    let (mut lowest, mut highest) = (last.min(&earlier), last.max(&earlier));
    // A charge with a changing amount may also stay away.
    if last.excess > 0.0 && lowest < STEADY * highest {
        lowest = 0.0;
    }
    if last.excess < 0.0 && highest > STEADY * lowest {
        highest = 0.0;
    }
    Excess { expected: last.excess, lowest, highest }
}

/// The last charge and the charge before, if both have the same sign and few charges contradict the rule.
fn pair(day: &Day, charges: &[Charge], rule: Recurrence) -> Option<[Charge; 2]> {
    let others = charges.iter().filter(|charge| day.recurrences_since(&charge.day, rule).is_none()).count();
    if others > MAX_OTHERS {
        return None;
    }
    let find = |count| charges.iter().rev().find(|charge| day.recurrences_since(&charge.day, rule) == Some(count));
    let (last, earlier) = (*find(1)?, *find(2)?);
    (last.excess * earlier.excess > 0.0).then_some([last, earlier])
}

/// Whether no simpler rule explains both charges. Four weeks after a charge is often the same weekday of the month.
fn is_simplest(rule: Recurrence, [last, earlier]: &[Charge; 2], charges: &[Charge]) -> bool {
    let connects = |rule| last.day.recurrences_since(&earlier.day, rule).is_some();
    let alike = |number: i64| charges.iter().any(|c| c.day.number == number && c.excess * last.excess > 0.0);
    match rule {
        Recurrence::DayOfMonth | Recurrence::LastDay => !alike(last.day.number - 2 * WEEK),
        Recurrence::WeekdayOfMonth | Recurrence::LastWeekday => {
            !connects(Recurrence::DayOfMonth) && !connects(Recurrence::LastDay) && !alike(last.day.number - 2 * WEEK)
        }
        Recurrence::SecondWeek => !alike(last.day.number + WEEK) && !alike(earlier.day.number + WEEK),
    }
}

impl Charge {
    fn min(&self, other: &Self) -> f64 {
        if self.excess < other.excess { self.excess } else { other.excess }
    }

    fn max(&self, other: &Self) -> f64 {
        if self.excess > other.excess { self.excess } else { other.excess }
    }
}
