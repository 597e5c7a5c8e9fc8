//! The moments of an incident, and the earlier moments for a comparison.

use bigdecimal::BigDecimal;
use jiff::ToSpan as _;

use super::UnknownCause;
use crate::incident::{FinishedDayImpact, Incident};
use crate::moment::Moment;

/// Number of weeks before an incident in which a bill of the same weekday counts.
pub const WEEKS: u16 = 4;

/// Largest relative difference of two sums of the same amounts in another order.
const SUM_TOLERANCE: f64 = 1e-9;

/// The moments of an incident with its observed and expected cost: the finished days outside the opening band, or the
/// newest part of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentSpan {
    /// Ascending and not empty.
    pub moments: Vec<Moment>,
    earlier: EarlierPart,
    first: Moment,
    /// `None` if the rules expect no comparable cost.
    expected: Option<BigDecimal>,
    /// `None` if not known.
    observed: Option<f64>,
}

/// The part of an earlier day for the comparison with a part of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierPart {
    /// The same part: the rules compare equal parts of days.
    Same,
    /// The whole day: the rules compare the part with a whole day.
    WholeDay,
    /// The same part, without an expected cost: the rules compare hours.
    SameWithoutExpectation,
}

impl IncidentSpan {
    /// Returns the span of an incident; `None` without a day. `part` applies to an incident without a finished day.
    pub fn of(incident: &Incident, part: EarlierPart) -> Option<Self> {
        let finished_days = incident.by_day.iter().filter_map(|(date, day)| Some((*date, day.finished_day?)));
        let outside: Vec<_> = finished_days.filter(|(_, day)| day.impact > 0.0).collect();
        if outside.is_empty() {
            return Self::of_part(incident, part);
        }
        let sum = |value: fn(&FinishedDayImpact) -> f64| outside.iter().map(|(_, day)| value(day)).sum::<f64>();
        Some(Self {
            moments: outside.iter().map(|(date, _)| Moment::finished_day(*date)).collect(),
            earlier: EarlierPart::Same,
            first: first_moment(incident),
            expected: outside.iter().map(|(_, day)| decimal(day.expected)).sum(),
            observed: Some(sum(|day| day.observed)),
        })
    }

    #[cfg(test)]
    pub(super) fn of_day(day: Moment, observed: f64) -> Self {
        let observed = Some(observed);
        Self { moments: vec![day], earlier: EarlierPart::Same, first: day, expected: None, observed }
    }

    fn of_part(incident: &Incident, part: EarlierPart) -> Option<Self> {
        let mut parts = incident.by_day.iter().rev().filter_map(|(date, day)| Some((*date, day.partial_day?)));
        let (date, newest) = parts.next()?;
        let moment = Moment { date, hour: Some(newest.hour) };
        let is_comparable = part != EarlierPart::SameWithoutExpectation && moment == incident.last_seen;
        Some(Self {
            moments: vec![moment],
            earlier: part,
            first: first_moment(incident),
            expected: if is_comparable { decimal(incident.expected) } else { None },
            observed: is_comparable.then_some(incident.observed),
        })
    }

    /// Returns the moment for the comparison: the same weekday before the incident. Attempt 0 is the last such day, each
    /// further attempt a week earlier.
    pub fn earlier(&self, moment: Moment, attempt: u16) -> Moment {
        let days_of_incident = (moment.date - self.first.date).get_days().max(0);
        let weeks = days_of_incident / 7 + 1 + i32::from(attempt);
        let hour = if self.earlier == EarlierPart::WholeDay { None } else { moment.hour };
        Moment { date: moment.date.saturating_sub((weeks * 7).days()), hour }
    }

    pub(super) fn into_expected(self) -> Option<BigDecimal> {
        self.expected
    }

    /// Checks that a bill is the bill of the incident.
    ///
    /// # Errors
    /// The sum differs from the observed cost. Without an observed cost, a sum over several series is refused, because
    /// a rule may select a part of the sum.
    pub(super) fn check(&self, bill: f64, is_single_series: bool) -> Result<(), UnknownCause> {
        let is_equal = match self.observed {
            Some(observed) => (bill - observed).abs() <= SUM_TOLERANCE * observed.abs().max(1.0),
            None => is_single_series,
        };
        if is_equal { Ok(()) } else { Err(UnknownCause::OtherAmounts) }
    }
}

fn first_moment(incident: &Incident) -> Moment {
    let first_day = incident.by_day.keys().next().map(|date| Moment::finished_day(*date));
    first_day.map_or(incident.first_seen, |first| first.min(incident.first_seen))
}

/// Returns the shortest decimal that reads as the double; `None` if not finite.
fn decimal(amount: f64) -> Option<BigDecimal> {
    amount.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// Returns the compared moments of the days of an incident that began on the 12th.
    fn earlier(day: i8, hour: Option<u8>, earlier: EarlierPart, attempt: u16) -> Moment {
        let first = Moment::finished_day(date(2026, 11, 12));
        let moment = Moment { date: date(2026, 11, day), hour };
        let span = IncidentSpan { moments: vec![moment], earlier, first, expected: None, observed: None };
        span.earlier(moment, attempt)
    }

    #[test]
    fn a_day_is_compared_with_the_last_same_weekday_before_the_incident() {
        let on = |month, day, hour| Moment { date: date(2026, month, day), hour };
        assert_eq!(earlier(12, None, EarlierPart::Same, 0), on(11, 5, None));
        assert_eq!(earlier(18, None, EarlierPart::Same, 0), on(11, 11, None));
        assert_eq!(earlier(19, None, EarlierPart::Same, 0), on(11, 5, None));
        assert_eq!(earlier(12, None, EarlierPart::Same, 2), on(10, 22, None));
        assert_eq!(earlier(12, Some(18), EarlierPart::Same, 0), on(11, 5, Some(18)));
        assert_eq!(earlier(12, Some(18), EarlierPart::WholeDay, 0), on(11, 5, None));
    }

    #[test]
    fn a_bill_with_other_amounts_is_refused() {
        let day = Moment::finished_day(date(2026, 11, 12));
        let span = IncidentSpan::of_day(day, 100.1);
        assert_eq!(span.check(100.1 + 1e-12, false), Ok(()));
        assert_eq!(span.check(50.0, true), Err(UnknownCause::OtherAmounts));
        let unknown = IncidentSpan { observed: None, ..span };
        assert_eq!([unknown.check(1.0, true), unknown.check(1.0, false)], [Ok(()), Err(UnknownCause::OtherAmounts)]);
    }
}
