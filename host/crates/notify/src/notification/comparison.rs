//! The newest amount of an incident beside the usual amount, with the spans of both.

use model::moment::Moment;
use model::series::Grain;

/// An observed amount and the expected amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The end of the observed span.
    pub moment: Moment,
    pub observed: f64,
    pub expected: f64,
    pub spans: ComparedSpans,
}

/// The spans of two amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedSpans {
    /// A finished day, and a whole usual day.
    Day,
    /// A day up to an hour, and the same part of usual days.
    PartOfDay,
    /// A day up to an hour, and a whole usual day.
    PartAndWholeDay,
    /// The hour before a full hour, and the same hour of usual days.
    Hour,
    /// A day up to an hour, evaluated by rules with several grains or by rules that are gone.
    Unknown,
}

impl ComparedSpans {
    /// Returns the spans of an anomaly. `grains` are the grains of the rules of the incident; `None` for a rule that is
    /// gone.
    pub fn of(moment: Moment, mut grains: impl Iterator<Item = Option<Grain>>) -> Self {
        if moment.hour.is_none() {
            return Self::Day;
        }
        let first = grains.next().flatten();
        match first {
            Some(grain) if grains.all(|other| other == Some(grain)) => match grain {
                Grain::Daily => Self::PartAndWholeDay,
                Grain::DayToDate => Self::PartOfDay,
                Grain::Hourly => Self::Hour,
            },
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_one_grain_define_the_spans() {
        let date = jiff::civil::date(2026, 11, 12);
        let check = |hour, grains: &[Option<Grain>], expect| {
            assert_eq!(ComparedSpans::of(Moment { date, hour }, grains.iter().copied()), expect, "{grains:?}");
        };
        check(None, &[None], ComparedSpans::Day);
        check(Some(18), &[Some(Grain::Daily), Some(Grain::Daily)], ComparedSpans::PartAndWholeDay);
        check(Some(18), &[Some(Grain::DayToDate)], ComparedSpans::PartOfDay);
        check(Some(18), &[Some(Grain::Hourly)], ComparedSpans::Hour);
        check(Some(18), &[Some(Grain::Daily), Some(Grain::Hourly)], ComparedSpans::Unknown);
        check(Some(18), &[Some(Grain::Daily), None], ComparedSpans::Unknown);
        check(Some(18), &[], ComparedSpans::Unknown);
    }
}
