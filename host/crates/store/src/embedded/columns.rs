//! Column storage of days: one value per day, key range and column. A history reads only the required amounts.
//!
//! The first column of a day holds the subject numbers and defines the row order. A column with equal values in all
//! rows stores the value once. Numbers are little-endian.

use std::fmt::Display;

use jiff::civil::Date;
use redb::{ReadableTable, Table};

use super::file::{Cause, Column};
use super::key_ranges::KeyRange;
use crate::documents::date_text;

/// Columns of every day. Each collection numbers the remaining columns.
pub(super) const NUMBERS: u8 = 0;
pub(super) const CREATED: u8 = 2;
pub(super) const UPDATED: u8 = 3;
pub(super) const RUN: u8 = 5;

/// A stored day of a collection and key range.
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

/// The address of the columns of a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) collection: &'static str,
    pub(super) date: Date,
    pub(super) key_range: KeyRange,
}

impl<'a, T: ReadableTable<Column, &'static [u8]>> Day<'a, T> {
    /// Opens a day; `None` if the day has no stored rows.
    pub(super) fn open(table: &'a T, place: Place) -> Result<Option<Self>, Cause> {
        let Some(bytes) = table.get(place.column(NUMBERS))? else { return Ok(None) };
        let numbers = bytes.value().as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
        Ok(Some(Self { table, place, numbers }))
    }

    /// Reads a value per row.
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
            // Equal values are stored once.
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

    /// Removes the old columns of the day and writes the subject numbers of the rows. Every day begins with this call.
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

    /// Writes a value per row.
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
        (self.collection, day_number(self.date), self.key_range.0, column)
    }
}

pub(super) fn broken(key: &str, cause: impl Display) -> Cause {
    Cause::Unreadable { key: key.to_owned(), cause: cause.to_string() }
}

/// Encodes a date to the number YYYYMMDD, with the same order as the dates.
pub(super) fn day_number(date: Date) -> u32 {
    u32::try_from(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())).unwrap_or(0)
}
