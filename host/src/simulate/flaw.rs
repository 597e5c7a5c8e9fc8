//! What is wrong with the bill of a day for a while: it is late, lacks rows, stands still, or is corrected later.
//!
//! Unlike a [`Fault`](super::fault), the API answers as ever: only what it says is not the whole, or not the last word.

use jiff::civil::{Date, DateTime};
use serde::{Deserialize, Serialize};

/// A flaw of one day's bill, in billing time. JSON: `{"date", "kind", "from"?, "until"?, "keep"?, "factor"?}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Flaw {
    /// No row is there until then.
    Late { date: Date, until: DateTime },
    /// Until then, only so large a part of the services have rows: the first ones.
    MissingRows { date: Date, keep: f64, until: DateTime },
    /// The day is shown as it stood at `from`, until it moves on.
    Still { date: Date, from: DateTime, until: DateTime },
    /// From then on, every amount of the day is so many times what it was.
    Corrected { date: Date, from: DateTime, factor: f64 },
}

/// How the bill of one day is shown at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    /// The moment as of which it is shown.
    pub(super) now: DateTime,
    /// The part of the services that have rows.
    pub(super) keep: f64,
    pub(super) factor: f64,
}

/// How a day with these flaws is shown. Several of them add up.
pub(super) fn view(flaws: &[Flaw], day: Date, now: DateTime) -> View {
    let mut view = View { now, keep: 1.0, factor: 1.0 };
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
    fn a_flaw_is_of_one_day_and_for_a_while() {
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
            let View { now, keep, factor } = view(&flaws, day, at(hour));
            (now.hour(), keep, factor)
        };
        assert_eq!(
            [1, 2, 3, 5, 6, 8, 9].map(shown),
            [(1, 0.0, 1.0), (2, 0.5, 1.0), (3, 0.5, 1.0), (3, 1.0, 1.0), (6, 1.0, 1.0), (8, 1.0, 0.5), (9, 1.0, 2.0)]
        );
        assert_eq!(view(&flaws, date(2026, 11, 23), at(1)), View { now: at(1), keep: 1.0, factor: 1.0 });
    }
}
