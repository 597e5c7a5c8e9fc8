//! A database of a test's own, copied and compared with a plain client.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use crate::support::{block_on, service};

static MADE: AtomicU32 = AtomicU32::new(0);

/// Documents by collection, as JSON without what tells one run from another.
pub(crate) type Dump = BTreeMap<String, Vec<String>>;

/// Dropped on the server when it is dropped here.
pub(crate) struct Mongo {
    uri: String,
    name: String,
    /// Of the `[store]` table, besides.
    keys: &'static str,
}

impl Mongo {
    /// None, said aloud, where no server is there.
    pub(crate) fn new() -> Option<Self> {
        Some(Self::at(&service("COSTWARDEN_TEST_MONGODB")?))
    }

    pub(crate) fn at(uri: &str) -> Self {
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        Self { uri: uri.to_owned(), name: format!("hosts-{}-{made}", std::process::id()), keys: "" }
    }

    /// The same database by another address, and with more keys in the `[store]` table.
    pub(crate) fn by(mut self, uri: &str, keys: &'static str) -> Self {
        uri.clone_into(&mut self.uri);
        self.keys = keys;
        self
    }

    /// The `[store]` table.
    pub(crate) fn store(&self) -> String {
        format!("[store]\nkind = \"mongodb\"\nuri = {:?}\ndatabase = {:?}\n{}", self.uri, self.name, self.keys)
    }

    /// Another with the same documents.
    pub(crate) fn copied(&self) -> Self {
        let copy = Self::at(&self.uri);
        self.run(async |database| {
            for name in database.list_collection_names().await.expect("names") {
                let out = doc! { "$out": { "db": &copy.name, "coll": &name } };
                database.collection::<Document>(&name).aggregate([out]).await.expect("copied");
            }
        });
        copy
    }

    pub(crate) fn documents(&self, collection: &str, filter: Document) -> Vec<Document> {
        self.run(async |database| {
            let found = database.collection(collection).find(filter).await.expect("found");
            found.try_collect().await.expect("read")
        })
    }

    /// Every document, but for when it was written and by which run; of runs what they came to.
    pub(crate) fn dump(&self) -> Dump {
        let names = self.run(async |database| database.list_collection_names().await.expect("names"));
        let of = |name: String| {
            let mut texts: Vec<String> = self
                .documents(&name, doc! {})
                .into_iter()
                .filter_map(|mut document| {
                    if document.get_str("job") == Ok("writer") {
                        return None;
                    }
                    const OF_ONE_RUN: [&str; 7] =
                        ["_id", "runId", "createdAt", "updatedAt", "lastUpdated", "fetchedAt", "since"];
                    for field in OF_ONE_RUN {
                        document.remove(field);
                    }
                    if name == "job_runs" {
                        const KEPT: [&str; 7] = ["job", "period", "step", "outcome", "through", "total", "totalTold"];
                        document = document.into_iter().filter(|(field, _)| KEPT.contains(&field.as_str())).collect();
                    }
                    Some(sorted(document).to_string())
                })
                .collect();
            texts.sort();
            (name, texts)
        };
        names.into_iter().map(of).filter(|(_, texts)| !texts.is_empty()).collect()
    }

    pub(crate) fn run<T>(&self, work: impl AsyncFnOnce(Database) -> T) -> T {
        block_on(async {
            let client = Client::with_uri_str(&self.uri).await.expect("a client");
            work(client.database(&self.name)).await
        })
    }
}

/// The fields in the order of their names: an update adds its own at the end.
fn sorted(document: Document) -> Document {
    let fields: BTreeMap<String, Bson> = document.into_iter().collect();
    let inner = |value| match value {
        Bson::Document(document) => Bson::Document(sorted(document)),
        other => other,
    };
    fields.into_iter().map(|(name, value)| (name, inner(value))).collect()
}

/// Asserts that two dumps are equal, showing the documents that are in one alone.
#[track_caller]
pub(crate) fn assert_same(expected: &Dump, found: &Dump, what: &str) {
    let names = |dump: &Dump| dump.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(expected), names(found), "{what}");
    for (name, expected) in expected {
        let found = &found[name];
        let alone = |some: &[String], others: &[String]| -> String {
            some.iter().filter(|one| !others.contains(one)).take(5).map(|one| format!("{one}\n")).collect()
        };
        assert!(expected == found, "{what}: {name}\nlost:\n{}new:\n{}", alone(expected, found), alone(found, expected));
    }
}

impl Drop for Mongo {
    fn drop(&mut self) {
        self.run(async |database| database.drop().await.expect("dropped"));
    }
}
