//! The level of a series: a rolling median. Excluded points count only if they are the majority of the window.

use crate::sorted::Sorted;
use crate::windows;

/// Known values with their exclusion flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<'a> {
    pub(crate) values: &'a [f64],
    /// One flag per value; empty without excluded values.
    pub(crate) excluded: &'a [bool],
}

/// The window of newest points and its median. The caller owns the points, and passes the same growing list in each
/// call.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    window: usize,
    first: usize,
    end: usize,
    sorted: Sorted,
    excluded: usize,
    /// The window without excluded points; `None` without excluded points.
    kept: Option<Sorted>,
}

impl<'a> Points<'a> {
    pub(crate) fn new(values: &'a [f64], excluded: &'a [bool]) -> Self {
        Self { values, excluded }
    }

    pub(crate) fn len(self) -> usize {
        self.values.len()
    }

    #[inline(always)]
    pub(crate) fn is_excluded(self, i: usize) -> bool {
        self.excluded.get(i).is_some_and(|excluded| *excluded)
    }

    pub(crate) fn has_excluded(self) -> bool {
        self.excluded.contains(&true)
    }

    /// The points from `first` on.
    pub(crate) fn from(self, first: usize) -> Self {
        Self { values: &self.values[first..], excluded: self.excluded.get(first..).unwrap_or_default() }
    }

    /// The newest points, at most `count`.
    pub(crate) fn newest(self, count: usize) -> Self {
        self.from(self.len().saturating_sub(count))
    }

    fn between(self, first: usize, end: usize) -> Self {
        Self { values: &self.values[..end], excluded: self.excluded.get(..end).unwrap_or_default() }.from(first)
    }

    /// The values that are not excluded.
    pub(crate) fn kept(self) -> impl Iterator<Item = f64> + use<'a> {
        self.values.iter().enumerate().filter(move |(i, _)| !self.is_excluded(*i)).map(|(_, value)| *value)
    }

    /// The values for a median: all values if excluded points are the majority, otherwise the kept values.
    pub(crate) fn learnable(self) -> Vec<f64> {
        let excluded = self.excluded.iter().filter(|excluded| **excluded).count();
        if excluded > 0 && is_exception(excluded, self.len()) { self.kept().collect() } else { self.values.to_vec() }
    }
}

impl Rolling {
    /// An empty window before the first point.
    pub(crate) fn new(window: usize) -> Self {
        Self { window, first: 0, end: 0, sorted: Sorted::new(window, std::iter::empty()), excluded: 0, kept: None }
    }

    /// The window at the end of the given points.
    pub(crate) fn of(window: usize, points: Points<'_>) -> Self {
        let newest = points.newest(window);
        let sorted = Sorted::new(window, newest.values.iter().copied());
        let excluded = newest.excluded.iter().filter(|excluded| **excluded).count();
        let kept = (excluded > 0).then(|| Sorted::new(window, newest.kept()));
        Self { window, first: points.len() - newest.len(), end: points.len(), sorted, excluded, kept }
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.first
    }

    /// Adds the next point; a full window drops the oldest point.
    #[inline(always)]
    pub(crate) fn push(&mut self, points: Points<'_>) {
        let new = self.end;
        let oldest = (self.len() == self.window).then_some(self.first);
        self.end += 1;
        match oldest {
            Some(oldest) => {
                self.first += 1;
                self.sorted.replace(points.values[oldest], points.values[new]);
            }
            None => self.sorted.insert(points.values[new]),
        }
        if self.excluded > 0 || points.is_excluded(new) {
            self.keep(points, oldest, Some(new));
        }
    }

    /// Drops the oldest point, if any.
    pub(crate) fn pop(&mut self, points: Points<'_>) {
        if self.len() > 0 {
            let oldest = self.first;
            self.first += 1;
            self.sorted.remove(points.values[oldest]);
            if self.excluded > 0 {
                self.keep(points, Some(oldest), None);
            }
        }
    }

    /// Updates the count of excluded points, and the kept window while the count is above 0.
    #[cold]
    fn keep(&mut self, points: Points<'_>, gone: Option<usize>, new: Option<usize>) {
        let is_excluded = |point: Option<usize>| usize::from(point.is_some_and(|i| points.is_excluded(i)));
        self.excluded = self.excluded + is_excluded(new) - is_excluded(gone);
        match &mut self.kept {
            Some(kept) if self.excluded > 0 => {
                if let Some(gone) = gone.filter(|i| !points.is_excluded(*i)) {
                    kept.remove(points.values[gone]);
                }
                if let Some(new) = new.filter(|i| !points.is_excluded(*i)) {
                    kept.insert(points.values[new]);
                }
            }
            kept => {
                let window = points.between(self.first, self.end);
                *kept = (self.excluded > 0).then(|| Sorted::new(self.window, window.kept()));
            }
        }
    }

    /// The median; 0 for an empty window.
    #[inline(always)]
    pub(crate) fn level(&self) -> f64 {
        match &self.kept {
            Some(kept) if is_exception(self.excluded, self.len()) => kept.middle(),
            _ => self.sorted.middle(),
        }
    }
}

/// The median after each point, over a window that ends with the point.
pub(crate) fn medians(window: usize, points: Points<'_>) -> Vec<f64> {
    if has_short(window, points) {
        return windows::up_to(window, points.values);
    }
    let mut rolling = Rolling::new(window);
    let after = |_: &f64| {
        rolling.push(points);
        rolling.level()
    };
    points.values.iter().map(after).collect()
}

/// The median around each point, over `half` points on either side and the point itself.
pub(crate) fn medians_around(half: usize, points: Points<'_>) -> Vec<f64> {
    let window = 2 * half + 1;
    if has_short(window, points) {
        return windows::around(window, points.values);
    }
    let mut around = medians(window, points);
    // The window that ends at point `i + half` is centered on point `i`.
    around.drain(..half.min(points.len()));
    let mut last = Rolling::of(window, points);
    while around.len() < points.len() {
        last.pop(points);
        around.push(last.level());
    }
    around
}

fn has_short(window: usize, points: Points<'_>) -> bool {
    windows::are_short(window) && points.len() >= window && !points.has_excluded()
}

/// The larger of two numbers. `f64::max` handles NaN and compiles to a call in WebAssembly.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller of two numbers.
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Whether excluded points are at most half of all points. A majority of excluded points is the new usual level.
pub(crate) fn is_exception(excluded: usize, all: usize) -> bool {
    excluded * 2 <= all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of(window: usize, points: &[(f64, bool)]) -> f64 {
        let (values, excluded): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
        let points = Points::new(&values, &excluded);
        let mut rolling = Rolling::new(window);
        for _ in &values {
            rolling.push(points);
        }
        assert_eq!(rolling.sorted, Rolling::of(window, points).sorted);
        assert_eq!(rolling.kept, Rolling::of(window, points).kept);
        assert_eq!(rolling.level(), Rolling::of(window, points).level());
        assert_eq!(rolling.level(), medians(window, points).pop().unwrap_or(0.0));
        rolling.level()
    }

    #[test]
    fn the_level_is_the_median_of_the_last() {
        assert_eq!(level_of(3, &[]), 0.0);
        assert_eq!(level_of(3, &[(4.0, false), (8.0, false)]), 6.0);
        assert_eq!(level_of(3, &[(100.0, false), (4.0, false), (8.0, false), (5.0, false)]), 5.0);
    }

    #[test]
    fn a_window_stays_in_order() {
        let points: Vec<_> = [5.0, 3.0, 9.0, 3.0, 1.0, 7.0, 7.0, 0.0].map(|value| (value, false)).to_vec();
        for count in 1..=points.len() {
            level_of(4, &points[..count]);
            level_of(5, &points[..count]);
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
        let (values, excluded): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
        let all = Points::new(&values, &excluded);
        let mut rolling = Rolling::new(30);
        values.iter().for_each(|_| rolling.push(all));
        for left in (0..30).rev() {
            rolling.pop(all);
            assert_eq!(rolling.level(), level_of(30, &points[points.len() - left..]), "{left} left");
        }
    }

    #[test]
    fn excluded_points_count_once_they_are_the_rule() {
        let (usual, incident) = ((10.0, false), (90.0, true));
        assert_eq!(level_of(4, &[usual, usual, incident, incident]), 10.0);
        assert_eq!(level_of(4, &[usual, usual, incident, incident, incident]), 90.0);
    }
}
