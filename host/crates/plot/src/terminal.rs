//! A plot in characters: the values in braille dots, and one character for each mark.

mod canvas;

use self::canvas::Canvas;
use crate::amount_axis::{AmountAxis, AmountTick};
use crate::figure::{Band, Figure, Words};
use crate::time_axis::time_ticks;

/// Height of the plot without the axis, in lines.
const ROWS: usize = 16;
/// Number of steps of the amount axis.
const AMOUNT_TICKS: usize = 5;
/// Smallest width of the plot without the axis, in columns.
const MIN_COLUMNS: usize = 20;
/// Columns of a date with a gap.
const COLUMNS_PER_DATE: usize = 14;

const ANOMALY: char = 'X';
const EXPECTED: char = '-';
const LABEL: char = '=';

/// Draws a figure for a terminal with `width` columns. The last line is the legend.
pub fn terminal(figure: &Figure, width: usize) -> String {
    let axis = AmountAxis::of(figure, AMOUNT_TICKS);
    let ticks = axis.ticks();
    let margin = ticks.iter().map(|tick| tick.text.len()).max().unwrap_or(0);
    let columns = width.saturating_sub(margin + 2).max(MIN_COLUMNS);
    let mut lines = vec![figure.heading()];
    lines.extend(amount_lines(&ticks, &canvas(figure, &axis, columns).lines(), margin));
    lines.extend(time_lines(figure, columns, margin));
    lines.push(legend(figure));
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn canvas(figure: &Figure, axis: &AmountAxis, columns: usize) -> Canvas {
    let mut canvas = Canvas::new(columns, ROWS);
    let count = figure.points.len();
    let row = |amount: f64| canvas_row(axis.position(amount));
    for dot in 0..columns * 2 {
        let point = nearest_point(dot, columns * 2, count);
        if let Some(Band { lower, expected, upper }) = figure.points.get(point).and_then(|point| point.band) {
            canvas.shade(dot, row(upper)..=row(lower));
            canvas.put(dot / 2, row(expected) / 4, EXPECTED);
        }
    }
    let mut previous = None;
    for (number, point) in figure.points.iter().enumerate() {
        let known = (!point.value.is_nan()).then(|| [column_dot(number, count, columns * 2), row(point.value)]);
        if let Some(end) = known {
            canvas.line(previous.unwrap_or(end), end);
        }
        previous = known;
    }
    for (number, point) in figure.points.iter().enumerate().filter(|(_, point)| point.anomaly.is_some()) {
        canvas.mark(column_dot(number, count, columns * 2) / 2, row(point.value) / 4, ANOMALY);
    }
    canvas
}

/// Returns the row of dots of a position between 0 (low) and 1 (high); the row 0 is at the top.
fn canvas_row(position: f64) -> usize {
    ((1.0 - position) * (ROWS * 4 - 1) as f64).round() as usize
}

/// Returns the column of dots of a point.
fn column_dot(point: usize, points: usize, dots: usize) -> usize {
    if points < 2 { 0 } else { (point as f64 * (dots - 1) as f64 / (points - 1) as f64).round() as usize }
}

/// Returns the point that is nearest to a column of dots.
fn nearest_point(dot: usize, dots: usize, points: usize) -> usize {
    if points < 2 { 0 } else { (dot as f64 * (points - 1) as f64 / (dots - 1) as f64).round() as usize }
}

/// Puts the amounts of the axis in front of the lines of the canvas.
fn amount_lines(ticks: &[AmountTick], canvas: &[String], margin: usize) -> Vec<String> {
    let mut texts = vec![None; canvas.len()];
    for tick in ticks {
        texts[canvas_row(tick.position) / 4] = Some(tick.text.as_str());
    }
    let line = |(text, dots): (Option<&str>, &String)| match text {
        Some(text) => format!("{text:>margin$} ┤{dots}"),
        None => format!("{:margin$} │{dots}", ""),
    };
    texts.into_iter().zip(canvas).map(line).collect()
}

/// Returns the axis of time, the dates, and the labels if any.
fn time_lines(figure: &Figure, columns: usize, margin: usize) -> Vec<String> {
    let count = figure.points.len();
    let column = |point: usize| column_dot(point, count, columns * 2) / 2;
    let mut axis = vec!['─'; columns];
    let mut dates = String::new();
    for tick in time_ticks(figure, columns / COLUMNS_PER_DATE) {
        axis[column(tick.point)] = '┬';
        // A date at the right edge starts before the tick.
        let start = column(tick.point).min(columns.saturating_sub(tick.text.len()));
        if dates.is_empty() || dates.len() + 2 <= start {
            dates = format!("{dates:start$}{}", tick.text);
        }
    }
    let indent = " ".repeat(margin + 2);
    let mut lines = vec![format!("{:margin$} └{}", "", String::from_iter(axis)), format!("{indent}{dates}")];
    if figure.legend().labels {
        let mut labels = vec![' '; columns];
        for (point, _) in figure.points.iter().enumerate().filter(|(_, point)| point.labelled) {
            labels[column(point)] = LABEL;
        }
        lines.push(format!("{indent}{}", String::from_iter(labels)));
    }
    lines
}

fn legend(figure: &Figure) -> String {
    let legend = figure.legend();
    let Words { value, expected, band, anomaly, label } = figure.words();
    let mut parts = vec![format!("⠒⠒ {value}")];
    if legend.band {
        parts.push(format!("{EXPECTED}{EXPECTED} {expected}"));
        parts.push(format!("⠅⠅ {band}"));
    }
    if legend.anomalies {
        parts.push(format!("{ANOMALY} {anomaly}"));
    }
    if legend.labels {
        parts.push(format!("{LABEL}{LABEL} {label}"));
    }
    parts.join("   ")
}

#[cfg(test)]
mod tests;
