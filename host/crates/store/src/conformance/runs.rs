//! Tests of run records, leases and operational notifications.

use model::ledger::RefusedTotal;
use std::collections::BTreeSet;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::documents::run;
use crate::lease::{LeaseGrant, LeaseKey, LeaseRequest};
use crate::records::{OperationalNotification, RunRecord};

#[tokio::test]
async fn runs_are_read_back() {
    in_every_store("runs", async |store| {
        assert_eq!(store.run("daily", "20261101").await.unwrap(), None);
        let mut record = RunRecord {
            job: "daily".to_owned(),
            period: "20261101".to_owned(),
            owner: "host:1".to_owned(),
            attempts: 1,
            checkpoint: Checkpoint::Started,
            through: None,
            until: None,
            replayed_through: None,
            outcome: "running".to_owned(),
            error: None,
            counts: [("series".to_owned(), 10_000_000_000)].into(),
            durations_ms: [("fetch.page".to_owned(), 12)].into(),
            total_delivered: BTreeSet::new(),
            total: None,
            refused: RefusedTotal::default(),
            started_at: at(0),
            finished_at: None,
            lease_until: None,
        };
        store.put_run(&record, at(0)).await.unwrap();
        assert_eq!(store.run("daily", "20261101").await.unwrap().as_ref(), Some(&record));
        record = RunRecord {
            attempts: 2,
            through: Some(day(1)),
            until: None,
            error: Some("no \"answer\"".to_owned()),
            counts: BTreeMap::new(),
            total_delivered: BTreeSet::from(["syslog".to_owned()]),
            total: Some("1,234.50".to_owned()),
            refused: RefusedTotal { rows: 3, amount: 12.5, rows_without_amount: 1 },
            finished_at: Some(at(9)),
            ..record
        };
        store.put_run(&record, at(0)).await.unwrap();
        assert_eq!(store.run("daily", "20261101").await.unwrap(), Some(record));
        assert_eq!(store.run("daily", "2026110").await.unwrap(), None);
        assert_eq!(store.run("hourly", "20261101").await.unwrap(), None);
        assert_eq!(documents(store, &run::COLLECTION).await.len(), 1);
    })
    .await;
}

fn run_of(job: &str, period: &str, second: i64) -> RunRecord {
    RunRecord {
        job: job.to_owned(),
        period: period.to_owned(),
        owner: "host:1".to_owned(),
        attempts: 1,
        checkpoint: Checkpoint::Started,
        through: None,
        until: None,
        replayed_through: None,
        outcome: "failed".to_owned(),
        error: None,
        counts: BTreeMap::new(),
        durations_ms: BTreeMap::new(),
        total_delivered: BTreeSet::new(),
        total: None,
        refused: RefusedTotal::default(),
        started_at: at(second),
        finished_at: None,
        lease_until: None,
    }
}

#[tokio::test]
async fn recent_runs_have_the_newest_first() {
    in_every_store("recent_runs", async |store| {
        assert_eq!(store.recent_runs("daily", 3).await.unwrap(), []);
        for (period, second) in [("20261101", 5), ("20261102", 1), ("20261103", 9), ("20261104", 5)] {
            store.put_run(&run_of("daily", period, second), at(0)).await.unwrap();
        }
        store.put_run(&run_of("hourly", "20261103T10", 20), at(0)).await.unwrap();
        store.put_run(&run_of("dail", "20261103", 21), at(0)).await.unwrap();
        let periods = async |limit| {
            let runs = store.recent_runs("daily", limit).await.unwrap();
            runs.into_iter().map(|run| run.period).collect::<Vec<_>>()
        };
        assert_eq!(periods(9).await, ["20261103", "20261104", "20261101", "20261102"]);
        assert_eq!(periods(2).await, ["20261103", "20261104"]);
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_changes_nothing_else_of_a_run() {
    in_every_store("checkpoint", async |store| {
        let run = run_of("daily", "20261101", 1);
        store.put_run(&run, at(0)).await.unwrap();
        store.put_checkpoint("daily", "20261101", Checkpoint::Anomalies, at(3)).await.unwrap();
        assert_eq!(
            store.run("daily", "20261101").await.unwrap(),
            Some(RunRecord { checkpoint: Checkpoint::Anomalies, ..run })
        );
    })
    .await;
}

#[tokio::test]
async fn held_leases_are_listed_with_the_remaining_time() {
    in_mongodb("held_leases", async |store, _| {
        let leases = store.leases();
        assert_eq!(leases.list().await.unwrap(), Some(vec![]));
        let keys = ["one", "two"].map(|period| LeaseKey { job: "writer".to_owned(), period: period.to_owned() });
        let request = |key, owner, length| LeaseRequest { key, owner, length, reserve: Duration::ZERO };
        let [hour, instant] = [Duration::from_secs(3_600), Duration::ZERO];
        for (key, owner, length) in [(&keys[0], "a", hour), (&keys[1], "b", instant)] {
            let grant = leases.acquire(request(key, owner, length)).await.unwrap();
            assert_eq!(grant, LeaseGrant::Granted);
        }
        let held = leases.list().await.unwrap().expect("a server's leases");
        let owners: Vec<_> = held.iter().map(|lease| (&lease.key, lease.owner.as_str())).collect();
        assert_eq!(owners, [(&keys[0], "a"), (&keys[1], "b")]);
        assert!(held[0].left.is_positive() && !held[1].left.is_positive(), "{held:?}");
        assert!(held.iter().all(|lease| lease.renewed.is_some_and(|ago| !ago.is_negative())), "{held:?}");
        assert!(leases.renew(request(&keys[0], "a", hour * 9)).await.unwrap());
        leases.release(&keys[1], "b").await.unwrap();
        let renewed = leases.list().await.unwrap().expect("a server's leases");
        assert_eq!(renewed.iter().map(|lease| &lease.key).collect::<Vec<_>>(), [&keys[0]]);
        assert!(renewed[0].left > held[0].left, "{renewed:?}");
    })
    .await;
}

#[tokio::test]
async fn notifications_are_read_back() {
    in_every_store("notifications", async |store| {
        assert_eq!(store.notifications().await.unwrap(), []);
        let mut notification = OperationalNotification {
            key: "failing:daily".to_owned(),
            text: "no \"answer\"".to_owned(),
            times: 3,
            since: at(1),
            delivered: BTreeSet::from(["syslog".to_owned()]),
        };
        let other = OperationalNotification { key: "freshness".to_owned(), ..notification.clone() };
        store.put_notification(&other, at(1)).await.unwrap();
        store.put_notification(&notification, at(1)).await.unwrap();
        assert_eq!(store.notifications().await.unwrap(), [notification.clone(), other.clone()]);
        notification.times = 0;
        notification.delivered = BTreeSet::new();
        store.put_notification(&notification, at(2)).await.unwrap();
        assert_eq!(store.notifications().await.unwrap(), [notification, other]);
    })
    .await;
}
