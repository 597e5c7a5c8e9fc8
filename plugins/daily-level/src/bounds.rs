//! The bounds of a day.

use costwarden_sdk::{Context, Date, Forecast, Language, Series, Verdict};
use level::{FALL, median};

use crate::Settings;
use crate::charges::{self, Excess};
use crate::records::Records;
use crate::state::State;

/// Part of the allowed deviation of a day that the median of five days may deviate.
const SHIFT: f64 = 4.0 / 7.0;
/// Minimum allowed deviation as a part of the expected amount.
const RELATIVE: f64 = 0.3;
/// Minimum allowed deviation as a part of a recurring charge.
const CHARGE: f64 = 0.25;

/// Number of weekdays without cost that make cost an exception.
const MOST_OF_WEEK: usize = 5;
/// Minimum number of days without a deviation as large that a reason states.
const RARE_DAYS: i64 = 28;

/// The bounds of a day, in the unit of the series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bounds {
    level: Forecast,
    /// `None` if the median of five days cannot leave its range. The expected amount is the median before.
    shift: Option<Forecast>,
    /// Whether the four days before are beyond the bound of the shift: the level is a level of its own.
    has_shifted: bool,
    pub(crate) excess: Excess,
}

impl State {
    /// The bounds of a day after all learned days.
    pub(crate) fn bounds(&self, settings: &Settings, day: Date) -> Bounds {
        let (filter, band, excess) = (&self.filter, &self.band, charges::expected(day, &self.charges, self.through));
        let weekday = filter.weekday(day.weekday());
        let least = settings.k * band.deviation;
        let (mut high, mut low) = (filter.level.max(band.slow) + weekday, filter.level.min(band.slow) + weekday);
        // A weekly charge that stayed away last week may stay away again, and may come back.
        let last = filter.last_of_weekday[day.weekday() as usize];
        if weekday.abs() > 2.0 * least && last.is_finite() {
            let extreme = |choose: fn(f64, f64) -> f64| filter.weekdays.iter().copied().fold(weekday, choose);
            low = low.min(last.max(low - weekday + extreme(f64::min)));
            high = high.max(last.min(high - weekday + extreme(f64::max)));
        }
        let burst = self.burst - (high - weekday - band.slow).max(0.0);
        high += excess.highest;
        low += excess.lowest;
        let rise = least.max(CHARGE * excess.highest).max(RELATIVE * high.abs()).max(burst);
        let fall = (FALL * least).max(-CHARGE * excess.lowest).max(RELATIVE * low.abs());
        let usual = weekday + excess.expected;
        let lower = (low - fall).min(self.holiday(low - weekday, weekday, least));
        let mut level = Forecast { expected: filter.level + usual, lower, upper: high + rise };
        // An amount as small as the allowed deviation is no usual amount of a service without cost on most days.
        let days_without_cost = filter.last_of_weekday.iter().filter(|amount| **amount == 0.0).count();
        if days_without_cost >= MOST_OF_WEEK && excess.expected == 0.0 && level.expected.abs() <= least {
            level.expected = 0.0;
        }
        let shift = self.shift(least, usual);
        let is_beyond = |amount: &f64| shift.is_some_and(|shift| shift.excludes(amount + usual));
        let has_shifted = filter.newest.iter().all(is_beyond);
        let shift = shift.map(|shift| Forecast {
            lower: shift.lower.max(level.lower),
            upper: shift.upper.min(level.upper),
            ..shift
        });
        let shift = shift.map(|shift| self.in_unit(shift));
        Bounds { level: self.in_unit(level), shift, has_shifted, excess }
    }

    /// The bound of the median of five days, if this day and two of the four days before can leave its range.
    fn shift(&self, least: f64, usual: f64) -> Option<Forecast> {
        let shift = self.band.shift?;
        let mut newest = self.filter.newest;
        newest.sort_unstable_by(f64::total_cmp);
        let rise = ((shift.high - shift.center).max(0.0) + SHIFT * least).max(self.burst);
        let fall = (shift.center - shift.low).max(0.0) + SHIFT * FALL * least;
        let (upper, lower) = (shift.center + rise, shift.center - fall);
        let open = Forecast { expected: shift.center + usual, lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        if newest[2] >= upper {
            Some(Forecast { upper: upper + usual, ..open })
        } else if newest[1] <= lower {
            Some(Forecast { lower: lower + usual, ..open })
        } else {
            None
        }
    }

    /// A forecast in the unit of the series. Levels and charges may differ so much that the expected amount is outside of the
    /// bounds.
    fn in_unit(&self, forecast: Forecast) -> Forecast {
        let expected = forecast.expected * self.scale;
        let (lower, upper) = (forecast.lower * self.scale, forecast.upper * self.scale);
        Forecast { expected, lower: lower.min(expected), upper: upper.max(expected) }
    }
}

impl State {
    /// The smallest usual amount of a holiday: nearly as much as the cheapest weekday. Infinity for a weekday with a cost
    /// of its own, such as a weekly charge.
    pub(crate) fn holiday(&self, level: f64, weekday: f64, least: f64) -> f64 {
        let terms = &self.filter.weekdays;
        if weekday - median(terms.iter().copied()) > least {
            return f64::INFINITY;
        }
        let amount = level + terms.iter().copied().fold(weekday, f64::min);
        amount - RELATIVE * amount.abs()
    }
}

impl Bounds {
    /// The forecast that describes an amount: of the shift, unless the amount leaves the bounds of a level after the shift
    /// too.
    fn forecast(&self, observed: f64) -> Forecast {
        let is_second =
            |shift: &Forecast| self.has_shifted && shift.excludes(observed) && self.level.excludes(observed);
        self.shift.filter(|shift| !is_second(shift)).unwrap_or(self.level)
    }

    pub(crate) fn deviation(&self, observed: f64) -> f64 {
        observed - self.forecast(observed).expected
    }

    pub(crate) fn verdict(
        &self,
        context: &Context,
        series: &Series,
        i: usize,
        observed: f64,
        records: &Records,
    ) -> Verdict {
        let forecast = self.forecast(observed);
        let mut verdict = forecast.verdict(i, observed);
        if forecast.excludes(observed) {
            let days = records.days_without(series.date(i), self.deviation(observed));
            verdict.reason = forecast.sentence(context, series, i, observed);
            verdict.reason += &self.remark(context.language(), observed, days);
        }
        verdict
    }

    /// The kind of an anomaly, or its rarity.
    fn remark(&self, language: Language, observed: f64, days_without: i64) -> String {
        let forecast = self.forecast(observed);
        let is_above = observed > forecast.expected;
        let is_shift = self.shift == Some(forecast);
        let is_missing = if is_above { self.excess.highest < 0.0 } else { self.excess.lowest > 0.0 };
        let [english, korean] = match (is_missing, is_shift, is_above) {
            (true, _, true) => {
                [" (a recurring credit is missing or smaller)", " (반복되던 크레딧이 없거나 줄었습니다)"]
            }
            (true, _, false) => [" (a recurring charge is missing or smaller)", " (반복되던 비용이 없거나 줄었습니다)"],
            (false, true, true) => [" (a rise over several days)", " (여러 날에 걸친 상승)"],
            (false, true, false) => [" (a fall over several days)", " (여러 날에 걸친 하락)"],
            // A credit that shrinks is a rise of the cost: the words would confuse.
            (false, false, _) if days_without < RARE_DAYS || forecast.expected < 0.0 => ["", ""],
            (false, false, true) => [
                &*format!(" (the largest rise in {days_without} days)"),
                &*format!(" (최근 {days_without}일 중 가장 큰 상승)"),
            ],
            (false, false, false) => [
                &*format!(" (the largest fall in {days_without} days)"),
                &*format!(" (최근 {days_without}일 중 가장 큰 하락)"),
            ],
        };
        if language == Language::Korean { korean } else { english }.to_owned()
    }
}
