//! The standard profile of the Numenta Anomaly Benchmark (Lavin and Ahmad, 2015): early detections inside an event gain
//! more, and false detections lose less soon after an event. The warm-up is 15 % of a series, at most 750 rows.

use std::collections::BTreeMap;

use super::LabelledRows;
use super::event::{Event, events};

const MISSED_EVENT: f64 = 1.0;
const FALSE_DETECTION: f64 = 0.11;
const WARM_UP_SHARE: f64 = 0.15;
const MAX_WARM_UP: usize = 750;

/// A row after the warm-up, with the gain or loss of a detection at the row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NabPoint {
    score: f64,
    value: f64,
    /// The event of the row: number of the series, and first row.
    event: Option<[usize; 2]>,
}

/// Returns the rows of a series after the warm-up.
pub(super) fn points(series: usize, rows: &LabelledRows) -> Vec<NabPoint> {
    let count = rows.labels.len();
    let warm_up = ((WARM_UP_SHARE * count as f64).floor() as usize).min(MAX_WARM_UP);
    let mut upcoming = events(&rows.labels).into_iter().peekable();
    let mut previous = None;
    let mut points = Vec::new();
    for row in 0..count {
        if let Some(ended) = upcoming.next_if(|event| event.last < row) {
            previous = Some(ended);
        }
        let event = upcoming.peek().copied().filter(|event| event.first <= row);
        let value = event.map_or_else(|| loss_outside(row, previous), |event| gain_inside(row, event));
        if row >= warm_up {
            // The addition turns -0.0 into 0.0: the sweep sorts the two as different numbers.
            let score = rows.scores[row].unwrap_or(0.0) + 0.0;
            points.push(NabPoint { score, value, event: event.map(|event| [series, event.first]) });
        }
    }
    points
}

/// Returns the score of all detections at a threshold: 0 without a detection, 100 for perfect detections.
pub(super) fn score_at(points: &[NabPoint], threshold: f64) -> Option<f64> {
    let mut sweep = Sweep::new(points)?;
    sorted(points).iter().take_while(|point| point.score >= threshold).for_each(|point| sweep.detect(point));
    Some(sweep.normalized(sweep.total))
}

/// Returns the highest score over all thresholds.
pub(super) fn best_score(points: &[NabPoint]) -> Option<f64> {
    let mut sweep = Sweep::new(points)?;
    let mut best = sweep.total;
    for equal_scores in sorted(points).chunk_by(|one, next| one.score == next.score) {
        equal_scores.iter().for_each(|point| sweep.detect(point));
        best = best.max(sweep.total);
    }
    Some(sweep.normalized(best))
}

/// A threshold that falls from infinity, and the sum of gains and losses so far.
struct Sweep {
    total: f64,
    /// Highest gain of each event.
    best: BTreeMap<[usize; 2], f64>,
}

impl Sweep {
    /// Returns the start of a sweep: all events are missed. `None` without events.
    fn new(points: &[NabPoint]) -> Option<Self> {
        let best: BTreeMap<_, _> =
            points.iter().filter_map(|point| point.event).map(|event| (event, -MISSED_EVENT)).collect();
        (!best.is_empty()).then(|| Self { total: -MISSED_EVENT * best.len() as f64, best })
    }

    fn detect(&mut self, point: &NabPoint) {
        let Some(event) = point.event else {
            self.total += point.value;
            return;
        };
        let best = self.best.get_mut(&event).expect("every event of a point is known");
        if point.value > *best {
            self.total += point.value - *best;
            *best = point.value;
        }
    }

    fn normalized(&self, total: f64) -> f64 {
        let events = self.best.len() as f64;
        100.0 * (total + MISSED_EVENT * events) / (events + MISSED_EVENT * events)
    }
}

/// Returns the points by falling score; equal scores stay in the order of rows.
fn sorted(points: &[NabPoint]) -> Vec<NabPoint> {
    let mut points = points.to_vec();
    points.sort_by(|one, other| other.score.total_cmp(&one.score));
    points
}

fn gain_inside(row: usize, event: Event) -> f64 {
    let width = (event.last - event.first + 1) as f64;
    sigmoid(-((event.last - row + 1) as f64) / width) / sigmoid(-1.0)
}

fn loss_outside(row: usize, previous: Option<Event>) -> f64 {
    let Some(Event { first, last }) = previous else { return -FALSE_DETECTION };
    FALSE_DETECTION * sigmoid((row - last) as f64 / (last - first).max(1) as f64)
}

/// The scaled sigmoid of the benchmark, from 1 far inside an event to -1 far behind.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}
