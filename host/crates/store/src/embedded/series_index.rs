//! The series index: the numbers by which rows refer to a series. An indexed series includes the names and lists of some
//! days, so a renamed series has several numbers. Most series have a single number forever, so the texts of a row cost
//! only a number.

use std::collections::HashMap;
use std::sync::Arc;

use model::intern::Interner;
use model::ledger::LedgerEntry;
use model::series::{Names, SeriesKey};
use redb::{ReadableTable as _, Table};

use super::cause::Cause;
use super::tables::{KeyRangeId, SeriesIndexKey, SeriesIndexValue, Tables};
use crate::documents::key::Collection;

/// A series with the names and lists of some days.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct IndexedSeries {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    /// Pricing types in `billing_daily`; empty in `billing_hourly`, like the regions.
    pub(super) pricing_categories: Vec<String>,
    pub(super) regions: Vec<String>,
}

/// The series of a collection and key range, by number.
pub(super) struct SeriesIndex(Vec<Arc<IndexedSeries>>);

/// Assigns numbers to series.
pub(super) struct SeriesNumbering {
    series: Vec<Arc<IndexedSeries>>,
    /// Number of series already stored.
    stored_count: usize,
    /// An index for the search, built on first use: the rows mostly follow the order of the day before.
    numbers: Option<HashMap<Arc<IndexedSeries>, u32>>,
    next_guess: usize,
}

impl IndexedSeries {
    /// Returns the series of a ledger entry.
    pub(super) fn of_entry(entry: &LedgerEntry) -> Self {
        Self {
            key: entry.key.clone(),
            names: entry.names.clone(),
            pricing_categories: entry.pricing_categories.clone(),
            regions: entry.regions.clone(),
        }
    }

    /// Returns the series of a ledger entry without the lists of pricing types and regions.
    pub(super) fn without_lists(entry: &LedgerEntry) -> Self {
        Self { key: entry.key.clone(), names: entry.names.clone(), pricing_categories: Vec::new(), regions: Vec::new() }
    }
}

impl SeriesIndex {
    pub(super) fn load(tables: &impl Tables, collection: &Collection, key_range: KeyRangeId) -> Result<Self, Cause> {
        let table = tables.series_index()?;
        let mut interner = Interner::default();
        let mut series = Vec::new();
        for item in table.range((collection.name, key_range.0, 0)..=(collection.name, key_range.0, u32::MAX))? {
            let (_, value) = item?;
            let (account, project, service, account_name, project_name, service_name, lists) = value.value();
            let key =
                SeriesKey { account: interner.get(account), project: interner.get(project), service: service.into() };
            let names = Names {
                account: interner.get(account_name),
                project: interner.get(project_name),
                service: interner.get(service_name),
            };
            let (pricing_categories, regions) =
                serde_json::from_str(lists).map_err(|error| Cause::unreadable(key.to_string(), error))?;
            series.push(Arc::new(IndexedSeries { key, names, pricing_categories, regions }));
        }
        Ok(Self(series))
    }

    pub(super) fn get(&self, number: u32) -> Result<&Arc<IndexedSeries>, Cause> {
        let series = self.0.get(number as usize);
        series.ok_or_else(|| Cause::unreadable("series index", format!("series number {number} is missing")))
    }

    pub(super) fn all(&self) -> &[Arc<IndexedSeries>] {
        &self.0
    }
}

impl SeriesNumbering {
    pub(super) fn new(stored: SeriesIndex) -> Self {
        Self { stored_count: stored.0.len(), series: stored.0, numbers: None, next_guess: 0 }
    }

    /// Returns the number of a series; assigns a new number to a new series.
    pub(super) fn number(&mut self, series: &Arc<IndexedSeries>) -> u32 {
        // The next number is the best guess: rows mostly follow the order of the stored series.
        let number = match self.series.get(self.next_guess) {
            Some(guess) if **guess == **series => self.next_guess,
            _ => self.find_or_add(series),
        };
        self.next_guess = number + 1;
        u32::try_from(number).expect("a key range has fewer than four billion series")
    }

    /// Stores the new series.
    pub(super) fn store(
        self,
        mut table: Table<'_, SeriesIndexKey, SeriesIndexValue>,
        collection: &Collection,
        key_range: KeyRangeId,
    ) -> Result<(), Cause> {
        for (number, series) in (0..).zip(&self.series).skip(self.stored_count) {
            let IndexedSeries { key, names, pricing_categories, regions } = &**series;
            let lists = serde_json::to_string(&(pricing_categories, regions))
                .map_err(|error| Cause::unreadable(key.to_string(), error))?;
            let value = (
                &*key.account,
                &*key.project,
                &*key.service,
                &*names.account,
                &*names.project,
                &*names.service,
                lists.as_str(),
            );
            table.insert((collection.name, key_range.0, number), value)?;
        }
        Ok(())
    }

    fn find_or_add(&mut self, series: &Arc<IndexedSeries>) -> usize {
        let numbers =
            self.numbers.get_or_insert_with(|| self.series.iter().cloned().zip(0..).collect::<HashMap<_, u32>>());
        let next = self.series.len() as u32;
        let number = *numbers.entry(Arc::clone(series)).or_insert(next);
        if number == next {
            self.series.push(Arc::clone(series));
        }
        number as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(service: &str, name: &str) -> Arc<IndexedSeries> {
        let names = Names { service: name.into(), ..Names::default() };
        let key = SeriesKey::new("d", "p", service);
        Arc::new(IndexedSeries { key, names, pricing_categories: Vec::new(), regions: Vec::new() })
    }

    #[test]
    fn a_series_keeps_its_number() {
        let stored = SeriesIndex(vec![series("a", "A"), series("b", "B")]);
        let mut numbering = SeriesNumbering::new(stored);
        let mut numbers = |names: &[(&str, &str)]| {
            names.iter().map(|(service, name)| numbering.number(&series(service, name))).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[("a", "A"), ("b", "B")]), [0, 1]);
        assert_eq!(numbers(&[("b", "B"), ("a", "A"), ("c", "C")]), [1, 0, 2]);
        assert_eq!(numbers(&[("a", "renamed"), ("b", "B"), ("c", "C"), ("a", "renamed")]), [3, 1, 2, 3]);
    }
}
