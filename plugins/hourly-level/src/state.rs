//! The fitted state: scale, profile, levels and allowed deviations.

use costwarden_sdk::robust::{self, MAD_TO_STD};
use costwarden_sdk::{Detector as _, Forecast, Refusal, Series};
use level::{FALL, Spread, median};
use serde::{Deserialize, Serialize};

use crate::{HourlyLevel, Settings};

/// Part of an error that the fast and the slow level take over.
const FAST_GAIN: f64 = 0.5;
const SLOW_GAIN: f64 = 0.005;
/// Part of an error that the running standard deviation takes over.
const SPREAD_GAIN: f64 = 0.01;
/// Parts of `k` that one hour and the mean of three hours may deviate.
const K_SHARES: [f64; 2] = [1.0, 0.6];
/// Minimum error of the hour itself as a part of an alerting mean of three hours.
const HOUR_OF_THREE: f64 = 0.5;
/// Number of points that an hour of day needs for half of its own standard deviation.
const SHRINK: f64 = 20.0;
/// The peak of one day in ten: the quantile of the daily maxima, and its allowance.
const PEAK_QUANTILE: f64 = 0.9;
const PEAK_ALLOWANCE: f64 = 1.3;
/// Allowance over the median of the daily maxima: a peak of every second day is usual.
const USUAL_ALLOWANCE: f64 = 1.2;
/// The usual amount of a series with mostly hours without cost: the allowance over the quantile, and the minimum count of
/// amounts.
const SPARSE_ALLOWANCE: f64 = 1.5;
const MIN_AMOUNTS: usize = 3;
/// The smallest standard deviation: ratios stay finite without a floor.
const SMALLEST: f64 = 1e-9;
const DAY: usize = 24;
/// Minimum number of hours of a day in the daily maxima.
const MIN_HOURS: usize = 12;

/// The knowledge of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The usual size of an amount, in the unit of the series. All other numbers are in units of the scale. 0 for a
    /// history without cost.
    scale: f64,
    /// The median of each hour of day.
    profile: [f32; DAY],
    levels: Levels,
    /// The allowed rise by hour of day: of one hour, and of the mean of three hours.
    rooms: [[f32; DAY]; 2],
    /// The largest usual amount of a series with mostly hours without cost; 0 for all other series.
    usual_amount: f64,
}

/// Both levels of the amounts without the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Levels {
    fast: f64,
    slow: f64,
    /// The deviations of the last two hours from the slow level; NaN before the first.
    last: [f64; 2],
    /// The running standard deviation of the errors; only the clipping uses it.
    spread: f64,
    floor: f64,
}

/// An error of one hour, or of the mean of three hours.
struct Error {
    hour: usize,
    size: f64,
    /// The part of the size that counts towards an alert.
    counted: f64,
}

impl State {
    pub(crate) fn fit(settings: &Settings, history: &Series) -> Result<Self, Refusal> {
        let known = history.known().map(|(i, value)| (usize::from(history.hour(i)), value));
        let mut points: Vec<(usize, f64)> = known.collect();
        let needed = HourlyLevel::MIN_POINTS as usize;
        if points.len() < needed {
            return Err(Refusal::learning(points.len(), needed));
        }
        let scale = level::scale(points.iter().map(|(_, value)| *value), points.len());
        // Without cost there is no scale. Any positive unit keeps the numbers finite.
        let unit = if scale > 0.0 { scale } else { 1.0 };
        points.iter_mut().for_each(|(_, value)| *value /= unit);
        let mut profile = [0.0; DAY];
        for (hour, usual) in profile.iter_mut().enumerate() {
            let of_hour = points.iter().filter(|point| point.0 == hour);
            *usual = median(of_hour.map(|point| point.1)) as f32;
        }
        let without = |(hour, value): &(usize, f64)| value - f64::from(profile[*hour]);
        let spread = MAD_TO_STD * median(points.iter().map(|point| without(point).abs()));
        let spread = spread.max(settings.floor);
        let mut levels = Levels { fast: 0.0, slow: 0.0, last: [f64::NAN; 2], spread, floor: settings.floor };
        let mut errors = [Vec::new(), Vec::new()];
        for point in &points {
            let [one, [mean, own]] = levels.learn(without(point));
            errors[0].push(Error { hour: point.0, size: one[0].abs(), counted: agreement(one) });
            if mean.is_finite() {
                let counted = agreement([mean, own / HOUR_OF_THREE]);
                errors[1].push(Error { hour: point.0, size: mean.abs(), counted });
            }
        }
        let rooms = [
            rooms(K_SHARES[0] * settings.k, settings, &errors[0]),
            rooms(K_SHARES[1] * settings.k, settings, &errors[1]),
        ];
        let amounts: Vec<f64> = points.iter().map(|(_, value)| *value).filter(|value| *value != 0.0).collect();
        let usual_amount = usual_amount(amounts, points.len());
        Ok(Self { scale, profile, levels, rooms, usual_amount })
    }

    /// The slow level, in the unit of the series.
    pub(crate) fn level(&self) -> f64 {
        self.levels.slow * self.scale
    }

    /// The forecast for an hour of day after all learned hours, in the unit of the series.
    pub(crate) fn forecast(&self, hour: usize) -> Forecast {
        let usual = f64::from(self.profile[hour]);
        let (fast, slow) = (usual + self.levels.fast, usual + self.levels.slow);
        let [room, mean_room] = self.rooms.each_ref().map(|rooms| f64::from(rooms[hour]));
        let sum = self.levels.last[0] + self.levels.last[1];
        // The deviation of this hour from the slow level with which the mean of three hours is large.
        let deviation = |mean_room: f64, sum: f64| (3.0 * mean_room - sum).max(HOUR_OF_THREE * mean_room);
        let upper = (fast.max(slow) + room).min(slow + deviation(mean_room, sum));
        let upper = if self.usual_amount > upper { self.usual_amount } else { upper };
        let lower = (fast.min(slow) - FALL * room).max(slow - deviation(FALL * mean_room, -sum));
        Forecast { expected: slow * self.scale, lower: lower * self.scale, upper: upper * self.scale }
    }

    /// Adds the amount of an hour of day.
    pub(crate) fn learn(&mut self, hour: usize, observed: f64) {
        if self.scale > 0.0 {
            self.levels.learn(observed / self.scale - f64::from(self.profile[hour]));
        }
    }
}

impl Levels {
    /// Adds an amount without the profile. Returns the errors of one hour from both levels, and the mean error of three
    /// hours with the error of this hour.
    fn learn(&mut self, value: f64) -> [[f64; 2]; 2] {
        let (fast, slow) = (value - self.fast, value - self.slow);
        let mean = (self.last[0] + self.last[1] + slow) / 3.0;
        self.fast += FAST_GAIN * Spread::clip(fast, self.spread);
        self.slow += SLOW_GAIN * Spread::clip(slow, self.spread);
        self.spread = Spread { gain: SPREAD_GAIN, floor: self.floor }.after(self.spread, fast);
        self.last = [self.last[1], slow];
        [[fast, slow], [mean, slow]]
    }
}

/// The smaller of two errors with the same sign; 0 for errors to different sides.
fn agreement([one, other]: [f64; 2]) -> f64 {
    if one * other > 0.0 { one.abs().min(other.abs()) } else { 0.0 }
}

/// The allowed rise by hour of day.
fn rooms(k: f64, settings: &Settings, errors: &[Error]) -> [f32; DAY] {
    let overall = median(errors.iter().map(|error| error.size));
    let mut deviations = [0.0; DAY];
    for (hour, deviation) in deviations.iter_mut().enumerate() {
        let near = errors.iter().filter(|error| (error.hour + DAY + 1 - hour) % DAY <= 2).map(|error| error.size);
        let count = near.clone().count() as f64;
        let shrunk = (count * median(near) + SHRINK * overall) / (count + SHRINK);
        *deviation = (MAD_TO_STD * shrunk).max(settings.floor).max(SMALLEST);
    }
    let days = errors.rchunks(DAY).filter(|day| day.len() >= MIN_HOURS);
    let peak = |day: &[Error]| day.iter().map(|error| error.counted / deviations[error.hour]).fold(0.0, f64::max);
    let mut peaks: Vec<f64> = days.map(peak).collect();
    let mut peak_at = |part| robust::quantile(&mut peaks, part).unwrap_or(0.0);
    let usual_peak = USUAL_ALLOWANCE * peak_at(0.5);
    let rare_peak = PEAK_ALLOWANCE * peak_at(PEAK_QUANTILE).max(1.0);
    let allowed = (k * rare_peak).sqrt().max(usual_peak);
    // A young history has not shown its peaks yet.
    let young = 1.0 + DAY as f64 / errors.len() as f64;
    deviations.map(|deviation| (young * allowed * deviation) as f32)
}

/// The largest usual amount if most points are 0; else 0.
fn usual_amount(mut amounts: Vec<f64>, points: usize) -> f64 {
    let is_sparse = 2 * amounts.len() < points && amounts.len() >= MIN_AMOUNTS;
    let largest = robust::quantile(&mut amounts, PEAK_QUANTILE);
    largest.filter(|_| is_sparse).map_or(0.0, |largest| SPARSE_ALLOWANCE * largest)
}
