//! The daily costs of every layer: services, and their sums by project, by account and in total.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::history::{History, Measure};
use model::series::{ALL, Names, SeriesKey};

/// The costs on consecutive days.
pub(crate) struct Costs {
    pub(crate) first: Date,
    days: usize,
    /// For each day: whether the ledger has the day.
    in_ledger: Vec<bool>,
    /// The total, the accounts, the projects and the services.
    series: BTreeMap<SeriesKey, NamedCosts>,
}

/// The costs of one series.
#[derive(Debug, Clone)]
pub(crate) struct NamedCosts {
    pub(crate) names: Names,
    /// NaN for a day that is not known.
    pub(crate) costs: Vec<f64>,
}

impl Costs {
    /// Sums the services of a history, from the first day of the history to `last`.
    pub(crate) fn of(history: &History, last: Date) -> Self {
        let first = history.days.first().copied().unwrap_or(last);
        let days = usize::try_from((last - first).get_days() + 1).unwrap_or(0);
        let mut known = vec![false; days];
        let index = |day: Date| usize::try_from((day - first).get_days()).ok().filter(|index| *index < days);
        history.days.iter().filter_map(|day| index(*day)).for_each(|index| known[index] = true);
        let nothing: Vec<f64> = known.iter().map(|is_known| if *is_known { 0.0 } else { f64::NAN }).collect();
        let mut costs = Self { first, days, in_ledger: known, series: BTreeMap::new() };
        for (key, row) in &history.rows {
            let values = row.values.get(&Measure::BilledCost);
            let mut of_row = nothing.clone();
            for (position, day) in history.days.iter().enumerate() {
                let Some(index) = index(*day) else { continue };
                let cost = values.map_or(f64::NAN, |values| values[position]);
                if row.marks[position].is_incomplete {
                    of_row[index] = f64::NAN;
                } else if !cost.is_nan() {
                    of_row[index] = cost;
                }
            }
            for (sum, names) in sums(key, &row.names) {
                let named = costs.series.entry(sum).or_insert_with(|| NamedCosts { names, costs: nothing.clone() });
                named.costs.iter_mut().zip(&of_row).for_each(|(sum, cost)| *sum += cost);
            }
        }
        costs
    }

    pub(crate) fn series(&self) -> &BTreeMap<SeriesKey, NamedCosts> {
        &self.series
    }

    /// Returns the costs of a series; the sum of the services for another grouping.
    pub(crate) fn of_series(&self, key: &SeriesKey) -> Vec<f64> {
        if let Some(named) = self.series.get(key) {
            return named.costs.clone();
        }
        let mut sum = vec![0.0; self.days];
        let parts = self.series.iter().filter(|(part, _)| part.layer() == 0 && key.covers(part));
        parts.for_each(|(_, named)| sum.iter_mut().zip(&named.costs).for_each(|(sum, cost)| *sum += cost));
        sum
    }

    /// Returns the index of a day inside the costs.
    pub(crate) fn index(&self, day: Date) -> Option<usize> {
        usize::try_from((day - self.first).get_days()).ok().filter(|index| *index < self.days)
    }

    /// Returns the number of days of a range that the ledger does not have.
    pub(crate) fn missing_days(&self, from: Date, to: Date) -> usize {
        let days = from.series(1.day()).take_while(|day| *day <= to);
        days.filter(|day| self.index(*day).is_none_or(|index| !self.in_ledger[index])).count()
    }

    pub(crate) fn day(&self, index: usize) -> Date {
        self.first.saturating_add(i64::try_from(index).unwrap_or(0).days())
    }

    /// Returns the sum of the known costs of a range of days.
    pub(crate) fn sum(&self, costs: &[f64], from: Date, to: Date) -> f64 {
        let days = costs.iter().enumerate().filter(|(_, cost)| !cost.is_nan());
        let inside = days.filter(|(index, _)| (from..=to).contains(&self.day(*index)));
        // The sum of an empty list is -0.0.
        inside.map(|(_, cost)| cost).sum::<f64>() + 0.0
    }
}

/// Returns the series that contain a service, from the total to the service.
fn sums(key: &SeriesKey, names: &Names) -> [(SeriesKey, Names); 4] {
    let SeriesKey { account, project, service: _ } = key;
    let all = || ALL.into();
    [
        (SeriesKey::new(ALL, ALL, ALL), Names { account: all(), project: all(), service: all() }),
        (SeriesKey::new(account, ALL, ALL), Names { project: all(), service: all(), ..names.clone() }),
        (SeriesKey::new(account, project, ALL), Names { service: all(), ..names.clone() }),
        (key.clone(), names.clone()),
    ]
}
