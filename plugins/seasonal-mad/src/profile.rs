//! The usual cost of each phase of a season, relative to the level.
//!
//! Adjacent phases are processed in pairs without branches: two phases are neighbours in each season.

use wide::{CmpLt, f64x2};

use crate::lanes::{self, two};
use crate::level::{Points, is_exception, medians_around};
use crate::sorted::between;

/// Maximum number of seasons for the sorting by places: 90 days of a fit hold at most 14 weeks. The places hold the
/// lowest values up to the median and one more.
const FEW_SEASONS: usize = 14;
const FEW_PLACES: usize = FEW_SEASONS / 2 + 1;
/// Marks a season without a learnable point. Sorts above all values.
const NONE: f64 = f64::INFINITY;

/// The cost of each phase as a multiple of the level.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The factor of each phase.
    pub(crate) factors: Vec<f64>,
    /// For each point, the factor of its phase.
    pub(crate) own: Vec<f64>,
    /// For each point, the factor of its phase from the other points of the phase, so no point explains itself. `None`
    /// if equal to `own`.
    without_own: Option<Vec<f64>>,
}

/// One row per season with one cell per phase, padded to an even width.
struct Table {
    width: usize,
    cells: Vec<f64>,
    /// The cell index of each point.
    places: Vec<usize>,
}

/// The median of a phase, and the medians without one value. At most three of these medians differ.
#[derive(Debug, Clone, Copy)]
struct Middle {
    median: f64,
    /// Values above the first bound use the second median; values above the second bound use the third median.
    bounds: [f64; 2],
    without: [f64; 3],
}

impl Profile {
    pub(crate) fn flat(points: usize) -> Self {
        Self { factors: vec![1.0], own: vec![1.0; points], without_own: None }
    }

    /// Classical decomposition with medians: divides each point by the median of the season around the point, and takes
    /// the median ratio of each phase.
    #[inline(never)]
    pub(crate) fn learn(points: Points<'_>, phases: &[usize], period: usize, least_unit: f64) -> Self {
        let mut table = Table::of(&ratios(points, period / 2, least_unit), phases, period);
        let left_out = if points.has_excluded() { exceptions(points, phases, period) } else { Vec::new() };
        for i in &left_out {
            // An excluded point leaves its cell empty.
            table.cells[table.places[*i]] = NONE;
        }
        let mut factors = table.replace_by_medians_without();
        factors.truncate(period);
        let own: Vec<f64> = phases.iter().map(|phase| factors[*phase]).collect();
        let mut without_own: Vec<f64> = table.places.iter().map(|place| table.cells[*place]).collect();
        for i in left_out {
            without_own[i] = own[i];
        }
        Self { factors, own, without_own: Some(without_own) }
    }

    pub(crate) fn without_own(&self) -> &[f64] {
        self.without_own.as_ref().unwrap_or(&self.own)
    }
}

impl Table {
    #[inline(never)]
    fn of(ratios: &[f64], phases: &[usize], period: usize) -> Self {
        let width = period.next_multiple_of(2);
        let (mut row, mut next) = (0, 0);
        let place = |phase: &usize| {
            // A phase that is not above the previous phase starts a new season.
            row += if *phase < next { width } else { 0 };
            next = phase + 1;
            row + phase
        };
        let places: Vec<usize> = phases.iter().map(place).collect();
        let mut cells = vec![NONE; if phases.is_empty() { 0 } else { row + width }];
        for (place, ratio) in places.iter().zip(ratios) {
            cells[*place] = *ratio;
        }
        Self { width, cells, places }
    }

    /// Replaces each value by the median of the other values in its column. Returns the medians of the columns.
    #[inline(never)]
    fn replace_by_medians_without(&mut self) -> Vec<f64> {
        let mut factors = Vec::with_capacity(self.width);
        let rows = self.cells.len() / self.width;
        for column in (0..self.width).step_by(2) {
            let both = if rows <= FEW_SEASONS { self.few(column) } else { self.many(column) };
            factors.extend(both.map(|middle| middle.median));
            let [left, right] = both;
            let [low, high] = [0, 1].map(|i| f64x2::new([left.bounds[i], right.bounds[i]]));
            let [first, second, third] = [0, 1, 2].map(|i| f64x2::new([left.without[i], right.without[i]]));
            for row in self.cells.chunks_exact_mut(self.width) {
                let own = two(&row[column..]);
                let without = low.cmp_lt(own).blend(high.cmp_lt(own).blend(third, second), first);
                row[column..column + 2].copy_from_slice(without.as_array_ref());
            }
        }
        factors
    }

    /// Two columns of a table with few rows.
    #[inline(always)]
    fn few(&self, column: usize) -> [Middle; 2] {
        let mut places = [f64x2::splat(NONE); FEW_PLACES];
        let mut count = f64x2::ZERO;
        for row in self.cells.chunks_exact(self.width) {
            let mut next = two(&row[column..]);
            count += next.cmp_lt(f64x2::splat(NONE)).blend(f64x2::splat(1.0), f64x2::ZERO);
            for place in &mut places {
                let here = *place;
                *place = here.fast_min(next);
                next = here.fast_max(next);
            }
        }
        let count = count.to_array();
        [0, 1].map(|i| Middle::of(&places.map(|place| place.to_array()[i]), count[i] as usize))
    }

    #[inline(never)]
    fn many(&self, column: usize) -> [Middle; 2] {
        [column, column + 1].map(|column| {
            let cells = self.cells.chunks_exact(self.width).map(|row| row[column]);
            let mut values: Vec<f64> = cells.filter(|cell| *cell < NONE).collect();
            values.sort_unstable_by(f64::total_cmp);
            Middle::of(&values, values.len())
        })
    }
}

impl Middle {
    /// The lowest values in ascending order must cover half of `count` values and two more. The median of no values is
    /// 1, and so is the median without an only value.
    #[inline(always)]
    fn of(lowest: &[f64], count: usize) -> Self {
        let half = count / 2;
        let mut own = Self { median: 1.0, bounds: [0.0; 2], without: [1.0; 3] };
        if count == 1 {
            own.median = lowest[0];
        } else if count > 0 && count.is_multiple_of(2) {
            let (low, high) = (lowest[half - 1], lowest[half]);
            own = Self { median: between(low, high), bounds: [low; 2], without: [high, high, low] };
        } else if count > 0 {
            let (low, mid, high) = (lowest[half - 1], lowest[half], lowest[half + 1]);
            let without = [between(mid, high), between(low, high), between(low, mid)];
            own = Self { median: mid, bounds: [low, mid], without };
        }
        own
    }
}

/// The excluded points of phases with at most half of their points excluded.
#[cold]
fn exceptions(points: Points<'_>, phases: &[usize], period: usize) -> Vec<usize> {
    let mut counts = vec![(0, 0); period];
    for (i, phase) in phases.iter().enumerate() {
        let (excluded, all) = &mut counts[*phase];
        *excluded += usize::from(points.is_excluded(i));
        *all += 1;
    }
    let is_left_out = |i: &usize| {
        let (excluded, all) = counts[phases[*i]];
        points.is_excluded(*i) && is_exception(excluded, all)
    };
    (0..points.len()).filter(is_left_out).collect()
}

/// Each point divided by the median of `half` points on either side and the point itself.
#[inline(never)]
fn ratios(points: Points<'_>, half: usize, least_unit: f64) -> Vec<f64> {
    let around = medians_around(half, points);
    lanes::map([points.values, &around], |[value, around]| lanes::over(value, lanes::units(around, least_unit), 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(values: &[f64], excluded: &[bool], period: usize) -> Profile {
        let phases: Vec<_> = (0..values.len()).map(|i| i % period).collect();
        Profile::learn(Points::new(values, excluded), &phases, period, 0.0)
    }

    #[test]
    fn a_profile_is_what_repeats() {
        let mut values: Vec<_> = (0..70).map(|i| if i % 7 == 5 { 50.0 } else { 100.0 }).collect();
        values[12] = 5_000.0;
        let profile = learn(&values, &[], 7);
        assert!((profile.factors[5] - 0.5).abs() < 0.05, "{:?}", profile.factors);
        assert_eq!(profile.factors[0], 1.0);
        assert_eq!(profile.own[12], profile.factors[5]);
        assert_eq!(profile.without_own()[12], profile.without_own()[19]);
    }

    #[test]
    fn a_median_can_leave_one_out() {
        let cells = [[1.0, 3.0], [2.0, 1.0], [3.0, 2.0], [10.0, NONE]];
        let mut table = Table { width: 2, cells: cells.concat(), places: Vec::new() };
        assert_eq!(table.replace_by_medians_without(), [2.5, 2.0]);
        assert_eq!(table.cells[..6], [3.0, 1.5, 3.0, 2.5, 2.0, 2.0]);
        assert_eq!(table.cells[6], 2.0);
        for (cells, median, without) in [(vec![], 1.0, None), (vec![4.0], 4.0, Some(1.0))] {
            let middle = Middle::of(&cells, cells.len());
            assert_eq!((middle.median, cells.first().map(|_| middle.without[0])), (median, without), "{cells:?}");
        }
    }

    /// Tables with few rows and with many rows use different algorithms with the same result.
    #[test]
    fn few_seasons_are_like_many() {
        for rows in 1..=FEW_SEASONS {
            let cell = |i: usize| if i % 11 == 3 { NONE } else { (i * 37 % 23) as f64 };
            let table = Table { width: 4, cells: (0..4 * rows).map(cell).collect(), places: Vec::new() };
            for column in [0, 2] {
                assert_eq!(format!("{:?}", table.few(column)), format!("{:?}", table.many(column)), "{rows} rows");
            }
        }
    }

    #[test]
    fn exceptions_teach_nothing() {
        let values: Vec<_> = (0..70).map(|i| if i % 7 == 5 && i < 28 { 900.0 } else { 100.0 }).collect();
        let excluded: Vec<_> = values.iter().map(|value| *value > 100.0).collect();
        let profile = learn(&values, &excluded, 7);
        assert_eq!(profile.factors, [1.0; 7]);
        assert_eq!(profile.without_own(), [1.0; 70]);
    }
}
