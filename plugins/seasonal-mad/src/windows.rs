//! Medians of short windows, two windows at a time and without branches. Each median is selected from its own window,
//! so no window waits for the result of another window.

use wide::f64x2;

use crate::lanes::two;
use crate::sorted::between;

/// Whether a window is short: a working week, or the days around a day.
pub(crate) fn are_short(window: usize) -> bool {
    matches!(window, 5 | 7)
}

/// The median of the window that ends with each value. The first windows are partial; `values` must fill at least one
/// window.
#[inline(never)]
pub(crate) fn up_to(window: usize, values: &[f64]) -> Vec<f64> {
    of(window, values, 1, window)
}

/// The median of the window around each value. The first and last windows are partial; `values` must fill at least one
/// window.
#[inline(never)]
pub(crate) fn around(window: usize, values: &[f64]) -> Vec<f64> {
    let half = window / 2 + 1;
    of(window, values, half, half)
}

/// The medians of windows that grow from `first` values, move, and shrink to `last` values.
#[inline(always)]
fn of(window: usize, values: &[f64], first: usize, last: usize) -> Vec<f64> {
    match window {
        5 => each(values, first, last, of_five),
        7 => each(values, first, last, of_seven),
        _ => unreachable!("windows of {window} are not short"),
    }
}

#[inline(always)]
fn each<const N: usize>(
    values: &[f64],
    first: usize,
    last: usize,
    median: impl Fn([f64x2; N]) -> f64x2 + Copy,
) -> Vec<f64> {
    let count = values.len();
    let whole = count + 1 - N;
    // An odd number of whole windows leaves one window without a partner: handle the first window alone.
    let odd = whole % 2;
    let mut medians = Vec::with_capacity(count);
    medians.extend((first..N + odd).map(|part| of_part(&values[..part], median)));
    medians.extend((0..whole / 2).flat_map(|pair| {
        let values = &values[odd + 2 * pair..][..N + 1];
        median(std::array::from_fn(|i| two(&values[i..]))).to_array()
    }));
    medians.extend((last..N).rev().map(|part| of_part(&values[count - part..], median)));
    medians
}

/// The median of a partial window. Missing values are padded with equal numbers of negative and positive infinities.
/// The last padding of an odd number is negative in one lane and positive in the other, so the lanes hold the two
/// middle values.
#[inline(always)]
fn of_part<const N: usize>(values: &[f64], median: impl Fn([f64x2; N]) -> f64x2) -> f64 {
    let mut window = [f64x2::new([f64::NEG_INFINITY, f64::INFINITY]); N];
    let (known, lacking) = window.split_at_mut(values.len());
    known.iter_mut().zip(values).for_each(|(place, value)| *place = f64x2::splat(*value));
    for pair in lacking.chunks_exact_mut(2) {
        pair.copy_from_slice(&[f64x2::splat(f64::NEG_INFINITY), f64x2::splat(f64::INFINITY)]);
    }
    let [low, high] = median(window).to_array();
    between(low, high)
}

/// The median of five: the median of `e`, the larger of both pair minima and the smaller of both pair maxima.
#[inline(always)]
fn of_five([a, b, c, d, e]: [f64x2; 5]) -> f64x2 {
    let low = a.fast_min(b).fast_max(c.fast_min(d));
    let high = a.fast_max(b).fast_min(c.fast_max(d));
    low.fast_min(high).fast_max(low.fast_max(high).fast_min(e))
}

/// The median of seven. Source of the exchanges: Devillard, "Fast Median Search: An ANSI C Implementation", 1998.
#[inline(always)]
fn of_seven(mut values: [f64x2; 7]) -> f64x2 {
    const EXCHANGES: [(usize, usize); 13] =
        [(0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)];
    for (low, high) in EXCHANGES {
        let (a, b) = (values[low], values[high]);
        (values[low], values[high]) = (a.fast_min(b), a.fast_max(b));
    }
    values[3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sorted::Sorted;

    /// A selection by exchanges is correct for all values if correct for zeros and ones.
    #[test]
    fn each_window_has_its_median() {
        for window in [5, 7] {
            for count in window..window + 4 {
                for bits in 0..1_u32 << count {
                    let values: Vec<f64> = (0..count).map(|i| f64::from(bits >> i & 1)).collect();
                    let median = |first: usize, end: usize| {
                        let window = Sorted::new(window, values[first..end.min(count)].iter().copied());
                        window.middle()
                    };
                    let expect: Vec<f64> = (0..count).map(|i| median((i + 1).saturating_sub(window), i + 1)).collect();
                    assert_eq!(up_to(window, &values), expect, "{values:?}");
                    let half = window / 2;
                    let expect: Vec<f64> = (0..count).map(|i| median(i.saturating_sub(half), i + half + 1)).collect();
                    assert_eq!(around(window, &values), expect, "{values:?}");
                }
            }
        }
    }
}
