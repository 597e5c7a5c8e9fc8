//! Days as columns: one value a day, stretch and column, so that a history reads only the amounts that it needs.
//!
//! The rows of a day are in the order of its first column, the numbers of their subjects. A column whose rows all have
//! the same value holds it once. Numbers are little-endian.

use std::fmt::Display;

use jiff::civil::Date;
use redb::{ReadableTable, Table};

use super::file::{Cause, Column};
use super::stretches::Stretch;
use crate::documents::date_text;

/// Columns of every day; others are numbered by the collections.
pub(super) const NUMBERS: u8 = 0;
pub(super) const CREATED: u8 = 2;
pub(super) const UPDATED: u8 = 3;
pub(super) const RUN: u8 = 5;

/// One stored day of a collection and stretch.
pub(super) struct Day<'a, T> {
    table: &'a T,
    place: Place,
    pub(super) numbers: Vec<u32>,
}

/// Writes the columns of a day.
pub(super) struct DayWriter<'a> {
    table: Table<'a, Column, &'static [u8]>,
    place: Place,
}

/// Where the columns of a day are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) collection: &'static str,
    pub(super) date: Date,
    pub(super) stretch: Stretch,
}

impl<'a, T: ReadableTable<Column, &'static [u8]>> Day<'a, T> {
    /// None where nothing is stored of that day.
    pub(super) fn open(table: &'a T, place: Place) -> Result<Option<Self>, Cause> {
        let Some(bytes) = table.get(place.column(NUMBERS))? else { return Ok(None) };
        let numbers = bytes.value().as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
        Ok(Some(Self { table, place, numbers }))
    }

    /// A value a row.
    pub(super) fn column<V: Copy, const N: usize>(&self, column: u8, read: fn([u8; N]) -> V) -> Result<Vec<V>, Cause> {
        let values = self.column_if_there(column, read)?;
        values.ok_or_else(|| self.broken(column, "is missing"))
    }

    pub(super) fn column_if_there<V: Copy, const N: usize>(
        &self,
        column: u8,
        read: fn([u8; N]) -> V,
    ) -> Result<Option<Vec<V>>, Cause> {
        let Some(bytes) = self.table.get(self.place.column(column))? else { return Ok(None) };
        let (values, rest) = bytes.value().as_chunks::<N>();
        if !rest.is_empty() {
            return Err(self.broken(column, "ends in the middle of a value"));
        }
        let rows = self.numbers.len();
        match values {
            [value] => Ok(Some(vec![read(*value); rows])),
            values if values.len() == rows => Ok(Some(values.iter().map(|value| read(*value)).collect())),
            _ => Err(self.broken(column, "has another length than the day")),
        }
    }

    fn broken(&self, column: u8, cause: &str) -> Cause {
        broken(&format!("date {}", date_text(self.place.date)), format!("column {column} {cause}"))
    }
}

impl<'a> DayWriter<'a> {
    pub(super) fn new(table: Table<'a, Column, &'static [u8]>, place: Place) -> Self {
        Self { table, place }
    }

    /// The numbers of the rows' subjects, with which a day begins; what was there of it is removed.
    pub(super) fn begin(&mut self, numbers: &[u32]) -> Result<(), Cause> {
        let whole = self.place.column(0)..=self.place.column(u8::MAX);
        self.table.retain_in(whole, |_, _| false)?;
        if numbers.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.table.insert(self.place.column(NUMBERS), bytes.as_slice())?;
        Ok(())
    }

    /// A value a row.
    pub(super) fn put<const N: usize>(
        &mut self,
        column: u8,
        values: impl Iterator<Item = [u8; N]>,
    ) -> Result<(), Cause> {
        let values: Vec<[u8; N]> = values.collect();
        let Some((first, others)) = values.split_first() else { return Ok(()) };
        let bytes = if others.iter().all(|other| other == first) { &first[..] } else { values.as_flattened() };
        self.table.insert(self.place.column(column), bytes)?;
        Ok(())
    }
}

impl Place {
    fn column(self, column: u8) -> Column {
        (self.collection, day_number(self.date), self.stretch.0, column)
    }
}

pub(super) fn broken(key: &str, cause: impl Display) -> Cause {
    Cause::Unreadable { key: key.to_owned(), cause: cause.to_string() }
}

/// A date as a number that orders as dates do: YYYYMMDD.
pub(super) fn day_number(date: Date) -> u32 {
    u32::try_from(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())).unwrap_or(0)
}
