//! Exponential smoothing of the level and the weekday terms with clipped errors, in units of the scale.

use costwarden_sdk::Weekday;
use costwarden_sdk::robust::MAD_TO_STD;
use level::{Spread, median};
use serde::{Deserialize, Serialize};

/// Number of first days that start the level.
const LEVEL_START_DAYS: usize = 14;
/// Days on both sides in the running median of the start.
const START_REACH: usize = 3;
/// Part of an error that the level and the weekday term take over.
const LEVEL_GAIN: f64 = 0.5;
const WEEKDAY_GAIN: f64 = 0.1;
/// Part of an error that the running standard deviation takes over.
const SPREAD_GAIN: f64 = 0.06;
/// Number of days before a day in the median of five days.
pub(crate) const LAST: usize = 4;

/// The state of the smoothing after a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub(crate) level: f64,
    /// Deviations of the weekdays from the level, from Monday.
    pub(crate) weekdays: [f64; 7],
    /// The running standard deviation of the errors; only the clipping uses it.
    spread: f64,
    /// The newest amounts without the weekday term, oldest first.
    pub(crate) newest: [f64; LAST],
    /// The last amount of each weekday; NaN before the first.
    pub(crate) last_of_weekday: [f64; 7],
}

impl Filter {
    /// The start from all days of a history.
    pub(crate) fn start(days: &[(Weekday, f64)], floor: f64) -> Self {
        let deviations: Vec<f64> = (0..days.len())
            .map(|i| {
                let around = &days[i.saturating_sub(START_REACH)..(i + START_REACH + 1).min(days.len())];
                days[i].1 - median(around.iter().map(|day| day.1))
            })
            .collect();
        let term = |weekday: &Weekday| {
            let own = days.iter().zip(&deviations).filter(|(day, _)| day.0 == *weekday);
            cautious_median(own.map(|(_, deviation)| *deviation).collect())
        };
        let mut weekdays = Weekday::ALL.each_ref().map(term);
        let mean = weekdays.iter().sum::<f64>() / 7.0;
        weekdays.iter_mut().for_each(|term| *term -= mean);
        let without: Vec<f64> = days.iter().map(|day| day.1 - weekdays[day.0 as usize]).collect();
        let center = median(without.iter().copied());
        let spread = MAD_TO_STD * median(without.iter().map(|value| (value - center).abs()));
        Self {
            level: median(without.iter().copied().take(LEVEL_START_DAYS)),
            weekdays,
            spread: spread.max(floor),
            newest: [f64::NAN; LAST],
            last_of_weekday: [f64::NAN; 7],
        }
    }

    pub(crate) fn weekday(&self, weekday: Weekday) -> f64 {
        self.weekdays[weekday as usize]
    }

    /// Adds a day.
    pub(crate) fn learn(&mut self, weekday: Weekday, value: f64, floor: f64) {
        let without = value - self.weekday(weekday);
        let error = without - self.level;
        self.newest.rotate_left(1);
        self.newest[LAST - 1] = without;
        self.last_of_weekday[weekday as usize] = value;
        let clipped = Spread::clip(error, self.spread);
        self.level += LEVEL_GAIN * clipped;
        self.weekdays[weekday as usize] += WEEKDAY_GAIN * clipped;
        self.spread = Spread { gain: SPREAD_GAIN, floor }.after(self.spread, error);
    }
}

/// The median; of an even number of values, the middle value nearer to 0, or 0 between middle values of both signs. Of
/// fewer than four values, the same for the extremes: half of the values may be incidents.
fn cautious_median(mut values: Vec<f64>) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len() - 1;
    let (low, high) = if last < 3 { (0, last) } else { (last / 2, values.len() / 2) };
    let (low, high) = (values[low], values[high]);
    if low * high <= 0.0 {
        0.0
    } else if low.abs() < high.abs() {
        low
    } else {
        high
    }
}
