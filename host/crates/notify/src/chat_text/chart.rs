//! A chart of daily costs, and its form in one line of text.

use jiff::civil::Date;
use model::language::Language;

use super::{Bar, Chart};
use crate::notification::{DayCost, IncidentContent};

/// Bars from an eighth to a whole.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A day without a bill.
const UNKNOWN: char = '·';
/// Smallest number of known days in a chart.
const MIN_DAYS: usize = 7;

impl Chart {
    /// Returns the chart of the summed recent days of incidents with the same days.
    pub(super) fn of(incidents: &[IncidentContent<'_>], language: Language) -> Option<Self> {
        let first = incidents.first()?;
        let span = first.incident.first_seen.date..=first.incident.last_seen.date;
        let mut days: Vec<DayCost> = first.recent_days.to_vec();
        for other in &incidents[1..] {
            if days.len() != other.recent_days.len() {
                return None;
            }
            for (day, more) in days.iter_mut().zip(other.recent_days) {
                day.cost += more.cost;
            }
        }
        let quantity = match (language, incidents.len()) {
            (Language::Korean, 1) => "하루 비용",
            (Language::Korean, _) => "하루 비용 합계",
            (Language::English, 1) => "cost per day",
            (Language::English, _) => "sum of the costs per day",
        };
        Self::of_days(&days, |date| span.contains(&date), quantity, language)
    }

    /// Returns the chart of the days, from 0 to the largest cost. `None` if too few days are known or no cost is positive.
    fn of_days(
        days: &[DayCost],
        is_in_incident: impl Fn(Date) -> bool,
        quantity: &str,
        language: Language,
    ) -> Option<Self> {
        let known = || days.iter().map(|day| day.cost).filter(|cost| cost.is_finite());
        let largest = known().fold(0.0, f64::max);
        if known().count() < MIN_DAYS || largest <= 0.0 {
            return None;
        }
        let bar = |day: &DayCost| Bar {
            share: day.cost.is_finite().then_some(day.cost / largest),
            is_in_incident: is_in_incident(day.date),
        };
        let ends = [days.first()?.date, days.last()?.date];
        let label = match language {
            Language::Korean => {
                format!("{} {quantity}", range(ends, |date| format!("{}/{}", date.month(), date.day())))
            }
            Language::English => format!("{quantity}, {}", range(ends, |date| date.strftime("%-d %b").to_string())),
        };
        Some(Self { days: days.iter().map(bar).collect(), label })
    }

    /// Returns one character per day.
    pub(crate) fn line(&self) -> String {
        self.days.iter().map(|bar| bar.character()).collect()
    }
}

impl Bar {
    fn character(self) -> char {
        let Some(share) = self.share else { return UNKNOWN };
        // Rounded up, so that every cost above 0 is visible. The cast saturates, and a negative cost has the lowest bar.
        let eighths = (share * 8.0).ceil() as usize;
        BARS[eighths.clamp(1, 8) - 1]
    }
}

fn range(ends: [Date; 2], text: impl Fn(Date) -> String) -> String {
    ends.map(text).join("–")
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    fn chart(costs: &[f64], language: Language) -> Option<Chart> {
        let first = jiff::civil::date(2026, 10, 29);
        let days: Vec<DayCost> =
            (0..).zip(costs).map(|(index, &cost)| DayCost { date: first + index.days(), cost }).collect();
        Chart::of_days(&days, |date| date > jiff::civil::date(2026, 11, 3), "cost per day", language)
    }

    #[test]
    fn bars_begin_at_zero() {
        let chart = chart(&[0.0, 1.0, 2.0, f64::NAN, 4.0, 8.0, -3.0, 7.0], Language::Korean).expect("a chart");
        assert_eq!((chart.line().as_str(), chart.label.as_str()), ("▁▁▂·▄█▁▇", "10/29–11/5 cost per day"));
        let incident: Vec<bool> = chart.days.iter().map(|bar| bar.is_in_incident).collect();
        assert_eq!(incident, [false, false, false, false, false, false, true, true]);
    }

    #[test]
    fn a_chart_needs_a_week_and_a_cost() {
        assert_eq!(chart(&[1.0; 6], Language::English), None);
        assert_eq!(chart(&[0.0; 10], Language::English), None);
        let label = chart(&[1.0; 8], Language::English).expect("a chart").label;
        assert_eq!(label, "cost per day, 29 Oct–5 Nov");
    }
}
