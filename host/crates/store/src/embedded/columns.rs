//! Column storage of days: one value per day, key range and column. A history reads only the required amounts.
//!
//! The first column of a day holds the series numbers and defines the row order. A column with equal values in all
//! rows stores the value once. Numbers are little-endian.

use jiff::civil::Date;
use redb::{ReadableTable, Table};

use super::cause::Cause;
use super::tables::{ColumnKey, KeyRangeId, Tables};
use crate::documents::field::{date_text, parse_date};
use crate::documents::key::Collection;
use crate::records::DateRange;

/// Columns of every day. Each collection numbers the remaining columns.
pub(super) const NUMBERS: u8 = 0;
pub(super) const CREATED: u8 = 2;
pub(super) const UPDATED: u8 = 3;
pub(super) const RUN: u8 = 5;

/// A stored day of a collection and key range.
pub(super) struct Day<'a, T> {
    table: &'a T,
    address: DayAddress,
    pub(super) numbers: Vec<u32>,
}

/// Writes the columns of a day.
pub(super) struct DayWriter<'a> {
    table: Table<'a, ColumnKey, &'static [u8]>,
    address: DayAddress,
}

/// The address of the columns of a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct DayAddress {
    pub(super) collection: &'static str,
    pub(super) date: Date,
    pub(super) key_range: KeyRangeId,
}

impl<'a, T: ReadableTable<ColumnKey, &'static [u8]>> Day<'a, T> {
    /// Opens a day; `None` if the day has no stored rows.
    pub(super) fn open(table: &'a T, address: DayAddress) -> Result<Option<Self>, Cause> {
        let Some(bytes) = table.get(address.column(NUMBERS))? else { return Ok(None) };
        let numbers = bytes.value().as_chunks().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
        Ok(Some(Self { table, address, numbers }))
    }

    /// Reads a value per row.
    pub(super) fn column<V: Copy, const N: usize>(&self, column: u8, read: fn([u8; N]) -> V) -> Result<Vec<V>, Cause> {
        let values = self.optional_column(column, read)?;
        values.ok_or_else(|| self.unreadable(column, "is missing"))
    }

    pub(super) fn optional_column<V: Copy, const N: usize>(
        &self,
        column: u8,
        read: fn([u8; N]) -> V,
    ) -> Result<Option<Vec<V>>, Cause> {
        let Some(bytes) = self.table.get(self.address.column(column))? else { return Ok(None) };
        let (values, rest) = bytes.value().as_chunks::<N>();
        if !rest.is_empty() {
            return Err(self.unreadable(column, "ends in the middle of a value"));
        }
        let rows = self.numbers.len();
        match values {
            // Equal values are stored once.
            [value] => Ok(Some(vec![read(*value); rows])),
            values if values.len() == rows => Ok(Some(values.iter().map(|value| read(*value)).collect())),
            _ => Err(self.unreadable(column, "has another length than the day")),
        }
    }

    fn unreadable(&self, column: u8, cause: &str) -> Cause {
        Cause::unreadable(format!("date {}", date_text(self.address.date)), format!("column {column} {cause}"))
    }
}

impl<'a> DayWriter<'a> {
    pub(super) fn new(table: Table<'a, ColumnKey, &'static [u8]>, address: DayAddress) -> Self {
        Self { table, address }
    }

    /// Removes the old columns of the day and writes the series numbers of the rows. Every day begins with this call.
    pub(super) fn begin(&mut self, numbers: &[u32]) -> Result<(), Cause> {
        let whole = self.address.column(0)..=self.address.column(u8::MAX);
        self.table.retain_in(whole, |_, _| false)?;
        if numbers.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.table.insert(self.address.column(NUMBERS), bytes.as_slice())?;
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
        self.table.insert(self.address.column(column), bytes)?;
        Ok(())
    }
}

impl DayAddress {
    fn column(self, column: u8) -> ColumnKey {
        (self.collection, day_number(self.date), self.key_range.0, column)
    }
}

/// Returns the days of the range with a stored document in the collection, ascending.
pub(super) fn dates(tables: &impl Tables, collection: &Collection, range: DateRange) -> Result<Vec<Date>, Cause> {
    let table = tables.columns()?;
    let name = collection.name;
    let last = day_number(range.to);
    let mut next = day_number(range.from);
    let mut dates = Vec::new();
    // Jumps from day to day: a scan would read every column in between.
    while let Some(column) = table.range((name, next, 0, 0)..=(name, last, u32::MAX, u8::MAX))?.next() {
        let number = column?.0.value().1;
        dates.push(read_day_number(collection, number)?);
        next = number + 1;
    }
    Ok(dates)
}

/// Returns the last day with a stored document in the collection.
pub(super) fn newest_day(tables: &impl Tables, collection: &Collection) -> Result<Option<Date>, Cause> {
    let table = tables.columns()?;
    let name = collection.name;
    let Some(newest) = table.range((name, 0, 0, 0)..=(name, u32::MAX, u32::MAX, u8::MAX))?.next_back() else {
        return Ok(None);
    };
    let number = newest?.0.value().1;
    read_day_number(collection, number).map(Some)
}

/// Encodes a date to the number YYYYMMDD, with the same order as the dates.
fn day_number(date: Date) -> u32 {
    u32::try_from(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())).unwrap_or(0)
}

fn read_day_number(collection: &Collection, number: u32) -> Result<Date, Cause> {
    parse_date(&format!("{number:08}")).map_err(|cause| Cause::unreadable(collection.name, cause))
}
