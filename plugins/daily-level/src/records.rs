//! Records: how long no deviation has been as large.

use costwarden_sdk::Date;
use serde::{Deserialize, Serialize};

/// The largest deviations to each side that no newer deviation reaches, oldest and largest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Records {
    /// The first known day.
    since: Date,
    rises: Vec<(Date, f64)>,
    falls: Vec<(Date, f64)>,
}

impl Records {
    pub(crate) fn new(since: Date) -> Self {
        Self { since, rises: Vec::new(), falls: Vec::new() }
    }

    /// Adds the deviation of a day after all added days.
    pub(crate) fn add(&mut self, day: Date, deviation: f64) {
        let side = if deviation > 0.0 { &mut self.rises } else { &mut self.falls };
        while side.last().is_some_and(|(_, size)| *size <= deviation.abs()) {
            side.pop();
        }
        side.push((day, deviation.abs()));
    }

    /// The number of days before `day` without a deviation to the same side that is as large. No more than the known days.
    pub(crate) fn days_without(&self, day: Date, deviation: f64) -> i64 {
        let side = if deviation > 0.0 { &self.rises } else { &self.falls };
        let last = side.iter().rfind(|(_, size)| *size >= deviation.abs());
        last.map_or(day.days() - self.since.days(), |(last, _)| day.days() - last.days() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_without_a_larger_deviation_are_counted_to_each_side() {
        let first = Date::parse("2026-01-05").expect("a date");
        let mut records = Records::new(first);
        for (day, deviation) in [(0, 9.0), (1, -5.0), (2, 2.0), (3, 4.0), (4, 3.0)] {
            records.add(first.plus(day), deviation);
        }
        let days_without = |deviation| records.days_without(first.plus(5), deviation);
        assert_eq!([days_without(1.0), days_without(3.0), days_without(3.5)], [0, 0, 1]);
        assert_eq!([days_without(4.5), days_without(9.0), days_without(9.5)], [4, 4, 5]);
        assert_eq!([days_without(-4.0), days_without(-5.5)], [3, 5]);
    }
}
