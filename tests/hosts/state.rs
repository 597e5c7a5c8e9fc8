//! The final state of a database, for comparison between runs.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};

use costwarden_tests::mongo::Mongo;

/// The documents of each collection as JSON, without times and run ids.
pub(crate) type State = BTreeMap<String, Vec<String>>;

/// Fields that differ from run to run.
const OF_ONE_RUN: [&str; 7] = ["_id", "runId", "createdAt", "updatedAt", "lastUpdated", "fetchedAt", "since"];

/// Fields of a run record that do not differ.
const KEPT: [&str; 7] = ["job", "period", "checkpoint", "outcome", "through", "total", "totalDelivered"];

/// Reads every document. The write lease is left out, and run records are reduced to their outcome.
pub(crate) fn state(mongo: &Mongo) -> State {
    let read = |name: String| {
        let mut texts: Vec<String> = mongo
            .find(&name, doc! {})
            .into_iter()
            .filter(|document| document.get_str("job") != Ok("writer"))
            .map(|mut document| {
                for field in OF_ONE_RUN {
                    document.remove(field);
                }
                if name == "job_runs" {
                    document = document.into_iter().filter(|(field, _)| KEPT.contains(&field.as_str())).collect();
                }
                sorted(document).to_string()
            })
            .collect();
        texts.sort();
        (name, texts)
    };
    mongo.collections().into_iter().map(read).filter(|(_, texts)| !texts.is_empty()).collect()
}

/// Sorts the fields by name: an update appends new fields at the end.
fn sorted(document: Document) -> Document {
    let fields: BTreeMap<String, Bson> = document.into_iter().collect();
    let inner = |value| match value {
        Bson::Document(document) => Bson::Document(sorted(document)),
        other => other,
    };
    fields.into_iter().map(|(name, value)| (name, inner(value))).collect()
}

/// Asserts equality of two states. The message of a failure contains the differing documents.
#[track_caller]
pub(crate) fn assert_same(expected: &State, found: &State, what: &str) {
    let names = |state: &State| state.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(expected), names(found), "{what}");
    for (name, expected) in expected {
        let found = &found[name];
        let alone = |some: &[String], others: &[String]| -> String {
            some.iter().filter(|one| !others.contains(one)).take(5).map(|one| format!("{one}\n")).collect()
        };
        assert!(expected == found, "{what}: {name}\nlost:\n{}new:\n{}", alone(expected, found), alone(found, expected));
    }
}
