//! Corrected bills, and their announcements.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// A bill that the provider corrects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    pub(super) day: Date,
    /// Days between the bill and the noon of the correction.
    age: i32,
    factor: f64,
}

/// The bill of every fifth day is corrected.
const EVERY: usize = 5;
/// The last days of a play: their corrections come after the play.
const LAST_DAYS: i32 = 4;

impl Correction {
    /// The corrections of the days from `first` on: alternately announced and not announced.
    pub(super) fn all(first: Date, days: i32) -> Vec<Self> {
        let correction = |index: i32| {
            let day = first.saturating_add(index.days());
            if (index as usize).is_multiple_of(2 * EVERY) {
                Self { day, age: 2, factor: 0.95 }
            } else {
                Self { day, age: 1, factor: 1.02 }
            }
        };
        (0..days - LAST_DAYS).step_by(EVERY).map(correction).collect()
    }

    /// The flaw of the simulated bill.
    pub(super) fn flaw(self) -> String {
        let Self { day, age, factor } = self;
        let from = day.saturating_add(age.days());
        format!(r#"{{"date":"{day}","kind":"corrected","from":"{from}T12:00:00","factor":{factor}}}"#)
    }

    /// Whether people are notified: a bill that has grown by the next day was not complete before.
    pub(super) fn is_announced(self) -> bool {
        self.age > 1 || self.factor < 1.0
    }

    /// Whether an announcement has the day and the totals. `total` is the announced total of the day.
    pub(super) fn is_announced_by(self, text: &str, total: f64) -> bool {
        let Self { day, factor, .. } = self;
        let Some((_, totals)) = text.split_once(&format!("the bills of 1 day: {day} ")) else { return false };
        let (before, rest) = totals.split_once(" KRW → ").expect("the total before");
        let (after, _) = rest.split_once(" KRW (").expect("the total after");
        let is_close = |[one, other]: [f64; 2], part: f64| (one / other - 1.0).abs() < part;
        let [before, after] = [before, after].map(amount);
        // Some bills lack a small amount until the third day.
        is_close([before, total], 0.02) && is_close([after, before * factor], 0.01)
    }
}

/// Parses an amount with separators.
pub(super) fn amount(text: &str) -> f64 {
    text.replace(',', "").parse().expect("an amount")
}
