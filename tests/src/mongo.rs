//! A database on a real mongod, and a plain client for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use crate::{block_on, service};

static MADE: AtomicU32 = AtomicU32::new(0);

/// The documents of each collection, without fields that differ from run to run.
pub type Dump = BTreeMap<String, Vec<Document>>;

/// A database of one test, dropped on the server with the value.
pub struct Mongo {
    uri: String,
    name: String,
    /// More keys of the `[store]` table.
    keys: &'static str,
}

impl Mongo {
    /// A new database on the server of `tests/services.sh`; `None` without a server.
    pub fn new() -> Option<Self> {
        Some(Self::at(&service("COSTWARDEN_TEST_MONGODB")?))
    }

    /// A new database on a server.
    pub fn at(uri: &str) -> Self {
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        Self { uri: uri.to_owned(), name: format!("suite-{}-{made}", std::process::id()), keys: "" }
    }

    /// The same database under another URI and with more keys in the `[store]` table.
    #[must_use]
    pub fn by(mut self, uri: &str, keys: &'static str) -> Self {
        uri.clone_into(&mut self.uri);
        self.keys = keys;
        self
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `[store]` table.
    pub fn store(&self) -> String {
        format!("[store]\nkind = \"mongodb\"\nuri = {:?}\ndatabase = {:?}\n{}", self.uri, self.name, self.keys)
    }

    /// The `[store]` table of a server that refuses connections.
    pub fn unreachable(&self) -> String {
        format!(
            "[store]\nkind = \"mongodb\"\nuri = \"mongodb://127.0.0.1:1/\"\ndatabase = {:?}\ntimeout_seconds = 1\n",
            self.name
        )
    }

    /// A new database with copies of all documents.
    #[must_use]
    pub fn copied(&self) -> Self {
        let copy = Self::at(&self.uri);
        self.run(async |database| {
            for name in database.list_collection_names().await.expect("names") {
                let out = doc! { "$out": { "db": &copy.name, "coll": &name } };
                database.collection::<Document>(&name).aggregate([out]).await.expect("copied");
            }
        });
        copy
    }

    /// The names of all collections.
    pub fn collections(&self) -> Vec<String> {
        self.run(async |database| database.list_collection_names().await.expect("names"))
    }

    /// The documents that match a filter, in the order of the server.
    pub fn find(&self, collection: &str, filter: Document) -> Vec<Document> {
        self.run(async |database| {
            let found = database.collection(collection).find(filter).await.expect("found");
            found.try_collect().await.expect("read")
        })
    }

    /// The documents without `_id`, sorted by the values of their fields.
    pub fn documents(&self, collection: &str) -> Vec<Document> {
        let mut found = self.find(collection, doc! {});
        for document in &mut found {
            document.remove("_id");
        }
        found.sort_by_cached_key(|document| Bson::Document(document.clone()).into_canonical_extjson().to_string());
        found
    }

    /// Inserts documents.
    pub fn insert(&self, collection: &str, documents: &[Document]) {
        self.run(async |database| {
            database.collection::<Document>(collection).insert_many(documents).await.expect("inserted")
        });
    }

    /// Asserts that no failure is counted any more, and drops the counters: a counter at 0 remains if a failure was
    /// counted before.
    #[track_caller]
    pub fn assert_no_failures(&self, what: &str) {
        assert_eq!(self.find("billing_notifications", doc! { "times": { "$ne": 0 } }), [], "{what}");
        self.run(async |database| {
            database.collection::<Document>("billing_notifications").drop().await.expect("dropped");
        });
    }

    /// Runs a command on the database.
    pub fn command(&self, command: Document) -> Document {
        self.run(async |database| database.run_command(command).await.expect("done"))
    }

    /// Fields and uniqueness of each index by its name, without the index of `_id`.
    pub fn indexes(&self, collection: &str) -> BTreeMap<String, (Vec<(String, f64)>, bool)> {
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

    /// Reads every document without times; run records also lose owner, attempts and durations.
    pub fn dump(&self) -> Dump {
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
                    for done in ["archived", "opened", "closed", "notifications"] {
                        counts.remove(done);
                    }
                }
            }
            documents.sort_by_cached_key(|document| format!("{document}"));
            (name, documents)
        };
        self.collections().into_iter().map(stripped).collect()
    }

    /// Runs a function with the database of a plain client.
    pub fn run<T>(&self, work: impl AsyncFnOnce(Database) -> T) -> T {
        block_on(async {
            let client = Client::with_uri_str(&self.uri).await.expect("a client");
            work(client.database(&self.name)).await
        })
    }
}

/// Asserts equality of two dumps. The message of a failure contains the differing documents.
#[track_caller]
pub fn assert_same(before: &Dump, after: &Dump, what: &str) {
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
