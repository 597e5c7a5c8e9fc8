//! The fitted state: scale, smoothing, band and recurring charges.

use costwarden_sdk::robust;
use costwarden_sdk::{Date, Detector as _, Refusal, Series};
use level::median;
use serde::{Deserialize, Serialize};

use crate::band::Band;
use crate::charges::Charge;
use crate::filter::Filter;
use crate::records::Records;
use crate::{DailyLevel, Settings};

/// Days on both sides in the local median of a charge.
const CHARGE_REACH: usize = 14;
/// Minimum number of separate bursts that make a burst usual, and the largest usual burst.
const MIN_BURSTS: usize = 6;
const USUAL_BURST: f64 = 1.25;

/// The knowledge of a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The usual size of an amount, in the unit of the series. All other numbers are in units of the scale. 0 for a
    /// history without cost.
    pub(crate) scale: f64,
    pub(crate) filter: Filter,
    pub(crate) band: Band,
    pub(crate) charges: Vec<Charge>,
    /// The last known day of the history.
    pub(crate) through: Date,
    /// The largest usual burst above the usual amount; 0 without usual bursts.
    pub(crate) burst: f64,
    /// Deviations from the smoothed level, in the unit of the series.
    pub(crate) records: Records,
}

impl State {
    pub(crate) fn fit(settings: &Settings, history: &Series) -> Result<Self, Refusal> {
        let points: Vec<(usize, f64)> = history.known().collect();
        let needed = DailyLevel::MIN_POINTS as usize;
        let learnable = points.iter().filter(|(i, _)| !history.is_excluded(*i)).count();
        if learnable < needed {
            return Err(Refusal::learning(learnable, needed));
        }
        // A new service is not compared with the time before its first cost.
        let without_cost = points.iter().take_while(|(_, value)| *value == 0.0).count();
        let points = &points[without_cost.min(points.len() - needed)..];
        let scale = level::scale(points.iter().map(|(_, value)| *value), points.len());
        // Without cost there is no scale. Any positive unit keeps the numbers finite.
        let unit = if scale > 0.0 { scale } else { 1.0 };
        let days: Vec<Date> = points.iter().map(|(i, _)| history.date(*i)).collect();
        let values: Vec<f64> = points.iter().map(|(_, value)| value / unit).collect();
        let start: Vec<_> = days.iter().map(|day| day.weekday()).zip(values.iter().copied()).collect();

        let mut filter = Filter::start(&start, settings.floor);
        let mut errors = Vec::new();
        let mut without = Vec::new();
        let mut records = Records::new(days[0]);
        for ((i, _), (weekday, value)) in points.iter().zip(start) {
            let now = value - filter.weekday(weekday);
            let error = now - filter.level;
            if !history.is_excluded(*i) {
                errors.push(error.abs());
            }
            records.add(history.date(*i), error * unit);
            without.push(now);
            filter.learn(weekday, value, settings.floor);
        }
        let band = Band::of(settings, &errors, &without);
        let through = days[days.len() - 1];
        let mut state = Self { scale, filter, band, charges: Vec::new(), through, burst: 0.0, records };
        (state.charges, state.burst) = state.irregular(settings, &days, &values, &without);
        Ok(state)
    }

    /// The smoothed level, in the unit of the series.
    pub(crate) fn level(&self) -> f64 {
        self.filter.level * self.scale
    }

    /// The standard deviation of a forecast, in the unit of the series.
    pub(crate) fn deviation(&self) -> f64 {
        self.band.deviation * self.scale
    }

    /// Adds a judged day, without its recurring charge.
    pub(crate) fn learn(&mut self, day: Date, observed: f64) {
        if self.scale > 0.0 {
            self.filter.learn(day.weekday(), observed / self.scale, self.band.floor);
        }
    }

    /// Deviations that may recur, and the largest usual burst.
    fn irregular(&self, settings: &Settings, days: &[Date], values: &[f64], without: &[f64]) -> (Vec<Charge>, f64) {
        let least = settings.k * self.band.deviation;
        let cheapest = self.band.slow + self.filter.weekdays.iter().copied().fold(0.0, f64::min);
        let mut charges = Vec::new();
        let mut bursts: Vec<f64> = Vec::new();
        let mut last_burst = None;
        for (i, day) in days.iter().enumerate() {
            let weekday = self.filter.weekday(day.weekday());
            let now = values[i] - weekday;
            // Saves the local median of most days.
            if (now - self.band.slow).abs() <= least {
                continue;
            }
            let around = &without[i.saturating_sub(CHARGE_REACH)..(i + CHARGE_REACH + 1).min(without.len())];
            let excess = now - median(around.iter().copied());
            let is_holiday = excess < 0.0 && values[i] >= self.holiday(self.band.slow, weekday, least);
            // Less than on all weekdays, but still a cost: an outage or a correction, and no missing charge.
            let is_outage = values[i] > 0.0 && values[i] < cheapest - least;
            if excess.abs() <= least || is_holiday || is_outage {
                continue;
            }
            charges.push(Charge { day: *day, excess });
            if excess > 0.0 {
                // Consecutive days are one burst.
                match bursts.last_mut().filter(|_| last_burst == i.checked_sub(1)) {
                    Some(burst) => *burst = if excess > *burst { excess } else { *burst },
                    None => bursts.push(excess),
                }
                last_burst = Some(i);
            }
        }
        let is_usual = bursts.len() >= MIN_BURSTS;
        let burst = robust::quantile(&mut bursts, 0.9).filter(|_| is_usual).map_or(0.0, |burst| USUAL_BURST * burst);
        (charges, burst)
    }
}
