//! A sorted window of values with insertion, removal and replacement of single values.
//!
//! Most windows hold a few days. Their values lie in fixed arrays padded with infinity, and each operation visits all
//! places, two at a time and without branches: the larger of two costs is not predictable.

use wide::{CmpLt, f64x2};

/// A value as an integer in the order of [`f64::total_cmp`]. An integer comparison takes one instruction, and the order
/// is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(i64);

/// The values of a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sorted {
    len: usize,
    places: Places,
    /// The median; 0 for no values.
    middle: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Places {
    Few([f64x2; FEW / 2]),
    Some([f64x2; SOME / 2]),
    Many(Vec<Key>),
}

/// Capacity for a working week, and for the days around a day.
const FEW: usize = 8;
/// Capacity for four weeks.
const SOME: usize = 28;
/// The content of a free place. An infinite value is equivalent to a free place.
const FREE: f64 = f64::INFINITY;

impl Key {
    #[inline(always)]
    pub(crate) fn of(value: f64) -> Self {
        Self(flipped(value.to_bits() as i64))
    }

    #[inline(always)]
    pub(crate) fn value(self) -> f64 {
        f64::from_bits(flipped(self.0) as u64)
    }
}

/// Reverses the order of negative numbers, because their bits ascend with the magnitude; also the inverse.
#[inline(always)]
fn flipped(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl Sorted {
    /// Creates a window for up to `window` values, filled with the given values.
    pub(crate) fn new(window: usize, values: impl Iterator<Item = f64>) -> Self {
        let mut all = Vec::with_capacity(window);
        all.extend(values.map(Key::of));
        all.sort_unstable();
        let len = all.len();
        let middle = middle_of_many(&all);
        let places = if window <= FEW {
            Places::Few(in_places(&all))
        } else if window <= SOME {
            Places::Some(in_places(&all))
        } else {
            Places::Many(all)
        };
        Self { len, places, middle }
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, new: f64) {
        self.len += 1;
        self.middle = match &mut self.places {
            Places::Few(places) => exchange(places, self.len, FREE, new),
            Places::Some(places) => exchange(places, self.len, FREE, new),
            Places::Many(values) => {
                let new = Key::of(new);
                values.insert(values.partition_point(|key| *key < new), new);
                middle_of_many(values)
            }
        }
    }

    /// Removes a value; the value must be present.
    #[inline(always)]
    pub(crate) fn remove(&mut self, old: f64) {
        self.len -= 1;
        self.middle = match &mut self.places {
            Places::Few(places) => exchange(places, self.len, old, FREE),
            Places::Some(places) => exchange(places, self.len, old, FREE),
            Places::Many(values) => {
                let old = Key::of(old);
                values.remove(values.partition_point(|key| *key < old));
                middle_of_many(values)
            }
        }
    }

    /// Replaces a value; the old value must be present.
    #[inline(always)]
    pub(crate) fn replace(&mut self, old: f64, new: f64) {
        self.middle = match &mut self.places {
            Places::Few(places) => exchange(places, self.len, old, new),
            Places::Some(places) => exchange(places, self.len, old, new),
            Places::Many(values) => {
                exchange_many(values, Key::of(old), Key::of(new));
                middle_of_many(values)
            }
        }
    }

    /// The median; 0 for no values.
    #[inline(always)]
    pub(crate) fn middle(&self) -> f64 {
        self.middle
    }
}

fn in_places<const N: usize>(sorted: &[Key]) -> [f64x2; N] {
    let at = |place: usize| sorted.get(place).map_or(FREE, |key| key.value());
    std::array::from_fn(|i| f64x2::new([at(2 * i), at(2 * i + 1)]))
}

/// Replaces `old` by `new` and returns the median of the resulting `len` values. Every place is rewritten, changed or
/// not.
#[inline(never)]
fn exchange<const N: usize>(places: &mut [f64x2; N], len: usize, old: f64, new: f64) -> f64 {
    let (old, new) = (f64x2::splat(old), f64x2::splat(new));
    let mut here = places[0];
    let mut before = f64x2::splat(f64::NEG_INFINITY);
    for i in 0..N {
        let ahead = places.get(i + 1).copied().unwrap_or(f64x2::splat(FREE));
        // The removal moves the values behind `old` one place down; the insertion moves the values above `new` one
        // place up.
        let rest = here.cmp_lt(old).blend(here, neighbours(here, ahead));
        places[i] = rest.fast_min(new).fast_max(neighbours(before, rest));
        before = rest;
        here = ahead;
    }
    middle(len, |place| places[place / 2].as_array_ref()[place % 2])
}

/// The last value of `these` and the first value of `those`.
#[inline(always)]
fn neighbours(these: f64x2, those: f64x2) -> f64x2 {
    f64x2::new([these.to_array()[1], those.to_array()[0]])
}

/// Replaces `old` by `new`; the values between move by one place.
fn exchange_many(sorted: &mut [Key], old: Key, new: Key) {
    let mut place = sorted.partition_point(|key| *key < old);
    // A loop instead of `copy_within`: a bulk copy calls the host, and the call takes longer than a few moves.
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

fn middle_of_many(sorted: &[Key]) -> f64 {
    middle(sorted.len(), |place| sorted[place].value())
}

/// The median of `len` values in ascending order; 0 for no values.
#[inline(always)]
fn middle(len: usize, at: impl Fn(usize) -> f64) -> f64 {
    match len {
        0 => 0.0,
        len if len.is_multiple_of(2) => between(at(len / 2 - 1), at(len / 2)),
        len => at(len / 2),
    }
}

/// The midpoint of two numbers.
#[inline(always)]
pub(crate) fn between(a: f64, b: f64) -> f64 {
    // The sum of two large numbers could overflow.
    0.5 * a + 0.5 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with a freshly sorted list, for windows of every kind of place and many equal values.
    #[test]
    fn values_stay_in_order() {
        let mut random = 1_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for window in [1, 2, 5, 7, 8, 9, 28, 31, 32, 33, 168] {
            let mut plain: Vec<f64> = Vec::new();
            let mut sorted = Sorted::new(window, std::iter::empty());
            for _ in 0..3_000 {
                let new = [f64::from(next(40)) - 20.0, f64::INFINITY][usize::from(next(40) == 0)];
                match next(8) {
                    0 if !plain.is_empty() => sorted.remove(plain.swap_remove(next(plain.len() as u32) as usize)),
                    _ if plain.len() < window => {
                        sorted.insert(new);
                        plain.push(new);
                    }
                    _ => {
                        let place = next(plain.len() as u32) as usize;
                        sorted.replace(plain[place], new);
                        plain[place] = new;
                    }
                }
                let anew = Sorted::new(window, plain.iter().copied());
                assert_eq!(sorted, anew, "a window of {window}");
                let mut ascending = plain.clone();
                ascending.sort_unstable_by(f64::total_cmp);
                let half = ascending.len() / 2;
                let middle = ascending.get(half).map_or(0.0, |upper| {
                    if ascending.len().is_multiple_of(2) { between(ascending[half - 1], *upper) } else { *upper }
                });
                assert_eq!(sorted.middle(), middle, "a window of {window}");
            }
        }
    }

    #[test]
    fn keys_have_the_order_of_their_values() {
        let values = [f64::NEG_INFINITY, -2.5, -1e-300, -0.0, 0.0, 1e-300, 1.0, 2.5, f64::INFINITY];
        let keys = values.map(Key::of);
        assert!(keys.is_sorted());
        assert_eq!(keys.map(|key| key.value().to_bits()), values.map(f64::to_bits));
    }
}
