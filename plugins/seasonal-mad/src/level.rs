//! The level of a series: a median over a rolling window, in which excluded points count only where they are the rule.

use std::collections::VecDeque;

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
    sorted: Vec<f64>,
    excluded: usize,
    /// Sorted too, without the excluded points; empty while there are none.
    kept: Vec<f64>,
}

impl Rolling {
    pub(crate) fn new(window: usize) -> Self {
        let (order, sorted) = (VecDeque::with_capacity(window), Vec::with_capacity(window));
        Self { window, order, sorted, excluded: 0, kept: Vec::new() }
    }

    /// The last of these points.
    pub(crate) fn of(window: usize, points: &[Point]) -> Self {
        let newest = &points[points.len().saturating_sub(window)..];
        let mut rolling = Self::new(window);
        rolling.order.extend(newest);
        rolling.sorted.extend(newest.iter().map(|point| point.value));
        rolling.sorted.sort_unstable_by(f64::total_cmp);
        rolling.excluded = newest.iter().filter(|point| point.excluded).count();
        rolling.kept = rolling.without_excluded();
        rolling
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds the newest point; the oldest leaves a full window.
    pub(crate) fn push(&mut self, point: Point) {
        let oldest = if self.order.len() == self.window { self.order.pop_front() } else { None };
        match oldest {
            Some(oldest) => self.replace(oldest.value, point.value),
            None => insert(&mut self.sorted, point.value),
        }
        self.order.push_back(point);
        self.keep(oldest, Some(point));
    }

    /// Drops the oldest point, if there is one.
    pub(crate) fn pop(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            remove(&mut self.sorted, oldest.value);
            self.keep(Some(oldest), None);
        }
    }

    /// Counts the excluded, and follows what is kept while there are some.
    fn keep(&mut self, gone: Option<Point>, new: Option<Point>) {
        let is_excluded = |point: Option<Point>| usize::from(point.is_some_and(|point| point.excluded));
        let before = self.excluded;
        self.excluded = before + is_excluded(new) - is_excluded(gone);
        match (before, self.excluded) {
            (0, 0) => {}
            (_, 0) | (0, _) => self.kept = self.without_excluded(),
            _ => {
                if let Some(gone) = gone.filter(|point| !point.excluded) {
                    remove(&mut self.kept, gone.value);
                }
                if let Some(new) = new.filter(|point| !point.excluded) {
                    insert(&mut self.kept, new.value);
                }
            }
        }
    }

    fn without_excluded(&self) -> Vec<f64> {
        if self.excluded == 0 {
            return Vec::new();
        }
        let mut kept: Vec<f64> = self.order.iter().filter(|point| !point.excluded).map(|point| point.value).collect();
        kept.sort_unstable_by(f64::total_cmp);
        kept
    }

    /// One value for another: those between them move by one place.
    fn replace(&mut self, old: f64, new: f64) {
        // Move by move: to copy within memory calls the host, which takes longer than these few.
        let mut place = rank(&self.sorted, old);
        let sorted = &mut self.sorted[..];
        while place + 1 < sorted.len() && sorted[place + 1] < new {
            sorted[place] = sorted[place + 1];
            place += 1;
        }
        while place > 0 && sorted[place - 1] > new {
            sorted[place] = sorted[place - 1];
            place -= 1;
        }
        sorted[place] = new;
    }

    /// The median; none of nothing.
    pub(crate) fn level(&self) -> Option<f64> {
        if self.excluded == 0 || !is_exception(self.excluded, self.order.len()) {
            return middle(&self.sorted);
        }
        middle(&self.kept)
    }
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

/// The median of ascending values.
pub(crate) fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    Some(if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], upper) } else { upper })
}

/// The median of ascending values without one that is equal to `own`.
pub(crate) fn middle_without(sorted: &[f64], own: f64) -> Option<f64> {
    let place = rank(sorted, own);
    let at = |i: usize| sorted.get(if i < place { i } else { i + 1 }).copied();
    let rest = sorted.len() - 1;
    let upper = at(rest / 2)?;
    Some(if rest.is_multiple_of(2) { f64::midpoint(at(rest / 2 - 1)?, upper) } else { upper })
}

fn insert(sorted: &mut Vec<f64>, value: f64) {
    let place = rank(sorted, value);
    sorted.insert(place, value);
}

/// Takes one value out that is there.
fn remove(sorted: &mut Vec<f64>, value: f64) {
    let place = rank(sorted, value);
    sorted.remove(place);
}

/// How many values are less. In a few values counting is faster than a search, whose branches nobody can predict.
fn rank(sorted: &[f64], than: f64) -> usize {
    if sorted.len() <= 32 {
        sorted.iter().filter(|value| **value < than).count()
    } else {
        sorted.partition_point(|value| *value < than)
    }
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

    #[test]
    fn a_median_can_leave_one_out() {
        let sorted = [1.0, 2.0, 3.0, 10.0];
        for (own, expect) in [(1.0, 3.0), (3.0, 2.0), (10.0, 2.0)] {
            assert_eq!(middle_without(&sorted, own), Some(expect), "{own}");
        }
        assert_eq!(middle_without(&sorted[..3], 2.0), Some(2.0));
        assert_eq!(middle_without(&sorted[..1], 1.0), None);
    }
}
