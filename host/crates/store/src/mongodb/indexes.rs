//! The indexes for reads and writes. If all indexes exist, the check costs one command per collection.

use futures_util::future::try_join_all;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;

use super::Mongodb;
use crate::documents::key::Collection;
use crate::documents::{COLLECTIONS, anomaly};
use crate::error::StoreError;

/// The key of `unique_anomaly_key` in the replaced pipeline, without the rule id.
const REPLACED_ANOMALY_KEY: [&str; 5] = ["date", "hour", "domainId", "projectId", "serviceId"];

/// Error codes of the server.
pub(super) const DUPLICATE_KEY: i32 = 11_000;
const NAMESPACE_NOT_FOUND: i32 = 26;
const INDEX_NOT_FOUND: i32 = 27;

/// A required index.
struct RequiredIndex {
    name: &'static str,
    fields: Vec<(&'static str, i32)>,
    unique: bool,
}

impl Mongodb {
    pub(super) async fn ensure_indexes(&self) -> Result<(), StoreError> {
        try_join_all(COLLECTIONS.map(|collection| self.ensure_indexes_of(collection))).await.map(drop)
    }

    /// Returns the number of missing indexes.
    pub(super) async fn missing_indexes(&self) -> Result<usize, StoreError> {
        let count = async |collection: &'static Collection| {
            let existing = self.indexes_of(collection).await?;
            let missing = required_indexes(collection)
                .into_iter()
                .filter(|required| !existing.iter().any(|index| required.is_satisfied_by(index)));
            Ok::<_, StoreError>(missing.count())
        };
        try_join_all(COLLECTIONS.map(count)).await.map(|counts| counts.into_iter().sum())
    }

    async fn ensure_indexes_of(&self, collection: &'static Collection) -> Result<(), StoreError> {
        let existing = self.indexes_of(collection).await?;
        let mut missing = Vec::new();
        for required in required_indexes(collection) {
            if existing.iter().any(|index| required.is_satisfied_by(index)) {
                continue;
            }
            if let Some(other) = existing.iter().find(|index| index.get_str("name") == Ok(required.name)) {
                if collection.name == anomaly::COLLECTION.name
                    && has_fields(other, &REPLACED_ANOMALY_KEY.map(|field| (field, 1)))
                {
                    self.drop_index(collection, other).await?;
                } else if required.unique {
                    // Without the unique index, two hosts could insert the same document twice.
                    return Err(StoreError::Index { collection: collection.name, index: required.name });
                } else {
                    // A different index costs only speed, and an administrator chose the difference.
                    continue;
                }
            }
            missing.push(Bson::Document(required.document()));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let command = doc! { "createIndexes": collection.name, "indexes": missing };
        let created = self.index_answer(self.database().run_command(command)).await;
        created.map(drop).map_err(|error| self.failure("create the indexes of", collection.name, &error))
    }

    async fn indexes_of(&self, collection: &Collection) -> Result<Vec<Document>, StoreError> {
        let listed = self.answer(self.database().run_command(doc! { "listIndexes": collection.name })).await;
        let reply = match listed {
            Ok(reply) => reply,
            // The collection does not exist yet.
            Err(error) if is_code(&error, NAMESPACE_NOT_FOUND) => return Ok(Vec::new()),
            Err(error) => return Err(self.failure("list the indexes of", collection.name, &error)),
        };
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        Ok(batch.into_iter().flatten().filter_map(|index| index.as_document().cloned()).collect())
    }

    /// Drops an index by key, not by name: another host may have created the new index under the name in the meantime.
    async fn drop_index(&self, collection: &Collection, index: &Document) -> Result<(), StoreError> {
        let key = index.get_document("key").cloned().unwrap_or_default();
        let drop = self.database().run_command(doc! { "dropIndexes": collection.name, "index": key });
        match self.answer(drop).await {
            Err(error) if !is_code(&error, INDEX_NOT_FOUND) => {
                Err(self.failure("drop the old unique index of", collection.name, &error))
            }
            // Dropped now, or already by another host.
            _ => Ok(()),
        }
    }
}

impl RequiredIndex {
    fn is_satisfied_by(&self, index: &Document) -> bool {
        let unique = index.get_bool("unique").unwrap_or(false);
        has_fields(index, &self.fields) && (unique || !self.unique)
    }

    fn document(&self) -> Document {
        let fields: Document =
            self.fields.iter().map(|(field, order)| ((*field).to_owned(), Bson::Int32(*order))).collect();
        let mut index = doc! { "key": fields, "name": self.name };
        if self.unique {
            index.insert("unique", true);
        }
        index
    }
}

fn required_indexes(collection: &Collection) -> Vec<RequiredIndex> {
    let key = collection.key.iter().map(|field| (*field, 1)).collect();
    let mut required = vec![RequiredIndex { name: collection.unique_index, fields: key, unique: true }];
    required.extend(collection.indexes.iter().map(|(name, fields)| RequiredIndex {
        name,
        fields: fields.to_vec(),
        unique: false,
    }));
    required
}

fn has_fields(index: &Document, fields: &[(&str, i32)]) -> bool {
    let Ok(key) = index.get_document("key") else { return false };
    // Clients store the sort order in different number types.
    let order = |value: &Bson| match value {
        Bson::Int32(order) => Some(f64::from(*order)),
        Bson::Int64(1) => Some(1.0),
        Bson::Int64(-1) => Some(-1.0),
        Bson::Double(order) => Some(*order),
        _ => None,
    };
    key.len() == fields.len()
        && key
            .iter()
            .zip(fields)
            .all(|((name, value), (field, expected))| name == field && order(value) == Some(f64::from(*expected)))
}

pub(super) fn is_code(error: &mongodb::error::Error, code: i32) -> bool {
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == code)
}
