//! Access to the points of a cost series: civil times, known points and learnable points.

use crate::Series;
use crate::calendar::{Date, Weekday};

const DAY: i64 = 86_400;

impl Series {
    /// A test series of daily points from a civil day at UTC, with the id `test`.
    ///
    /// # Panics
    /// If the date is not like `2026-01-31`.
    #[must_use]
    pub fn daily(from: &str, values: impl Into<Vec<f64>>) -> Self {
        Self::stepped(from, 86_400, values)
    }

    /// A test series of hourly points from the first hour of a civil day at UTC, with the id `test`.
    ///
    /// # Panics
    /// If the date is not like `2026-01-31`.
    #[must_use]
    pub fn hourly(from: &str, values: impl Into<Vec<f64>>) -> Self {
        Self::stepped(from, 3_600, values)
    }

    /// Moves the series to another time zone and keeps the civil times.
    #[must_use]
    pub fn at_utc_offset(mut self, seconds: i32) -> Self {
        self.start += i64::from(self.utc_offset) - i64::from(seconds);
        self.utc_offset = seconds;
        self
    }

    /// Changes the id of the series.
    #[must_use]
    pub fn named(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// Excludes points: known incidents and planned events.
    #[must_use]
    pub fn excluding(mut self, indices: impl IntoIterator<Item = u32>) -> Self {
        self.excluded.extend(indices);
        self.excluded.sort_unstable();
        self.excluded.dedup();
        self
    }

    /// The number of points, known and unknown.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the series has no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The start of point `i` in seconds since 1970-01-01 00:00 in the billing time zone. `i` may lie past the end.
    #[must_use]
    #[inline]
    pub fn local_seconds(&self, i: usize) -> i64 {
        self.start + i64::from(self.utc_offset) + i as i64 * i64::from(self.step)
    }

    /// The civil day of point `i`.
    #[must_use]
    pub fn date(&self, i: usize) -> Date {
        Date::from_days(self.local_seconds(i).div_euclid(DAY))
    }

    /// The weekday of point `i`.
    #[must_use]
    pub fn weekday(&self, i: usize) -> Weekday {
        Weekday::from_days(self.local_seconds(i).div_euclid(DAY))
    }

    /// The hour of point `i`, 0 to 23.
    #[must_use]
    pub fn hour(&self, i: usize) -> u8 {
        (self.local_seconds(i).rem_euclid(DAY) / 3_600) as u8
    }

    /// Index and value of each known point. A value that is not finite is unknown.
    #[inline]
    pub fn known(&self) -> impl Iterator<Item = (usize, f64)> {
        self.known_from(0)
    }

    /// Index and value of each known point from point `first` on.
    #[inline]
    pub(crate) fn known_from(&self, first: usize) -> impl Iterator<Item = (usize, f64)> {
        self.values.iter().copied().enumerate().skip(first).filter(|(_, value)| value.is_finite())
    }

    /// Whether point `i` is a known incident or planned event.
    #[must_use]
    #[inline]
    pub fn is_excluded(&self, i: usize) -> bool {
        // Most series have no excluded points, and callers ask for every point.
        !self.excluded.is_empty() && u32::try_from(i).is_ok_and(|i| self.excluded.binary_search(&i).is_ok())
    }

    /// Index and value of each learnable point: known, and neither an incident nor a planned event.
    #[inline]
    pub fn learnable(&self) -> impl Iterator<Item = (usize, f64)> {
        self.known().filter(|(i, _)| !self.is_excluded(*i))
    }

    /// The values of [`Self::known`].
    #[must_use]
    pub fn known_values(&self) -> Vec<f64> {
        // Most series have no unknown points.
        if self.values.iter().all(|value| value.is_finite()) {
            return self.values.clone();
        }
        self.known().map(|(_, value)| value).collect()
    }

    /// The values of [`Self::learnable`].
    #[must_use]
    pub fn learnable_values(&self) -> Vec<f64> {
        if self.excluded.is_empty() {
            return self.known_values();
        }
        self.learnable().map(|(_, value)| value).collect()
    }

    /// A series at any step from the start of a civil day at UTC.
    pub(crate) fn stepped(from: &str, step: u32, values: impl Into<Vec<f64>>) -> Self {
        let date = Date::parse(from).expect("the date of a series is like 2026-01-31");
        Self {
            id: "test".to_owned(),
            start: date.days() * DAY,
            utc_offset: 0,
            step,
            values: values.into(),
            excluded: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_in_the_billing_time_zone() {
        let series = Series::hourly("2026-11-23", vec![0.0; 48]).at_utc_offset(32_400);
        assert_eq!(series.start % DAY, DAY - 32_400);
        assert_eq!((series.date(0).day, series.hour(0), series.weekday(0)), (23, 0, Weekday::Monday));
        assert_eq!((series.date(25).day, series.hour(25), series.weekday(25)), (24, 1, Weekday::Tuesday));
    }

    #[test]
    fn what_is_known_from_a_point_on() {
        let series = Series::daily("2026-01-01", [1.0, f64::NAN, 3.0, f64::INFINITY, 5.0]);
        let from = |first: usize| series.known_from(first).collect::<Vec<_>>();
        assert_eq!(from(1), [(2, 3.0), (4, 5.0)]);
        assert_eq!(from(2), [(2, 3.0), (4, 5.0)]);
        assert_eq!(from(5), from(9));
        assert_eq!(from(9), []);
    }

    #[test]
    fn unknown_and_excluded_points_are_passed_over() {
        let values = vec![0.0, f64::NAN, 2.0, f64::INFINITY, 4.0, 5.0];
        let series = Series::daily("2026-01-01", values).excluding([4, 0, 1]);
        assert_eq!(series.known().map(|(i, _)| i).collect::<Vec<_>>(), [0, 2, 4, 5]);
        assert_eq!(series.learnable().collect::<Vec<_>>(), [(2, 2.0), (5, 5.0)]);
        assert_eq!((series.known_values(), series.learnable_values()), (vec![0.0, 2.0, 4.0, 5.0], vec![2.0, 5.0]));
    }
}
