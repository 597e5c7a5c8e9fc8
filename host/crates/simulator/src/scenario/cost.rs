//! The cost of a simulated service on a day, up to a given time.

use std::sync::LazyLock;

use jiff::civil::{Date, DateTime, Weekday};

use crate::holidays::is_holiday;
use crate::incident::{Change, InjectedIncident};
use crate::noise::{self, Noise};
use crate::service::{CostPattern, Service};

/// Standard deviations of the daily and the hourly noise, relative to the cost.
const DAY_NOISE: f64 = 0.03;
const HOUR_NOISE: f64 = 0.05;
const HOURS: u8 = 24;
/// The first day of an even week of [`CostPattern::EverySecondWeek`].
const FIRST_MONDAY: Date = jiff::civil::date(2024, 1, 1);

impl Service {
    /// Returns the KRW of `date` in the bill at `now`, both in billing time. The bill contains the finished hours and a
    /// fraction of the current hour. Some days lack a small amount until the third day. `end` is the reference day of
    /// growth.
    pub(super) fn cost(&self, seed: u64, end: Date, date: Date, now: DateTime) -> f64 {
        if date < self.starts || date > now.date() {
            return 0.0;
        }
        let age = days_between(date, now.date());
        let elapsed = if age > 0 { f64::from(HOURS) } else { hours_of_day(now) };
        let hash = noise::hash(&self.key);
        let level = self.base * self.growth(end, date) * (1.0 + DAY_NOISE * Noise::of_day(seed, hash, date).normal());
        let hours = (0..HOURS).take_while(|hour| f64::from(*hour) < elapsed);
        let weekday = match self.pattern {
            CostPattern::Busy { .. } if self.has_holidays && is_holiday(date) => Weekday::Sunday,
            _ => date.weekday(),
        };
        let cost: f64 = match self.booked(seed, hash, date) {
            // A fee is booked whole at midnight. Only the amounts of incidents depend on the hour.
            Some(fee) => {
                let added = hours.map(|hour| self.added(date, hour, elapsed)).sum::<f64>();
                fee * level * self.factor_at_midnight(date) + added
            }
            None => hours
                .map(|hour| {
                    let share = self.pattern.share(weekday, hour);
                    let noisy = 1.0 + HOUR_NOISE * Noise::of_hour(seed, hash, date, hour).normal();
                    level * share * noisy * self.hour_weight(date, hour, elapsed) + self.added(date, hour, elapsed)
                })
                .sum(),
        };
        cost * settled_fraction(seed, hash, date, age)
    }

    fn growth(&self, end: Date, date: Date) -> f64 {
        let days = days_between(end, date);
        match self.pattern {
            CostPattern::Growing { per_day } => (1.0 + per_day).powi(days),
            CostPattern::New { days: age, .. } if days < -age => 0.0,
            CostPattern::New { per_day, .. } => (1.0 + per_day).powi(days),
            CostPattern::Scaling { factor, days: within } => {
                factor.powf((f64::from(days) / f64::from(within)).clamp(-1.0, 0.0))
            }
            _ => 1.0,
        }
    }

    /// The fee of a day as a multiple of the base; `None` for a pattern over hours.
    fn booked(&self, seed: u64, hash: u64, date: Date) -> Option<f64> {
        let mut noise = Noise::of_day(seed.rotate_left(5), hash, date);
        let is_due = |due: bool| f64::from(u8::from(due));
        match self.pattern {
            CostPattern::Flat => Some(1.0),
            CostPattern::Credit => Some(-1.0),
            CostPattern::Monthly { day } => Some(is_due(date.day() == day.min(date.days_in_month()))),
            CostPattern::EverySecondWeek { weekday } => {
                let since = days_between(FIRST_MONDAY, date);
                Some(is_due(since.rem_euclid(14) == i32::from(weekday)))
            }
            CostPattern::Sparse { one_day_in } => {
                Some(if noise.below(one_day_in) == 0 { 0.2 + 1.8 * noise.unit() } else { 0.0 })
            }
            CostPattern::Bursts { one_day_in } => {
                Some(if noise.below(one_day_in) == 0 { 10.0 + 20.0 * noise.unit() } else { 1.0 })
            }
            _ => None,
        }
    }

    /// Returns the elapsed fraction of an hour, multiplied by the factors of the incidents.
    fn hour_weight(&self, date: Date, hour: u8, elapsed: f64) -> f64 {
        // Above 0, because callers pass only hours with a start before `elapsed`.
        let elapsed_part = (elapsed - f64::from(hour)).min(1.0);
        let start = hour_start(date, hour);
        self.incidents.iter().fold(elapsed_part, |weight, incident| {
            // The fraction of the elapsed hour inside the incident.
            let during = incident_hours(incident, date, hour, elapsed) / elapsed_part;
            match incident.change {
                // A new service costs nothing outside the incident.
                Change::NewService { .. } => weight * during,
                _ if during == 0.0 => weight,
                _ => weight * (1.0 + (incident.factor_at(start) - 1.0) * during),
            }
        })
    }

    fn added(&self, date: Date, hour: u8, elapsed: f64) -> f64 {
        let added = self
            .incidents
            .iter()
            .map(|incident| incident.added_per_hour() * incident_hours(incident, date, hour, elapsed));
        added.sum()
    }

    fn factor_at_midnight(&self, date: Date) -> f64 {
        let midnight = date.at(0, 0, 0, 0);
        let lasting = self
            .incidents
            .iter()
            .filter(|incident| incident.from <= midnight && incident.end().is_none_or(|end| end > midnight));
        lasting.map(|incident| incident.factor_at(midnight)).product()
    }
}

impl CostPattern {
    /// Returns the fraction of a typical day's cost in the hour.
    fn share(self, weekday: Weekday, hour: u8) -> f64 {
        match self {
            Self::Steady | Self::Growing { .. } | Self::New { .. } | Self::Scaling { .. } => 1.0 / f64::from(HOURS),
            // A fee is booked at midnight and belongs to no hour.
            Self::Flat
            | Self::Credit
            | Self::Monthly { .. }
            | Self::EverySecondWeek { .. }
            | Self::Sparse { .. }
            | Self::Bursts { .. } => 0.0,
            Self::Batch { weekdays, hour: start, hours } => {
                let is_batch_day = weekdays.contains(&weekday.to_monday_zero_offset());
                let is_batch_hour = (start..start + hours).contains(&hour.cast_signed());
                if is_batch_day && is_batch_hour { 1.0 / f64::from(hours) } else { 0.0 }
            }
            Self::Busy { weekend, night } => {
                let weekend = if matches!(weekday, Weekday::Saturday | Weekday::Sunday) { weekend } else { 1.0 };
                let shape = night + (1.0 - night) * DAYLIGHT[usize::from(hour)];
                let whole_day = f64::from(HOURS) * night + (1.0 - night) * DAYLIGHT.iter().sum::<f64>();
                weekend * shape / whole_day
            }
        }
    }
}

/// Activity by hour: 0 at night, 1 in the middle of the afternoon.
static DAYLIGHT: LazyLock<[f64; HOURS as usize]> = LazyLock::new(|| {
    std::array::from_fn(|hour| {
        let from_peak = (hour as f64 - 14.0) / 8.0;
        if from_peak.abs() < 1.0 { (std::f64::consts::FRAC_PI_2 * from_peak).cos() } else { 0.0 }
    })
});

/// Returns the fraction of a day's amount in the bill after `age` days. A quarter of the days is short until the third
/// day.
fn settled_fraction(seed: u64, hash: u64, date: Date, age: i32) -> f64 {
    if age >= 3 {
        return 1.0;
    }
    // The rotated seed gives a stream independent of the daily noise, with the same hash and date.
    let mut noise = Noise::of_day(seed.rotate_left(17), hash, date);
    let short = if noise.below(4) == 0 { 0.002 + 0.018 * noise.unit() } else { 0.0 };
    if age == 2 { 1.0 - short / 4.0 } else { 1.0 - short }
}

/// Returns the overlap in hours of `hour`, the elapsed part of the day and the incident.
fn incident_hours(incident: &InjectedIncident, date: Date, hour: u8, elapsed: f64) -> f64 {
    let midnight = date.at(0, 0, 0, 0);
    let since_midnight = |moment: DateTime| moment.duration_since(midnight).as_secs_f64() / 3600.0;
    let start = since_midnight(incident.from).max(f64::from(hour));
    let end = incident.end().map_or(f64::INFINITY, since_midnight).min(f64::from(hour) + 1.0).min(elapsed);
    (end - start).max(0.0)
}

fn hour_start(date: Date, hour: u8) -> DateTime {
    date.at(hour.cast_signed(), 0, 0, 0)
}

fn hours_of_day(moment: DateTime) -> f64 {
    moment.duration_since(moment.date().at(0, 0, 0, 0)).as_secs_f64() / 3600.0
}

fn days_between(from: Date, to: Date) -> i32 {
    i32::try_from(to.duration_since(from).as_hours() / 24).expect("dates are within ten thousand years")
}
