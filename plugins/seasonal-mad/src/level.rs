//! The level of a series: a median over a rolling window, in which excluded points count only where they are the rule.

use std::collections::VecDeque;

use crate::sorted::{Key, Sorted};

/// One known value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) excluded: bool,
}

/// The last points, and their median at any time.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    window: usize,
    order: VecDeque<Point>,
    sorted: Sorted,
    excluded: usize,
    /// Without the excluded points; none while there are none of these.
    kept: Option<Sorted>,
}

impl Rolling {
    pub(crate) fn new(window: usize) -> Self {
        Self::of(window, &[])
    }

    /// The last of these points.
    pub(crate) fn of(window: usize, points: &[Point]) -> Self {
        let newest = &points[points.len().saturating_sub(window)..];
        let mut order = VecDeque::with_capacity(window);
        order.extend(newest);
        let sorted = Sorted::new(window, newest.iter().map(|point| Key::of(point.value)));
        let excluded = newest.iter().filter(|point| point.excluded).count();
        let mut rolling = Self { window, order, sorted, excluded, kept: None };
        rolling.kept = rolling.without_excluded();
        rolling
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds the newest point; the oldest leaves a full window.
    #[inline(always)]
    pub(crate) fn push(&mut self, point: Point) {
        let oldest = if self.order.len() == self.window { self.order.pop_front() } else { None };
        match oldest {
            Some(oldest) => self.sorted.replace(Key::of(oldest.value), Key::of(point.value)),
            None => self.sorted.insert(Key::of(point.value)),
        }
        self.order.push_back(point);
        self.keep(oldest, Some(point));
    }

    /// Drops the oldest point, if there is one.
    pub(crate) fn pop(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.sorted.remove(Key::of(oldest.value));
            self.keep(Some(oldest), None);
        }
    }

    /// Counts the excluded, and follows what is kept while there are some.
    #[inline(always)]
    fn keep(&mut self, gone: Option<Point>, new: Option<Point>) {
        let is_excluded = |point: Option<Point>| usize::from(point.is_some_and(|point| point.excluded));
        let before = self.excluded;
        self.excluded = before + is_excluded(new) - is_excluded(gone);
        match &mut self.kept {
            Some(kept) if self.excluded > 0 => {
                if let Some(gone) = gone.filter(|point| !point.excluded) {
                    kept.remove(Key::of(gone.value));
                }
                if let Some(new) = new.filter(|point| !point.excluded) {
                    kept.insert(Key::of(new.value));
                }
            }
            _ => {
                if before + self.excluded > 0 {
                    self.kept = self.without_excluded();
                }
            }
        }
    }

    fn without_excluded(&self) -> Option<Sorted> {
        let kept = self.order.iter().filter(|point| !point.excluded);
        (self.excluded > 0).then(|| Sorted::new(self.window, kept.map(|point| Key::of(point.value))))
    }

    /// The median; none of nothing.
    #[inline(always)]
    pub(crate) fn level(&self) -> Option<f64> {
        match &self.kept {
            Some(kept) if is_exception(self.excluded, self.order.len()) => kept.middle(),
            _ => self.sorted.middle(),
        }
    }
}

/// The larger of two numbers. `f64::max`, which minds NaN, is a call in WebAssembly.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller of two numbers.
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Whether the excluded are few enough to be left out: those that are more than half are what is usual now.
pub(crate) fn is_exception(excluded: usize, all: usize) -> bool {
    excluded * 2 <= all
}

/// The values to learn from.
pub(crate) fn learnable(points: &[Point]) -> Vec<f64> {
    let excluded = points.iter().filter(|point| point.excluded).count();
    let leave_out = is_exception(excluded, points.len());
    points.iter().filter(|point| !(leave_out && point.excluded)).map(|point| point.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of(window: usize, points: &[(f64, bool)]) -> Option<f64> {
        let points: Vec<_> =
            points.iter().map(|(value, excluded)| Point { value: *value, excluded: *excluded }).collect();
        let mut rolling = Rolling::new(window);
        for point in &points {
            rolling.push(*point);
        }
        assert_eq!(rolling.sorted, Rolling::of(window, &points).sorted);
        assert_eq!(rolling.kept, Rolling::of(window, &points).kept);
        assert_eq!(rolling.level(), Rolling::of(window, &points).level());
        rolling.level()
    }

    #[test]
    fn the_level_is_the_median_of_the_last() {
        assert_eq!(level_of(3, &[]), None);
        assert_eq!(level_of(3, &[(4.0, false), (8.0, false)]), Some(6.0));
        assert_eq!(level_of(3, &[(100.0, false), (4.0, false), (8.0, false), (5.0, false)]), Some(5.0));
    }

    #[test]
    fn a_window_stays_in_order() {
        let points: Vec<_> = [5.0, 3.0, 9.0, 3.0, 1.0, 7.0, 7.0, 0.0].map(|value| (value, false)).to_vec();
        for count in 1..=points.len() {
            level_of(4, &points[..count]);
        }
    }

    #[test]
    fn what_is_kept_follows_the_window() {
        let mut points: Vec<_> = (0..60).map(|i| (f64::from(i * 37 % 11), i % 7 == 3 || i % 13 < 2)).collect();
        points.extend((0..20).map(|i| (f64::from(i), false)));
        for count in 1..=points.len() {
            level_of(5, &points[..count]);
            level_of(20, &points[..count]);
        }
        let mut rolling = Rolling::new(30);
        points.iter().for_each(|(value, excluded)| rolling.push(Point { value: *value, excluded: *excluded }));
        for left in (0..30).rev() {
            rolling.pop();
            assert_eq!(rolling.level(), level_of(30, &points[points.len() - left..]), "{left} left");
        }
    }

    #[test]
    fn excluded_points_count_once_they_are_the_rule() {
        let (usual, incident) = ((10.0, false), (90.0, true));
        assert_eq!(level_of(4, &[usual, usual, incident, incident]), Some(10.0));
        assert_eq!(level_of(4, &[usual, usual, incident, incident, incident]), Some(90.0));
    }
}
