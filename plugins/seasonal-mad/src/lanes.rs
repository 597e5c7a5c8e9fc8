//! Operations on two numbers at a time.

use wide::{CmpGt, f64x2};

/// The first two values.
#[inline(always)]
pub(crate) fn two(values: &[f64]) -> f64x2 {
    bytemuck::pod_read_unaligned(bytemuck::cast_slice(&values[..2]))
}

/// Maps lists of equal length element by element, two elements at a time.
#[inline(always)]
pub(crate) fn map<const N: usize>(lists: [&[f64]; N], of: impl Fn([f64x2; N]) -> f64x2) -> Vec<f64> {
    let count = lists[0].len();
    let mut mapped = Vec::with_capacity(count);
    mapped.extend((0..count / 2).flat_map(|pair| of(lists.map(|list| two(&list[2 * pair..]))).to_array()));
    if !count.is_multiple_of(2) {
        // The last element of an odd count runs in both lanes.
        mapped.push(of(lists.map(|list| f64x2::splat(list[count - 1]))).to_array()[0]);
    }
    mapped
}

/// The units of deviations from levels.
#[inline(always)]
pub(crate) fn units(levels: f64x2, least: f64) -> f64x2 {
    levels.abs().fast_max(f64x2::splat(least))
}

/// The quotient; `or` for a unit of 0.
#[inline(always)]
pub(crate) fn over(value: f64x2, unit: f64x2, or: f64) -> f64x2 {
    unit.cmp_gt(f64x2::ZERO).blend(value / unit, f64x2::splat(or))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_mapped() {
        for count in 0..6 {
            let [a, b]: [Vec<f64>; 2] = [1.0, 10.0].map(|by| (0..count).map(|i| by * f64::from(i)).collect());
            let sums: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            assert_eq!(map([&a, &b], |[a, b]| a + b), sums);
        }
    }

    #[test]
    fn nothing_is_no_measure() {
        let over = over(f64x2::splat(6.0), f64x2::new([2.0, 0.0]), 1.0);
        assert_eq!(over.to_array(), [3.0, 1.0]);
    }
}
