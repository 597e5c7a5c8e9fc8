//! The usual deviation of each hour of day and each weekday from the level, in units of the scale.

use costwarden_sdk::{Series, stats};
use serde::{Deserialize, Serialize};

/// Number of hours that a weekday needs for half of its deviation: three days.
const WEEKDAY_SHRINK: f64 = 72.0;

/// Medians by hour of day and by weekday.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    hours: [f32; 24],
    weekdays: [f32; 7],
}

impl Profile {
    /// The profile of known points, in units of the scale.
    pub(crate) fn of(series: &Series, points: &[(usize, f64)]) -> Self {
        let mut of_hour = vec![Vec::new(); 24];
        for (i, value) in points {
            of_hour[usize::from(series.hour(*i))].push(*value);
        }
        let mut hours = [0.0; 24];
        for (hour, values) in hours.iter_mut().zip(&mut of_hour) {
            *hour = stats::median(values).unwrap_or(0.0) as f32;
        }
        let mut of_weekday = vec![Vec::new(); 7];
        for (i, value) in points {
            of_weekday[series.weekday(*i) as usize].push(value - f64::from(hours[usize::from(series.hour(*i))]));
        }
        let mut weekdays = [0.0; 7];
        for (weekday, values) in weekdays.iter_mut().zip(&mut of_weekday) {
            let known = values.len() as f64;
            *weekday = (stats::median(values).unwrap_or(0.0) * known / (known + WEEKDAY_SHRINK)) as f32;
        }
        let mean = weekdays.iter().sum::<f32>() / 7.0;
        Self { hours, weekdays: weekdays.map(|weekday| weekday - mean) }
    }

    pub(crate) fn at(&self, series: &Series, i: usize) -> f64 {
        f64::from(self.hours[usize::from(series.hour(i))]) + f64::from(self.weekdays[series.weekday(i) as usize])
    }
}
