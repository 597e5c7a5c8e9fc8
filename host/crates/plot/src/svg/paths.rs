//! The paths of the values, the expected values and the bounds.
//!
//! With more points than pixels, the points of one pixel give their smallest and their largest amount.

use std::ops::Range;

use super::layout::Layout;
use crate::figure::{Band, Figure};

/// Returns the line of the values. Unknown values interrupt the line.
pub(super) fn values(figure: &Figure, layout: &Layout) -> String {
    let amounts: Vec<f64> = figure.points.iter().map(|point| point.value).collect();
    line(&amounts, layout)
}

/// Returns the line of the expected values.
pub(super) fn expected(figure: &Figure, layout: &Layout) -> String {
    let expected = |band: Option<Band>| band.map_or(f64::NAN, |band| band.expected);
    let amounts: Vec<f64> = figure.points.iter().map(|point| expected(point.band)).collect();
    line(&amounts, layout)
}

/// Returns an area for each uninterrupted run of bands.
pub(super) fn band(figure: &Figure, layout: &Layout) -> String {
    let pixels: Vec<Option<PixelBand>> =
        pixels(figure.points.len(), layout).map(|points| pixel_band(figure, points)).collect();
    let mut path = String::new();
    for run in pixels.split(Option::is_none).filter(|run| !run.is_empty()) {
        let run: Vec<PixelBand> = run.iter().flatten().copied().collect();
        let corner = |pixel: &PixelBand, bound: f64| format!("{},{}", layout.x(pixel.point), layout.y(bound));
        let upper = run.iter().map(|pixel| corner(pixel, pixel.upper));
        let lower = run.iter().rev().map(|pixel| corner(pixel, pixel.lower));
        path.push_str(&format!("M{}Z", upper.chain(lower).collect::<Vec<_>>().join("L")));
    }
    path
}

/// The bounds of the points of one pixel.
#[derive(Debug, Clone, Copy)]
struct PixelBand {
    point: usize,
    lower: f64,
    upper: f64,
}

fn pixel_band(figure: &Figure, points: Range<usize>) -> Option<PixelBand> {
    let bands = || figure.points[points.clone()].iter().filter_map(|point| point.band);
    let lower = bands().map(|Band { lower, .. }| lower).reduce(f64::min)?;
    let upper = bands().map(|Band { upper, .. }| upper).reduce(f64::max)?;
    Some(PixelBand { point: points.start, lower, upper })
}

fn line(amounts: &[f64], layout: &Layout) -> String {
    let mut path = String::new();
    let mut is_drawing = false;
    for pixel in pixels(amounts.len(), layout) {
        for point in extremes(amounts, pixel) {
            let amount = amounts[point];
            if !amount.is_nan() {
                path.push_str(&format!(
                    "{}{},{}",
                    if is_drawing { 'L' } else { 'M' },
                    layout.x(point),
                    layout.y(amount)
                ));
                // A line of one point would be invisible without a length.
                if !is_drawing {
                    path.push_str("h0");
                }
            }
            is_drawing = !amount.is_nan();
        }
    }
    path
}

/// Returns the points of the smallest and the largest amount, in time order; the only point of a pixel, even if the
/// amount is unknown.
fn extremes(amounts: &[f64], points: Range<usize>) -> Vec<usize> {
    if points.len() == 1 {
        return vec![points.start];
    }
    let known = || points.clone().filter(|point| !amounts[*point].is_nan());
    let by_amount = |one: &usize, other: &usize| amounts[*one].total_cmp(&amounts[*other]);
    let mut found: Vec<usize> = known().min_by(by_amount).into_iter().chain(known().max_by(by_amount)).collect();
    found.sort_unstable();
    found.dedup();
    // Without a known amount, the first point interrupts the line.
    if found.is_empty() { vec![points.start] } else { found }
}

/// Divides the points into at most one range for each pixel.
fn pixels(points: usize, layout: &Layout) -> impl Iterator<Item = Range<usize>> {
    let count = points.min(layout.columns());
    (0..count).map(move |pixel| pixel * points / count..(pixel + 1) * points / count)
}
