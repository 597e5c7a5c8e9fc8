//! The level of a series: a median over a rolling window, in which excluded points count only where they are the rule.

use crate::sorted::Sorted;

/// One known value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) excluded: bool,
}

/// The last of the points up to one, and their median. The points are the caller's: the same ones at each call, and
/// more of them as they become known.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    window: usize,
    first: usize,
    end: usize,
    sorted: Sorted,
    excluded: usize,
    /// Without the excluded points; none while there are none of these.
    kept: Option<Sorted>,
}

impl Rolling {
    /// Before the first point.
    pub(crate) fn new(window: usize) -> Self {
        Self { window, first: 0, end: 0, sorted: Sorted::new(window, std::iter::empty()), excluded: 0, kept: None }
    }

    /// The last of these points.
    pub(crate) fn of(window: usize, points: &[Point]) -> Self {
        let first = points.len().saturating_sub(window);
        let newest = &points[first..];
        let sorted = Sorted::new(window, newest.iter().map(|point| point.value));
        let excluded = newest.iter().filter(|point| point.excluded).count();
        let kept = (excluded > 0).then(|| without_excluded(window, newest));
        Self { window, first, end: points.len(), sorted, excluded, kept }
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.first
    }

    /// Takes in the next point; the oldest leaves a full window.
    #[inline(always)]
    pub(crate) fn push(&mut self, points: &[Point]) {
        let new = points[self.end];
        let oldest = (self.len() == self.window).then(|| points[self.first]);
        self.end += 1;
        match oldest {
            Some(oldest) => {
                self.first += 1;
                self.sorted.replace(oldest.value, new.value);
            }
            None => self.sorted.insert(new.value),
        }
        if self.excluded > 0 || new.excluded {
            self.keep(points, oldest, Some(new));
        }
    }

    /// Drops the oldest point, if there is one.
    pub(crate) fn pop(&mut self, points: &[Point]) {
        if self.len() > 0 {
            let oldest = points[self.first];
            self.first += 1;
            self.sorted.remove(oldest.value);
            if self.excluded > 0 {
                self.keep(points, Some(oldest), None);
            }
        }
    }

    /// Counts the excluded, and follows what is kept while there are some.
    #[cold]
    fn keep(&mut self, points: &[Point], gone: Option<Point>, new: Option<Point>) {
        let is_excluded = |point: Option<Point>| usize::from(point.is_some_and(|point| point.excluded));
        self.excluded = self.excluded + is_excluded(new) - is_excluded(gone);
        match &mut self.kept {
            Some(kept) if self.excluded > 0 => {
                if let Some(gone) = gone.filter(|point| !point.excluded) {
                    kept.remove(gone.value);
                }
                if let Some(new) = new.filter(|point| !point.excluded) {
                    kept.insert(new.value);
                }
            }
            kept => {
                let window = &points[self.first..self.end];
                *kept = (self.excluded > 0).then(|| without_excluded(self.window, window));
            }
        }
    }

    /// The median; none of nothing.
    #[inline(always)]
    pub(crate) fn level(&self) -> Option<f64> {
        match &self.kept {
            Some(kept) if is_exception(self.excluded, self.len()) => kept.middle(),
            _ => self.sorted.middle(),
        }
    }
}

fn without_excluded(window: usize, points: &[Point]) -> Sorted {
    Sorted::new(window, points.iter().filter(|point| !point.excluded).map(|point| point.value))
}

/// The median after each point, over a window that ends with it.
pub(crate) fn medians(window: usize, points: &[Point]) -> Vec<f64> {
    let mut medians = Vec::with_capacity(points.len());
    let mut rolling = Rolling::new(window);
    let mut next = || {
        rolling.push(points);
        rolling.level().unwrap_or(0.0)
    };
    if window > points.len() || points.iter().any(|point| point.excluded) {
        medians.extend(points.iter().map(|_| next()));
    } else {
        medians.extend(points[..window].iter().map(|_| next()));
        let values = |(old, new): (&Point, &Point)| (old.value, new.value);
        rolling.sorted.medians(points.iter().zip(&points[window..]).map(values), &mut medians);
    }
    medians
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
    values_of(points, excluded > 0 && is_exception(excluded, points.len()))
}

/// The values, with or without those of excluded points.
#[inline(never)]
pub(crate) fn values_of(points: &[Point], leave_out: bool) -> Vec<f64> {
    if leave_out {
        points.iter().filter(|point| !point.excluded).map(|point| point.value).collect()
    } else {
        points.iter().map(|point| point.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_of(window: usize, points: &[(f64, bool)]) -> Option<f64> {
        let points: Vec<_> =
            points.iter().map(|(value, excluded)| Point { value: *value, excluded: *excluded }).collect();
        let mut rolling = Rolling::new(window);
        for _ in &points {
            rolling.push(&points);
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
        let all: Vec<_> = points.iter().map(|(value, excluded)| Point { value: *value, excluded: *excluded }).collect();
        all.iter().for_each(|_| rolling.push(&all));
        for left in (0..30).rev() {
            rolling.pop(&all);
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
