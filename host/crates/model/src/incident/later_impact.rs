//! The impact of an incident at a later day, if the deviation goes on.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Incident;
use crate::median::median;

/// Largest number of weeks after a charge in which detectors of sums may not know a new weekly charge.
const UNKNOWN_WEEKS: i64 = 4;

/// Number of the newest days that define the impact of a later day.
const NEWEST_DAYS: usize = 3;

impl Incident {
    /// Returns the impact until a day, if each day after the last anomaly has the median impact of the last three finished
    /// days. An incident of a recurring charge has an impact on the days of the charge only.
    pub fn impact_until(&self, last: Date) -> f64 {
        let later_days = (last - self.last_seen.date).get_days().max(0);
        let charges = f64::from(later_days / self.levels().interval_days.max(1));
        self.impact() + charges * self.usual_impact()
    }

    /// Returns the impact of the anomalies of a day.
    fn impact_of_day(&self, date: Date) -> f64 {
        self.by_day.get(&date).map_or(0.0, |day| day.impact())
    }

    /// Returns the median impact of the newest finished days, or the impact of the partial day without a finished day.
    fn usual_impact(&self) -> f64 {
        let finished = self.finished_days().rev().take(NEWEST_DAYS).map(|(_, day)| day.impact);
        let finished: Vec<f64> = finished.collect();
        if finished.is_empty() { self.newest_impact() } else { median(finished) }
    }
}

/// Returns the impact of a weekly charge on a day: the incidents of the series have an impact on the same weekday of an earlier week,
/// and none on the day after. The detector soon expects the charge of the series, but not yet the charge of a sum with other
/// costs.
pub(super) fn weekly_impact(incidents: &[&Incident], date: Date) -> f64 {
    let impact = |date: Date| incidents.iter().map(|incident| incident.impact_of_day(date)).sum::<f64>();
    let weekdays = (1..=UNKNOWN_WEEKS).map(|weeks| date.saturating_sub(weeks.weeks()));
    let charges = weekdays.filter(|date| impact(date.saturating_add(1.day())) == 0.0).map(impact);
    charges.fold(0.0, f64::max)
}
