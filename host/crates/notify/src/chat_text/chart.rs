//! A chart of daily costs in one line of text.

use jiff::civil::Date;
use model::language::Language;

use super::Chart;
use crate::notification::DayCost;

/// Bars from an eighth to a whole.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A day without a bill.
const UNKNOWN: char = '·';
/// Smallest number of known days in a chart.
const MIN_DAYS: usize = 7;

/// Returns the chart of the days, from 0 to the largest cost. `None` if too few days are known or no cost is positive.
pub(super) fn chart(days: &[DayCost], language: Language) -> Option<Chart> {
    let known = || days.iter().map(|day| day.cost).filter(|cost| cost.is_finite());
    let largest = known().fold(0.0, f64::max);
    if known().count() < MIN_DAYS || largest <= 0.0 {
        return None;
    }
    let bars = days.iter().map(|day| bar(day.cost / largest)).collect();
    let ends = [days.first()?.date, days.last()?.date];
    let label = match language {
        Language::Korean => format!("{} 하루 비용", range(ends, |date| format!("{}/{}", date.month(), date.day()))),
        Language::English => format!("cost per day, {}", range(ends, |date| date.strftime("%-d %b").to_string())),
    };
    Some(Chart { bars, label })
}

fn range(ends: [Date; 2], text: impl Fn(Date) -> String) -> String {
    ends.map(text).join("–")
}

/// Returns the bar of a share in 0..=1; a negative cost has the lowest bar.
fn bar(share: f64) -> char {
    if share.is_nan() {
        return UNKNOWN;
    }
    // Rounded up, so that every cost above 0 is visible. The cast saturates.
    let eighths = (share * 8.0).ceil() as usize;
    BARS[eighths.clamp(1, 8) - 1]
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;

    fn days(costs: &[f64]) -> Vec<DayCost> {
        let first = jiff::civil::date(2026, 10, 29);
        (0..).zip(costs).map(|(index, &cost)| DayCost { date: first + index.days(), cost }).collect()
    }

    #[test]
    fn bars_begin_at_zero() {
        let chart = chart(&days(&[0.0, 1.0, 2.0, f64::NAN, 4.0, 8.0, -3.0, 7.0]), Language::Korean).expect("a chart");
        assert_eq!((chart.bars.as_str(), chart.label.as_str()), ("▁▁▂·▄█▁▇", "10/29–11/5 하루 비용"));
    }

    #[test]
    fn a_chart_needs_a_week_and_a_cost() {
        assert_eq!(chart(&days(&[1.0; 6]), Language::English), None);
        assert_eq!(chart(&days(&[0.0; 10]), Language::English), None);
        let label = chart(&days(&[1.0; 8]), Language::English).expect("a chart").label;
        assert_eq!(label, "cost per day, 29 Oct–5 Nov");
    }
}
