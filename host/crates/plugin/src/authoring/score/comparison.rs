//! The comparison of two detectors over one series: the events and the alerts outside of events.

use super::WARM_UP_DIVISOR;
use super::event::{Event, alerts, events};
use crate::authoring::series_file::SeriesFile;
use crate::authoring::walk::TrialResult;

/// A labelled event, or an alert outside of all events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparedSpan {
    /// First row of the file.
    pub first: usize,
    /// Last row of the file.
    pub last: usize,
    pub is_event: bool,
    /// True for each detector with an alert that touches the event, or that is a part of the alert.
    pub alerts: [bool; 2],
}

/// Returns the events and the alerts of two detectors in time order. The warm-up of a labelled series is left out, as in
/// the scores.
pub fn compare(file: &SeriesFile, results: [&TrialResult; 2]) -> Vec<ComparedSpan> {
    let flags = results.map(|result| {
        let rows = file.rows.iter();
        rows.map(|row| row.point.is_some_and(|point| result.is_anomalous(point))).collect::<Vec<bool>>()
    });
    let start = if file.has_labels() { file.rows.len() / WARM_UP_DIVISOR } else { 0 };
    let labels: Vec<i64> = file.rows.iter().map(|row| row.label.unwrap_or(0)).collect();
    let spans = spans(&labels[start..], [&flags[0][start..], &flags[1][start..]]);
    spans.into_iter().map(|span| ComparedSpan { first: span.first + start, last: span.last + start, ..span }).collect()
}

fn spans(labels: &[i64], flags: [&[bool]; 2]) -> Vec<ComparedSpan> {
    let events = events(labels);
    let of_each = flags.map(alerts);
    let either: Vec<bool> = flags[0].iter().zip(flags[1]).map(|(one, other)| *one || *other).collect();
    let of_either = alerts(&either);
    let outside = of_either.iter().filter(|alert| !events.iter().any(|event| alert.touches(event)));
    let span = |Event { first, last }: Event, is_event, alerts| ComparedSpan { first, last, is_event, alerts };
    let touching = |event: &Event| of_each.each_ref().map(|alerts| alerts.iter().any(|alert| alert.touches(event)));
    let inside = |whole: &Event| flags.map(|flags| flags[whole.first..=whole.last].contains(&true));
    let mut spans: Vec<ComparedSpan> = events.iter().map(|event| span(*event, true, touching(event))).collect();
    spans.extend(outside.map(|alert| span(*alert, false, inside(alert))));
    spans.sort_by_key(|span| span.first);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A`, `B` and `*` mark the anomalous rows of the first, the second and both detectors.
    fn check(labels: &str, marks: &str, expect: &[&str]) {
        let labels: Vec<i64> = labels.chars().map(|digit| i64::from(digit.to_digit(10).expect("a digit"))).collect();
        let flags =
            ['A', 'B'].map(|detector| marks.chars().map(|mark| mark == detector || mark == '*').collect::<Vec<_>>());
        let name = |alerts: [bool; 2]| match alerts {
            [true, true] => "both",
            [true, false] => "first",
            [false, true] => "second",
            [false, false] => "neither",
        };
        let line = |span: ComparedSpan| {
            let kind = if span.is_event { "event" } else { "alert" };
            format!("{kind} {}-{}: {}", span.first, span.last, name(span.alerts))
        };
        let actual: Vec<String> = spans(&labels, [&flags[0], &flags[1]]).into_iter().map(line).collect();
        assert_eq!(actual, expect, "{labels:?} {marks}");
    }

    #[test]
    fn events_and_alerts_outside_of_events() {
        check("000011000000", "....A.......", &["event 4-5: first"]);
        check("000011000000", "...*........", &["event 4-5: both"]);
        check("000011000022", ".......B....", &["event 4-5: neither", "alert 7-7: second", "event 10-11: neither"]);
        check("000000000000", "..A.B......*", &["alert 2-4: both", "alert 11-11: both"]);
        check("000000000000", "............", &[]);
    }
}
