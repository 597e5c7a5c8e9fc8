//! Tests of the take-over of the replaced pipeline's database without a migration.

use ::mongodb::IndexModel;
use ::mongodb::bson::{Bson, DateTime, Document, doc};
use model::history::{DayMarks, Measure};

use super::*;
use crate::documents::{COLLECTIONS, anomaly, baseline, hourly};
use crate::records::{Baseline, FitRequest};

fn collection(store: &Store, name: &str) -> ::mongodb::Collection<Document> {
    database(store).collection(name)
}

async fn indexes(store: &Store, name: &str) -> Vec<Document> {
    let listed = database(store).run_command(doc! { "listIndexes": name }).await.unwrap();
    let indexes = listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    indexes.iter().map(|index| index.as_document().unwrap().clone()).collect()
}

fn index(name: &str, key: Document, unique: bool) -> IndexModel {
    let options = ::mongodb::options::IndexOptions::builder().name(name.to_owned()).unique(unique).build();
    IndexModel::builder().keys(key).options(options).build()
}

#[tokio::test]
async fn indexes_are_created_once() {
    in_mongodb("indexes", async |store, config| {
        let mut before = Vec::new();
        for collection in COLLECTIONS {
            let existing = indexes(store, collection.name).await;
            let unique = existing.iter().find(|index| index.get_str("name") == Ok(collection.unique_index)).unwrap();
            assert_eq!(unique.get_bool("unique"), Ok(true));
            assert!(unique.get_document("key").unwrap().keys().eq(collection.key));
            assert_eq!(existing.len(), 2 + collection.indexes.len(), "{}", collection.name);
            before.push(existing);
        }
        Store::open(config, Access::Write(run())).await.unwrap();
        for (collection, before) in COLLECTIONS.iter().zip(before) {
            assert_eq!(indexes(store, collection.name).await, before);
        }
    })
    .await;
}

#[tokio::test]
async fn the_anomaly_key_of_the_replaced_pipeline_gains_the_rule() {
    in_mongodb("old_index", async |store, config| {
        let anomalies = collection(store, anomaly::COLLECTION.name);
        anomalies.drop().await.unwrap();
        let old = doc! { "date": 1, "hour": 1, "domainId": 1, "projectId": 1, "serviceId": 1 };
        anomalies.create_index(index("unique_anomaly_key", old, true)).await.unwrap();
        anomalies.create_index(index("date_hour_desc", doc! { "date": -1.0, "hour": -1.0 }, false)).await.unwrap();
        for hour in [Bson::Int32(9), Bson::Null] {
            let document = doc! {
                "date": "20261101", "hour": hour, "domainId": "account", "projectId": "project", "serviceId": "vm",
                "serviceName": "VM", "observedAmount": 3, "status": "NEW",
            };
            anomalies.insert_one(document).await.unwrap();
        }
        let store = Store::open(config, Access::Write(run())).await.unwrap();
        let existing = indexes(&store, anomaly::COLLECTION.name).await;
        let unique = existing.iter().find(|index| index.get_str("name") == Ok("unique_anomaly_key")).unwrap();
        assert!(unique.get_document("key").unwrap().contains_key("ruleId"));
        assert_eq!(existing.len(), 5);
        assert_eq!(store.anomaly_documents(ALL_DAYS).await.unwrap().len(), 2);
        let mut hours: Vec<_> = store.anomaly_keys(ALL_DAYS).await.unwrap().into_iter().map(|key| key.hour).collect();
        hours.sort();
        assert_eq!(hours, [None, Some(9)]);
    })
    .await;
}

#[tokio::test]
async fn a_conflicting_index_is_an_error() {
    in_mongodb("foreign_index", async |store, config| {
        let hours = collection(store, hourly::COLLECTION.name);
        hours.drop().await.unwrap();
        hours.create_index(index(hourly::COLLECTION.unique_index, doc! { "date": 1 }, false)).await.unwrap();
        let error = Store::open(config, Access::Write(run())).await.err().unwrap().to_string();
        assert!(
            error.contains("unique_hourly_snapshot of billing_hourly") && error.contains("drop the index"),
            "{error}"
        );
        assert!(Store::open(config, Access::Read).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn days_of_the_replaced_pipeline_are_read_and_kept() {
    in_mongodb("old_days", async |store, _| {
        let old = |date: &str, amount: Bson| doc! {
            "date": date, "domainId": "account", "domainName": "D", "projectId": "project", "projectName": "P",
            "serviceId": "vm", "serviceName": "VM", "pricingType": Bson::Null, "expectAmount": amount, "usageTime": 24,
            "pricingTypes": ["ON_DEMAND"], "createdAt": DateTime::from_millis(1), "checkedBy": "kim",
        };
        let decimal = Bson::Decimal128("2.25".parse().unwrap());
        let amounts = [Bson::Int32(1), Bson::Int64(2), decimal, Bson::Null, Bson::Double(f64::NAN)];
        let documents = amounts.into_iter().zip(1..).map(|(amount, day)| old(&format!("202611{day:02}"), amount));
        let days = collection(store, daily::COLLECTION.name);
        days.insert_many(documents).await.unwrap();

        let measures = [Measure::BilledCost, Measure::UsageTime, Measure::Discount];
        let history = store.history(range(1, 30), &measures).await.unwrap();
        let row = &history.rows[&key("vm")];
        assert_amounts(&row.values[&Measure::BilledCost], &[1.0, 2.0, 2.25, f64::NAN, f64::NAN]);
        assert_amounts(&row.values[&Measure::UsageTime], &[24.0; 5]);
        assert_amounts(&row.values[&Measure::Discount], &[f64::NAN; 5]);
        assert_eq!((row.marks.as_slice(), &*row.names.service), (&[DayMarks::default(); 5][..], "VM"));

        store.put_day(&ledger(day(1), &[("vm", 7.0)]), at(0)).await.unwrap();
        let stored = days.find_one(doc! { "date": "20261101" }).await.unwrap().unwrap();
        assert_eq!(stored.get_f64("expectAmount"), Ok(7.0));
        assert_eq!(stored.get_str("checkedBy"), Ok("kim"));
        assert_eq!(stored.get_datetime("createdAt"), Ok(&DateTime::from_millis(1)));
        assert_eq!(days.count_documents(doc! {}).await.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn an_unchanged_day_of_the_replaced_pipeline_is_not_restated() {
    in_mongodb("old_day_unchanged", async |store, _| {
        let day = ledger(day(1), &[("vm", 7.0)]);
        store.put_day(&day, at(0)).await.unwrap();
        let unset = doc! { "$unset": { "isIncomplete": "" } };
        collection(store, daily::COLLECTION.name).update_many(doc! {}, unset).await.unwrap();
        assert!(store.has_day(&day).await.unwrap());
        let mut incomplete = day;
        incomplete.entries[0].is_incomplete = true;
        assert!(!store.has_day(&incomplete).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn baselines_of_the_replaced_pipeline_are_read_and_kept() {
    in_mongodb("old_baselines", async |store, _| {
        let statistics = doc! { "mean": 2, "std": 0.5, "min": 1.0, "max": 3.0, "p50": 2.0, "p95": 2.5, "sampleCount": 30_i64 };
        let old = doc! {
            "domainId": "account", "projectId": "project", "serviceId": "vm", "serviceName": "VM", "pricingType": Bson::Null,
            "statistics": statistics, "pricingTypes": ["ON_DEMAND"], "createdAt": DateTime::from_millis(1), "owner": "kim",
        };
        let baselines = collection(store, baseline::COLLECTION.name);
        baselines.insert_one(old).await.unwrap();
        let read = store.baselines(&[FitRequest { rule: "usual".to_owned(), hour: None }]).await.unwrap();
        assert_eq!(read.len(), 1);
        assert!(read[0].fits.is_empty());
        assert_eq!(read[0].statistics.unwrap().sample_count, 30);
        assert_eq!((&*read[0].names.service, &*read[0].names.account), ("VM", "account"));

        let new = Baseline { key: key("vm"), names: names("vm"), ..read[0].clone() };
        store.put_baselines([new], at(0)).await.unwrap();
        let stored = baselines.find_one(doc! {}).await.unwrap().unwrap();
        assert_eq!(stored.get_str("owner"), Ok("kim"));
        assert_eq!(stored.get_datetime("createdAt"), Ok(&DateTime::from_millis(1)));
    })
    .await;
}

#[tokio::test]
async fn an_error_names_the_unreadable_document() {
    in_mongodb("broken", async |store, _| {
        let broken =
            doc! { "date": "20261131", "domainId": "d", "projectId": "p", "serviceId": "s", "expectAmount": 1.0 };
        collection(store, daily::COLLECTION.name).insert_one(broken).await.unwrap();
        let whole = DateRange { from: day(1), to: date(2026, 12, 31) };
        let error = store.history(whole, &[Measure::BilledCost]).await.err().unwrap().to_string();
        for part in ["billing_daily", "20261131", "expected YYYYMMDD", "correct or remove the document"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_error_names_the_refused_document() {
    in_mongodb("refused", async |store, _| {
        let validator = doc! { "collMod": "billing_daily", "validator": { "expectAmount": { "$lt": 100.0 } } };
        database(store).run_command(validator).await.unwrap();
        let error = store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 200.0)]), at(0)).await.err().unwrap().to_string();
        for part in ["billing_daily", "\"serviceId\": \"b\"", "failed validation"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert_eq!(
            store.daily_documents(range(1, 1), &key("a")).await.unwrap().len(),
            1,
            "the remaining documents are written"
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_writes_of_a_day_leave_one_document_per_series() {
    in_mongodb("race", async |store, config| {
        let other = Store::open(config, Access::Write(run())).await.unwrap();
        let services: Vec<String> = (0..1_500).map(|service| format!("s{service}")).collect();
        let amounts: Vec<(&str, f64)> = services.iter().map(|service| (service.as_str(), 1.0)).collect();
        let day = ledger(day(1), &amounts);
        let (one, two) = futures_util::future::join(store.put_day(&day, at(0)), other.put_day(&day, at(1))).await;
        one.and(two).unwrap();
        assert_eq!(documents(store, &daily::COLLECTION).await.len(), 1_500);
    })
    .await;
}
