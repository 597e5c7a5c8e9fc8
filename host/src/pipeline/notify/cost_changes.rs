//! The differences of the series between two bills.

use std::collections::BTreeMap;

use model::series::{Names, SeriesKey};
use notify::CostChange;

/// The cost of a series in a bill.
pub(super) struct SeriesCost<'a> {
    pub(super) key: &'a SeriesKey,
    pub(super) names: &'a Names,
    /// NaN if not known.
    pub(super) cost: f64,
}

/// Returns the series with a difference, the largest difference first. A series without a row costs 0. A series with an
/// unknown cost has no difference.
pub(super) fn cost_changes<'a>(
    earlier: impl Iterator<Item = SeriesCost<'a>>,
    later: impl Iterator<Item = SeriesCost<'a>>,
) -> Vec<CostChange> {
    let negative = earlier.map(|one| SeriesCost { cost: -one.cost, ..one });
    let mut changes: BTreeMap<&SeriesKey, CostChange> = BTreeMap::new();
    for SeriesCost { key, names, cost } in negative.chain(later) {
        let new = || CostChange { key: key.clone(), names: names.clone(), difference: 0.0 };
        changes.entry(key).or_insert_with(new).difference += cost;
    }
    let is_change = |change: &CostChange| change.difference != 0.0 && !change.difference.is_nan();
    let mut changes: Vec<CostChange> = changes.into_values().filter(is_change).collect();
    sort_largest_first(&mut changes);
    changes
}

/// Sorts changes, the largest difference first.
pub(super) fn sort_largest_first(changes: &mut [CostChange]) {
    changes.sort_by(|one, other| other.difference.abs().total_cmp(&one.difference.abs()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_cost_gives_no_difference_and_a_missing_row_costs_nothing() {
        let [new, gone, same, unknown] = ["new", "gone", "same", "unknown"].map(|id| SeriesKey::new("d", "p", id));
        let names = Names::default();
        let cost = |key, cost| SeriesCost { key, names: &names, cost };
        let changes = cost_changes(
            [cost(&gone, 5.0), cost(&same, 7.0), cost(&unknown, 9.0)].into_iter(),
            [cost(&new, 2.0), cost(&same, 7.0), cost(&unknown, f64::NAN)].into_iter(),
        );
        let changes: Vec<(&str, f64)> = changes.iter().map(|one| (&*one.key.service, one.difference)).collect();
        assert_eq!(changes, [("gone", -5.0), ("new", 2.0)]);
    }
}
