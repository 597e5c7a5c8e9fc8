//! A database of a test's own, looked at with a plain client.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use crate::support::{block_on, service};

static MADE: AtomicU32 = AtomicU32::new(0);

/// Documents by collection, without what tells one run from another.
pub(crate) type Dump = BTreeMap<String, Vec<Document>>;

/// Dropped on the server when it is dropped here.
pub(crate) struct Mongo {
    uri: String,
    name: String,
}

impl Mongo {
    /// None, said aloud, where no server is there.
    pub(crate) fn new() -> Option<Self> {
        let uri = service("COSTWARDEN_TEST_MONGODB")?;
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        Some(Self { uri, name: format!("documents-{}-{made}", std::process::id()) })
    }

    /// The `[store]` table.
    pub(crate) fn store(&self) -> String {
        format!("[store]\nkind = \"mongodb\"\nuri = {:?}\ndatabase = {:?}\n", self.uri, self.name)
    }

    /// In the order of their fields' values.
    pub(crate) fn documents(&self, collection: &str) -> Vec<Document> {
        let mut found: Vec<Document> = self.run(async |database| {
            let found = database.collection(collection).find(doc! {}).await.expect("found");
            found.try_collect().await.expect("read")
        });
        for document in &mut found {
            document.remove("_id");
        }
        found.sort_by_cached_key(|document| Bson::Document(document.clone()).into_canonical_extjson().to_string());
        found
    }

    pub(crate) fn insert(&self, collection: &str, documents: &[Document]) {
        self.run(async |database| {
            database.collection::<Document>(collection).insert_many(documents).await.expect("inserted")
        });
    }

    pub(crate) fn command(&self, command: Document) -> Document {
        self.run(async |database| database.run_command(command).await.expect("done"))
    }

    /// Fields and uniqueness by name, without the one that every collection has.
    pub(crate) fn indexes(&self, collection: &str) -> BTreeMap<String, (Vec<(String, f64)>, bool)> {
        let reply = self.command(doc! { "listIndexes": collection });
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).expect("a batch");
        let index = |index: &Bson| {
            let index = index.as_document().expect("an index");
            let order = |order: &Bson| order.as_f64().or(order.as_i32().map(f64::from)).expect("an order");
            let key = index.get_document("key").expect("a key");
            let key = key.iter().map(|(field, value)| (field.clone(), order(value))).collect();
            (index.get_str("name").expect("a name").to_owned(), (key, index.get_bool("unique").unwrap_or(false)))
        };
        batch.iter().map(index).filter(|(name, _)| name != "_id_").collect()
    }

    /// Every document, but for when it was written, and of `job_runs` what tells one run from another.
    pub(crate) fn dump(&self) -> Dump {
        let names = self.run(async |database| database.list_collection_names().await.expect("names"));
        let stripped = |name: String| {
            let mut documents = self.documents(&name);
            for document in &mut documents {
                for time in [
                    "createdAt",
                    "updatedAt",
                    "lastUpdated",
                    "fetchedAt",
                    "startedAt",
                    "finishedAt",
                    "leaseRenewedAt",
                    "leaseSince",
                    "leaseUntil",
                    "knownFrom",
                    "knownUntil",
                    "runId",
                ] {
                    document.remove(time);
                }
                if name == "job_runs" {
                    for of_one_run in ["owner", "attempts", "durationsMs"] {
                        assert!(document.remove(of_one_run).is_some(), "{document}");
                    }
                    let counts = document.get_document_mut("counts").expect("counts");
                    // What a run did, as opposed to what it saw.
                    for done in ["archived", "opened", "closed", "notices"] {
                        counts.remove(done);
                    }
                }
            }
            documents.sort_by_cached_key(|document| format!("{document}"));
            (name, documents)
        };
        names.into_iter().map(stripped).collect()
    }

    pub(crate) fn run<T>(&self, work: impl AsyncFnOnce(Database) -> T) -> T {
        block_on(async {
            let client = Client::with_uri_str(&self.uri).await.expect("a client");
            work(client.database(&self.name)).await
        })
    }
}

/// Asserts that two dumps are equal, showing the documents that are in one alone.
#[track_caller]
pub(crate) fn assert_same(before: &Dump, after: &Dump, what: &str) {
    let names = |dump: &Dump| dump.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(before), names(after), "{what}");
    for (name, before) in before {
        let after = &after[name];
        let alone = |some: &[Document], others: &[Document]| -> String {
            some.iter().filter(|one| !others.contains(one)).map(|one| format!("{one}\n")).collect()
        };
        let (gone, new) = (alone(before, after), alone(after, before));
        assert!(before == after, "{what}: {name}\nbefore:\n{gone}after:\n{new}");
    }
}

impl Drop for Mongo {
    fn drop(&mut self) {
        self.run(async |database| database.drop().await.expect("dropped"));
    }
}
