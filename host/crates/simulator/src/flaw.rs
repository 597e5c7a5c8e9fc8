//! Temporary defects in the bill of a day: late, incomplete, stalled or corrected.
//!
//! With a fault, the API fails. With a flaw, the API answers normally, but the bill is incomplete or
//! not final.

use std::ops::RangeInclusive;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

use crate::noise::Noise;

/// A defect in the bill of one day, in billing time. JSON: `{"date", "kind", "from"?, "until"?, "keep"?, "factor"?}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Flaw {
    /// The day has no rows before `until`.
    Late { date: Date, until: DateTime },
    /// Before `until`, only the first services have rows. `keep` is the fraction of the services, 0 to 1.
    MissingRows { date: Date, keep: f64, until: DateTime },
    /// Between `from` and `until`, the day stays in the state at `from`.
    Still { date: Date, from: DateTime, until: DateTime },
    /// From `from` on, every amount of the day is multiplied by `factor`.
    Corrected { date: Date, from: DateTime, factor: f64 },
}

/// Corrections of bills by at most 2 %: one day in ten, on the noon of the next day or of the day after.
pub(super) fn restatements(seed: u64, days: RangeInclusive<Date>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for date in days.start().series(1.day()).take_while(|date| date <= days.end()) {
        let mut noise = Noise::of_day(seed.rotate_left(11), 0, date);
        if noise.below(10) == 0 {
            let age = if noise.below(2) == 0 { 1 } else { 2 };
            let from = date.saturating_add(age.days()).at(12, 0, 0, 0);
            flaws.push(Flaw::Corrected { date, from, factor: 0.98 + 0.04 * noise.unit() });
        }
    }
    flaws
}

/// The view of one day's bill at a given time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BillView {
    /// The bill is shown in the state at this time.
    pub(super) now: DateTime,
    /// Fraction of the services with rows, 0 to 1.
    pub(super) keep: f64,
    pub(super) factor: f64,
}

/// Returns the view of `day` at `now`. Several flaws of a day combine.
pub(super) fn view(flaws: &[Flaw], day: Date, now: DateTime) -> BillView {
    let mut view = BillView { now, keep: 1.0, factor: 1.0 };
    for flaw in flaws {
        match *flaw {
            Flaw::Late { date, until } if date == day && now < until => view.keep = 0.0,
            Flaw::MissingRows { date, keep, until } if date == day && now < until => view.keep = view.keep.min(keep),
            Flaw::Still { date, from, until } if date == day && (from..until).contains(&now) => {
                view.now = view.now.min(from);
            }
            Flaw::Corrected { date, from, factor } if date == day && now >= from => view.factor *= factor,
            _ => {}
        }
    }
    view
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_flaw_affects_one_day_for_a_limited_time() {
        let day = date(2026, 11, 22);
        let at = |hour: i8| date(2026, 11, 23).at(hour, 0, 0, 0);
        let flaws = [
            Flaw::Late { date: day, until: at(2) },
            Flaw::MissingRows { date: day, keep: 0.5, until: at(4) },
            Flaw::Still { date: day, from: at(3), until: at(6) },
            Flaw::Corrected { date: day, from: at(8), factor: 0.5 },
            Flaw::Corrected { date: day, from: at(9), factor: 4.0 },
        ];
        let shown = |hour: i8| {
            let BillView { now, keep, factor } = view(&flaws, day, at(hour));
            (now.hour(), keep, factor)
        };
        assert_eq!(
            [1, 2, 3, 5, 6, 8, 9].map(shown),
            [(1, 0.0, 1.0), (2, 0.5, 1.0), (3, 0.5, 1.0), (3, 1.0, 1.0), (6, 1.0, 1.0), (8, 1.0, 0.5), (9, 1.0, 2.0)]
        );
        assert_eq!(view(&flaws, date(2026, 11, 23), at(1)), BillView { now: at(1), keep: 1.0, factor: 1.0 });
    }
}
