//! The database file: opening it, its tables, and what its errors mean.

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
use model::run_id::RunId;
use crate::documents::{COLLECTIONS, Collection, daily, date, hourly};
use crate::latency::{Latency, Operation};
use crate::{Access, DateRange, StoreError};

/// Changes when a file of an older program cannot be read any more.
const FORMAT: u64 = 2;
const ABOUT: TableDefinition<'static, &str, u64> = TableDefinition::new("about");

/// By collection, date (YYYYMMDD), stretch and column.
pub(super) type Column = (&'static str, u32, u32, u8);
const COLUMNS: TableDefinition<'static, Column, &[u8]> = TableDefinition::new("columns");
/// The stretches by the first key of each.
pub(super) type FirstKey = (&'static str, &'static str, &'static str);
const STRETCHES: TableDefinition<'static, FirstKey, u32> = TableDefinition::new("stretches");
/// By collection, stretch and number: the ids and names of a subject, and its lists as JSON.
pub(super) type SubjectKey = (&'static str, u32, u32);
pub(super) type SubjectValue =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);
const SUBJECTS: TableDefinition<'static, SubjectKey, SubjectValue> = TableDefinition::new("subjects");

/// The program's own memory is small: the file's pages are cached by the system anyway.
const CACHE_BYTES: usize = 64 << 20;

/// A database in one file.
pub struct Embedded {
    database: Handle,
    path: PathBuf,
    /// None where nothing is written.
    pub(super) run: Option<RunId>,
    pub(crate) latency: Latency,
}

/// The open file. Opening it for writing alone changes its bytes, which looking must not.
enum Handle {
    Writing(Database),
    Looking(ReadOnlyDatabase),
}

/// Why a call failed, before it is known which file and collection it was of.
pub(super) enum Cause {
    Redb(Box<redb::Error>),
    Unreadable { key: String, cause: String },
}

/// The tables within one change.
pub(super) struct Changing<'a>(&'a WriteTransaction);

/// The tables as they are at one moment.
pub(super) struct Reading<'a>(&'a ReadTransaction);

impl Embedded {
    pub fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        let file = |cause: String| StoreError::File { path: path.to_owned(), cause };
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let opened = match (path.exists(), access) {
            (true, Access::Read) => look(&builder, path),
            (true, Access::Write(_)) => builder.open(path).map(Handle::Writing),
            // Nothing is remembered yet, and looking must not change that.
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
            // For whoever comes meanwhile; the lock itself is the kernel's, and ends with the process.
            drop(std::fs::write(note_of_user(path), std::process::id().to_string()));
        }
        let store = Self { database, path: path.to_owned(), run: access.run(), latency: Latency::default() };
        match store.format().map_err(|cause| store.failure("about", cause))? {
            Some(FORMAT) => {}
            Some(format) => return Err(StoreError::Format { path: path.to_owned(), format, expected: FORMAT }),
            None => store.make_tables().map_err(|cause| store.failure("about", cause))?,
        }
        Ok(store)
    }

    /// Changes all or nothing; on disk when it returns.
    pub(super) fn change<T>(
        &self,
        collection: &Collection,
        work: impl FnOnce(&Changing<'_>) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = self.database.begin_write()?;
            let result = work(&Changing(&transaction))?;
            // What comes before works on what is to be written as well: learning does, series by series.
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

    /// Visits the documents whose keys are between those that start with `from` and those that start with `to`.
    pub(crate) fn each(
        &self,
        collection: &Collection,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        self.read(collection, |tables| {
            let table = match tables.0.open_table(documents_table(collection)) {
                // The file is older than the collection, and was not written since.
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
                table => table?,
            };
            // No key's next byte is that large, so this is behind all that start with `to`.
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

/// A disk that is full is told apart: there is something to be done about it. What is not committed is not there.
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

    pub(super) fn stretches(&self) -> Result<Table<'_, FirstKey, u32>, Cause> {
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

    pub(super) fn stretches(&self) -> Result<redb::ReadOnlyTable<FirstKey, u32>, Cause> {
        Ok(self.0.open_table(STRETCHES)?)
    }

    pub(super) fn has_documents(&self, collection: &Collection) -> Result<bool, Cause> {
        Ok(!self.0.open_table(documents_table(collection))?.is_empty()?)
    }

    /// The days of a range of which the collection holds anything, in their order.
    pub(super) fn dates(&self, collection: &Collection, range: DateRange) -> Result<Vec<Date>, Cause> {
        dates(&self.columns()?, collection, range)
    }

    /// The last day that the collection holds anything of.
    pub(super) fn newest_day(&self, collection: &Collection) -> Result<Option<Date>, Cause> {
        let (table, name) = (self.columns()?, collection.name);
        let Some(newest) = table.range((name, 0, 0, 0)..=(name, u32::MAX, u32::MAX, u8::MAX))?.next_back() else {
            return Ok(None);
        };
        let number = newest?.0.value().1;
        date(&format!("{number:08}")).map(Some).map_err(|cause| broken(name, cause))
    }
}

/// The days of a range of which the collection holds anything, in their order.
pub(super) fn dates(
    table: &impl ReadableTable<Column, &'static [u8]>,
    collection: &Collection,
    range: DateRange,
) -> Result<Vec<Date>, Cause> {
    let (name, last) = (collection.name, day_number(range.to));
    let mut next = day_number(range.from);
    let mut dates = Vec::new();
    // From day to day: in between are columns that would be read for nothing.
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

/// Beside the file: the process that opened it last for writing.
fn note_of_user(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".user");
    PathBuf::from(name)
}

/// Who has the file locked, as far as its note says so of a process that lives.
fn holder(path: &Path) -> String {
    let pid = std::fs::read_to_string(note_of_user(path)).ok().and_then(|pid| pid.trim().parse::<u32>().ok());
    let command = |pid: u32| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let command = command.trim_end_matches('\0').replace(|c: char| c.is_control(), " ");
        Some(format!("process {pid} ({command})"))
    };
    pid.and_then(command).unwrap_or_else(|| "another costwarden run".to_owned())
}

/// Opens for reading; as for writing where a run that was killed left something to repair, or nothing yet.
fn look(builder: &Builder, path: &Path) -> Result<Handle, DatabaseError> {
    match builder.open_read_only(path) {
        Ok(database) if has_tables(&database) => return Ok(Handle::Looking(database)),
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
