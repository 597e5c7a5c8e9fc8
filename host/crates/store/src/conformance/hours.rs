//! Tests of the hours of unfinished days.

use super::*;

#[tokio::test]
async fn hours_are_written_in_any_order() {
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
            for index in order {
                let (hour, entries) = &hours[index];
                store.put_hour(date, *hour, &ledger(date, entries), at(0)).await.unwrap();
            }
            let snapshots = store.snapshots(DateRange { from: date, to: date }).await.unwrap();
            assert_eq!(snapshots.days, [date]);
            let amounts = |service: &str| [8, 9, 10, 11, 12].map(|hour| snapshots.rows[&key(service)].hours[0][hour]);
            let unknown = f64::NAN;
            assert_amounts(&amounts("a"), &[unknown, 1.0, 0.0, unknown, 7.0]);
            assert_amounts(&amounts("b"), &[unknown, 2.0, 3.0, unknown, 5.0]);
            assert_amounts(&amounts("c"), &[unknown, unknown, 4.0, unknown, 6.0]);
            assert_eq!(snapshots.rows[&key("a")].names, names("a"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_late_hour_is_written_before_an_early_hour() {
    in_every_store("hours_late", async |store| {
        store.put_hour(day(3), 12, &ledger(day(3), &[("b", 5.0)]), at(0)).await.unwrap();
        store.put_hour(day(3), 10, &ledger(day(3), &[("a", 3.0)]), at(0)).await.unwrap();
        let snapshots = store.snapshots(range(3, 3)).await.unwrap();
        let amounts = |service: &str| [10, 12].map(|hour| snapshots.rows[&key(service)].hours[0][hour]);
        assert_amounts(&amounts("a"), &[3.0, 0.0]);
        assert_amounts(&amounts("b"), &[f64::NAN, 5.0]);
    })
    .await;
}

#[tokio::test]
async fn snapshots_of_several_days_are_read() {
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
