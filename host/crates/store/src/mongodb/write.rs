//! Bulk writes. An update of an existing document by `_id` and an insert of a new document each take at most a third of
//! the time of an upsert by key. If another host was faster, the batch is repeated with upserts by key.

mod batch;

use std::time::Duration;

use futures_util::{TryStreamExt as _, stream};
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};

pub(super) use self::batch::DocumentWrite;
use self::batch::{Batch, WriteKind, batches};
use super::Mongodb;
use super::indexes::DUPLICATE_KEY;
use crate::checkpoint::Checkpoint;
use crate::documents::key::Collection;
use crate::documents::upsert::{Upsert, run_field};
use crate::error::StoreError;
use crate::failpoint;
use crate::latency::Operation;

/// Time limit for the confirmation by a majority. A later confirmation counts as a failed write.
pub(super) const CONFIRMED_WITHIN: Duration = Duration::from_secs(30);

const BATCHES_IN_FLIGHT: usize = 2;

/// Maximum attempts per command. A repeated write leaves the same documents.
const ATTEMPTS: u32 = 3;

/// The server's reply to a batch.
struct BatchReply {
    written: usize,
    errors: Vec<WriteError>,
    /// The reason for a missing confirmation by a majority.
    unconfirmed: Option<String>,
}

/// The failure of a single write of a batch.
#[derive(Debug, PartialEq)]
struct WriteError {
    /// Index in the batch.
    index: usize,
    code: i32,
    message: String,
}

impl Mongodb {
    /// Writes documents in any order.
    pub(super) async fn write(
        &self,
        collection: &'static Collection,
        writes: impl Iterator<Item = DocumentWrite>,
    ) -> Result<(), StoreError> {
        let with_run = |write: DocumentWrite| DocumentWrite { upsert: write.upsert.with_run(self.run), ..write };
        let batches = batches(collection, writes.map(with_run));
        let sends = batches.map(|batch| batch.map(|batch| self.send(collection, batch)));
        stream::iter(sends).try_buffer_unordered(BATCHES_IN_FLIGHT).try_collect::<()>().await
    }

    /// Writes documents. `filter` matches the existing documents with the keys of the upserts.
    pub(super) async fn put(
        &self,
        collection: &'static Collection,
        filter: Document,
        upserts: Vec<Upsert>,
    ) -> Result<(), StoreError> {
        if upserts.is_empty() {
            return Ok(());
        }
        let mut existing = self.existing(collection, filter, &[]).await?;
        let writes = upserts.into_iter().map(|upsert| DocumentWrite::new(upsert, &mut existing));
        self.write(collection, writes).await
    }

    /// Sets the same fields of several documents, by `_id`.
    pub(super) async fn set(
        &self,
        collection: &'static Collection,
        ids: Vec<Bson>,
        mut fields: Document,
    ) -> Result<(), StoreError> {
        let handle = self.database().collection::<Document>(collection.name);
        fields.extend(run_field(self.run));
        for ids in ids.chunks(10_000) {
            let change = handle.update_many(doc! { "_id": { "$in": ids } }, doc! { "$set": &fields });
            let changed = self.latency.measure(Operation::Write, self.answer(change)).await;
            changed.map_err(|error| self.failure("change documents of", collection.name, &error))?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, collection: &'static Collection, ids: Vec<Bson>) -> Result<(), StoreError> {
        let handle = self.database().collection::<Document>(collection.name);
        for ids in ids.chunks(10_000) {
            let delete = handle.delete_many(doc! { "_id": { "$in": ids } });
            let deleted = self.latency.measure(Operation::Delete, self.answer(delete)).await;
            deleted.map_err(|error| self.failure("delete documents of", collection.name, &error))?;
        }
        Ok(())
    }

    async fn send(&self, collection: &'static Collection, batch: Batch) -> Result<(), StoreError> {
        let reply = self.transmit(collection, &batch).await?;
        // This batch is in the store, the rest may be missing.
        failpoint::pass(Checkpoint::Writing);
        if reply.written == batch.writes.len() && reply.unconfirmed.is_none() {
            return Ok(());
        }
        // Another host inserted or removed some documents, or the connection broke after a part of the batch.
        let mut by_key = Batch::new(WriteKind::UpsertByKey);
        for write in batch.writes {
            by_key.push(collection, DocumentWrite { upsert: write.upsert, id: None })?;
        }
        let reply = self.transmit(collection, &by_key).await?;
        if let Some(error) = reply.errors.into_iter().next() {
            let key = by_key.writes.get(error.index).map_or_else(String::new, |write| write.upsert.key.to_string());
            return Err(StoreError::Rejected { collection: collection.name, key, cause: error.message });
        }
        match reply.unconfirmed {
            Some(cause) => Err(StoreError::Failed {
                operation: "confirm writes to",
                collection: collection.name.to_owned(),
                cause,
            }),
            None => Ok(()),
        }
    }

    /// Sends a batch until the server answers, at most [`ATTEMPTS`] times. A lost race for a key counts as no answer.
    async fn transmit(&self, collection: &Collection, batch: &Batch) -> Result<BatchReply, StoreError> {
        let mut attempt = 1;
        loop {
            let write = self.database().run_raw_command(batch.command(collection));
            let answer = self.latency.measure(Operation::Write, self.answer(write)).await;
            let reply = match answer {
                Ok(reply) => BatchReply::read(&reply),
                Err(error) if attempt < ATTEMPTS && is_transient(&error) => {
                    attempt += 1;
                    continue;
                }
                Err(error) => return Err(self.failure("write to", collection.name, &error)),
            };
            // Upserts of the same new key can collide. After the collision the document exists, so the next attempt
            // succeeds.
            let is_collision =
                batch.kind == WriteKind::UpsertByKey && reply.errors.iter().any(|error| error.code == DUPLICATE_KEY);
            if is_collision && attempt < ATTEMPTS {
                attempt += 1;
                continue;
            }
            return Ok(reply);
        }
    }
}

impl BatchReply {
    fn read(reply: &Document) -> Self {
        let message = |document: &Document| document.get_str("errmsg").unwrap_or("no reason given").to_owned();
        let error = |error: &Bson| {
            let error = error.as_document()?;
            let index = usize::try_from(error.get_i32("index").ok()?).ok()?;
            Some(WriteError { index, code: error.get_i32("code").unwrap_or(0), message: message(error) })
        };
        let errors = reply.get_array("writeErrors").into_iter().flatten().filter_map(error).collect();
        Self {
            written: reply.get_i32("n").ok().and_then(|written| usize::try_from(written).ok()).unwrap_or(0),
            errors,
            unconfirmed: reply.get_document("writeConcernError").ok().map(message),
        }
    }
}

/// Returns whether the same command may succeed on the next primary.
fn is_transient(error: &Error) -> bool {
    // InterruptedAtShutdown, InterruptedDueToReplStateChange, NotWritablePrimary, NotPrimaryNoSecondaryOk,
    // NotPrimaryOrSecondary, PrimarySteppedDown, ShutdownInProgress, HostUnreachable, HostNotFound, NetworkTimeout,
    // SocketException
    const CODES: [i32; 11] = [11_600, 11_602, 10_107, 13_435, 13_436, 189, 91, 6, 7, 89, 9_001];
    match &*error.kind {
        ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } => true,
        ErrorKind::Command(command) => CODES.contains(&command.code),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_lists_each_failed_write() {
        let reply = BatchReply::read(&doc! {
            "n": 1,
            "writeErrors": [{ "index": 1, "code": 11_000, "errmsg": "duplicate" }],
            "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" },
        });
        assert_eq!(reply.written, 1);
        assert_eq!(reply.errors, [WriteError { index: 1, code: 11_000, message: "duplicate".to_owned() }]);
        assert_eq!(reply.unconfirmed.as_deref(), Some("waiting for replication timed out"));
    }
}
