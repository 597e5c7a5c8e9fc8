//! Scores of a detector against labelled series: recall, precision, F1, false alerts, delay, and the NAB score.
//!
//! An event is a run of rows with one label other than 0. An alert is a run of anomalous rows with gaps of at most 3 rows.
//! An alert touches an event within one row of the ends of the event. The first quarter of each series is warm-up.

mod alert_rate;
mod comparison;
mod event;
mod nab;

use serde::Serialize;

pub use self::alert_rate::AlertRate;
pub use self::comparison::{ComparedSpan, compare};
use self::event::{Event, alerts, events};
use self::nab::NabPoint;
use super::series_file::{SeriesFile, SeriesRow};
use super::walk::TrialResult;

/// Part of a series that is warm-up: one quarter.
const WARM_UP_DIVISOR: usize = 4;
const DAY_SECONDS: f64 = 86_400.0;

/// A labelled series with the scores of a detector, by row of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRows {
    /// 0 for a row outside of all events.
    labels: Vec<i64>,
    /// `None` for a row without a verdict.
    scores: Vec<Option<f64>>,
    /// Local time in seconds.
    times: Vec<i64>,
}

/// One row of a labelled series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledRow {
    /// 0 for a row outside of all events.
    pub label: i64,
    /// `None` for a row without a verdict.
    pub score: Option<f64>,
    /// Local time in seconds.
    pub time: i64,
}

/// The counts of events and alerts after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScoreCounts {
    pub events: usize,
    /// Events that an alert touches.
    pub touched: usize,
    /// Events with an anomalous row between their first and last row.
    pub inside: usize,
    pub alerts: usize,
    /// Alerts that touch an event.
    pub true_alerts: usize,
}

/// The scores of one or several series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreFigures {
    pub series: usize,
    #[serde(flatten)]
    pub counts: ScoreCounts,
    /// Share of the events that an alert touches.
    pub recall: f64,
    /// Share of the alerts that touch an event.
    pub precision: f64,
    pub f1: f64,
    /// F1 with the events that have an anomalous row inside, in place of the touched events.
    pub f1_inside: f64,
    /// False alerts per series and 30 days.
    pub false_per_30d: f64,
    /// Median number of rows from the start of an event to the first anomalous row inside; `None` without such a row.
    pub delay: Option<f64>,
    /// Score of the Numenta Anomaly Benchmark at the threshold 1; `None` without events.
    pub nab_at_1: Option<f64>,
    /// Score of the Numenta Anomaly Benchmark at the best threshold for all series together.
    pub nab_best: Option<f64>,
}

/// The scores of several series in progress.
#[derive(Debug, Clone, Default)]
pub struct Scoring {
    series: usize,
    counts: ScoreCounts,
    days: f64,
    delays: Vec<usize>,
    points: Vec<NabPoint>,
}

impl LabelledRows {
    /// Returns the rows of a series in order of time.
    pub fn of_rows(rows: impl Iterator<Item = LabelledRow>) -> Self {
        let mut labelled = Self { labels: Vec::new(), scores: Vec::new(), times: Vec::new() };
        for LabelledRow { label, score, time } in rows {
            labelled.labels.push(label);
            labelled.scores.push(score);
            labelled.times.push(time);
        }
        labelled
    }

    /// Returns the rows of a file with labels; `None` for a file without labels.
    pub fn new(file: &SeriesFile, result: &TrialResult) -> Option<Self> {
        let labels = file.rows.iter().map(|row| row.label).collect::<Option<Vec<_>>>()?;
        let verdict = |point: usize| result.verdicts[point].as_ref();
        let scores = file.rows.iter().map(|row| row.point.and_then(verdict).map(|verdict| verdict.score));
        Some(Self { labels, scores: scores.collect(), times: file.rows.iter().map(SeriesRow::local_seconds).collect() })
    }
}

impl Scoring {
    /// Adds a series and returns the counts of the series.
    pub fn add(&mut self, rows: &LabelledRows) -> ScoreCounts {
        self.points.extend(nab::points(self.series, rows));
        let start = rows.labels.len() / WARM_UP_DIVISOR;
        let flags: Vec<bool> =
            rows.scores[start..].iter().map(|score| score.is_some_and(|score| score >= 1.0)).collect();
        let events = events(&rows.labels[start..]);
        let alerts = alerts(&flags);
        let mut counts = ScoreCounts {
            events: events.len(),
            touched: events.iter().filter(|event| alerts.iter().any(|alert| alert.touches(event))).count(),
            inside: 0,
            alerts: alerts.len(),
            true_alerts: alerts.iter().filter(|alert| events.iter().any(|event| alert.touches(event))).count(),
        };
        for Event { first, last } in &events {
            if let Some(hit) = (*first..=*last).find(|row| flags[*row]) {
                counts.inside += 1;
                self.delays.push(hit - first);
            }
        }
        if let [Some(first), Some(last)] = [rows.times.get(start), rows.times.last()] {
            self.days += (last - first) as f64 / DAY_SECONDS;
        }
        self.series += 1;
        self.counts.add(counts);
        counts
    }

    /// Returns the scores of the added series. Shares have four digits, `false_per_30d` has three.
    pub fn figures(&self) -> ScoreFigures {
        let counts = self.counts;
        let of_events = |count: usize| count as f64 / counts.events.max(1) as f64;
        let recall = of_events(counts.touched);
        let inside = of_events(counts.inside);
        let precision = if counts.alerts > 0 { counts.true_alerts as f64 / counts.alerts as f64 } else { 0.0 };
        let false_alerts = (counts.alerts - counts.true_alerts) as f64;
        ScoreFigures {
            series: self.series,
            counts,
            recall: rounded(recall, 4),
            precision: rounded(precision, 4),
            f1: rounded(harmonic_mean(recall, precision), 4),
            f1_inside: rounded(harmonic_mean(inside, precision), 4),
            false_per_30d: rounded(false_alerts / self.days.max(1e-9) * 30.0, 3),
            delay: median(self.delays.clone()),
            nab_at_1: nab::score_at(&self.points, 1.0),
            nab_best: nab::best_score(&self.points),
        }
    }
}

impl ScoreCounts {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.touched += other.touched;
        self.inside += other.inside;
        self.alerts += other.alerts;
        self.true_alerts += other.true_alerts;
    }
}

fn harmonic_mean(one: f64, other: f64) -> f64 {
    // The order of the operations decides the last digit.
    if one + other > 0.0 { 2.0 * one * other / (one + other) } else { 0.0 }
}

/// Rounds to a number of decimals: the nearest double to the decimal number.
pub fn rounded(number: f64, decimals: usize) -> f64 {
    format!("{number:.decimals$}").parse().expect("a formatted number is a number")
}

fn median(mut rows: Vec<usize>) -> Option<f64> {
    rows.sort_unstable();
    let middle = rows.len() / 2;
    let upper = *rows.get(middle)? as f64;
    Some(if rows.len() % 2 == 1 { upper } else { (rows[middle - 1] as f64 + upper) / 2.0 })
}

#[cfg(test)]
mod tests;
