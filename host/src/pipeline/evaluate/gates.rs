//! The gates from a verdict to an anomaly.

use jiff::civil::Date;
use model::anomaly::Direction;
use model::median::median;
use model::money;
use model::rule::{Directions, Rule};
use sandbox::Verdict;
use store::{DateRange, Store, StoreError};

use super::evaluation::{Coverage, EvaluationTime};
use super::finished_days::{TRAILING_DAYS, trailing_bill};
use crate::pipeline::run::{Remark, days_before};

const WEEK: usize = 7;
/// The present week and the four weeks before.
const GROWTH_WEEKS: usize = 5;

/// The gates that a verdict must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// The gates of the rule, for a new incident.
    Opening,
    /// The bounds of the opening band only, for an incident that may continue.
    Continuing,
}

/// The judged point.
#[derive(Debug, Clone, Copy)]
pub(super) struct PointInTime {
    pub(super) observed: f64,
    pub(super) time: EvaluationTime,
    pub(super) gate: Gate,
    /// The bill of the 28 days before.
    pub(super) trailing_bill: f64,
    /// The growth of a daily series; `None` for other series and shorter histories.
    pub(super) growth: Option<Growth>,
}

/// The levels of a series in the last five weeks, oldest first: medians of the known values of seven days. NaN without one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth([f64; GROWTH_WEEKS]);

/// The result of the gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum GateResult {
    Anomalous(Direction),
    /// The difference is smaller than the rule demands.
    Held {
        impact: f64,
    },
    Normal,
}

impl Growth {
    /// The growth within the history of daily values, oldest first. `None` for a shorter history.
    pub(super) fn of(history: &[f64]) -> Option<Self> {
        let newest = &history[history.len().checked_sub(GROWTH_WEEKS * WEEK)?..];
        let level = |week: usize| median(newest[week * WEEK..][..WEEK].iter().copied().filter(|day| day.is_finite()));
        Some(Self(std::array::from_fn(level)))
    }

    /// Returns whether the level has moved in each week in a direction, and in four weeks by a share. A single step is no
    /// growth.
    fn reaches(self, share: f64, direction: Direction) -> bool {
        let Self(levels) = self;
        let moves = |pair: &[f64]| match direction {
            Direction::Up => pair[1] > pair[0],
            Direction::Down => pair[1] < pair[0],
        };
        let moved = (levels[GROWTH_WEEKS - 1] - levels[0]).abs();
        levels[0] != 0.0 && levels.windows(2).all(moves) && moved >= share * levels[0].abs()
    }
}

/// Returns the direction of a verdict that passes the gates of the rule.
pub(super) fn pass_gates(rule: &Rule, verdict: &Verdict, point: PointInTime) -> GateResult {
    let PointInTime { observed, time, gate, trailing_bill, growth } = point;
    let deviation = observed - verdict.expected;
    let direction = if deviation >= 0.0 { Direction::Up } else { Direction::Down };
    let is_watched = match rule.direction {
        Directions::Both => true,
        Directions::Up => direction == Direction::Up,
        Directions::Down => direction == Direction::Down,
    };
    let scaled = observed * time.scale;
    // The rest of the day adds to a cost. A usual credit may still arrive.
    let is_beyond = direction == Direction::Up && scaled >= verdict.upper && observed > 0.0;
    let is_proven = time.coverage == Coverage::Full || is_beyond;
    // A clock change explains the deviation: a day of 25 hours costs more, a day of 23 hours less.
    let is_clock_change = match direction {
        Direction::Up => verdict.upper.is_finite() && scaled <= verdict.upper && observed > verdict.upper,
        Direction::Down => verdict.lower.is_finite() && scaled >= verdict.lower && observed < verdict.lower,
    };
    let impact = deviation.abs();
    if verdict.score < 1.0 || !is_watched || !is_proven || is_clock_change {
        return GateResult::Normal;
    }
    let min_amount = rule.min_impact.as_ref().map_or(0.0, |min| min.amount);
    let min_impact = min_amount.max(rule.min_impact_share * trailing_bill);
    // A detector that follows a slow growth sees a small deviation on each day.
    let has_grown = growth.is_some_and(|growth| growth.reaches(rule.min_change, direction));
    let is_large = impact >= min_impact && (has_grown || impact >= rule.min_change * verdict.expected.abs());
    match gate {
        Gate::Opening if !is_large => GateResult::Held { impact },
        _ => GateResult::Anomalous(direction),
    }
}

/// Returns a message for each rule that no series of the stored bill can trigger.
pub(crate) async fn unreachable_rules_of_store<'r>(
    store: &Store,
    rules: impl Iterator<Item = &'r Rule>,
    today: Date,
    currency: &str,
) -> Result<Vec<Remark>, StoreError> {
    let range = DateRange { from: days_before(today, TRAILING_DAYS), to: days_before(today, 1) };
    let totals = store.day_totals(range).await?.into_iter().collect();
    Ok(unreachable_rules(rules, trailing_bill(&totals, today), currency))
}

/// Returns a message for each rule whose smallest reported amount is larger than the bill of a mean day.
pub(super) fn unreachable_rules<'r>(
    rules: impl Iterator<Item = &'r Rule>,
    trailing_bill: f64,
    currency: &str,
) -> Vec<Remark> {
    let mean = trailing_bill / f64::from(TRAILING_DAYS);
    let message = |Rule { id, min_impact, .. }: &Rule| {
        let amount = min_impact.as_ref().filter(|min| min.currency.is_some()).map_or(0.0, |min| min.amount);
        let is_unreachable = mean > 0.0 && amount > mean;
        is_unreachable.then(|| {
            let [amount, mean] = [amount, mean].map(money::text);
            Remark::new(
                format!(
                    "규칙 {id}: 하루 평균 청구 금액({mean} {currency})보다 min_impact({amount} {currency})가 큽니다. min_impact를 낮추거나 min_impact_share를 쓰세요"
                ),
                format!(
                    "rule {id}: min_impact {amount} {currency} is larger than the bill of a mean day, {mean} {currency}: lower min_impact, or use min_impact_share"
                ),
            )
        })
    };
    rules.filter_map(message).collect()
}

#[cfg(test)]
mod tests;
