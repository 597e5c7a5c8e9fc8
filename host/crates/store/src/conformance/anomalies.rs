//! Tests of anomalies.

use std::collections::BTreeSet;

use ::mongodb::bson::{Bson, Document, doc};
use model::anomaly::{Anomaly, Direction, Severity};
use model::incident::{Action, HistoryEntry, IncidentState, Resolution};
use model::moment::Moment;
use model::series::Grain;

use super::*;
use crate::documents::anomaly;
use crate::records::AnomalyKey;

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
        numeric_settings: figures(&[("zScore", 3.0), ("deviationRatio", 2.0)]),
        is_shadow: false,
        incident: Some("e1".to_owned()),
        planned_event: None,
    }
}

fn rules(rules: &[&str]) -> BTreeSet<String> {
    rules.iter().map(|rule| (*rule).to_owned()).collect()
}

/// Returns `service rule hour` of all anomalies.
async fn stored(store: &Store) -> Vec<String> {
    let documents = store.anomaly_documents(ALL_DAYS).await.unwrap();
    let text = |document: &Document| {
        let hour = document.get_i32("hour").map_or_else(|_| "day".to_owned(), |hour| hour.to_string());
        format!("{} {} {hour}", document.get_str("serviceId").unwrap(), document.get_str("ruleId").unwrap())
    };
    documents.iter().map(text).collect()
}

#[tokio::test]
async fn an_anomaly_has_the_fields_of_the_replaced_pipeline_and_more() {
    in_every_store("anomaly_fields", async |store| {
        let anomaly = anomaly(day(1), Some(9), "vm", "usual");
        store
            .put_anomalies(Moment { date: day(1), hour: Some(9) }, &rules(&["usual"]), &[anomaly], at(0))
            .await
            .unwrap();
        let expected = doc! {
            "date": "20261101", "hour": 9, "domainId": "account", "domainName": "account of vm", "projectId": "project",
            "projectName": "project of vm", "serviceId": "vm", "serviceName": "service of vm", "ruleId": "usual",
            "grain": "daily", "direction": "up", "severity": "warning", "observedAmount": 30.0, "expected": 11.0,
            "lower": Bson::Null, "upper": 20.0, "score": 2.5, "impact": 19.0, "reason": "평소보다 \"많이\" 높음",
            "baselineMean": 10.0, "baselineStd": 4.0, "zScore": 5.0, "deviationRatio": 3.0,
            "threshold": { "zScore": 3.0, "deviationRatio": 2.0 }, "detector": "d1", "shadow": false, "incident": "e1",
            "plannedEvent": Bson::Null, "status": "NEW",
            "createdAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "updatedAt": ::mongodb::bson::DateTime::from_millis(at(0).as_millisecond()),
            "runId": run().to_string(),
        };
        let listed = store.anomaly_documents(range(1, 1)).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&expected));
        assert!(listed[0].keys().eq(expected.keys()), "both databases have the same order of fields");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_figure_of_an_anomaly_is_null() {
    in_every_store("anomaly_nulls", async |store| {
        let figures = figures(&[("mean", 0.0)]);
        let anomaly = Anomaly { figures, incident: None, upper: f64::INFINITY, ..anomaly(day(1), None, "vm", "usual") };
        store.put_anomalies(Moment { date: day(1), hour: None }, &rules(&["usual"]), &[anomaly], at(0)).await.unwrap();
        let listed = store.anomaly_documents(range(1, 1)).await.unwrap();
        for field in ["hour", "lower", "upper", "baselineStd", "zScore", "deviationRatio", "incident"] {
            assert_eq!(listed[0].get(field), Some(&Bson::Null), "{field}");
        }
    })
    .await;
}

#[tokio::test]
async fn anomalies_replace_the_anomalies_of_the_same_moment_and_rules() {
    in_every_store("anomaly_replaced", async |store| {
        let put = async |date: Date, hour: Option<u8>, evaluated: &[&str], anomalous: &[(&str, &str)]| {
            let anomalies: Vec<Anomaly> =
                anomalous.iter().map(|(service, rule)| anomaly(date, hour, service, rule)).collect();
            store.put_anomalies(Moment { date, hour }, &rules(evaluated), &anomalies, at(0)).await.unwrap();
        };
        put(day(1), None, &["one", "two"], &[("a", "one"), ("a", "two"), ("b", "one")]).await;
        put(day(1), Some(3), &["one"], &[("a", "one")]).await;
        put(day(2), None, &["one"], &[]).await;
        assert_eq!(stored(store).await, ["a one day", "a two day", "b one day", "a one 3"]);
        for _ in 0..2 {
            put(day(1), None, &["one"], &[("a", "one"), ("c", "one")]).await;
            assert_eq!(stored(store).await, ["a one day", "a two day", "c one day", "a one 3"]);
        }
        put(day(1), None, &[], &[]).await;
        put(day(1), Some(3), &["two"], &[]).await;
        put(day(1), Some(4), &["one"], &[]).await;
        assert_eq!(stored(store).await.len(), 4);
        put(day(1), None, &["one", "two"], &[]).await;
        assert_eq!(stored(store).await, ["a one 3"]);
        assert_eq!(
            store.anomaly_keys(range(1, 2)).await.unwrap(),
            [AnomalyKey { series: key("a"), date: day(1), hour: Some(3) }]
        );
    })
    .await;
}

#[tokio::test]
async fn anomalies_of_a_day_and_of_its_hours_are_separate() {
    in_every_store("anomaly_keys", async |store| {
        for hour in [None, Some(0), Some(23)] {
            let anomalies = [anomaly(day(1), hour, "a", "one")];
            store.put_anomalies(Moment { date: day(1), hour }, &rules(&["one"]), &anomalies, at(0)).await.unwrap();
        }
        let mut keys = store.anomaly_keys(range(1, 1)).await.unwrap();
        keys.sort();
        assert_eq!(keys, [None, Some(0), Some(23)].map(|hour| AnomalyKey { series: key("a"), date: day(1), hour }));
        assert!(store.anomaly_keys(range(2, 3)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_keys_leave_out_anomalies_of_shadow_rules() {
    in_every_store("shadow_anomalies", async |store| {
        let moment = Moment { date: day(1), hour: None };
        for is_shadow in [true, false] {
            let anomalies = [Anomaly { is_shadow, ..anomaly(day(1), None, "a", "one") }];
            store.put_anomalies(moment, &rules(&["one"]), &anomalies, at(0)).await.unwrap();
            let listed = store.anomalies(range(1, 1)).await.unwrap();
            assert_eq!(listed.iter().map(|record| record.is_shadow).collect::<Vec<_>>(), [is_shadow]);
            let keys = store.anomaly_keys(range(1, 1)).await.unwrap();
            assert_eq!(keys.len(), usize::from(!is_shadow));
        }
    })
    .await;
}

#[tokio::test]
async fn the_status_of_anomalies_follows_the_decision_about_their_incident() {
    in_every_store("anomaly_decided", async |store| {
        let other = Anomaly { incident: Some("e2".to_owned()), ..anomaly(day(1), None, "b", "one") };
        let days = [
            (None, vec![anomaly(day(1), None, "a", "one"), other]),
            (Some(9), vec![anomaly(day(1), Some(9), "a", "one")]),
        ];
        for (hour, anomalies) in &days {
            let moment = Moment { date: day(1), hour: *hour };
            store.put_anomalies(moment, &rules(&["one"]), anomalies, at(0)).await.unwrap();
        }
        let mut decided = super::incidents::incident("e1", IncidentState::Open, None);
        store.put_anomaly_status(&decided, at(1)).await.unwrap();
        let mut statuses = vec![statuses_of(store).await];
        for resolution in [Resolution::NewLevel, Resolution::Expected, Resolution::Dismissed] {
            let author = "김하나".to_owned();
            let action = Action::Decision(resolution);
            decided.record(HistoryEntry { action, author, note: None, at: at(2), is_archived: false });
            store.put_anomaly_status(&decided, at(2)).await.unwrap();
            statuses.push(statuses_of(store).await);
        }
        // The next evaluation of the day keeps the status.
        store.put_anomalies(Moment { date: day(1), hour: None }, &rules(&["one"]), &days[0].1, at(3)).await.unwrap();
        statuses.push(statuses_of(store).await);
        let expected = ["NEW NEW NEW", "ACCEPTED NEW ACCEPTED", "EXPECTED NEW EXPECTED", "DISMISSED NEW DISMISSED"];
        assert_eq!(statuses, expected.into_iter().chain(["DISMISSED NEW DISMISSED"]).collect::<Vec<_>>());
    })
    .await;
}

/// Returns the statuses of all anomalies in key order.
async fn statuses_of(store: &Store) -> String {
    let documents = store.anomaly_documents(ALL_DAYS).await.unwrap();
    documents.iter().map(|document| document.get_str("status").unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_repeated_anomaly_keeps_its_status_in_mongodb() {
    in_mongodb("anomaly_status", async |store, _| {
        let anomalies = [anomaly(day(1), None, "a", "one")];
        store.put_anomalies(Moment { date: day(1), hour: None }, &rules(&["one"]), &anomalies, at(0)).await.unwrap();
        let collection = database(store).collection::<Document>(anomaly::COLLECTION.name);
        let update = doc! { "$set": { "status": "ACKNOWLEDGED", "note": "known" } };
        collection.update_one(doc! {}, update).await.unwrap();
        store.put_anomalies(Moment { date: day(1), hour: None }, &rules(&["one"]), &anomalies, at(9)).await.unwrap();
        let listed = store.anomaly_documents(ALL_DAYS).await.unwrap();
        assert_eq!(listed[0].get_str("status"), Ok("ACKNOWLEDGED"));
        assert_eq!(listed[0].get_str("note"), Ok("known"));
        let mut decided = super::incidents::incident("e1", IncidentState::Open, None);
        let author = "김하나".to_owned();
        let action = Action::Decision(Resolution::Dismissed);
        decided.record(HistoryEntry { action, author, note: None, at: at(9), is_archived: false });
        store.put_anomaly_status(&decided, at(9)).await.unwrap();
        assert_eq!(store.anomaly_documents(ALL_DAYS).await.unwrap()[0].get_str("status"), Ok("ACKNOWLEDGED"));
    })
    .await;
}
