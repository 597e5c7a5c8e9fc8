//! The database file: opening, tables and error messages. The layout of the rows is not part of this module.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::civil::Date;
use mongodb::bson::RawDocument;
use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, Table, TableDefinition, TransactionError, WriteTransaction,
};

use super::columns::{broken, day_number};
use crate::documents::{COLLECTIONS, Collection, daily, date, hourly};
use crate::latency::{Latency, Operation};
use crate::{Access, DateRange, StoreError};
use model::run_id::RunId;

/// Format version. Changes if the program can no longer read older files.
const FORMAT: u64 = 2;
const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");

/// The key of a column: collection, date (YYYYMMDD), key range and column number.
pub(super) type Column = (&'static str, u32, u32, u8);
const COLUMNS: TableDefinition<'static, Column, &[u8]> = TableDefinition::new("columns");
/// The first series key of a key range, as (account, project, service). The table maps the key to the range's number.
pub(super) type FirstKey = (&'static str, &'static str, &'static str);
const STRETCHES: TableDefinition<'static, FirstKey, u32> = TableDefinition::new("key_ranges");
/// The key of a subject: collection, key range and number. The value holds the ids, the names and the lists as JSON.
pub(super) type SubjectKey = (&'static str, u32, u32);
pub(super) type SubjectValue =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);
const SUBJECTS: TableDefinition<'static, SubjectKey, SubjectValue> = TableDefinition::new("subjects");

/// The cache of the program can be small: the operating system also caches the pages of the file.
const CACHE_BYTES: usize = 64 << 20;

/// A database in a single file.
pub struct Embedded {
    database: Handle,
    path: PathBuf,
    /// The id of the writing run; `None` for reading.
    pub(super) run: Option<RunId>,
    pub(crate) latency: Latency,
}

/// The open file. An open for writing already changes bytes of the file, so a reader must open the file read-only.
enum Handle {
    Writing(Database),
    Looking(ReadOnlyDatabase),
}

/// The cause of a failed call, without the file and collection.
pub(super) enum Cause {
    Redb(Box<redb::Error>),
    Unreadable { key: String, cause: String },
}

/// The tables in a write transaction.
pub(super) struct Changing<'a>(&'a WriteTransaction);

/// The tables in a read transaction: a snapshot.
pub(super) struct Reading<'a>(&'a ReadTransaction);

impl Embedded {
    pub fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        let file = |cause: String| StoreError::File { path: path.to_owned(), cause };
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let opened = match (path.exists(), access) {
            (true, Access::Read) => look(&builder, path),
            (true, Access::Write(_)) => builder.open(path).map(Handle::Writing),
            // The file does not exist, and a reader must not create the file.
            (false, Access::Read) => builder.create_with_backend(InMemoryBackend::new()).map(Handle::Writing),
            (false, Access::Write(_)) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.map_or(Ok(()), std::fs::create_dir_all).map_err(|error| file(error.to_string()))?;
                builder.create(path).map(Handle::Writing)
            }
        };
        let database = opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: path.to_owned(), holder: holder(path) },
            error => failed(path, error.into(), redb::Error::to_string),
        })?;
        if matches!(database, Handle::Writing(_)) && matches!(access, Access::Write(_)) {
            // The note only names the holder in a message to a second process. The kernel keeps the lock and drops the
            // lock at the end of the process.
            drop(std::fs::write(note_of_user(path), std::process::id().to_string()));
        }
        let store = Self { database, path: path.to_owned(), run: access.run(), latency: Latency::default() };
        match store.format().map_err(|cause| store.failure("about", cause))? {
            Some(FORMAT) => {}
            Some(format) => return Err(StoreError::Format { path: path.to_owned(), format, expected: FORMAT }),
            // A new database has no tables yet. The same holds for the empty database in memory.
            None => store.make_tables().map_err(|cause| store.failure("about", cause))?,
        }
        Ok(store)
    }

    /// Runs `work` in a write transaction: all changes or none. The changes are on the disk when the function returns.
    pub(super) fn change<T>(
        &self,
        collection: &Collection,
        work: impl FnOnce(&Changing<'_>) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = self.database.begin_write()?;
            let result = work(&Changing(&transaction))?;
            // Only the commit counts: `work` may include computation, like the training of baselines series by series.
            let started = Instant::now();
            let committed = transaction.commit();
            self.latency.count(Operation::Write, started, committed.is_ok());
            committed?;
            Ok(result)
        };
        run().map_err(|cause| self.failure(collection.name, cause))
    }

    pub(super) fn read<T>(
        &self,
        collection: &Collection,
        work: impl FnOnce(&Reading<'_>) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        let run = || work(&Reading(&self.database.begin_read()?));
        let started = Instant::now();
        let result = run();
        self.latency.count(Operation::Read, started, result.is_ok());
        result.map_err(|cause| self.failure(collection.name, cause))
    }

    /// Visits the documents from the first key that starts with `from` to the last key that starts with `to`, in key
    /// order.
    pub(crate) fn each(
        &self,
        collection: &Collection,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        self.read(collection, |tables| {
            let table = match tables.0.open_table(documents_table(collection)) {
                // An older version created the file before this collection existed, and no write has happened since.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
                table => table?,
            };
            // No key continues with FF, so this end lies behind all keys that start with `to`.
            let end = [to, &[0xFF]].concat();
            for item in table.range::<&[u8]>(from..end.as_slice())? {
                let (_, value) = item?;
                let unreadable = |cause: String| Cause::Unreadable { key: String::new(), cause };
                let document = RawDocument::from_bytes(value.value()).map_err(|error| unreadable(error.to_string()))?;
                visit(document).map_err(|cause| Cause::Unreadable { key: key_text(collection, document), cause })?;
            }
            Ok(())
        })
    }

    fn format(&self) -> Result<Option<u64>, Cause> {
        match self.database.begin_read()?.open_table(ABOUT) {
            Ok(about) => Ok(about.get("format")?.map(|format| format.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn make_tables(&self) -> Result<(), Cause> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(ABOUT)?.insert("format", FORMAT)?;
        transaction.open_table(COLUMNS)?;
        // The first key range starts at the smallest key, so every series belongs to a key range.
        transaction.open_table(STRETCHES)?.insert(("", "", ""), 0)?;
        transaction.open_table(SUBJECTS)?;
        for collection in COLLECTIONS {
            if ![daily::COLLECTION.name, hourly::COLLECTION.name].contains(&collection.name) {
                transaction.open_table(documents_table(collection))?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn failure(&self, collection: &'static str, cause: Cause) -> StoreError {
        match cause {
            Cause::Redb(error) => failed(&self.path, *error, |error| format!("{collection}: {error}")),
            Cause::Unreadable { key, cause } => StoreError::Unreadable { collection, key, cause },
        }
    }
}

/// Converts a database error. A full disk has a separate error, because the operator can free space. Uncommitted
/// changes are never visible.
fn failed(path: &Path, error: redb::Error, text: impl FnOnce(&redb::Error) -> String) -> StoreError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let (path, cause) = (path.to_owned(), text(&error));
    match error {
        redb::Error::Io(why) if matches!(why.kind(), StorageFull | QuotaExceeded | FileTooLarge) => {
            StoreError::Full { path, cause }
        }
        _ => StoreError::File { path, cause },
    }
}

impl Changing<'_> {
    pub(super) fn documents(&self, collection: &Collection) -> Result<Table<'_, &'static [u8], &'static [u8]>, Cause> {
        Ok(self.0.open_table(documents_table(collection))?)
    }

    pub(super) fn columns(&self) -> Result<Table<'_, Column, &'static [u8]>, Cause> {
        Ok(self.0.open_table(COLUMNS)?)
    }

    pub(super) fn subjects(&self) -> Result<Table<'_, SubjectKey, SubjectValue>, Cause> {
        Ok(self.0.open_table(SUBJECTS)?)
    }

    pub(super) fn key_ranges(&self) -> Result<Table<'_, FirstKey, u32>, Cause> {
        Ok(self.0.open_table(STRETCHES)?)
    }
}

impl Reading<'_> {
    pub(super) fn columns(&self) -> Result<redb::ReadOnlyTable<Column, &'static [u8]>, Cause> {
        Ok(self.0.open_table(COLUMNS)?)
    }

    pub(super) fn subjects(&self) -> Result<redb::ReadOnlyTable<SubjectKey, SubjectValue>, Cause> {
        Ok(self.0.open_table(SUBJECTS)?)
    }

    pub(super) fn key_ranges(&self) -> Result<redb::ReadOnlyTable<FirstKey, u32>, Cause> {
        Ok(self.0.open_table(STRETCHES)?)
    }

    pub(super) fn has_documents(&self, collection: &Collection) -> Result<bool, Cause> {
        Ok(!self.0.open_table(documents_table(collection))?.is_empty()?)
    }

    /// Returns the days of the range with a stored document in the collection, ascending.
    pub(super) fn dates(&self, collection: &Collection, range: DateRange) -> Result<Vec<Date>, Cause> {
        dates(&self.columns()?, collection, range)
    }

    /// Returns the last day with a stored document in the collection.
    pub(super) fn newest_day(&self, collection: &Collection) -> Result<Option<Date>, Cause> {
        let (table, name) = (self.columns()?, collection.name);
        let Some(newest) = table.range((name, 0, 0, 0)..=(name, u32::MAX, u32::MAX, u8::MAX))?.next_back() else {
            return Ok(None);
        };
        let number = newest?.0.value().1;
        date(&format!("{number:08}")).map(Some).map_err(|cause| broken(name, cause))
    }
}

/// Returns the days of the range with a stored document in the collection, ascending.
pub(super) fn dates(
    table: &impl ReadableTable<Column, &'static [u8]>,
    collection: &Collection,
    range: DateRange,
) -> Result<Vec<Date>, Cause> {
    let (name, last) = (collection.name, day_number(range.to));
    let mut next = day_number(range.from);
    let mut dates = Vec::new();
    // Jumps from day to day: a scan would read every column in between.
    while let Some(found) = table.range((name, next, 0, 0)..=(name, last, u32::MAX, u8::MAX))?.next() {
        let number = found?.0.value().1;
        dates.push(date(&format!("{number:08}")).map_err(|cause| broken(name, cause))?);
        next = number + 1;
    }
    Ok(dates)
}

impl<E: Into<redb::Error>> From<E> for Cause {
    fn from(error: E) -> Self {
        Self::Redb(Box::new(error.into()))
    }
}

impl Handle {
    fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        match self {
            Self::Writing(database) => database.begin_read(),
            Self::Looking(database) => database.begin_read(),
        }
    }

    fn begin_write(&self) -> Result<WriteTransaction, TransactionError> {
        match self {
            Self::Writing(database) => database.begin_write(),
            Self::Looking(_) => unreachable!("what is opened for reading is not written to"),
        }
    }
}

/// Returns the path of the note with the id of the last process that opened the file for writing.
fn note_of_user(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".user");
    PathBuf::from(name)
}

/// Describes the process that holds the lock, if the note names a live process.
fn holder(path: &Path) -> String {
    let pid = std::fs::read_to_string(note_of_user(path)).ok().and_then(|pid| pid.trim().parse::<u32>().ok());
    let command = |pid: u32| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        // NUL separates the arguments.
        let command = command.trim_end_matches('\0').replace(|c: char| c.is_control(), " ");
        Some(format!("process {pid} ({command})"))
    };
    pid.and_then(command).unwrap_or_else(|| "another costwarden run".to_owned())
}

/// Opens the file for reading. Opens the file for writing if a killed run left a file to repair, or a file without
/// tables.
fn look(builder: &Builder, path: &Path) -> Result<Handle, DatabaseError> {
    match builder.open_read_only(path) {
        Ok(database) if has_tables(&database) => return Ok(Handle::Looking(database)),
        // The read-only handle must release the lock before the open for writing.
        Ok(database) => drop(database),
        Err(DatabaseError::RepairAborted) => {}
        Err(error) => return Err(error),
    }
    builder.open(path).map(Handle::Writing)
}

fn has_tables(database: &ReadOnlyDatabase) -> bool {
    database.begin_read().is_ok_and(|tables| tables.open_table(ABOUT).is_ok())
}

fn documents_table(collection: &Collection) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(collection.name)
}

fn key_text(collection: &Collection, document: &RawDocument) -> String {
    let field = |field: &&str| format!("{field} {:?}", document.get(field).ok().flatten());
    collection.key.iter().map(field).collect::<Vec<_>>().join(", ")
}
