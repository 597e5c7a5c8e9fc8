//! The medians of short windows, two windows at a time and without branches: each is chosen from its own values, so that
//! no window waits for the one before it.

use wide::f64x2;

use crate::lanes::two;

/// Windows that are chosen from in this way: a working week, and the days around one.
pub(crate) fn are_short(window: usize) -> bool {
    matches!(window, 5 | 7)
}

/// Appends the median of each window, of which there must be an even number.
#[inline(never)]
pub(crate) fn append(window: usize, values: &[f64], medians: &mut Vec<f64>) {
    match window {
        5 => append_each(values, of_five, medians),
        7 => append_each(values, of_seven, medians),
        _ => unreachable!("windows of {window} are not short"),
    }
}

#[inline(always)]
fn append_each<const N: usize>(values: &[f64], median: impl Fn([f64x2; N]) -> f64x2, medians: &mut Vec<f64>) {
    let pairs = (values.len() + 1 - N) / 2;
    medians.extend((0..pairs).flat_map(|pair| {
        let values = &values[2 * pair..][..N + 1];
        median(std::array::from_fn(|i| two(&values[i..]))).to_array()
    }));
}

/// The greater of the lower halves, the lower of the greater ones, and the fifth between them.
#[inline(always)]
fn of_five([a, b, c, d, e]: [f64x2; 5]) -> f64x2 {
    let low = a.fast_min(b).fast_max(c.fast_min(d));
    let high = a.fast_max(b).fast_min(c.fast_max(d));
    low.fast_min(high).fast_max(low.fast_max(high).fast_min(e))
}

/// Source of the exchanges: Devillard, "Fast Median Search: An ANSI C Implementation", 1998.
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

    /// A choice by exchanges is right for all values if it is for zeros and ones.
    #[test]
    fn each_window_has_its_median() {
        for window in [5, 7] {
            for count in [window + 1, window + 3] {
                for bits in 0..1_u32 << count {
                    let values: Vec<f64> = (0..count).map(|i| f64::from(bits >> i & 1)).collect();
                    let one_by_one = values.windows(window).map(|values| {
                        Sorted::new(window, values.iter().copied()).middle().expect("a window is not empty")
                    });
                    let mut medians = Vec::new();
                    append(window, &values, &mut medians);
                    assert_eq!(medians, one_by_one.collect::<Vec<_>>(), "{values:?}");
                }
            }
        }
    }
}
