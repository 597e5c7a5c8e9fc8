//! The database file: opening, transactions and error messages. The content of the tables is not part of this module.

use std::path::{Path, PathBuf};
use std::time::Instant;

use model::run_id::RunId;
use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, TransactionError,
    WriteTransaction,
};

use super::cause::Cause;
use super::tables::{self, FORMAT, ReadTables, WriteTables};
use crate::access::Access;
use crate::documents::key::Collection;
use crate::error::StoreError;
use crate::latency::{Latency, Operation};

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
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

impl Embedded {
    pub fn open(path: &Path, access: Access) -> Result<Self, StoreError> {
        let file_error = |cause: String| StoreError::File { path: path.to_owned(), cause };
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let opened = match (path.exists(), access) {
            (true, Access::Read) => open_to_read(&builder, path),
            (true, Access::Write(_)) => builder.open(path).map(Handle::Writable),
            // The file does not exist, and a reader must not create the file.
            (false, Access::Read) => builder.create_with_backend(InMemoryBackend::new()).map(Handle::Writable),
            (false, Access::Write(_)) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.map_or(Ok(()), std::fs::create_dir_all).map_err(|error| file_error(error.to_string()))?;
                builder.create(path).map(Handle::Writable)
            }
        };
        let database = opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                StoreError::Locked { path: path.to_owned(), holder: lock_holder(path) }
            }
            error => store_error(path, error.into(), redb::Error::to_string),
        })?;
        if matches!(database, Handle::Writable(_)) && matches!(access, Access::Write(_)) {
            // The note only names the holder in a message to a second process. The kernel keeps the lock and drops the
            // lock at the end of the process.
            drop(std::fs::write(lock_note(path), std::process::id().to_string()));
        }
        let store = Self { database, path: path.to_owned(), run: access.run(), latency: Latency::default() };
        match store.format().map_err(|cause| store.failure("about", cause))? {
            Some(FORMAT) => {}
            Some(format) => return Err(StoreError::Format { path: path.to_owned(), format, expected: FORMAT }),
            // A new database has no tables yet. The same holds for the empty database in memory.
            None => store.create_tables().map_err(|cause| store.failure("about", cause))?,
        }
        Ok(store)
    }

    /// Creates an empty database in memory. `run` is the id of the writing run.
    pub(crate) fn in_memory(run: RunId) -> Result<Self, StoreError> {
        let path = PathBuf::from("memory");
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = builder
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| store_error(&path, error.into(), redb::Error::to_string))?;
        let store = Self { database: Handle::Writable(database), path, run: Some(run), latency: Latency::default() };
        store.create_tables().map_err(|cause| store.failure("about", cause))?;
        Ok(store)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a write transaction: all changes or none. The changes are on the disk when the function returns.
    pub(super) fn change<T>(
        &self,
        collection: &Collection,
        work: impl FnOnce(&WriteTables<'_>) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        let run = || {
            let transaction = self.database.begin_write()?;
            let result = work(&WriteTables(&transaction))?;
            // Only the commit counts: `work` may include computation, like the training of baselines series by series.
            let started = Instant::now();
            let committed = transaction.commit();
            self.latency.count(Operation::Write, started, &committed);
            committed?;
            Ok(result)
        };
        run().map_err(|cause| self.failure(collection.name, cause))
    }

    /// Runs `work` in a read transaction.
    pub(super) fn read<T>(
        &self,
        collection: &Collection,
        work: impl FnOnce(&ReadTables<'_>) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        let run = || work(&ReadTables(&self.database.begin_read()?));
        let started = Instant::now();
        let result = run();
        self.latency.count(Operation::Read, started, &result);
        result.map_err(|cause| self.failure(collection.name, cause))
    }

    fn format(&self) -> Result<Option<u64>, Cause> {
        tables::format(&self.database.begin_read()?)
    }

    fn create_tables(&self) -> Result<(), Cause> {
        let transaction = self.database.begin_write()?;
        tables::create(&transaction)?;
        Ok(transaction.commit()?)
    }

    fn failure(&self, collection: &'static str, cause: Cause) -> StoreError {
        match cause {
            Cause::Redb(error) => store_error(&self.path, *error, |error| format!("{collection}: {error}")),
            Cause::Unreadable { key, cause } => StoreError::Unreadable { collection, key, cause },
        }
    }
}

impl Handle {
    fn begin_read(&self) -> Result<ReadTransaction, TransactionError> {
        match self {
            Self::Writable(database) => database.begin_read(),
            Self::ReadOnly(database) => database.begin_read(),
        }
    }

    fn begin_write(&self) -> Result<WriteTransaction, TransactionError> {
        match self {
            Self::Writable(database) => database.begin_write(),
            Self::ReadOnly(_) => unreachable!("a store that is open for reading is never written"),
        }
    }
}

/// Converts a database error. A full disk has a separate error, because the operator can free space. Uncommitted
/// changes are never visible.
fn store_error(path: &Path, error: redb::Error, text: impl FnOnce(&redb::Error) -> String) -> StoreError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let cause = text(&error);
    match error {
        redb::Error::Io(error) if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) => {
            StoreError::Full { path: path.to_owned(), cause }
        }
        _ => StoreError::File { path: path.to_owned(), cause },
    }
}

/// Returns the path of the note with the id of the last process that opened the file for writing.
fn lock_note(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".user");
    PathBuf::from(name)
}

/// Describes the process that holds the lock, if the note names a live process.
fn lock_holder(path: &Path) -> String {
    let pid = std::fs::read_to_string(lock_note(path)).ok().and_then(|pid| pid.trim().parse::<u32>().ok());
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
fn open_to_read(builder: &Builder, path: &Path) -> Result<Handle, DatabaseError> {
    match builder.open_read_only(path) {
        Ok(database) if has_tables(&database) => return Ok(Handle::ReadOnly(database)),
        // The read-only handle must release the lock before the open for writing.
        Ok(database) => drop(database),
        Err(DatabaseError::RepairAborted) => {}
        Err(error) => return Err(error),
    }
    builder.open(path).map(Handle::Writable)
}

fn has_tables(database: &ReadOnlyDatabase) -> bool {
    database.begin_read().is_ok_and(|transaction| tables::format(&transaction).is_ok_and(|format| format.is_some()))
}
