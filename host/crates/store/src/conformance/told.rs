//! Tests of anomalies, incidents, runs, leases and notifications.

use std::collections::BTreeSet;
use std::time::Duration;

use ::mongodb::bson::{Bson, Document, doc};

use super::*;
use crate::checkpoint::Checkpoint;
use crate::documents::{anomaly, incident, run};
use crate::{Claim, LeaseKey};
use crate::{Found, OperationalNotification, RunRecord};
use model::anomaly::{Anomaly, Direction, Severity};
use model::incident::{DayImpact, Decision, Delivery, Incident, IncidentState, Moment, Resolution};
use model::series::Grain;

fn anomaly(date: Date, hour: Option<u8>, service: &str, rule: &str) -> Anomaly {
    Anomaly {
        date,
        hour,
        series: key(service),
        names: names(service),
        rule: rule.to_owned(),
        grain: Grain::Daily,
        detector: "d1".to_owned(),
        direction: Direction::Up,
        severity: Severity::Warning,
        observed: 30.0,
        expected: 11.0,
        lower: f64::NEG_INFINITY,
        upper: 20.0,
        score: 2.5,
        impact: 19.0,
        reason: "평소보다 \"많이\" 높음".to_owned(),
        figures: figures(&[("mean", 10.0), ("std", 4.0)]),
        threshold: figures(&[("zScore", 3.0), ("deviationRatio", 2.0)]),
        incident: Some("e1".to_owned()),
    }
}

fn rules(rules: &[&str]) -> BTreeSet<String> {
    rules.iter().map(|rule| (*rule).to_owned()).collect()
}

/// Returns `service rule hour` of all anomalies.
async fn kept(store: &Store) -> Vec<String> {
    let found = store.anomaly_documents(ALWAYS).await.unwrap();
    let text = |found: &Document| {
        let hour = found.get_i32("hour").map_or_else(|_| "day".to_owned(), |hour| hour.to_string());
        format!("{} {} {hour}", found.get_str("serviceId").unwrap(), found.get_str("ruleId").unwrap())
    };
    found.iter().map(text).collect()
}

#[tokio::test]
async fn a_finding_has_the_fields_of_the_tutorial_and_more() {
    in_every_store("finding_fields", async |store| {
        let found = anomaly(day(1), Some(9), "vm", "usual");
        store.put_anomalies(day(1), Some(9), &rules(&["usual"]), &[found], at(0)).await.unwrap();
        let expected = doc! {
            "date": "20261101", "hour": 9, "domainId": "account", "domainName": "account of vm", "projectId": "project",
            "projectName": "project of vm", "serviceId": "vm", "serviceName": "service of vm", "ruleId": "usual",
            "grain": "daily", "direction": "up", "severity": "warning", "observedAmount": 30.0, "expected": 11.0,
            "lower": Bson::Null, "upper": 20.0, "score": 2.5, "impact": 19.0, "reason": "평소보다 \"많이\" 높음",
            "baselineMean": 10.0, "baselineStd": 4.0, "zScore": 5.0, "deviationRatio": 3.0,
            "threshold": { "zScore": 3.0, "deviationRatio": 2.0 }, "detector": "d1", "incident": "e1", "status": "NEW",
            "createdAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "updatedAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "runId": run().to_string(),
        };
        let listed = store.anomaly_documents(range(1, 1)).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&expected));
        assert!(listed[0].keys().eq(expected.keys()), "in this order, whichever the database");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_said_of_a_finding_is_null() {
    in_every_store("finding_nulls", async |store| {
        let figures = figures(&[("mean", 0.0)]);
        let found = Anomaly { figures, incident: None, upper: f64::INFINITY, ..anomaly(day(1), None, "vm", "usual") };
        store.put_anomalies(day(1), None, &rules(&["usual"]), &[found], at(0)).await.unwrap();
        let listed = store.anomaly_documents(range(1, 1)).await.unwrap();
        for field in ["hour", "lower", "upper", "baselineStd", "zScore", "deviationRatio", "incident"] {
            assert_eq!(listed[0].get(field), Some(&Bson::Null), "{field}");
        }
    })
    .await;
}

#[tokio::test]
async fn findings_replace_those_of_the_same_run_and_rules() {
    in_every_store("finding_replaced", async |store| {
        let put = async |date: Date, hour: Option<u8>, ran: &[&str], found: &[(&str, &str)]| {
            let anomalies: Vec<Anomaly> =
                found.iter().map(|(service, rule)| anomaly(date, hour, service, rule)).collect();
            store.put_anomalies(date, hour, &rules(ran), &anomalies, at(0)).await.unwrap();
        };
        put(day(1), None, &["one", "two"], &[("a", "one"), ("a", "two"), ("b", "one")]).await;
        put(day(1), Some(3), &["one"], &[("a", "one")]).await;
        put(day(2), None, &["one"], &[]).await;
        assert_eq!(kept(store).await, ["a one day", "a two day", "b one day", "a one 3"]);
        for _ in 0..2 {
            put(day(1), None, &["one"], &[("a", "one"), ("c", "one")]).await;
            assert_eq!(kept(store).await, ["a one day", "a two day", "c one day", "a one 3"]);
        }
        put(day(1), None, &[], &[]).await;
        put(day(1), Some(3), &["two"], &[]).await;
        put(day(1), Some(4), &["one"], &[]).await;
        assert_eq!(kept(store).await.len(), 4);
        put(day(1), None, &["one", "two"], &[]).await;
        assert_eq!(kept(store).await, ["a one 3"]);
        assert_eq!(store.found(range(1, 2)).await.unwrap(), [Found { series: key("a"), date: day(1), hour: Some(3) }]);
    })
    .await;
}

#[tokio::test]
async fn found_days_and_hours_are_told_apart() {
    in_every_store("finding_found", async |store| {
        for hour in [None, Some(0), Some(23)] {
            let found = [anomaly(day(1), hour, "a", "one")];
            store.put_anomalies(day(1), hour, &rules(&["one"]), &found, at(0)).await.unwrap();
        }
        let mut found = store.found(range(1, 1)).await.unwrap();
        found.sort();
        assert_eq!(found, [None, Some(0), Some(23)].map(|hour| Found { series: key("a"), date: day(1), hour }));
        assert!(store.found(range(2, 3)).await.unwrap().is_empty());
    })
    .await;
}

fn incident(id: &str, state: IncidentState, closed: Option<i8>) -> Incident {
    let moment = |number, hour| Moment { date: day(number), hour };
    Incident {
        id: id.to_owned(),
        series: SeriesKey::new("account", "a.b/$c", ALL),
        names: names("vm"),
        direction: Direction::Down,
        severity: Severity::Critical,
        state,
        opened_at: moment(1, Some(10)),
        first_seen: moment(1, Some(9)),
        last_seen: moment(3, None),
        closed_at: closed.map(|number| moment(number, None)),
        rules: BTreeSet::from(["one".to_owned(), "two".to_owned()]),
        peak_score: 4.5,
        accepted_impact: None,
        decision: None,
        by_day: [
            (day(1), DayImpact { finished_day: Some(10.5), partial_day: Some((9, 3.5)) }),
            (day(2), DayImpact { finished_day: None, partial_day: Some((23, 0.0)) }),
            (day(3), DayImpact { finished_day: Some(1.0), partial_day: None }),
        ]
        .into(),
        observed: 1.0,
        expected: 2.0,
        reason: "less".to_owned(),
        muted: false,
        deliveries: [
            ("syslog".to_owned(), Delivery { notified_impact: 10.5, end_notified: false, notifications: 2 }),
            ("chat.$team".to_owned(), Delivery::default()),
        ]
        .into(),
    }
}

#[tokio::test]
async fn episodes_are_given_until_they_are_settled_or_past() {
    in_every_store("incidents", async |store| {
        let open = incident("e-open", IncidentState::Open, None);
        let untold = incident("e-untold", IncidentState::Closed(Resolution::Returned), Some(2));
        let settled = incident("e-settled", IncidentState::Closed(Resolution::Returned), Some(5));
        let all = [(open.clone(), false), (untold.clone(), false), (settled.clone(), true)];
        for second in 0..2 {
            store.put_incidents(&all, at(second)).await.unwrap();
            assert_eq!(documents(store, &incident::COLLECTION).await.len(), 3);
        }
        assert_eq!(store.incidents(day(6)).await.unwrap(), [open.clone(), untold.clone()]);
        assert_eq!(store.incidents(day(5)).await.unwrap(), [open.clone(), settled, untold.clone()]);

        let mut closed = Incident {
            state: IncidentState::Retracted,
            closed_at: Some(Moment { date: day(4), hour: Some(7) }),
            ..open
        };
        closed.deliveries.clear();
        closed.by_day.clear();
        store.put_incidents(&[(closed.clone(), false), (untold, true)], at(2)).await.unwrap();
        assert_eq!(store.incidents(day(6)).await.unwrap(), [closed], "what is left out of it is gone");
        store.put_incidents(&[], at(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_an_operator_said_of_an_episode_is_kept() {
    in_every_store("episodes_decided", async |store| {
        let mut decided = incident("e-decided", IncidentState::Open, None);
        let note = Some("the \"big\" move".to_owned());
        decided.decide(Decision { resolution: Resolution::Expected, note, at: at(7) });
        let other = incident("e-other", IncidentState::Closed(Resolution::NewLevel), Some(3));
        store.put_incidents(&[(decided.clone(), true), (other.clone(), true)], at(8)).await.unwrap();
        assert_eq!(store.decided_incidents(day(3)).await.unwrap(), std::slice::from_ref(&decided));
        assert_eq!(store.decided_incidents(day(4)).await.unwrap(), []);
        assert_eq!(store.incident("e-other").await.unwrap(), Some(other.clone()));
        assert_eq!(store.incident("e").await.unwrap(), None);
        assert_eq!(store.all_incidents().await.unwrap(), [decided.clone(), other.clone()]);
        assert_eq!(store.incidents(day(3)).await.unwrap(), [decided, other], "it was seen that day");
        assert_eq!(store.incidents(day(4)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn runs_are_read_back() {
    in_every_store("runs", async |store| {
        assert_eq!(store.run("daily", "20261101").await.unwrap(), None);
        let mut record = RunRecord {
            job: "daily".to_owned(),
            period: "20261101".to_owned(),
            owner: "host:1".to_owned(),
            attempts: 1,
            step: Checkpoint::Started,
            through: None,
            until: None,
            reached: None,
            outcome: "running".to_owned(),
            error: None,
            counts: [("series".to_owned(), 10_000_000_000)].into(),
            durations_ms: [("fetch.page".to_owned(), 12)].into(),
            total_delivered: BTreeSet::new(),
            total: None,
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
        step: Checkpoint::Started,
        through: None,
        until: None,
        reached: None,
        outcome: "failed".to_owned(),
        error: None,
        counts: BTreeMap::new(),
        durations_ms: BTreeMap::new(),
        total_delivered: BTreeSet::new(),
        total: None,
        started_at: at(second),
        finished_at: None,
        lease_until: None,
    }
}

#[tokio::test]
async fn the_last_runs_of_a_job_come_first() {
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
async fn a_step_changes_nothing_else_of_a_run() {
    in_every_store("step", async |store| {
        let run = run_of("daily", "20261101", 1);
        store.put_run(&run, at(0)).await.unwrap();
        store.put_checkpoint("daily", "20261101", Checkpoint::Anomalies, at(3)).await.unwrap();
        assert_eq!(
            store.run("daily", "20261101").await.unwrap(),
            Some(RunRecord { step: Checkpoint::Anomalies, ..run })
        );
    })
    .await;
}

#[tokio::test]
async fn leases_that_are_taken_are_told_with_what_is_left_of_them() {
    in_mongodb("held_leases", async |store, _| {
        let leases = store.leases();
        assert_eq!(leases.held().await.unwrap(), Some(vec![]));
        let keys = ["one", "two"].map(|period| LeaseKey { job: "writer".to_owned(), period: period.to_owned() });
        let claim = |key, owner, length| Claim { key, owner, length, reserve: Duration::ZERO };
        let [hour, instant] = [Duration::from_secs(3_600), Duration::ZERO];
        for (key, owner, length) in [(&keys[0], "a", hour), (&keys[1], "b", instant)] {
            leases.take(claim(key, owner, length)).await.unwrap();
        }
        let held = leases.held().await.unwrap().expect("a server's leases");
        let owners: Vec<_> = held.iter().map(|lease| (&lease.key, lease.owner.as_str())).collect();
        assert_eq!(owners, [(&keys[0], "a"), (&keys[1], "b")]);
        assert!(held[0].left.is_positive() && !held[1].left.is_positive(), "{held:?}");
        assert!(held.iter().all(|lease| lease.renewed.is_some_and(|ago| !ago.is_negative())), "{held:?}");
        assert!(leases.renew(claim(&keys[0], "a", hour * 9)).await.unwrap());
        leases.release(&keys[1], "b").await.unwrap();
        let renewed = leases.held().await.unwrap().expect("a server's leases");
        assert_eq!(renewed.iter().map(|lease| &lease.key).collect::<Vec<_>>(), [&keys[0]]);
        assert!(renewed[0].left > held[0].left, "{renewed:?}");
    })
    .await;
}

#[tokio::test]
async fn notices_are_read_back() {
    in_every_store("notifications", async |store| {
        assert_eq!(store.notifications().await.unwrap(), []);
        let mut notification = OperationalNotification {
            key: "failing:daily".to_owned(),
            text: "no \"answer\"".to_owned(),
            times: 3,
            since: at(1),
            told: BTreeSet::from(["syslog".to_owned()]),
        };
        let other = OperationalNotification { key: "feed".to_owned(), ..notification.clone() };
        store.put_notification(&other, at(1)).await.unwrap();
        store.put_notification(&notification, at(1)).await.unwrap();
        assert_eq!(store.notifications().await.unwrap(), [notification.clone(), other.clone()]);
        (notification.times, notification.told) = (0, BTreeSet::new());
        store.put_notification(&notification, at(2)).await.unwrap();
        assert_eq!(store.notifications().await.unwrap(), [notification, other]);
    })
    .await;
}

#[tokio::test]
async fn a_kept_finding_keeps_its_status_in_mongodb() {
    in_mongodb("finding_status", async |store, _| {
        let found = [anomaly(day(1), None, "a", "one")];
        store.put_anomalies(day(1), None, &rules(&["one"]), &found, at(0)).await.unwrap();
        let collection = database(store).collection::<Document>(anomaly::COLLECTION.name);
        let seen = doc! { "$set": { "status": "ACKNOWLEDGED", "note": "known" } };
        collection.update_one(doc! {}, seen).await.unwrap();
        store.put_anomalies(day(1), None, &rules(&["one"]), &found, at(9)).await.unwrap();
        let listed = store.anomaly_documents(ALWAYS).await.unwrap();
        assert_eq!(listed[0].get_str("status"), Ok("ACKNOWLEDGED"));
        assert_eq!(listed[0].get_str("note"), Ok("known"));
    })
    .await;
}
