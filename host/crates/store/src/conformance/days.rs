//! Tests of finished days, and of the hours of unfinished days.

use std::collections::BTreeSet;

use ::mongodb::bson::{Bson, Document, doc};

use super::*;
use model::history::Measure;

/// Returns the amounts of a series over all stored days.
async fn amounts(store: &Store, service: &str) -> Vec<f64> {
    let history = store.history(range(1, 30), &[Measure::BilledCost]).await.unwrap();
    history.rows.get(&key(service)).map_or_else(Vec::new, |row| row.values[&Measure::BilledCost].clone())
}

#[tokio::test]
async fn a_day_has_the_fields_of_the_tutorial() {
    in_every_store("day_fields", async |store| {
        store.put_day(&ledger(day(1), &[("vm", 10.0)]), at(0)).await.unwrap();
        let found = store.daily_documents(range(1, 1), &key("vm")).await.unwrap();
        let expected = doc! {
            "date": "20261101", "domainId": "account", "domainName": "account of vm", "projectId": "project",
            "projectName": "project of vm", "serviceId": "vm", "serviceName": "service of vm", "pricingType": Bson::Null,
            "expectAmount": 10.0, "generalAmount": 11.0, "discountAmount": 0.5, "usageTime": 24.0, "usageSize": 3.0,
            "pricingTypes": ["ON_DEMAND"], "regions": ["kr-central-2"], "isAnomaly": false,
            "createdAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "updatedAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "runId": run().to_string(),
        };
        assert_eq!(found, [expected]);
    })
    .await;
}

#[tokio::test]
async fn a_day_is_put_twice_and_is_the_same() {
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
async fn a_corrected_day_replaces_what_it_was() {
    in_every_store("day_corrected", async |store| {
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0), ("c", 3.0)]), at(0)).await.unwrap();
        store.put_day(&ledger(day(2), &[("c", 9.0)]), at(0)).await.unwrap();
        store.mark_anomalous(day(1), &BTreeSet::from([key("b"), key("c"), key("unknown")]), at(1)).await.unwrap();
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.5), ("d", 4.0)]), at(60)).await.unwrap();

        let found = store.daily_documents(range(1, 1), &key("b")).await.unwrap();
        let time = |document: &Document, field| document.get_datetime(field).unwrap().timestamp_millis() / 1000;
        assert_eq!(found[0].get_f64("expectAmount"), Ok(2.5));
        assert_eq!(found[0].get_bool("isAnomaly"), Ok(true), "what was found of it is kept");
        assert_eq!(time(&found[0], "createdAt"), at(0).as_second());
        assert_eq!(time(&found[0], "updatedAt"), at(60).as_second());
        assert!(store.daily_documents(range(1, 1), &key("c")).await.unwrap().is_empty(), "it left the day");
        assert_eq!(store.daily_documents(range(1, 2), &key("c")).await.unwrap().len(), 1, "and no other day");
        assert_amounts(&amounts(store, "d").await, &[4.0, f64::NAN]);
    })
    .await;
}

#[tokio::test]
async fn a_document_names_the_run_that_changed_it_last() {
    async fn check(first: Store, open: impl AsyncFn(RunId) -> Store) {
        let ran = async |store: &Store, day: i8| {
            let found = store.daily_documents(range(day, day), &SeriesKey::new(ALL, ALL, ALL)).await.unwrap();
            found.iter().map(|document| document.get_str("runId").unwrap().to_owned()).collect::<Vec<_>>()
        };
        let [one, other, third] = [run(), RunId::from_bytes([8; 16]).unwrap(), RunId::from_bytes([9; 16]).unwrap()];
        first.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0), ("c", 3.0)]), at(0)).await.unwrap();
        first.put_day(&ledger(day(2), &[("a", 1.0)]), at(0)).await.unwrap();
        assert_eq!(ran(&first, 1).await, [one.to_string(), one.to_string(), one.to_string()]);
        drop(first);
        let second = open(other).await;
        second.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.5), ("c", 3.0), ("d", 4.0)]), at(60)).await.unwrap();
        let (one, other) = (one.to_string(), other.to_string());
        assert_eq!(ran(&second, 1).await, [one.as_str(), &other, &one, &other], "what is unchanged keeps its run");
        assert_eq!(ran(&second, 2).await, [one]);
        drop(second);
        let store = open(third).await;
        store.mark_anomalous(day(1), &BTreeSet::from([key("a")]), at(90)).await.unwrap();
        assert_eq!(ran(&store, 1).await[0], third.to_string());
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
async fn days_may_come_in_any_order() {
    let days =
        [ledger(day(1), &[("a", 1.0)]), ledger(day(2), &[("b", 2.0), ("a", 3.0)]), ledger(day(3), &[("c", 4.0)])];
    in_every_store("day_order", async |store| {
        assert_eq!(store.newest_day().await.unwrap(), None);
        for day in &days {
            store.put_day(day, at(0)).await.unwrap();
        }
        let forth = documents(store, &daily::COLLECTION).await;
        for day in days.iter().rev() {
            store.put_day(day, at(1)).await.unwrap();
        }
        assert_eq!(documents(store, &daily::COLLECTION).await, forth);
        assert_eq!(store.newest_day().await.unwrap(), Some(day(3)));
    })
    .await;
}

#[tokio::test]
async fn a_history_has_the_days_that_are_known() {
    in_every_store("history", async |store| {
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0)]), at(0)).await.unwrap();
        store.put_day(&ledger(day(4), &[("b", 5.0), ("c", 0.0)]), at(0)).await.unwrap();
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
        assert_eq!(row("b").anomalous, [false, true]);
        assert_eq!(row("c").anomalous, [false, false]);
        assert_eq!(row("a").names, names("a"));
        assert_eq!(row("a").pricing_categories, ["ON_DEMAND"]);
        assert_eq!(row("a").values.len(), 2);

        let nothing = store.history(range(10, 30), &measures).await.unwrap();
        assert!(nothing.days.is_empty() && nothing.rows.is_empty());
        let backwards = store.history(range(8, 1), &measures).await.unwrap();
        assert!(backwards.days.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_newest_names_count() {
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
async fn marks_are_set_and_taken_back() {
    in_every_store("marks", async |store| {
        store.put_day(&ledger(day(1), &[("a", 1.0), ("b", 2.0)]), at(0)).await.unwrap();
        let marked = async |store: &Store| {
            let found = documents(store, &daily::COLLECTION).await;
            found.iter().map(|document| document.get_bool("isAnomaly").unwrap()).collect::<Vec<_>>()
        };
        for services in [&["a"][..], &["b"], &["b"], &["a", "b"], &[]] {
            let keys: BTreeSet<SeriesKey> = services.iter().map(|service| key(service)).collect();
            store.mark_anomalous(day(1), &keys, at(1)).await.unwrap();
            assert_eq!(marked(store).await, [services.contains(&"a"), services.contains(&"b")]);
        }
        store.mark_anomalous(day(2), &BTreeSet::from([key("a")]), at(1)).await.unwrap();
        assert_eq!(documents(store, &daily::COLLECTION).await.len(), 2, "no document is made by marking it");
    })
    .await;
}

#[tokio::test]
async fn hours_are_put_one_by_one_in_any_order() {
    let hours = [
        (9, vec![("a", 1.0), ("b", 2.0)]),
        (10, vec![("b", 3.0), ("c", 4.0)]),
        (12, vec![("a", 7.0), ("b", 5.0), ("c", 6.0)]),
    ];
    in_every_store("hours", async |store| {
        // The last order writes the first day again.
        for (order, date) in
            [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 2, 0], [2, 0, 1]].into_iter().zip([3, 4, 5, 6, 3].map(day))
        {
            for place in order {
                let (hour, amounts) = &hours[place];
                store.put_hour(date, *hour, &ledger(date, amounts), at(0)).await.unwrap();
            }
            let snapshots = store.snapshots(DateRange { from: date, to: date }).await.unwrap();
            assert_eq!(snapshots.days, [date]);
            let seen = |service: &str| [8, 9, 10, 11, 12].map(|hour| snapshots.rows[&key(service)].hours[0][hour]);
            let unknown = f64::NAN;
            assert_amounts(&seen("a"), &[unknown, 1.0, 0.0, unknown, 7.0]);
            assert_amounts(&seen("b"), &[unknown, 2.0, 3.0, unknown, 5.0]);
            assert_amounts(&seen("c"), &[unknown, unknown, 4.0, unknown, 6.0]);
            assert_eq!(snapshots.rows[&key("a")].names, names("a"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_late_hour_is_put_before_an_early_one() {
    in_every_store("hours_late", async |store| {
        store.put_hour(day(3), 12, &ledger(day(3), &[("b", 5.0)]), at(0)).await.unwrap();
        store.put_hour(day(3), 10, &ledger(day(3), &[("a", 3.0)]), at(0)).await.unwrap();
        let snapshots = store.snapshots(range(3, 3)).await.unwrap();
        let seen = |service: &str| [10, 12].map(|hour| snapshots.rows[&key(service)].hours[0][hour]);
        assert_amounts(&seen("a"), &[3.0, 0.0]);
        assert_amounts(&seen("b"), &[f64::NAN, 5.0]);
    })
    .await;
}

#[tokio::test]
async fn snapshots_of_many_days_are_columns() {
    in_every_store("hours_days", async |store| {
        store.put_hour(day(2), 0, &ledger(day(2), &[("a", 1.0)]), at(0)).await.unwrap();
        store.put_hour(day(9), 23, &ledger(day(9), &[("b", 2.0)]), at(0)).await.unwrap();
        store.put_hour(day(20), 1, &ledger(day(20), &[("b", 2.0)]), at(0)).await.unwrap();
        let snapshots = store.snapshots(range(1, 10)).await.unwrap();
        assert_eq!(snapshots.days, [day(2), day(9)]);
        assert_amounts(
            &[snapshots.rows[&key("a")].hours[0][0], snapshots.rows[&key("a")].hours[1][23]],
            &[1.0, f64::NAN],
        );
        assert_amounts(
            &[snapshots.rows[&key("b")].hours[0][0], snapshots.rows[&key("b")].hours[1][23]],
            &[f64::NAN, 2.0],
        );
    })
    .await;
}

#[tokio::test]
async fn ids_may_hold_anything() {
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
async fn thousands_of_documents_are_put_at_once() {
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
async fn days_are_listed_by_series_or_by_what_they_share() {
    in_every_store("days_listed", async |store| {
        store.put_day(&ledger(day(2), &[("b", 2.0), ("a", 1.0)]), at(0)).await.unwrap();
        store.put_day(&ledger(day(1), &[("a", 1.0)]), at(0)).await.unwrap();
        let listed = async |key: SeriesKey| {
            let found = store.daily_documents(ALWAYS, &key).await.unwrap();
            let name = |found: &Document| {
                format!("{} {}", found.get_str("date").unwrap(), found.get_str("serviceId").unwrap())
            };
            found.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(listed(key("a")).await, ["20261101 a", "20261102 a"]);
        assert_eq!(listed(key(ALL)).await, ["20261101 a", "20261102 a", "20261102 b"]);
        assert!(listed(SeriesKey::new("other", ALL, ALL)).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_there_is_told() {
    in_every_store("what_is_there", async |store| {
        assert_eq!(store.filled().await.unwrap(), Vec::<&str>::new());
        assert_eq!(store.days(ALWAYS).await.unwrap(), Vec::<Date>::new());
        for index in [4, 1, 2] {
            store.put_day(&ledger(day(index), &[("a", 1.0), ("b", 2.0)]), at(0)).await.unwrap();
        }
        store.put_hour(day(5), 9, &ledger(day(5), &[("a", 1.0)]), at(0)).await.unwrap();
        assert_eq!(store.filled().await.unwrap(), ["billing_daily", "billing_hourly"]);
        assert_eq!(store.days(ALWAYS).await.unwrap(), [day(1), day(2), day(4)]);
        assert_eq!(store.days(range(2, 3)).await.unwrap(), [day(2)]);
        assert_eq!(store.snapshot_days(ALWAYS).await.unwrap(), [day(5)]);
        assert_eq!(store.snapshot_days(range(1, 4)).await.unwrap(), Vec::<Date>::new());
    })
    .await;
}
