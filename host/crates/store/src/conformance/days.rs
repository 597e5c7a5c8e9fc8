//! Tests of finished days.

use std::collections::BTreeSet;

use ::mongodb::bson::{Bson, Document, doc};
use model::history::{DayMarks, Measure};

use super::*;

/// Returns the amounts of a series over all stored days.
async fn amounts(store: &Store, service: &str) -> Vec<f64> {
    let history = store.history(range(1, 30), &[Measure::BilledCost]).await.unwrap();
    history.rows.get(&key(service)).map_or_else(Vec::new, |row| row.values[&Measure::BilledCost].clone())
}

#[tokio::test]
async fn a_day_has_the_fields_of_the_replaced_pipeline() {
    in_every_store("day_fields", async |store| {
        store.put_day(&ledger(day(1), &[("vm", 10.0)]), at(0)).await.unwrap();
        let stored = store.daily_documents(range(1, 1), &key("vm")).await.unwrap();
        let expected = doc! {
            "date": "20261101", "domainId": "account", "domainName": "account of vm", "projectId": "project",
            "projectName": "project of vm", "serviceId": "vm", "serviceName": "service of vm", "pricingType": Bson::Null,
            "expectAmount": 10.0, "generalAmount": 11.0, "discountAmount": 0.5, "usageTime": 24.0, "usageSize": 3.0,
            "pricingTypes": ["ON_DEMAND"], "regions": ["kr-central-2"], "isIncomplete": false, "isAnomaly": false,
            "createdAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "updatedAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "runId": run().to_string(),
        };
        assert_eq!(stored, [expected]);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_write_of_a_day_leaves_the_same_documents() {
    in_every_store("day_twice", async |store| {
        let day = ledger(day(1), &[("a", 1.0), ("b", 2.0)]);
        store.put_day(&day, at(0)).await.unwrap();
        let once = documents(store, &daily::COLLECTION).await;
        store.put_day(&day, at(60)).await.unwrap();
        assert_eq!(documents(store, &daily::COLLECTION).await, once);
        assert_eq!(once.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_restatement_replaces_the_day() {
    in_every_store("day_restated", async |store| {
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0), ("c", 3.0)]), at(0)).await.unwrap();
        store.put_day(&ledger(day(2), &[("c", 9.0)]), at(0)).await.unwrap();
        store.mark_anomalous(day(1), &BTreeSet::from([key("b"), key("c"), key("unknown")]), at(1)).await.unwrap();
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.5), ("d", 4.0)]), at(60)).await.unwrap();

        let stored = store.daily_documents(range(1, 1), &key("b")).await.unwrap();
        let time = |document: &Document, field| document.get_datetime(field).unwrap().timestamp_millis() / 1000;
        assert_eq!(stored[0].get_f64("expectAmount"), Ok(2.5));
        assert_eq!(stored[0].get_bool("isAnomaly"), Ok(true), "the anomaly mark is kept");
        assert_eq!(time(&stored[0], "createdAt"), at(0).as_second());
        assert_eq!(time(&stored[0], "updatedAt"), at(60).as_second());
        assert!(store.daily_documents(range(1, 1), &key("c")).await.unwrap().is_empty(), "the series left the day");
        assert_eq!(store.daily_documents(range(1, 2), &key("c")).await.unwrap().len(), 1, "other days keep the series");
        assert_amounts(&amounts(store, "d").await, &[4.0, f64::NAN]);
    })
    .await;
}

#[tokio::test]
async fn a_document_names_the_run_that_changed_it_last() {
    async fn check(first: Store, open: impl AsyncFn(RunId) -> Store) {
        let run_ids = async |store: &Store, day: i8| {
            let stored = store.daily_documents(range(day, day), &SeriesKey::new(ALL, ALL, ALL)).await.unwrap();
            stored.iter().map(|document| document.get_str("runId").unwrap().to_owned()).collect::<Vec<_>>()
        };
        let [one, other, third] = [run(), RunId::from_bytes([8; 16]).unwrap(), RunId::from_bytes([9; 16]).unwrap()];
        first.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0), ("c", 3.0)]), at(0)).await.unwrap();
        first.put_day(&ledger(day(2), &[("a", 1.0)]), at(0)).await.unwrap();
        assert_eq!(run_ids(&first, 1).await, [one.to_string(), one.to_string(), one.to_string()]);
        drop(first);
        let second = open(other).await;
        second.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.5), ("c", 3.0), ("d", 4.0)]), at(60)).await.unwrap();
        let one = one.to_string();
        let other = other.to_string();
        assert_eq!(
            run_ids(&second, 1).await,
            [one.as_str(), &other, &one, &other],
            "an unchanged document keeps its run"
        );
        assert_eq!(run_ids(&second, 2).await, [one]);
        drop(second);
        let store = open(third).await;
        store.mark_anomalous(day(1), &BTreeSet::from([key("a")]), at(90)).await.unwrap();
        assert_eq!(run_ids(&store, 1).await[0], third.to_string());
    }
    let folder = tempfile::tempdir().unwrap();
    let config = StoreOptions::Embedded { path: folder.path().join("store.redb") };
    let open = async |config: &StoreOptions, run| Store::open(config, Access::Write(run)).await.unwrap();
    check(open(&config, run()).await, async |run| open(&config, run).await).await;
    in_mongodb("day_runs", async |_, config| {
        check(open(config, run()).await, async |run| open(config, run).await).await;
    })
    .await;
}

#[tokio::test]
async fn a_ledger_without_entries_changes_nothing() {
    in_every_store("day_empty", async |store| {
        store.put_day(&ledger(day(1), &[]), at(0)).await.unwrap();
        assert!(documents(store, &daily::COLLECTION).await.is_empty());
        store.put_day(&ledger(day(1), &[("a", 1.0)]), at(0)).await.unwrap();
        store.put_day(&ledger(day(1), &[]), at(1)).await.unwrap();
        assert_eq!(documents(store, &daily::COLLECTION).await.len(), 1);
        store.put_hour(day(1), 3, &ledger(day(1), &[("a", 1.0)]), at(0)).await.unwrap();
        store.put_hour(day(1), 4, &ledger(day(1), &[]), at(0)).await.unwrap();
        let row = &store.snapshots(range(1, 1)).await.unwrap().rows[&key("a")];
        assert!(row.hours[0][4].is_nan());
    })
    .await;
}

#[tokio::test]
async fn days_are_written_in_any_order() {
    let days =
        [ledger(day(1), &[("a", 1.0)]), ledger(day(2), &[("b", 2.0), ("a", 3.0)]), ledger(day(3), &[("c", 4.0)])];
    in_every_store("day_order", async |store| {
        assert_eq!(store.newest_day().await.unwrap(), None);
        for day in &days {
            store.put_day(day, at(0)).await.unwrap();
        }
        let ascending = documents(store, &daily::COLLECTION).await;
        for day in days.iter().rev() {
            store.put_day(day, at(1)).await.unwrap();
        }
        assert_eq!(documents(store, &daily::COLLECTION).await, ascending);
        assert_eq!(store.newest_day().await.unwrap(), Some(day(3)));
    })
    .await;
}

#[tokio::test]
async fn a_history_has_the_stored_days() {
    in_every_store("history", async |store| {
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0)]), at(0)).await.unwrap();
        let mut short = ledger(day(4), &[("b", 5.0), ("c", 0.0)]);
        short.entries[1].is_incomplete = true;
        store.put_day(&short, at(0)).await.unwrap();
        store.put_day(&ledger(day(9), &[("a", 9.0)]), at(0)).await.unwrap();
        store.mark_anomalous(day(4), &BTreeSet::from([key("b")]), at(0)).await.unwrap();

        let measures = [Measure::ListCost, Measure::BilledCost];
        let history = store.history(range(1, 8), &measures).await.unwrap();
        assert_eq!(history.days, [day(1), day(4)]);
        assert_eq!(history.rows.len(), 3);
        let row = |service: &str| &history.rows[&key(service)];
        assert_amounts(&row("a").values[&Measure::BilledCost], &[1.0, f64::NAN]);
        assert_amounts(&row("b").values[&Measure::ListCost], &[3.0, 6.0]);
        assert_amounts(&row("c").values[&Measure::BilledCost], &[f64::NAN, 0.0]);
        let usual = DayMarks::default();
        assert_eq!(row("b").marks, [usual, DayMarks { is_anomalous: true, ..usual }]);
        assert_eq!(row("c").marks, [usual, DayMarks { is_incomplete: true, ..usual }]);
        assert_eq!(row("a").names, names("a"));
        assert_eq!(row("a").pricing_categories, ["ON_DEMAND"]);
        assert_eq!(row("a").values.len(), 2);

        let empty = store.history(range(10, 30), &measures).await.unwrap();
        assert!(empty.days.is_empty() && empty.rows.is_empty());
        let backwards = store.history(range(8, 1), &measures).await.unwrap();
        assert!(backwards.days.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_history_has_the_newest_names() {
    in_every_store("history_names", async |store| {
        let mut renamed = ledger(day(8), &[("a", 1.0)]);
        renamed.entries[0].names.service = "new name".into();
        renamed.entries[0].pricing_categories = vec!["RESERVED".into(), "SPOT".into()];
        store.put_day(&renamed, at(0)).await.unwrap();
        store.put_day(&ledger(day(2), &[("a", 1.0)]), at(1)).await.unwrap();
        let history = store.history(range(1, 9), &[Measure::BilledCost]).await.unwrap();
        let row = &history.rows[&key("a")];
        assert_eq!(
            (&*row.names.service, row.pricing_categories.as_slice()),
            ("new name", &renamed.entries[0].pricing_categories[..])
        );
    })
    .await;
}

#[tokio::test]
async fn anomaly_marks_are_set_and_removed() {
    in_every_store("marks", async |store| {
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0)]), at(0)).await.unwrap();
        let marked = async |store: &Store| {
            let stored = documents(store, &daily::COLLECTION).await;
            stored.iter().map(|document| document.get_bool("isAnomaly").unwrap()).collect::<Vec<_>>()
        };
        for services in [&["a"][..], &["b"], &["b"], &["a", "b"], &[]] {
            let keys: BTreeSet<SeriesKey> = services.iter().map(|service| key(service)).collect();
            store.mark_anomalous(day(1), &keys, at(1)).await.unwrap();
            assert_eq!(marked(store).await, [services.contains(&"a"), services.contains(&"b")]);
        }
        store.mark_anomalous(day(2), &BTreeSet::from([key("a")]), at(1)).await.unwrap();
        assert_eq!(documents(store, &daily::COLLECTION).await.len(), 2, "a mark creates no document");
    })
    .await;
}

#[tokio::test]
async fn ids_contain_any_characters() {
    let odd = ["a.b.c", "$where", "가상 머신/서울", "100%2F", "with \"quotes\" and \\", "", "nul\0inside", "*a"];
    in_every_store("odd_ids", async |store| {
        let amounts: Vec<(&str, f64)> = odd.iter().zip(1..).map(|(id, amount)| (*id, f64::from(amount))).collect();
        for _ in 0..2 {
            store.put_day(&ledger(day(1), &amounts), at(0)).await.unwrap();
            store.put_hour(day(1), 5, &ledger(day(1), &amounts), at(0)).await.unwrap();
        }
        assert_eq!(documents(store, &daily::COLLECTION).await.len(), odd.len());
        let snapshots = store.snapshots(range(1, 1)).await.unwrap();
        for (id, amount) in amounts {
            assert_amounts(&self::amounts(store, id).await, &[amount]);
            assert_amounts(&snapshots.rows[&key(id)].hours[0][5..6], &[amount]);
            assert_eq!(store.daily_documents(range(1, 1), &key(id)).await.unwrap().len(), 1, "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn thousands_of_documents_are_written_at_once() {
    in_every_store("bulk", async |store| {
        let services: Vec<String> = (0..2_000).map(|service| format!("service-{service:04}")).collect();
        let amounts = |more: f64| {
            services.iter().zip(0..).map(|(id, amount)| (id.as_str(), f64::from(amount) + more)).collect::<Vec<_>>()
        };
        store.put_day(&ledger(day(1), &amounts(0.0)), at(0)).await.unwrap();
        store.put_day(&ledger(day(1), &amounts(0.5)), at(1)).await.unwrap();
        store.put_day(&ledger(day(2), &amounts(1.0)[..1_500]), at(1)).await.unwrap();
        store.put_hour(day(1), 7, &ledger(day(1), &amounts(0.0)), at(0)).await.unwrap();
        store.put_hour(day(1), 8, &ledger(day(1), &amounts(1.0)[500..]), at(0)).await.unwrap();
        assert_amounts(&self::amounts(store, "service-0042").await, &[42.5, 43.0]);
        assert_amounts(&self::amounts(store, "service-1999").await, &[1999.5, f64::NAN]);
        assert_eq!(documents(store, &daily::COLLECTION).await.len(), 3_500);
        let snapshots = store.snapshots(range(1, 1)).await.unwrap();
        let zeroes = snapshots.rows.values().filter(|row| row.hours[0][8] == 0.0).count();
        assert_eq!((snapshots.rows.len(), zeroes), (2_000, 500));
    })
    .await;
}

#[tokio::test]
async fn days_are_listed_by_series_or_by_account() {
    in_every_store("days_listed", async |store| {
        store.put_day(&ledger(day(2), &[("b", 2.0), ("a", 1.0)]), at(0)).await.unwrap();
        store.put_day(&ledger(day(1), &[("a", 1.0)]), at(0)).await.unwrap();
        let listed = async |key: SeriesKey| {
            let stored = store.daily_documents(ALL_DAYS, &key).await.unwrap();
            let name = |stored: &Document| {
                format!("{} {}", stored.get_str("date").unwrap(), stored.get_str("serviceId").unwrap())
            };
            stored.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(listed(key("a")).await, ["20261101 a", "20261102 a"]);
        assert_eq!(listed(key(ALL)).await, ["20261101 a", "20261102 a", "20261102 b"]);
        assert!(listed(SeriesKey::new("other", ALL, ALL)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn stored_collections_and_days_are_listed() {
    in_every_store("stored_days", async |store| {
        assert_eq!(store.nonempty_collections().await.unwrap(), Vec::<&str>::new());
        assert_eq!(store.days(ALL_DAYS).await.unwrap(), Vec::<Date>::new());
        for index in [4, 1, 2] {
            store.put_day(&ledger(day(index), &[("a", 1.0), ("b", 2.0)]), at(0)).await.unwrap();
        }
        store.put_hour(day(5), 9, &ledger(day(5), &[("a", 1.0)]), at(0)).await.unwrap();
        assert_eq!(store.nonempty_collections().await.unwrap(), ["billing_daily", "billing_hourly"]);
        assert_eq!(store.days(ALL_DAYS).await.unwrap(), [day(1), day(2), day(4)]);
        assert_eq!(store.days(range(2, 3)).await.unwrap(), [day(2)]);
        assert_eq!(store.snapshot_days(ALL_DAYS).await.unwrap(), [day(5)]);
        assert_eq!(store.snapshot_days(range(1, 4)).await.unwrap(), Vec::<Date>::new());
    })
    .await;
}
