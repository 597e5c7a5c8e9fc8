//! Batches: encoded writes of the same kind, up to the limits of one command.

use mongodb::bson::{Bson, RawArrayBuf, RawBson, RawDocumentBuf, rawdoc};

use super::CONFIRMED_WITHIN;
use crate::documents::key::{Collection, key_document_bytes};
use crate::documents::upsert::Upsert;
use crate::error::StoreError;
use crate::mongodb::read::ExistingDocuments;

/// Limits of one command, well below the server's limits of 100,000 writes and 48 MB: the driver holds several copies
/// of the command.
const BATCH_WRITES: usize = 1_000;
const BATCH_BYTES: usize = 2_000_000;

/// A write of a document, with the `_id` of an existing document.
pub(in crate::mongodb) struct DocumentWrite {
    pub(in crate::mongodb) upsert: Upsert,
    pub(in crate::mongodb) id: Option<Bson>,
}

/// An encoded write.
pub(super) struct EncodedWrite {
    statement: RawDocumentBuf,
    pub(super) upsert: Upsert,
}

/// The kind of a write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum WriteKind {
    Insert,
    UpdateById,
    UpsertByKey,
}

/// Writes of the same kind.
pub(super) struct Batch {
    pub(super) kind: WriteKind,
    pub(super) writes: Vec<EncodedWrite>,
    /// Size of the encoded writes.
    bytes: usize,
}

impl DocumentWrite {
    /// Returns the write of an upsert. Takes the document with the same key out of the existing documents.
    pub(in crate::mongodb) fn new(upsert: Upsert, existing: &mut ExistingDocuments) -> Self {
        let id = existing.remove(&key_document_bytes(&upsert.key)).map(|old| old.id);
        Self { upsert, id }
    }

    fn encode(self, collection: &Collection, kind: WriteKind) -> Result<EncodedWrite, StoreError> {
        let Self { upsert, id } = self;
        match statement(kind, &upsert, id) {
            Ok(statement) => Ok(EncodedWrite { statement, upsert }),
            Err(error) => Err(StoreError::Rejected {
                collection: collection.name,
                key: upsert.key.to_string(),
                cause: error.to_string(),
            }),
        }
    }
}

impl Batch {
    pub(super) fn new(kind: WriteKind) -> Self {
        Self { kind, writes: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, collection: &Collection, write: DocumentWrite) -> Result<(), StoreError> {
        let write = write.encode(collection, self.kind)?;
        self.bytes += write.statement.as_bytes().len();
        self.writes.push(write);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.writes.len() == BATCH_WRITES || self.bytes > BATCH_BYTES
    }

    /// Takes the writes out of the batch.
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.kind))
    }

    pub(super) fn command(&self, collection: &Collection) -> RawDocumentBuf {
        let mut statements = RawArrayBuf::new();
        for write in &self.writes {
            statements.push(write.statement.clone());
        }
        let confirmed_within = i64::try_from(CONFIRMED_WITHIN.as_millis()).unwrap_or(i64::MAX);
        let mut command = match self.kind {
            WriteKind::Insert => rawdoc! { "insert": collection.name, "documents": statements },
            WriteKind::UpdateById | WriteKind::UpsertByKey => {
                rawdoc! { "update": collection.name, "updates": statements }
            }
        };
        // A failed write must not stop the rest of the batch.
        command.append("ordered", false);
        command.append("writeConcern", rawdoc! { "w": "majority", "wtimeout": confirmed_within });
        command
    }
}

/// Groups writes into batches of the same kind; a full batch comes out at once, to limit the memory use.
pub(super) fn batches(
    collection: &'static Collection,
    mut writes: impl Iterator<Item = DocumentWrite>,
) -> impl Iterator<Item = Result<Batch, StoreError>> {
    let mut updates = Batch::new(WriteKind::UpdateById);
    let mut inserts = Batch::new(WriteKind::Insert);
    std::iter::from_fn(move || {
        for write in writes.by_ref() {
            let batch = if write.id.is_some() { &mut updates } else { &mut inserts };
            if let Err(error) = batch.push(collection, write) {
                return Some(Err(error));
            }
            if batch.is_full() {
                return Some(Ok(batch.take()));
            }
        }
        // No more writes: the partial batches follow.
        let rest = [&mut updates, &mut inserts].into_iter().find(|batch| !batch.writes.is_empty());
        rest.map(|batch| Ok(batch.take()))
    })
}

fn statement(kind: WriteKind, upsert: &Upsert, id: Option<Bson>) -> Result<RawDocumentBuf, mongodb::bson::raw::Error> {
    Ok(match kind {
        WriteKind::Insert => RawDocumentBuf::from_document(&upsert.new_document())?,
        WriteKind::UpdateById => {
            let id = RawBson::try_from(id.unwrap_or(Bson::Null))?;
            rawdoc! { "q": { "_id": id }, "u": { "$set": RawDocumentBuf::from_document(&upsert.set)? } }
        }
        WriteKind::UpsertByKey => {
            let key = RawDocumentBuf::from_document(&upsert.key)?;
            let set = RawDocumentBuf::from_document(&upsert.set)?;
            let on_insert = RawDocumentBuf::from_document(&upsert.on_insert)?;
            rawdoc! { "q": key, "u": { "$set": set, "$setOnInsert": on_insert }, "upsert": true }
        }
    })
}
