//! The gates from a verdict to an anomaly.

use model::anomaly::Direction;
use model::rule::{Directions, Rule};
use sandbox::Verdict;

use super::evaluation::{Coverage, EvaluationTime};

/// Returns the direction of a verdict that passes the gates of the rule.
pub(super) fn pass_gates(rule: &Rule, verdict: &Verdict, observed: f64, time: EvaluationTime) -> Option<Direction> {
    let deviation = observed - verdict.expected;
    let direction = if deviation >= 0.0 { Direction::Up } else { Direction::Down };
    let is_watched = match rule.direction {
        Directions::Both => true,
        Directions::Up => direction == Direction::Up,
        Directions::Down => direction == Direction::Down,
    };
    let scaled = observed * time.scale;
    let is_proven = time.coverage == Coverage::Full || (direction == Direction::Up && scaled >= verdict.upper);
    // A clock change explains the deviation: a day of 25 hours costs more, a day of 23 hours less.
    let is_clock_change = match direction {
        Direction::Up => verdict.upper.is_finite() && scaled <= verdict.upper && observed > verdict.upper,
        Direction::Down => verdict.lower.is_finite() && scaled >= verdict.lower && observed < verdict.lower,
    };
    let impact = deviation.abs();
    let is_large = impact >= rule.min_impact && impact >= rule.min_change * verdict.expected.abs();
    let is_anomalous = verdict.score >= 1.0 && is_watched && is_proven && is_large && !is_clock_change;
    is_anomalous.then_some(direction)
}

#[cfg(test)]
mod tests;
