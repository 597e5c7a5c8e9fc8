//! The tables of the database file: keys, values and access in a transaction.

use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, TableError, WriteTransaction};

use super::cause::Cause;
use crate::documents::key::Collection;
use crate::documents::{COLLECTIONS, daily, hourly};

/// Format version. Changes if the program can no longer read older files.
pub(super) const FORMAT: u64 = 6;
const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");

/// The key of a column: collection, date (YYYYMMDD), key range and column number.
pub(super) type ColumnKey = (&'static str, u32, u32, u8);
const COLUMNS: TableDefinition<'static, ColumnKey, &[u8]> = TableDefinition::new("columns");
/// The first series key of a key range, as (account, project, service). The table maps the key to the range's number.
pub(super) type FirstKey = (&'static str, &'static str, &'static str);
const KEY_RANGES: TableDefinition<'static, FirstKey, u32> = TableDefinition::new("key_ranges");
/// The key of an indexed series: collection, key range and number. The value holds the ids, the names and the lists as
/// JSON.
pub(super) type SeriesIndexKey = (&'static str, u32, u32);
pub(super) type SeriesIndexValue =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);
const SERIES_INDEX: TableDefinition<'static, SeriesIndexKey, SeriesIndexValue> = TableDefinition::new("series");

/// The number of a key range. A number is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyRangeId(pub(super) u32);

/// The tables in a write transaction.
pub(super) struct WriteTables<'a>(pub(super) &'a WriteTransaction);

/// The tables in a read transaction: a snapshot.
pub(super) struct ReadTables<'a>(pub(super) &'a ReadTransaction);

/// The tables that both kinds of transaction can read.
pub(super) trait Tables {
    fn columns(&self) -> Result<impl ReadableTable<ColumnKey, &'static [u8]>, Cause>;
    fn series_index(&self) -> Result<impl ReadableTable<SeriesIndexKey, SeriesIndexValue>, Cause>;
    fn key_ranges(&self) -> Result<impl ReadableTable<FirstKey, u32>, Cause>;
}

impl Tables for WriteTables<'_> {
    fn columns(&self) -> Result<impl ReadableTable<ColumnKey, &'static [u8]>, Cause> {
        self.columns_mut()
    }

    fn series_index(&self) -> Result<impl ReadableTable<SeriesIndexKey, SeriesIndexValue>, Cause> {
        self.series_index_mut()
    }

    fn key_ranges(&self) -> Result<impl ReadableTable<FirstKey, u32>, Cause> {
        self.key_ranges_mut()
    }
}

impl Tables for ReadTables<'_> {
    fn columns(&self) -> Result<impl ReadableTable<ColumnKey, &'static [u8]>, Cause> {
        Ok(self.0.open_table(COLUMNS)?)
    }

    fn series_index(&self) -> Result<impl ReadableTable<SeriesIndexKey, SeriesIndexValue>, Cause> {
        Ok(self.0.open_table(SERIES_INDEX)?)
    }

    fn key_ranges(&self) -> Result<impl ReadableTable<FirstKey, u32>, Cause> {
        Ok(self.0.open_table(KEY_RANGES)?)
    }
}

impl ReadTables<'_> {
    pub(super) fn documents(
        &self,
        collection: &Collection,
    ) -> Result<redb::ReadOnlyTable<&'static [u8], &'static [u8]>, Cause> {
        Ok(self.0.open_table(documents_table(collection))?)
    }
}

impl WriteTables<'_> {
    pub(super) fn documents_mut(
        &self,
        collection: &Collection,
    ) -> Result<Table<'_, &'static [u8], &'static [u8]>, Cause> {
        Ok(self.0.open_table(documents_table(collection))?)
    }

    pub(super) fn columns_mut(&self) -> Result<Table<'_, ColumnKey, &'static [u8]>, Cause> {
        Ok(self.0.open_table(COLUMNS)?)
    }

    pub(super) fn series_index_mut(&self) -> Result<Table<'_, SeriesIndexKey, SeriesIndexValue>, Cause> {
        Ok(self.0.open_table(SERIES_INDEX)?)
    }

    pub(super) fn key_ranges_mut(&self) -> Result<Table<'_, FirstKey, u32>, Cause> {
        Ok(self.0.open_table(KEY_RANGES)?)
    }
}

/// Returns the format version of the file; `None` for a file without tables.
pub(super) fn format(transaction: &ReadTransaction) -> Result<Option<u64>, Cause> {
    match transaction.open_table(ABOUT) {
        Ok(about) => Ok(about.get("format")?.map(|format| format.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Creates all tables.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), Cause> {
    transaction.open_table(ABOUT)?.insert("format", FORMAT)?;
    transaction.open_table(COLUMNS)?;
    // The first key range starts at the smallest key, so every series belongs to a key range.
    transaction.open_table(KEY_RANGES)?.insert(("", "", ""), 0)?;
    transaction.open_table(SERIES_INDEX)?;
    for collection in COLLECTIONS {
        if !has_columns(collection) {
            transaction.open_table(documents_table(collection))?;
        }
    }
    Ok(())
}

/// Returns whether the collection is stored in columns, without a table of documents.
pub(super) fn has_columns(collection: &Collection) -> bool {
    [daily::COLLECTION.name, hourly::COLLECTION.name].contains(&collection.name)
}

fn documents_table(collection: &Collection) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(collection.name)
}
