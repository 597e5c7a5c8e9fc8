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
    sorted: Vec<Key>,
    excluded: usize,
    /// Sorted too, without the excluded points; empty while there are none.
    kept: Vec<Key>,
}

/// A value as an integer of the same order: integers are compared and chosen from without branches, natively and in
/// the sandbox, and nobody can predict which of two costs is the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(i64);

/// Windows up to this size are kept in order by going over all of them.
const SMALL: usize = 8;

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
        rolling.sorted.extend(newest.iter().map(|point| Key::of(point.value)));
        rolling.sorted.sort_unstable();
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
            Some(oldest) => self.replace(Key::of(oldest.value), Key::of(point.value)),
            None => insert(&mut self.sorted, Key::of(point.value)),
        }
        self.order.push_back(point);
        self.keep(oldest, Some(point));
    }

    /// Drops the oldest point, if there is one.
    pub(crate) fn pop(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            remove(&mut self.sorted, Key::of(oldest.value));
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
                    remove(&mut self.kept, Key::of(gone.value));
                }
                if let Some(new) = new.filter(|point| !point.excluded) {
                    insert(&mut self.kept, Key::of(new.value));
                }
            }
        }
    }

    fn without_excluded(&self) -> Vec<Key> {
        if self.excluded == 0 {
            return Vec::new();
        }
        let kept = self.order.iter().filter(|point| !point.excluded);
        let mut kept: Vec<Key> = kept.map(|point| Key::of(point.value)).collect();
        kept.sort_unstable();
        kept
    }

    /// One value for another: those between them move by one place.
    fn replace(&mut self, old: Key, new: Key) {
        let sorted = &mut self.sorted[..];
        let mut place = rank(sorted, old);
        if sorted.len() <= SMALL {
            let last = sorted.len() - 1;
            let mut larger = new;
            for i in 0..last {
                let next = if i < place { sorted[i] } else { sorted[i + 1] };
                sorted[i] = next.min(larger);
                larger = next.max(larger);
            }
            sorted[last] = larger;
            return;
        }
        // Move by move: to copy within memory calls the host, which takes longer than these few.
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

impl Key {
    /// The order is [`f64::total_cmp`]'s.
    pub(crate) fn of(value: f64) -> Self {
        Self(flipped(value.to_bits() as i64))
    }

    pub(crate) fn value(self) -> f64 {
        f64::from_bits(flipped(self.0) as u64)
    }
}

/// Turns the order of negative numbers, whose bits ascend as they descend; and back.
fn flipped(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
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

/// The median of ascending values.
pub(crate) fn middle(sorted: &[Key]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = sorted.get(half)?.value();
    Some(if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1].value(), upper) } else { upper })
}

/// The median of ascending values without one that is equal to `own`, which is among them.
pub(crate) fn middle_without(sorted: &[Key], own: Key) -> Option<f64> {
    let at = |i: usize| {
        let next = sorted.get(i + 1)?;
        Some(if sorted[i] < own { sorted[i] } else { *next }.value())
    };
    let rest = sorted.len() - 1;
    let upper = at(rest / 2)?;
    Some(if rest.is_multiple_of(2) { f64::midpoint(at(rest / 2 - 1)?, upper) } else { upper })
}

fn insert(sorted: &mut Vec<Key>, value: Key) {
    let place = rank(sorted, value);
    sorted.insert(place, value);
}

/// Takes one value out that is there.
fn remove(sorted: &mut Vec<Key>, value: Key) {
    let place = rank(sorted, value);
    sorted.remove(place);
}

/// How many values are less. In a few values counting is faster than a search, whose branches nobody can predict.
fn rank(sorted: &[Key], than: Key) -> usize {
    if sorted.len() <= 32 {
        sorted.iter().map(|key| usize::from(*key < than)).sum()
    } else {
        sorted.partition_point(|key| *key < than)
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
        let sorted = [1.0, 2.0, 3.0, 10.0].map(Key::of);
        for (own, expect) in [(1.0, 3.0), (3.0, 2.0), (10.0, 2.0)] {
            assert_eq!(middle_without(&sorted, Key::of(own)), Some(expect), "{own}");
        }
        assert_eq!(middle_without(&sorted[..3], Key::of(2.0)), Some(2.0));
        assert_eq!(middle_without(&sorted[..1], Key::of(1.0)), None);
    }

    #[test]
    fn keys_have_the_order_of_their_values() {
        let values = [f64::NEG_INFINITY, -2.5, -1e-300, -0.0, 0.0, 1e-300, 1.0, 2.5, f64::INFINITY];
        let keys = values.map(Key::of);
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| key.value().to_bits()), values.map(f64::to_bits));
    }
}
