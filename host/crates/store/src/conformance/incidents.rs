//! Tests of incidents.

use std::collections::BTreeSet;

use model::anomaly::{Direction, Severity};
use model::incident::{
    Action, DayImpact, Delivery, DeliveryFailure, FinishedDayImpact, HistoryEntry, Incident, IncidentState, NormalDay,
    OpeningBand, PartialDayImpact, Resolution, Suppression,
};
use model::moment::Moment;

use super::*;
use crate::documents::incident;
use crate::records::IncidentWrite;

pub(super) fn incident(id: &str, state: IncidentState, closed: Option<i8>) -> Incident {
    let moment = |number, hour| Moment { date: day(number), hour };
    let finished = |impact| Some(FinishedDayImpact { impact, observed: impact + 2.0, expected: 2.0 });
    let band = OpeningBand {
        detector: "d1".to_owned(),
        settings: "s1".to_owned(),
        through: day(1),
        state: vec![0, 255, 7],
        figures: [("mean".to_owned(), 2.0)].into(),
    };
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
        bands: [("rule.$1".to_owned(), band)].into(),
        peak_score: 4.5,
        accepted_impact: None,
        history: Vec::new(),
        by_day: [
            (
                day(1),
                DayImpact {
                    finished_day: finished(10.5),
                    partial_day: Some(PartialDayImpact { hour: 9, impact: 3.5 }),
                },
            ),
            (day(2), DayImpact { finished_day: None, partial_day: Some(PartialDayImpact { hour: 23, impact: 0.0 }) }),
            (day(3), DayImpact { finished_day: finished(1.0), partial_day: None }),
        ]
        .into(),
        observed: 1.0,
        expected: 2.0,
        reason: "less".to_owned(),
        resolved_by: Some(NormalDay { observed: 1.5, expected: Some(1.25) }),
        muted: false,
        is_explained: true,
        suppressed_by: Some(Suppression::PlannedEvent("20261101-ab".to_owned())),
        deliveries: [
            (
                "syslog".to_owned(),
                Delivery {
                    notified_impact: 10.5,
                    growth_on: Some(day(2)),
                    end_notified: false,
                    new_level_notified: true,
                    retraction_notified: false,
                    notifications: 2,
                    thread: Some("1766.0001".to_owned()),
                },
            ),
            ("chat.$team".to_owned(), Delivery::default()),
        ]
        .into(),
        failures: [("mail".to_owned(), DeliveryFailure { at: Timestamp::UNIX_EPOCH, cause: "no answer".to_owned() })]
            .into(),
    }
}

fn unsettled(incident: &Incident) -> IncidentWrite {
    IncidentWrite { incident: incident.clone(), is_settled: false }
}

fn settled(incident: &Incident) -> IncidentWrite {
    IncidentWrite { incident: incident.clone(), is_settled: true }
}

#[tokio::test]
async fn incidents_are_current_until_settled_and_past() {
    in_every_store("incidents", async |store| {
        let open = incident("e-open", IncidentState::Open, None);
        let undelivered = incident("e-undelivered", IncidentState::Closed(Resolution::Returned), Some(2));
        let closed_and_delivered = incident("e-settled", IncidentState::Closed(Resolution::Returned), Some(5));
        let all = [unsettled(&open), unsettled(&undelivered), settled(&closed_and_delivered)];
        for second in 0..2 {
            store.put_incidents(&all, at(second)).await.unwrap();
            assert_eq!(documents(store, &incident::COLLECTION).await.len(), 3);
        }
        assert_eq!(store.incidents(day(6)).await.unwrap(), [open.clone(), undelivered.clone()]);
        assert_eq!(store.incidents(day(5)).await.unwrap(), [open.clone(), closed_and_delivered, undelivered.clone()]);

        let mut closed = Incident {
            state: IncidentState::Retracted,
            closed_at: Some(Moment { date: day(4), hour: Some(7) }),
            ..open
        };
        closed.deliveries.clear();
        closed.by_day.clear();
        store.put_incidents(&[unsettled(&closed), settled(&undelivered)], at(2)).await.unwrap();
        assert_eq!(
            store.incidents(day(6)).await.unwrap(),
            [closed],
            "removed deliveries and days are removed from the document"
        );
        store.put_incidents(&[], at(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_history_of_an_incident_is_kept() {
    in_every_store("incidents_decided", async |store| {
        let mut decided = incident("e-decided", IncidentState::Open, None);
        let note = Some("the \"big\" move".to_owned());
        let entry =
            |action, note, at, is_archived| HistoryEntry {
                action, author: "김하나".to_owned(), note, at, is_archived
            };
        decided.record(entry(Action::Decision(Resolution::Expected), note, at(7), true));
        let other = incident("e-other", IncidentState::Closed(Resolution::NewLevel), Some(3));
        store.put_incidents(&[settled(&decided), settled(&other)], at(8)).await.unwrap();
        assert_eq!(store.incidents_for_training(day(3)).await.unwrap(), std::slice::from_ref(&decided));
        assert_eq!(store.incidents_for_training(day(4)).await.unwrap(), []);
        assert_eq!(store.incident("e-other").await.unwrap(), Some(other.clone()));
        assert_eq!(store.incident("e").await.unwrap(), None);
        assert_eq!(store.all_incidents().await.unwrap(), [decided.clone(), other.clone()]);
        assert_eq!(store.incidents(day(3)).await.unwrap(), [decided.clone(), other], "the last day of both incidents");
        assert_eq!(store.incidents(day(4)).await.unwrap(), []);
        assert_eq!(store.incidents_with_unarchived_history().await.unwrap(), []);
        decided.record(entry(Action::Decision(Resolution::Dismissed), None, at(9), false));
        store.put_incidents(&[settled(&decided)], at(9)).await.unwrap();
        assert_eq!(store.incidents_with_unarchived_history().await.unwrap(), [decided], "both decisions are kept");
        let mut assigned = incident("e-assigned", IncidentState::Open, None);
        assigned.record(entry(Action::Assignment("team-shop".to_owned()), None, at(9), true));
        assigned.record(entry(Action::Comment, Some("a load test".to_owned()), at(10), true));
        store.put_incidents(&[settled(&assigned)], at(10)).await.unwrap();
        assert_eq!(store.incident("e-assigned").await.unwrap(), Some(assigned.clone()));
        let for_training = store.incidents_for_training(day(1)).await.unwrap();
        assert!(!for_training.contains(&assigned), "only a decision is about the training");
    })
    .await;
}

#[tokio::test]
async fn an_incident_of_a_recurring_charge_is_current_until_the_next_charge() {
    in_every_store("incidents_recurring", async |store| {
        let on = |impact, expected| DayImpact {
            finished_day: Some(FinishedDayImpact { impact, observed: 0.0, expected }),
            partial_day: None,
        };
        let weekly = Incident {
            by_day: [(day(1), on(9.0, 9.0)), (day(2), on(0.0, 0.0)), (day(8), on(9.0, 9.0))].into(),
            last_seen: Moment { date: day(8), hour: None },
            ..incident("e-weekly", IncidentState::Closed(Resolution::NewLevel), Some(8))
        };
        store.put_incidents(&[settled(&weekly)], at(8)).await.unwrap();
        assert_eq!(store.incidents(day(15)).await.unwrap(), std::slice::from_ref(&weekly));
        assert_eq!(store.incidents(day(16)).await.unwrap(), []);
        assert_eq!(store.incidents_for_training(day(8)).await.unwrap(), [weekly]);
        assert_eq!(store.incidents_for_training(day(9)).await.unwrap(), []);
    })
    .await;
}
