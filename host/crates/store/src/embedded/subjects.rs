//! Subjects: the numbers by which rows refer to a series. A subject is a series with the names and lists of some days.
//! Most series have a single subject forever, so the texts of a row cost only a number.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableTable, Table};

use super::columns::broken;
use super::file::{Cause, SubjectKey, SubjectValue};
use super::key_ranges::KeyRange;
use crate::documents::Collection;
use model::intern::Interner;
use model::series::{Names, SeriesKey};

/// A series with the names and lists of some days.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) key: SeriesKey,
    pub(super) names: Names,
    /// Pricing types in `billing_daily`; empty in `billing_hourly`, like the regions.
    pub(super) pricing_categories: Vec<String>,
    pub(super) regions: Vec<String>,
}

/// The subjects of a collection and key range, by number.
pub(super) struct Subjects(Vec<Arc<Subject>>);

/// Assigns numbers to subjects.
pub(super) struct Numbering {
    subjects: Vec<Arc<Subject>>,
    /// Number of subjects already stored.
    stored: usize,
    /// An index for the search, built on first use: the rows mostly follow the order of the day before.
    places: Option<HashMap<Arc<Subject>, u32>>,
    guess: usize,
}

impl Subjects {
    pub(super) fn load(
        table: &impl ReadableTable<SubjectKey, SubjectValue>,
        collection: &Collection,
        key_range: KeyRange,
    ) -> Result<Self, Cause> {
        let mut texts = Interner::default();
        let mut subjects = Vec::new();
        for item in table.range((collection.name, key_range.0, 0)..=(collection.name, key_range.0, u32::MAX))? {
            let (_, value) = item?;
            let (account, project, service, domain_name, project_name, service_name, lists) = value.value();
            let key = SeriesKey { account: texts.get(account), project: texts.get(project), service: service.into() };
            let names = Names {
                account: texts.get(domain_name),
                project: texts.get(project_name),
                service: texts.get(service_name),
            };
            let (pricing_categories, regions) =
                serde_json::from_str(lists).map_err(|error| broken(&key.to_string(), error))?;
            subjects.push(Arc::new(Subject { key, names, pricing_categories, regions }));
        }
        Ok(Self(subjects))
    }

    pub(super) fn get(&self, number: u32) -> Result<&Arc<Subject>, Cause> {
        let subject = self.0.get(number as usize);
        subject.ok_or_else(|| broken("subjects", format!("number {number} is not known")))
    }

    pub(super) fn all(&self) -> &[Arc<Subject>] {
        &self.0
    }
}

impl Numbering {
    pub(super) fn new(known: Subjects) -> Self {
        Self { stored: known.0.len(), subjects: known.0, places: None, guess: 0 }
    }

    /// Returns the number of a subject; assigns a new number to a new subject.
    pub(super) fn number(&mut self, subject: &Arc<Subject>) -> u32 {
        // The next number is the best guess: rows mostly follow the order of the stored subjects.
        let place = match self.subjects.get(self.guess) {
            Some(known) if **known == **subject => self.guess,
            _ => self.find(subject),
        };
        self.guess = place + 1;
        u32::try_from(place).expect("a key_range has fewer than four billion subjects")
    }

    /// Stores the new subjects.
    pub(super) fn store(
        self,
        mut table: Table<'_, SubjectKey, SubjectValue>,
        collection: &Collection,
        key_range: KeyRange,
    ) -> Result<(), Cause> {
        for (number, subject) in (0..).zip(&self.subjects).skip(self.stored) {
            let Subject { key, names, pricing_categories, regions } = &**subject;
            let lists =
                serde_json::to_string(&(pricing_categories, regions)).map_err(|error| broken("subjects", error))?;
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

    fn find(&mut self, subject: &Arc<Subject>) -> usize {
        let places =
            self.places.get_or_insert_with(|| self.subjects.iter().cloned().zip(0..).collect::<HashMap<_, u32>>());
        let next = self.subjects.len() as u32;
        let place = *places.entry(Arc::clone(subject)).or_insert(next);
        if place == next {
            self.subjects.push(Arc::clone(subject));
        }
        place as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(service: &str, name: &str) -> Arc<Subject> {
        let names = Names { service: name.into(), ..Names::default() };
        let key = SeriesKey::new("d", "p", service);
        Arc::new(Subject { key, names, pricing_categories: Vec::new(), regions: Vec::new() })
    }

    #[test]
    fn a_subject_keeps_its_number() {
        let known = Subjects(vec![subject("a", "A"), subject("b", "B")]);
        let mut numbering = Numbering::new(known);
        let mut numbers = |subjects: &[(&str, &str)]| {
            subjects.iter().map(|(service, name)| numbering.number(&subject(service, name))).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&[("a", "A"), ("b", "B")]), [0, 1]);
        assert_eq!(numbers(&[("b", "B"), ("a", "A"), ("c", "C")]), [1, 0, 2]);
        assert_eq!(numbers(&[("a", "renamed"), ("b", "B"), ("c", "C"), ("a", "renamed")]), [3, 1, 2, 3]);
    }
}
