//! The conformance suite of both databases. MongoDB takes part if `COSTWARDEN_TEST_MONGODB` holds a server address.
//! Each test creates a database and drops the database at the end.

mod anomalies;
mod baselines;
mod days;
mod hours;
mod incidents;
mod plans;
mod replaced_pipeline;
mod restatements;
mod runs;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::Document;
use bigdecimal::BigDecimal;
use config_file::secret::Secret;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use jiff::civil::{Date, date};
use model::bill::Amounts;
use model::ledger::{DayLedger, LedgerEntry};
use model::run_id::RunId;
use model::series::{ALL, Names, SeriesKey};
use test_services::services;

use crate::access::Access;
use crate::documents::daily;
use crate::documents::key::Collection;
use crate::embedded::KeySpan;
use crate::error::StoreError;
use crate::mongodb::MongodbOptions;
use crate::options::StoreOptions;
use crate::records::DateRange;
use crate::store::Store;

const ALL_DAYS: DateRange = DateRange { from: Date::MIN, to: Date::MAX };

/// Runs a test in every kind of database.
async fn in_every_store(name: &str, test: impl AsyncFn(&Store)) {
    let folder = tempfile::tempdir().unwrap();
    test(&embedded(&folder.path().join("store.redb")).await.unwrap()).await;
    in_mongodb(name, async |store, _| test(store).await).await;
}

/// Runs a test in a new MongoDB database, and drops the database. The test also receives the config, for a second open.
async fn in_mongodb(name: &str, test: impl AsyncFn(&Store, &StoreOptions)) {
    let Some([uri]) = services(["COSTWARDEN_TEST_MONGODB"]) else { return };
    let config = mongodb(&uri, &format!("costwarden_{name}_{}", std::process::id()), Duration::from_secs(10));
    let store = Store::open(&config, Access::Write(run())).await.unwrap();
    // The database must also be dropped after a panic.
    let outcome = AssertUnwindSafe(test(&store, &config)).catch_unwind().await;
    database(&store).drop().await.unwrap();
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn mongodb(uri: &str, database: &str, timeout: Duration) -> StoreOptions {
    StoreOptions::Mongodb(MongodbOptions {
        uri: Secret::new(uri),
        has_plain_password: false,
        authority: None,
        client_certificate: None,
        database: database.to_owned(),
        connect_timeout: timeout,
        selection_timeout: timeout,
        timeout: Duration::from_secs(60),
    })
}

async fn embedded(path: &Path) -> Result<Store, StoreError> {
    Store::open(&StoreOptions::Embedded { path: path.to_owned() }, Access::Write(run())).await
}

fn database(store: &Store) -> &::mongodb::Database {
    match store {
        Store::Mongodb(store) => store.database(),
        Store::Embedded(_) => panic!("the embedded store has no server"),
    }
}

/// Returns all documents of a collection in key order, without the write times and the run id. Does not support
/// `billing_hourly`.
async fn documents(store: &Store, collection: &'static Collection) -> Vec<Document> {
    let mut documents = match store {
        _ if collection.name == daily::COLLECTION.name => {
            store.daily_documents(ALL_DAYS, &SeriesKey::new(ALL, ALL, ALL)).await.unwrap()
        }
        Store::Mongodb(store) => store.documents(collection, Document::new()).await.unwrap(),
        Store::Embedded(store) => {
            let mut documents = Vec::new();
            let keep = |document: &::mongodb::bson::RawDocument| {
                documents.push(document.try_into().map_err(|error| format!("{error}"))?);
                Ok(())
            };
            store.visit(KeySpan::all(collection), keep).unwrap();
            documents
        }
    };
    for document in &mut documents {
        for time in ["createdAt", "updatedAt", "lastUpdated", "runId"] {
            document.remove(time);
        }
    }
    documents
}

fn day(day: i8) -> Date {
    date(2026, 11, day)
}

fn range(from: i8, to: i8) -> DateRange {
    DateRange { from: day(from), to: day(to) }
}

/// The run id of the tests.
fn run() -> RunId {
    RunId::from_bytes([7; 16]).unwrap()
}

/// A time of a write.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn key(service: &str) -> SeriesKey {
    SeriesKey::new("account", "project", service)
}

fn names(service: &str) -> Names {
    let name = |kind: &str| -> Arc<str> { format!("{kind} of {service}").into() };
    Names { account: name("account"), project: name("project"), service: name("service") }
}

fn ledger(date: Date, amounts: &[(&str, f64)]) -> DayLedger {
    let entry = |(service, expect): &(&str, f64)| LedgerEntry {
        key: key(service),
        names: names(service),
        amounts: Amounts {
            billed_cost: *expect,
            list_cost: expect + 1.0,
            discount: 0.5,
            usage_time: 24.0,
            usage_quantity: 3.0,
        },
        pricing_categories: vec!["ON_DEMAND".to_owned()],
        regions: vec!["kr-central-2".to_owned()],
        is_incomplete: false,
    };
    let entries = amounts.iter().map(entry).collect();
    DayLedger { date, entries, total: BigDecimal::default(), rows: 0, refused: Vec::new(), repeated_rows: 0 }
}

fn figures(figures: &[(&str, f64)]) -> BTreeMap<String, f64> {
    figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect()
}

/// Compares amounts bit by bit: NaN equals NaN.
#[track_caller]
fn assert_amounts(amounts: &[f64], expected: &[f64]) {
    let bits = |amounts: &[f64]| amounts.iter().map(|amount| amount.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(amounts), bits(expected), "{amounts:?} instead of {expected:?}");
}

#[tokio::test]
async fn only_one_process_opens_an_embedded_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/store.redb");
    let store = embedded(&path).await.unwrap();
    let second = embedded(&path).await.err().unwrap().to_string();
    assert!(second.starts_with(path.to_str().unwrap()), "{second}");
    let process = format!("process {} (", std::process::id());
    assert!(second.contains(&process) && second.contains(" is using the file"), "{second}");
    drop(store);
    assert!(embedded(&path).await.is_ok());
}

#[tokio::test]
async fn a_reader_does_not_create_a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Store::open(&StoreOptions::Embedded { path: path.clone() }, Access::Read).await.unwrap();
    assert!(store.anomaly_documents(ALL_DAYS).await.unwrap().is_empty());
    assert!(store.history(range(1, 30), &[model::history::Measure::BilledCost]).await.unwrap().days.is_empty());
    assert!(!path.exists());
}

#[tokio::test]
async fn an_error_about_another_file_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    std::fs::write(&path, "something else that is longer than nothing").unwrap();
    let error = embedded(&path).await.err().unwrap().to_string();
    assert!(error.starts_with(path.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn an_error_about_an_unreachable_server_hides_the_password() {
    // Nothing listens on port 1.
    let uri = "mongodb://warden:hunter2@127.0.0.1:1/?retryWrites=false";
    let config = mongodb(uri, "billing", Duration::from_millis(200));
    let error = Store::open(&config, Access::Write(run())).await.err().unwrap().to_string();
    for part in ["127.0.0.1:1", "[store] uri", "0.2 s", "refused"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(!error.contains("hunter2") && !error.contains("warden:"), "{error}");
}

#[tokio::test]
async fn an_error_about_the_connection_string_hides_the_password() {
    for uri in ["billing", "mongodb://warden:hunt:er2@", "mongodb://warden:hunter2@h:port/x", "http://h"] {
        let config = mongodb(uri, "billing", Duration::from_secs(1));
        let error = Store::open(&config, Access::Write(run())).await.err().unwrap().to_string();
        assert!(error.starts_with("[store] uri is not a MongoDB connection string"), "{error}");
        assert!(!error.contains("hunt"), "{error}");
    }
}

#[tokio::test]
async fn an_invalid_database_name_is_an_error() {
    for name in ["", "a.b", "a b", "$a", "a/b"] {
        let config = mongodb("mongodb://127.0.0.1:1", name, Duration::from_secs(1));
        let error = Store::open(&config, Access::Write(run())).await.err().unwrap().to_string();
        assert!(error.starts_with(&format!("[store] database `{name}` is not a MongoDB database name")), "{error}");
    }
}
