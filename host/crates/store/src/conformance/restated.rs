//! Tests of restatements: the earlier amounts are kept and can be queried.

use std::collections::BTreeSet;

use ::mongodb::bson::Document;

use super::*;
use crate::documents::restated;

/// Returns `service amount` of each document known at a moment.
async fn known(store: &Store, moment: i64) -> Vec<String> {
    let found = store.daily_documents_as_of(range(1, 30), &key(ALL), at(moment)).await.unwrap();
    let text = |found: &Document| {
        format!("{} {}", found.get_str("serviceId").unwrap(), found.get_f64("expectAmount").unwrap())
    };
    found.iter().map(text).collect()
}

#[tokio::test]
async fn what_a_correction_replaces_is_kept() {
    in_every_store("restated", async |store| {
        let bills: [(i64, &[(&str, f64)]); 6] = [
            (0, &[("a", 1.0), ("b", 2.0)]),
            (10, &[("a", 1.0), ("b", 2.5)]),
            (20, &[("a", 1.0), ("c", 3.0)]),
            (30, &[("a", 1.0), ("b", 2.0), ("c", 3.0)]),
            (40, &[("a", 1.0), ("b", 2.5), ("c", 3.0)]),
            (50, &[("a", 1.0), ("b", 2.0), ("c", 3.0)]),
        ];
        for (moment, amounts) in bills {
            store.put_day(&ledger(day(1), amounts), at(moment)).await.unwrap();
            // A repeated write, like after a killed run.
            store.put_day(&ledger(day(1), amounts), at(moment + 5)).await.unwrap();
        }
        assert_eq!(known(store, -1).await, [] as [String; 0], "nothing was known yet");
        for (moment, amounts) in bills {
            let expected: Vec<String> = amounts.iter().map(|(service, amount)| format!("{service} {amount}")).collect();
            for later in [0, 9] {
                assert_eq!(known(store, moment + later).await, expected, "{moment} {later}");
            }
        }
        assert_eq!(documents(store, &restated::COLLECTION).await.len(), 4, "one a correction of an amount");
        let before = documents(store, &restated::COLLECTION).await;
        store.mark_anomalous(day(1), &BTreeSet::from([key("a")]), at(60)).await.unwrap();
        store.put_day(&ledger(day(2), &[("a", 1.0)]), at(60)).await.unwrap();
        assert_eq!(documents(store, &restated::COLLECTION).await, before, "marks and other days replace nothing");
    })
    .await;
}

#[test]
fn what_was_kept_before_a_kill_is_not_kept_twice() {
    let earlier = |amount, created| restated::Earlier {
        key: key("a"),
        names: names("a"),
        amounts: Amounts { billed_cost: amount, ..Amounts::default() },
        created: at(created).as_millisecond(),
    };
    let kept = |earlier: &restated::Earlier, newest: Option<&restated::Revision>, now| {
        let kept = restated::upsert(day(1), earlier, newest, at(now)).fresh();
        let raw = ::mongodb::bson::RawDocumentBuf::from_document(&kept).unwrap();
        let revision = restated::read(&raw).unwrap().1;
        let from = kept.get_datetime("knownFrom").unwrap().timestamp_millis() / 1_000 - at(0).as_second();
        (revision, kept.get_i32("revision").unwrap(), from)
    };
    let (first, number, from) = kept(&earlier(1.0, 0), None, 10);
    assert_eq!((number, from), (0, 0));
    assert_eq!(kept(&earlier(1.0, 0), Some(&first), 20).1, 0, "the correction itself had not been written");
    let (_, number, from) = kept(&earlier(2.0, 0), Some(&first), 20);
    assert_eq!((number, from), (1, 10));
    let (_, number, from) = kept(&earlier(1.0, 15), Some(&first), 20);
    assert_eq!((number, from), (1, 15), "it had left the day, and came back");
}

#[tokio::test]
async fn a_day_is_held_where_nothing_of_it_would_change() {
    in_every_store("withheld_days", async |store| {
        let bill = ledger(day(2), &[("a", 1.0), ("b", 2.0)]);
        assert!(!store.holds_day(&bill).await.unwrap());
        store.put_day(&bill, at(0)).await.unwrap();
        store.mark_anomalous(day(2), &BTreeSet::from([key("a")]), at(1)).await.unwrap();
        assert!(store.holds_day(&bill).await.unwrap());
        for other in [&[("a", 1.0)][..], &[("a", 1.0), ("b", 2.5)], &[("a", 1.0), ("b", 2.0), ("c", 0.0)]] {
            assert!(!store.holds_day(&ledger(day(2), other)).await.unwrap(), "{other:?}");
        }
        let mut renamed = bill.clone();
        renamed.entries[0].names.service = "new name".into();
        assert!(!store.holds_day(&renamed).await.unwrap());
        store.put_day(&ledger(day(4), &[("b", 2.0)]), at(1)).await.unwrap();
        assert_eq!(store.day_sizes(range(1, 30)).await.unwrap(), [(day(2), 2), (day(4), 1)]);
        assert_eq!(store.days(range(2, 3)).await.unwrap(), [day(2)]);
        assert_eq!(store.day_sizes(range(3, 3)).await.unwrap(), []);
    })
    .await;
}
