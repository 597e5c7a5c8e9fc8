//! Recurring charges: the same day of the month, the last day, the n-th weekday, every second week.

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
    SecondWeek,
}

/// The rules in the order of preference.
const RECURRENCES: [Recurrence; 4] =
    [Recurrence::DayOfMonth, Recurrence::LastDay, Recurrence::WeekdayOfMonth, Recurrence::SecondWeek];

impl Day {
    pub(crate) fn of(series: &Series, i: usize) -> Self {
        let date = series.date(i);
        Self {
            number: series.local_seconds(i).div_euclid(i64::from(crate::DAY)),
            month: date.year * 12 + i32::from(date.month),
            of_month: date.day,
            is_last: series.date(i + 1).month != date.month,
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
        let is_connected = match rule {
            Recurrence::DayOfMonth => self.of_month == earlier.of_month,
            Recurrence::LastDay => self.is_last && earlier.is_last,
            Recurrence::WeekdayOfMonth => days % WEEK == 0 && (self.of_month - 1) / 7 == (earlier.of_month - 1) / 7,
            Recurrence::SecondWeek => days % (2 * WEEK) == 0,
        };
        let count = if rule == Recurrence::SecondWeek { days / (2 * WEEK) } else { months };
        (is_connected && count > 0).then_some(count)
    }
}

/// The excess on `day` by the charges of the history.
pub(crate) fn expected(day: &Day, charges: &[Charge]) -> Excess {
    let mut pairs = RECURRENCES.iter().filter_map(|rule| Some((*rule, pair(day, charges, *rule)?)));
    let Some((_, [last, earlier])) = pairs.find(|(rule, pair)| is_simplest(*rule, pair, charges)) else {
        return Excess::default();
    };
    let (last, earlier) = (last.excess, earlier.excess);
    let (mut lowest, mut highest) = (last.min(earlier), last.max(earlier));
    // A charge with a changing amount may also stay away.
    if last > 0.0 && lowest < STEADY * highest {
        lowest = 0.0;
    }
    if last < 0.0 && highest > STEADY * lowest {
        highest = 0.0;
    }
    Excess { expected: last, lowest, highest }
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
        Recurrence::WeekdayOfMonth => {
            !connects(Recurrence::DayOfMonth) && !connects(Recurrence::LastDay) && !alike(last.day.number - 2 * WEEK)
        }
        Recurrence::SecondWeek => !alike(last.day.number + WEEK) && !alike(earlier.day.number + WEEK),
    }
}
