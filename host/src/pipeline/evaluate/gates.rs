//! The gates from a verdict to an anomaly.

use model::anomaly::Direction;
use model::money;
use model::rule::{Directions, Rule};
use sandbox::Verdict;

use super::evaluation::{Coverage, EvaluationTime};
use super::finished_days::TRAILING_DAYS;
use crate::pipeline::run::Report;

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
}

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

/// Returns the direction of a verdict that passes the gates of the rule.
pub(super) fn pass_gates(rule: &Rule, verdict: &Verdict, point: PointInTime) -> GateResult {
    let PointInTime { observed, time, gate, trailing_bill } = point;
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
    let is_large = impact >= min_impact && impact >= rule.min_change * verdict.expected.abs();
    match gate {
        Gate::Opening if !is_large => GateResult::Held { impact },
        _ => GateResult::Anomalous(direction),
    }
}

impl Report {
    /// Notes each rule whose smallest reported amount is larger than the bill of a mean day.
    pub(super) fn note_unreachable_rules<'r>(
        &mut self,
        rules: impl Iterator<Item = &'r Rule>,
        trailing_bill: f64,
        currency: &str,
    ) {
        let mean = trailing_bill / f64::from(TRAILING_DAYS);
        for Rule { id, min_impact, .. } in rules {
            let amount = min_impact.as_ref().filter(|min| min.currency.is_some()).map_or(0.0, |min| min.amount);
            if mean <= 0.0 || amount <= mean {
                continue;
            }
            let note = format!(
                "rule {id}: min_impact {} {currency} is larger than the bill of a mean day, {} {currency}: lower min_impact, or use min_impact_share",
                money::text(amount),
                money::text(mean),
            );
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

#[cfg(test)]
mod tests;
