//! Streaks: consecutive anomalous days of one change, with short gaps.

use std::collections::BTreeSet;

use jiff::civil::Date;

/// Maximum number of days between anomalous days of one change.
pub const MAX_GAP_DAYS: i32 = 3;

/// Returns the days of streaks shorter than `accept_after` days from the first to the last day. A streak bridges short
/// gaps, because a lasting change without an anomaly on a weekend is one change.
pub fn days_in_short_streaks(days: &BTreeSet<Date>, accept_after: u16) -> BTreeSet<Date> {
    let days_between = |from: Date, to: Date| (to - from).get_days();
    let mut streaks: Vec<Vec<Date>> = Vec::new();
    for day in days {
        match streaks.last_mut() {
            Some(streak) if streak.last().is_some_and(|last| days_between(*last, *day) <= MAX_GAP_DAYS) => {
                streak.push(*day);
            }
            _ => streaks.push(vec![*day]),
        }
    }
    let length = |streak: &Vec<Date>| days_between(streak[0], streak[streak.len() - 1]) + 1;
    streaks.into_iter().filter(|streak| length(streak) < i32::from(accept_after)).flatten().collect()
}
