//! Bulk writes. An update of an existing document by `_id` and an insert of a new document each take at most a third of
//! the time of an upsert by key. If another host was faster, the batch is repeated with upserts by key.

use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use mongodb::bson::{Bson, Document, RawArrayBuf, RawBson, RawDocumentBuf, doc, rawdoc};
use mongodb::error::{Error, ErrorKind};

use super::Mongodb;
use crate::StoreError;
use crate::checkpoint::{self, Checkpoint};
use crate::documents::{Collection, Upsert, run_field};
use crate::latency::Operation;

/// Time limit for the confirmation by a majority. A later confirmation counts as a failed write.
pub(super) const CONFIRMED_WITHIN: Duration = Duration::from_secs(30);

/// Limits of one command, well below the server's limits of 100,000 writes and 48 MB: the driver holds several copies
/// of the command.
const BATCH_WRITES: usize = 1_000;
const BATCH_BYTES: usize = 2_000_000;

const BATCHES_IN_FLIGHT: usize = 2;

/// Maximum attempts per command. A repeated write leaves the same documents.
const ATTEMPTS: u32 = 3;

const DUPLICATE_KEY: i32 = 11_000;

/// An encoded write.
struct Write {
    statement: RawDocumentBuf,
    upsert: Upsert,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Insert,
    UpdateById,
    UpsertByKey,
}

/// The server's reply to a batch.
struct Reply {
    written: usize,
    /// Index in the batch, code and message of each error.
    errors: Vec<(usize, i32, String)>,
    unconfirmed: Option<String>,
}

impl Mongodb {
    /// Writes documents in any order. Each document comes with the existing `_id`, if any.
    pub(super) async fn write(
        &self,
        collection: &'static Collection,
        writes: impl Iterator<Item = (Upsert, Option<Bson>)>,
    ) -> Result<(), StoreError> {
        let writes = writes.map(|(upsert, id)| (upsert.by(self.run), id));
        let batches =
            batches(collection, writes).map(|batch| batch.map(|(how, batch)| self.send(collection, how, batch)));
        stream::iter(batches).try_buffer_unordered(BATCHES_IN_FLIGHT).try_collect::<()>().await
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
            let changed = self.latency.of(Operation::Write, self.answer(change)).await;
            changed.map_err(|error| self.failure("change documents of", collection.name, &error))?;
        }
        Ok(())
    }

    pub(super) async fn delete(&self, collection: &'static Collection, ids: Vec<Bson>) -> Result<(), StoreError> {
        let handle = self.database().collection::<Document>(collection.name);
        for ids in ids.chunks(10_000) {
            let delete = handle.delete_many(doc! { "_id": { "$in": ids } });
            let deleted = self.latency.of(Operation::Delete, self.answer(delete)).await;
            deleted.map_err(|error| self.failure("delete documents of", collection.name, &error))?;
        }
        Ok(())
    }

    async fn send(&self, collection: &'static Collection, how: How, batch: Vec<Write>) -> Result<(), StoreError> {
        let reply = self.transmit(collection, how, &batch).await?;
        // Failpoint: this batch is in the store, the rest may be missing.
        checkpoint::reached(Checkpoint::Writing);
        if reply.written == batch.len() && reply.unconfirmed.is_none() {
            return Ok(());
        }
        // Another host inserted or removed some documents, or the connection broke after a part of the batch.
        let by_key = batch.into_iter().map(|write| encode(How::UpsertByKey, write.upsert, None));
        let by_key: Vec<Write> = by_key.collect::<Result<_, _>>().map_err(|(key, cause)| StoreError::Rejected {
            collection: collection.name,
            key,
            cause,
        })?;
        let reply = self.transmit(collection, How::UpsertByKey, &by_key).await?;
        if let Some((place, _, message)) = reply.errors.into_iter().next() {
            let key = by_key.get(place).map_or_else(String::new, |write| write.upsert.key.to_string());
            return Err(StoreError::Rejected { collection: collection.name, key, cause: message });
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
    async fn transmit(&self, collection: &Collection, how: How, batch: &[Write]) -> Result<Reply, StoreError> {
        let mut attempt = 1;
        loop {
            let write = self.database().run_raw_command(command(collection, how, batch));
            let answer = self.latency.of(Operation::Write, self.answer(write)).await;
            let reply = match answer {
                Ok(reply) => Reply::read(&reply),
                Err(error) if attempt < ATTEMPTS && is_transient(&error) => {
                    attempt += 1;
                    continue;
                }
                Err(error) => return Err(self.failure("write to", collection.name, &error)),
            };
            // Upserts of the same new key can collide. After the collision the document exists, so the next attempt
            // succeeds.
            let raced = how == How::UpsertByKey && reply.errors.iter().any(|(_, code, _)| *code == DUPLICATE_KEY);
            if raced && attempt < ATTEMPTS {
                attempt += 1;
                continue;
            }
            return Ok(reply);
        }
    }
}

impl Reply {
    fn read(reply: &Document) -> Self {
        let message = |document: &Document| document.get_str("errmsg").unwrap_or("no reason given").to_owned();
        let error = |error: &Bson| {
            let error = error.as_document()?;
            let place = usize::try_from(error.get_i32("index").ok()?).ok()?;
            Some((place, error.get_i32("code").unwrap_or(0), message(error)))
        };
        let errors = reply.get_array("writeErrors").into_iter().flatten().filter_map(error).collect();
        Self {
            written: reply.get_i32("n").ok().and_then(|written| usize::try_from(written).ok()).unwrap_or(0),
            errors,
            unconfirmed: reply.get_document("writeConcernError").ok().map(message),
        }
    }
}

/// Groups writes into batches of the same kind; a full batch comes out at once, to limit the memory use.
fn batches(
    collection: &'static Collection,
    mut writes: impl Iterator<Item = (Upsert, Option<Bson>)>,
) -> impl Iterator<Item = Result<(How, Vec<Write>), StoreError>> {
    let mut filling = [(How::UpdateById, Vec::new(), 0), (How::Insert, Vec::new(), 0)];
    std::iter::from_fn(move || {
        for (upsert, id) in writes.by_ref() {
            let (how, batch, bytes) = &mut filling[usize::from(id.is_none())];
            let write = match encode(*how, upsert, id) {
                Ok(write) => write,
                Err((key, cause)) => {
                    return Some(Err(StoreError::Rejected { collection: collection.name, key, cause }));
                }
            };
            *bytes += write.statement.as_bytes().len();
            batch.push(write);
            if batch.len() == BATCH_WRITES || *bytes > BATCH_BYTES {
                *bytes = 0;
                return Some(Ok((*how, std::mem::take(batch))));
            }
        }
        // No more writes: the partial batches follow.
        let rest = filling.iter_mut().find(|(_, batch, _)| !batch.is_empty());
        rest.map(|(how, batch, _)| Ok((*how, std::mem::take(batch))))
    })
}

/// Encodes a write.
///
/// # Errors
/// Fails with the key as text and the cause.
fn encode(how: How, upsert: Upsert, id: Option<Bson>) -> Result<Write, (String, String)> {
    let encoded = || -> Result<RawDocumentBuf, mongodb::bson::raw::Error> {
        Ok(match how {
            How::Insert => RawDocumentBuf::from_document(&upsert.fresh())?,
            How::UpdateById => {
                let id = RawBson::try_from(id.unwrap_or(Bson::Null))?;
                rawdoc! { "q": { "_id": id }, "u": { "$set": RawDocumentBuf::from_document(&upsert.set)? } }
            }
            How::UpsertByKey => {
                let key = RawDocumentBuf::from_document(&upsert.key)?;
                let set = RawDocumentBuf::from_document(&upsert.set)?;
                let on_insert = RawDocumentBuf::from_document(&upsert.on_insert)?;
                rawdoc! { "q": key, "u": { "$set": set, "$setOnInsert": on_insert }, "upsert": true }
            }
        })
    };
    match encoded() {
        Ok(statement) => Ok(Write { statement, upsert }),
        Err(error) => Err((upsert.key.to_string(), error.to_string())),
    }
}

fn command(collection: &Collection, how: How, batch: &[Write]) -> RawDocumentBuf {
    let mut statements = RawArrayBuf::new();
    for write in batch {
        statements.push(write.statement.clone());
    }
    let confirmed_within = i64::try_from(CONFIRMED_WITHIN.as_millis()).unwrap_or(i64::MAX);
    let mut command = match how {
        How::Insert => rawdoc! { "insert": collection.name, "documents": statements },
        How::UpdateById | How::UpsertByKey => rawdoc! { "update": collection.name, "updates": statements },
    };
    // A failed write must not stop the rest of the batch.
    command.append("ordered", false);
    command.append("writeConcern", rawdoc! { "w": "majority", "wtimeout": confirmed_within });
    command
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
    fn a_reply_names_each_write_that_failed() {
        let reply = Reply::read(&doc! {
            "n": 1,
            "writeErrors": [{ "index": 1, "code": 11_000, "errmsg": "duplicate" }],
            "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" },
        });
        assert_eq!(reply.written, 1);
        assert_eq!(reply.errors, [(1, 11_000, "duplicate".to_owned())]);
        assert_eq!(reply.unconfirmed.as_deref(), Some("waiting for replication timed out"));
    }
}
