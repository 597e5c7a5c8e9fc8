//! Recurring charges: the same day of the month, the last day, the n-th weekday, every second week.

use costwarden_sdk::Date;
use serde::{Deserialize, Serialize};

/// Maximum number of charges, and of charges that recur by no rule. With more charges, pairs occur by accident.
const MAX_CHARGES: usize = 18;
const MAX_OTHERS: usize = 6;
/// Minimum ratio of two amounts of one charge that has to come again.
const STEADY: f64 = 0.9;
const WEEK: i64 = 7;
/// Maximum number of days between two recurrences.
const LONGEST_INTERVAL: i64 = 35;

/// A deviation of a day in the history that may recur.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) day: Date,
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

impl Recurrence {
    /// The number of recurrences between two days; `None` if the rule does not connect both.
    fn count(self, earlier: Date, day: Date) -> Option<i64> {
        let days = day.days() - earlier.days();
        let months = i64::from(day.months_since(earlier));
        let (is_connected, count) = match self {
            Self::DayOfMonth => (day.day == earlier.day, months),
            Self::LastDay => (day.is_last_of_month() && earlier.is_last_of_month(), months),
            Self::WeekdayOfMonth => (days % WEEK == 0 && day.week_of_month() == earlier.week_of_month(), months),
            Self::SecondWeek => (days % (2 * WEEK) == 0, days / (2 * WEEK)),
        };
        (is_connected && count > 0).then_some(count)
    }
}

/// The excess on `day` by the charges of a history through `through`.
pub(crate) fn expected(day: Date, charges: &[Charge], through: Date) -> Excess {
    let mut pairs = RECURRENCES.iter().filter_map(|rule| Some((*rule, pair(day, charges, *rule, through)?)));
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

/// The last charge of the history and the charge before, if both have the same sign and few charges contradict the rule.
fn pair(day: Date, charges: &[Charge], rule: Recurrence, through: Date) -> Option<[Charge; 2]> {
    if charges.len() > MAX_CHARGES {
        return None;
    }
    let follows = |one: &Charge, other: &Charge| rule.count(one.day, other.day) == Some(1);
    let recurs = |charge: &Charge| charges.iter().any(|other| follows(charge, other) || follows(other, charge));
    let is_other = |charge: &&Charge| rule.count(charge.day, day).is_none() && !recurs(charge);
    let others = charges.iter().filter(is_other).count();
    if others > MAX_OTHERS {
        return None;
    }
    let find = |count| charges.iter().rev().find(|charge| rule.count(charge.day, day) == Some(count));
    let count = charges.iter().filter_map(|charge| rule.count(charge.day, day)).min()?;
    let (last, earlier) = (*find(count)?, *find(count + 1)?);
    // The recurrence after the last charge is missing, unless the day is after the history.
    let last_day = last.day.days();
    let mut days_after = last_day + 1..=through.days().min(last_day + LONGEST_INTERVAL);
    if count > 1 && days_after.any(|after| rule.count(Date::from_days(after), day) == Some(count - 1)) {
        return None;
    }
    (last.excess * earlier.excess > 0.0).then_some([last, earlier])
}

/// Whether no simpler rule explains both charges. Four weeks after a charge is often the same weekday of the month.
fn is_simplest(rule: Recurrence, [last, earlier]: &[Charge; 2], charges: &[Charge]) -> bool {
    let connects = |rule: Recurrence| rule.count(earlier.day, last.day).is_some();
    let last_day = last.day.days();
    let alike = |days: i64| charges.iter().any(|c| c.day.days() == days && c.excess * last.excess > 0.0);
    match rule {
        Recurrence::DayOfMonth | Recurrence::LastDay => !alike(last_day - 2 * WEEK),
        Recurrence::WeekdayOfMonth => {
            !connects(Recurrence::DayOfMonth) && !connects(Recurrence::LastDay) && !alike(last_day - 2 * WEEK)
        }
        Recurrence::SecondWeek => {
            // Charges on the 1st and the 15th are 14 days apart, too.
            let is_monthly = is_repeated(last, Recurrence::DayOfMonth, charges)
                && is_repeated(earlier, Recurrence::DayOfMonth, charges)
                && !is_repeated(earlier, Recurrence::SecondWeek, charges);
            !is_monthly && !alike(last_day + WEEK) && !alike(earlier.day.days() + WEEK)
        }
    }
}

/// Whether an earlier charge with the same sign is one recurrence before.
fn is_repeated(charge: &Charge, rule: Recurrence, charges: &[Charge]) -> bool {
    charges.iter().any(|other| rule.count(other.day, charge.day) == Some(1) && other.excess * charge.excess > 0.0)
}
