//! Seasons of a series: the position of a point in its week or day, and the usual deviation of each position.
//!
//! ```
//! use costwarden_sdk::Series;
//! use costwarden_sdk::season::Season;
//!
//! // Two weeks from a Monday: 100 on weekdays, 40 at weekends.
//! let series = Series::daily("2026-01-05", [100.0, 100.0, 100.0, 100.0, 100.0, 40.0, 40.0].repeat(2));
//! assert_eq!(Season::Week.position(&series, 5), 5); // a Saturday
//! assert_eq!(Season::Week.profile(&series), [0.0, 0.0, 0.0, 0.0, 0.0, -60.0, -60.0]);
//! ```

use crate::{Series, robust};

/// A season with one position for each point of the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    /// The weekdays of a daily series, from Monday: 7 positions.
    Week,
    /// The hours of a day: 24 positions.
    Day,
    /// The hours of a week, from Monday 00:00: 168 positions.
    HoursOfWeek,
}

impl Season {
    /// The number of positions.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Week => 7,
            Self::Day => 24,
            Self::HoursOfWeek => 168,
        }
    }

    /// The position of point `i` in the billing time zone, from 0.
    #[must_use]
    pub fn position(self, series: &Series, i: usize) -> usize {
        let (weekday, hour) = (series.weekday(i) as usize, usize::from(series.hour(i)));
        match self {
            Self::Week => weekday,
            Self::Day => hour,
            Self::HoursOfWeek => 24 * weekday + hour,
        }
    }

    /// The deviation of each position from the median of all learnable points, as a median; 0 for a position without a
    /// point.
    #[must_use]
    pub fn profile(self, series: &Series) -> Vec<f64> {
        let center = robust::median(&mut series.learnable_values()).unwrap_or(0.0);
        let mut deviations = vec![Vec::new(); self.length()];
        for (i, value) in series.learnable() {
            deviations[self.position(series, i)].push(value - center);
        }
        deviations.iter_mut().map(|deviations| robust::median(deviations).unwrap_or(0.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_billing_time_zone() {
        let hours = Series::hourly("2026-11-23", [0.0; 48]).at_utc_offset(32_400);
        let position = |season: Season, i| season.position(&hours, i);
        assert_eq!(
            [position(Season::Day, 25), position(Season::HoursOfWeek, 25), position(Season::Week, 25)],
            [1, 25, 1]
        );
    }

    #[test]
    fn incidents_and_gaps_are_no_part_of_a_profile() {
        let mut values = [10.0, 10.0, 10.0, 10.0, 10.0, 4.0, f64::NAN].repeat(3);
        values[5] = 900.0;
        let series = Series::daily("2026-01-05", values).excluding([5]);
        assert_eq!(Season::Week.profile(&series), [0.0, 0.0, 0.0, 0.0, 0.0, -6.0, 0.0]);
        assert_eq!(Season::Day.profile(&Series::hourly("2026-01-05", [])), [0.0; 24]);
    }
}
