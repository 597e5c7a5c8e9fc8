//! The impact of an incident at a later day, if the deviation goes on.

use jiff::civil::Date;

use super::Incident;
use crate::median::median;

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

    /// Returns the median impact of the newest finished days, or the impact of the partial day without a finished day.
    fn usual_impact(&self) -> f64 {
        let finished = self.finished_days().rev().take(NEWEST_DAYS).map(|(_, day)| day.impact);
        let finished: Vec<f64> = finished.collect();
        if finished.is_empty() { self.newest_impact() } else { median(finished) }
    }
}
