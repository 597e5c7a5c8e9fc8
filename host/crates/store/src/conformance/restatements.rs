//! Tests of restatements: the earlier amounts are kept and can be queried.

use std::collections::BTreeSet;

use ::mongodb::bson::Document;

use super::*;
use crate::documents::restatement;

/// Returns `service amount` of each document known at a time.
async fn known(store: &Store, second: i64) -> Vec<String> {
    let documents = store.daily_documents_as_of(range(1, 30), &key(ALL), at(second)).await.unwrap();
    let text = |document: &Document| {
        format!("{} {}", document.get_str("serviceId").unwrap(), document.get_f64("expectAmount").unwrap())
    };
    documents.iter().map(text).collect()
}

#[tokio::test]
async fn replaced_amounts_are_kept() {
    in_every_store("restatements", async |store| {
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
        assert_eq!(known(store, -1).await, [] as [String; 0], "no bill is known yet");
        for (moment, amounts) in bills {
            let expected: Vec<String> = amounts.iter().map(|(service, amount)| format!("{service} {amount}")).collect();
            for later in [0, 9] {
                assert_eq!(known(store, moment + later).await, expected, "{moment} {later}");
            }
        }
        assert_eq!(documents(store, &restatement::COLLECTION).await.len(), 4, "one per restated amount");
        let before = documents(store, &restatement::COLLECTION).await;
        store.mark_anomalous(day(1), &BTreeSet::from([key("a")]), at(60)).await.unwrap();
        store.put_day(&ledger(day(2), &[("a", 1.0)]), at(60)).await.unwrap();
        assert_eq!(
            documents(store, &restatement::COLLECTION).await,
            before,
            "marks and other days are not restatements"
        );
    })
    .await;
}

#[test]
fn amounts_kept_before_a_kill_are_not_kept_twice() {
    let replaced = |amount, created| restatement::ReplacedAmounts {
        key: key("a"),
        names: names("a"),
        amounts: Amounts { billed_cost: amount, ..Amounts::default() },
        created: at(created).as_millisecond(),
    };
    let stored = |replaced: &restatement::ReplacedAmounts, newest: Option<&restatement::Revision>, now| {
        let document = restatement::upsert(day(1), replaced, newest, at(now)).new_document();
        let raw = ::mongodb::bson::RawDocumentBuf::from_document(&document).unwrap();
        let revision = restatement::read(&raw).unwrap().1;
        let from = document.get_datetime("knownFrom").unwrap().timestamp_millis() / 1_000 - at(0).as_second();
        (revision, document.get_i32("revision").unwrap(), from)
    };
    let (first, number, from) = stored(&replaced(1.0, 0), None, 10);
    assert_eq!((number, from), (0, 0));
    assert_eq!(stored(&replaced(1.0, 0), Some(&first), 20).1, 0, "the day was not written yet");
    let (_, number, from) = stored(&replaced(2.0, 0), Some(&first), 20);
    assert_eq!((number, from), (1, 10));
    let (_, number, from) = stored(&replaced(1.0, 15), Some(&first), 20);
    assert_eq!((number, from), (1, 15), "the series left the day and came back");
}

#[tokio::test]
async fn a_store_has_a_day_if_a_write_would_change_nothing() {
    in_every_store("has_day", async |store| {
        let bill = ledger(day(2), &[("a", 1.0), ("b", 2.0)]);
        assert!(!store.has_day(&bill).await.unwrap());
        store.put_day(&bill, at(0)).await.unwrap();
        store.mark_anomalous(day(2), &BTreeSet::from([key("a")]), at(1)).await.unwrap();
        assert!(store.has_day(&bill).await.unwrap());
        for other in [&[("a", 1.0)][..], &[("a", 1.0), ("b", 2.5)], &[("a", 1.0), ("b", 2.0), ("c", 0.0)]] {
            assert!(!store.has_day(&ledger(day(2), other)).await.unwrap(), "{other:?}");
        }
        let mut renamed = bill.clone();
        renamed.entries[0].names.service = "new name".into();
        assert!(!store.has_day(&renamed).await.unwrap());
        store.put_day(&ledger(day(4), &[("b", 2.0)]), at(1)).await.unwrap();
        assert_eq!(store.day_sizes(range(1, 30)).await.unwrap(), [(day(2), 2), (day(4), 1)]);
        assert_eq!(store.days(range(2, 3)).await.unwrap(), [day(2)]);
        assert_eq!(store.day_sizes(range(3, 3)).await.unwrap(), []);
    })
    .await;
}
