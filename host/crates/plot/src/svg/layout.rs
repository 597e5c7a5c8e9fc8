//! The places of points and amounts in the document.

use crate::amount_axis::AmountAxis;

pub(super) const WIDTH: f64 = 960.0;
pub(super) const HEIGHT: f64 = 400.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 44.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 70.0;

pub(super) struct Layout {
    pub(super) axis: AmountAxis,
    points: usize,
}

impl Layout {
    pub(super) fn new(axis: AmountAxis, points: usize) -> Self {
        Self { axis, points }
    }

    pub(super) fn left(&self) -> f64 {
        LEFT
    }

    pub(super) fn right(&self) -> f64 {
        WIDTH - RIGHT
    }

    pub(super) fn top(&self) -> f64 {
        TOP
    }

    pub(super) fn bottom(&self) -> f64 {
        HEIGHT - BOTTOM
    }

    /// Returns the width of the plot in pixels.
    pub(super) fn columns(&self) -> usize {
        (self.right() - self.left()) as usize
    }

    pub(super) fn x(&self, point: usize) -> String {
        number(self.place(point as f64))
    }

    pub(super) fn y(&self, amount: f64) -> String {
        self.height_of(self.axis.position(amount))
    }

    /// Returns the height of a position between 0 (low) and 1 (high).
    pub(super) fn height_of(&self, position: f64) -> String {
        number(self.bottom() - (self.bottom() - self.top()) * position)
    }

    /// Returns the left and the right end of the points `first..=last`, half a step wider on each side.
    pub(super) fn span(&self, first: usize, last: usize) -> [f64; 2] {
        [self.place(first as f64 - 0.5).max(self.left()), self.place(last as f64 + 0.5).min(self.right())]
    }

    fn place(&self, point: f64) -> f64 {
        self.left() + (self.right() - self.left()) * point / self.points.saturating_sub(1).max(1) as f64
    }
}

/// Formats a length with at most one decimal: a tenth of a pixel is invisible.
pub(super) fn number(length: f64) -> String {
    format!("{length:.1}").trim_end_matches('0').trim_end_matches('.').to_owned()
}
