//! Days as columns: one value a day and column, so that a history reads only the amounts that it needs.
//!
//! The rows of a day are in the order of its first column, the numbers of the series. Texts share one column, with the
//! day's distinct texts in front. Numbers are little-endian.

use std::collections::HashMap;
use std::fmt::Display;

use jiff::civil::Date;
use redb::{ReadableTable, Table};

use super::file::{Cause, Column};
use crate::series::Names;
use crate::store::documents::date_text;

/// Columns of every day; others are numbered by the collections.
pub(super) const NUMBERS: u8 = 0;
pub(super) const LABELS: u8 = 1;
pub(super) const CREATED: u8 = 2;
pub(super) const UPDATED: u8 = 3;

/// One stored day of a collection.
pub(super) struct Day<'a, T> {
    table: &'a T,
    collection: &'static str,
    date: Date,
    pub(super) numbers: Vec<u32>,
}

/// Writes the columns of a day.
pub(super) struct DayWriter<'a> {
    table: Table<'a, Column, &'static [u8]>,
    collection: &'static str,
    date: Date,
}

/// The texts of a day, several a row.
pub(super) struct Labels {
    lists: Vec<Vec<String>>,
    places: Vec<u32>,
}

/// Gathers the texts of a day.
#[derive(Default)]
pub(super) struct LabelsWriter {
    lists: Vec<Vec<String>>,
    known: HashMap<Vec<String>, u32>,
    places: Vec<u32>,
}

impl<'a, T: ReadableTable<Column, &'static [u8]>> Day<'a, T> {
    /// None where nothing is stored of that day.
    pub(super) fn open(table: &'a T, collection: &'static str, date: Date) -> Result<Option<Self>, Cause> {
        let mut day = Self { table, collection, date, numbers: Vec::new() };
        let Some(bytes) = table.get(day.key(NUMBERS))? else { return Ok(None) };
        day.numbers = bytes.value().as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
        Ok(Some(day))
    }

    /// A value a row.
    pub(super) fn column<V, const N: usize>(&self, column: u8, read: fn([u8; N]) -> V) -> Result<Vec<V>, Cause> {
        let values = self.column_if_there(column, read)?;
        values.ok_or_else(|| self.broken(column, "is missing"))
    }

    pub(super) fn column_if_there<V, const N: usize>(
        &self,
        column: u8,
        read: fn([u8; N]) -> V,
    ) -> Result<Option<Vec<V>>, Cause> {
        let Some(bytes) = self.table.get(self.key(column))? else { return Ok(None) };
        let (values, rest) = bytes.value().as_chunks::<N>();
        if values.len() != self.numbers.len() || !rest.is_empty() {
            return Err(self.broken(column, "has another length than the day"));
        }
        Ok(Some(values.iter().map(|value| read(*value)).collect()))
    }

    pub(super) fn labels(&self) -> Result<Labels, Cause> {
        let bytes = self.table.get(self.key(LABELS))?.ok_or_else(|| self.broken(LABELS, "is missing"))?;
        Labels::read(bytes.value()).ok_or_else(|| self.broken(LABELS, "is not readable"))
    }

    fn key(&self, column: u8) -> Column {
        (self.collection, day_number(self.date), column)
    }

    fn broken(&self, column: u8, cause: &str) -> Cause {
        broken(&format!("date {}", date_text(self.date)), format!("column {column} {cause}"))
    }
}

impl<'a> DayWriter<'a> {
    pub(super) fn new(table: Table<'a, Column, &'static [u8]>, collection: &'static str, date: Date) -> Self {
        Self { table, collection, date }
    }

    pub(super) fn put<const N: usize>(
        &mut self,
        column: u8,
        values: impl Iterator<Item = [u8; N]>,
    ) -> Result<(), Cause> {
        self.put_bytes(column, &values.flatten().collect::<Vec<u8>>())
    }

    pub(super) fn put_bytes(&mut self, column: u8, bytes: &[u8]) -> Result<(), Cause> {
        self.table.insert((self.collection, day_number(self.date), column), bytes)?;
        Ok(())
    }
}

impl Labels {
    pub(super) fn get(&self, place: usize) -> Result<&[String], Cause> {
        let list = self.places.get(place).and_then(|list| self.lists.get(*list as usize));
        list.map(Vec::as_slice).ok_or_else(|| broken("labels", format!("place {place} is not known")))
    }

    /// The three names that start at a place.
    pub(super) fn names(&self, place: usize) -> Result<[&str; 3], Cause> {
        let name = |place| Ok::<_, Cause>(self.get(place)?.first().map_or("", String::as_str));
        Ok([name(place)?, name(place + 1)?, name(place + 2)?])
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (lists, places) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let places = places.as_chunks().0.iter().map(|place| u32::from_le_bytes(*place)).collect();
        Some(Self { lists: serde_json::from_slice(lists).ok()?, places })
    }
}

impl LabelsWriter {
    pub(super) fn names(&mut self, names: &Names) {
        for name in [&names.domain, &names.project, &names.service] {
            self.add(vec![name.to_string()]);
        }
    }

    pub(super) fn add(&mut self, list: Vec<String>) {
        let next = u32::try_from(self.lists.len()).expect("a day has fewer than four billion texts");
        let place = *self.known.entry(list).or_insert_with_key(|list| {
            self.lists.push(list.clone());
            next
        });
        self.places.push(place);
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Cause> {
        let lists = serde_json::to_vec(&self.lists).map_err(|error| broken("labels", error))?;
        let length = u32::try_from(lists.len()).map_err(|error| broken("labels", error))?;
        let places = self.places.iter().flat_map(|place| place.to_le_bytes());
        Ok(length.to_le_bytes().into_iter().chain(lists).chain(places).collect())
    }
}

pub(super) fn broken(key: &str, cause: impl Display) -> Cause {
    Cause::Unreadable { key: key.to_owned(), cause: cause.to_string() }
}

/// A date as a number that orders as dates do: YYYYMMDD.
pub(super) fn day_number(date: Date) -> u32 {
    u32::try_from(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_they_were_gathered() {
        let mut writer = LabelsWriter::default();
        let names = Names { domain: "d".into(), project: "p".into(), service: "가상 머신".into() };
        writer.names(&names);
        writer.add(vec!["a".into(), "b".into()]);
        writer.names(&names);
        writer.add(vec![]);
        let bytes = writer.finish().ok().unwrap();
        let labels = Labels::read(&bytes).unwrap();
        assert_eq!(labels.names(4).ok().unwrap(), ["d", "p", "가상 머신"]);
        assert_eq!(labels.get(3).ok().unwrap(), ["a", "b"]);
        assert!(labels.get(7).ok().unwrap().is_empty());
        assert!(labels.get(8).is_err());
        assert_eq!(labels.lists.len(), 5, "equal texts are kept once");
    }

    #[test]
    fn broken_labels_are_told() {
        for bytes in [&[][..], &[9, 0, 0, 0, b'['], &[1, 0, 0, 0, b'{']] {
            assert!(Labels::read(bytes).is_none());
        }
    }
}
