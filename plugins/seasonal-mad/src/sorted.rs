//! Values in ascending order, of which one at a time comes, goes or is exchanged.
//!
//! Most windows are a few days. These lie in arrays whose free places hold a key above all others, so that what is done
//! to them is done over a fixed number of places: without branches that nobody can predict, and mostly without loops,
//! each turn of which is metered in the sandbox.

/// A value as an integer of the same order: integers are compared and chosen from without branches, natively and in
/// the sandbox, and nobody can predict which of two costs is the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(i64);

/// The values of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sorted {
    len: usize,
    places: Places,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    Few([Key; FEW]),
    /// The last place is always free.
    Some([Key; SOME]),
    Many(Vec<Key>),
}

const FEW: usize = 8;
const SOME: usize = 32;
/// Of a free place: no number has it.
const FREE: Key = Key(i64::MAX);

impl Key {
    /// The order is [`f64::total_cmp`]'s.
    #[inline(always)]
    pub(crate) fn of(value: f64) -> Self {
        Self(flipped(value.to_bits() as i64))
    }

    #[inline(always)]
    pub(crate) fn value(self) -> f64 {
        f64::from_bits(flipped(self.0) as u64)
    }
}

/// Turns the order of negative numbers, whose bits ascend as they descend; and back.
#[inline(always)]
fn flipped(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl Sorted {
    /// For up to `window` values; these are there from the beginning.
    pub(crate) fn new(window: usize, values: impl Iterator<Item = Key>) -> Self {
        let mut all = Vec::with_capacity(window);
        all.extend(values);
        all.sort_unstable();
        let len = all.len();
        let places = if window <= FEW {
            Places::Few(in_places(&all))
        } else if window < SOME {
            Places::Some(in_places(&all))
        } else {
            Places::Many(all)
        };
        Self { len, places }
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, new: Key) {
        self.len += 1;
        match &mut self.places {
            Places::Few(places) => exchange_few(places, FREE, new),
            Places::Some(places) => exchange_some(places, FREE, new),
            Places::Many(values) => values.insert(values.partition_point(|key| *key < new), new),
        }
    }

    /// Takes one value out that is there.
    #[inline(always)]
    pub(crate) fn remove(&mut self, old: Key) {
        self.len -= 1;
        match &mut self.places {
            Places::Few(places) => exchange_few(places, old, FREE),
            Places::Some(places) => exchange_some(places, old, FREE),
            Places::Many(values) => drop(values.remove(values.partition_point(|key| *key < old))),
        }
    }

    /// Puts one value in the place of another that is there.
    #[inline(always)]
    pub(crate) fn replace(&mut self, old: Key, new: Key) {
        match &mut self.places {
            Places::Few(places) => exchange_few(places, old, new),
            Places::Some(places) => exchange_some(places, old, new),
            Places::Many(values) => {
                let place = values.partition_point(|key| *key < old);
                exchange(values, place, new);
            }
        }
    }

    /// The median; none of nothing.
    #[inline(always)]
    pub(crate) fn middle(&self) -> Option<f64> {
        match &self.places {
            Places::Few(places) => middle(&places[..self.len.min(FEW)]),
            Places::Some(places) => middle(&places[..self.len.min(SOME)]),
            Places::Many(values) => middle(values),
        }
    }
}

fn in_places<const N: usize>(sorted: &[Key]) -> [Key; N] {
    let mut places = [FREE; N];
    places[..sorted.len()].copy_from_slice(sorted);
    places
}

/// Every place takes what comes to lie there, whether or not that is another.
#[inline(always)]
fn exchange_few(places: &mut [Key; FEW], old: Key, new: Key) {
    let place: usize = places.iter().map(|key| usize::from(*key < old)).sum();
    let mut larger = new;
    for i in 0..FEW - 1 {
        let next = if i < place { places[i] } else { places[i + 1] };
        places[i] = next.min(larger);
        larger = next.max(larger);
    }
    places[FEW - 1] = larger;
}

#[inline(always)]
fn exchange_some(places: &mut [Key; SOME], old: Key, new: Key) {
    let place = rank_of_some(places, old);
    exchange(places, place, new);
}

/// How many values are less. A search in halves, of which each step is the same whatever it finds.
fn rank_of_some(places: &[Key; SOME], than: Key) -> usize {
    let mut rank = 0;
    for half in [16, 8, 4, 2, 1] {
        rank += if places[(rank + half - 1) % SOME] < than { half } else { 0 };
    }
    rank
}

/// One value for that at the place: those between them move by one place.
#[inline(always)]
fn exchange(sorted: &mut [Key], mut place: usize, new: Key) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list that is sorted anew each time, in windows of every kind of place, with values that are often equal.
    #[test]
    fn values_stay_in_order() {
        let mut random = 1_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for window in [1, 2, 5, 7, 8, 9, 28, 31, 32, 33, 168] {
            let mut plain: Vec<Key> = Vec::new();
            let mut sorted = Sorted::new(window, std::iter::empty());
            for _ in 0..3_000 {
                let new = Key::of(f64::from(next(40)) - 20.0);
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
                ascending.sort_unstable();
                assert_eq!(sorted.middle(), middle(&ascending), "a window of {window}");
            }
        }
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
        assert!(keys.is_sorted() && keys.iter().all(|key| *key < FREE));
        assert_eq!(keys.map(|key| key.value().to_bits()), values.map(f64::to_bits));
    }
}
