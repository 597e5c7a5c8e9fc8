mod band;
mod explained;
mod kept;
mod levels;
mod opposite;
mod recurring;
mod restated;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::*;
use crate::anomaly::Anomaly;
use crate::series::Grain;

fn on(day: i8, hour: Option<u8>) -> Moment {
    Moment { date: jiff::civil::date(2026, 11, day), hour }
}

fn anomaly(rule: &str, moment: Moment, impact: f64) -> Anomaly {
    Anomaly {
        date: moment.date,
        hour: moment.hour,
        series: SeriesKey::new("d", "p", "s"),
        names: Names::default(),
        rule: rule.to_owned(),
        grain: Grain::Daily,
        detector: String::new(),
        direction: Direction::Up,
        severity: Severity::Warning,
        observed: impact,
        expected: 0.0,
        lower: 0.0,
        upper: 0.0,
        score: 2.0,
        impact,
        reason: format!("{rule} {impact}"),
        figures: BTreeMap::new(),
        numeric_settings: BTreeMap::new(),
        is_shadow: false,
        incident: None,
        planned_event: None,
    }
}

/// Evaluates runs over one series: an evaluation time and the anomalies per rule. Without an anomaly, the rules `a` and
/// `b` give a normal verdict.
fn incidents_after(runs: &[(Moment, &[(&str, f64)])]) -> Vec<Incident> {
    let mut known = BTreeMap::new();
    runs.iter().for_each(|(moment, impacts)| run(&mut known, *moment, impacts, Recency::Live));
    known.into_values().collect()
}

/// Evaluates one run. After 5 days, a change is the new level.
fn run(known: &mut BTreeMap<String, Incident>, moment: Moment, impacts: &[(&str, f64)], recency: Recency) {
    let rules: BTreeSet<String> = ["a".to_owned(), "b".to_owned()].into();
    let anomalies: Vec<Anomaly> = impacts.iter().map(|(rule, impact)| anomaly(rule, moment, *impact)).collect();
    let is_normal = |rule: &&String| !impacts.iter().any(|(anomalous, _)| anomalous == rule);
    let normal = normal(rules.iter().filter(is_normal).map(String::as_str));
    let failed_rules = HashMap::new();
    let without_anomalies = results(&rules, &rules, &failed_rules, &normal);
    let results = EvaluationResults { moment, anomalies: &anomalies, recency, ..without_anomalies };
    for incident in update(known.values().cloned().collect(), &results).changed {
        known.insert(incident.id.clone(), incident);
    }
}

/// The normal verdicts of rules about the series.
fn normal<'r>(rules: impl Iterator<Item = &'r str>) -> HashMap<SeriesKey, NormalVerdicts> {
    let verdicts = NormalVerdicts { rules: rules.map(str::to_owned).collect(), observed: 1.5, expected: None };
    HashMap::from([(SeriesKey::new("d", "p", "s"), verdicts)])
}

/// The results of an evaluation without anomalies.
fn results<'a>(
    rules: &'a BTreeSet<String>,
    rules_with_verdict: &'a BTreeSet<String>,
    failed_rules: &'a HashMap<SeriesKey, BTreeSet<String>>,
    normal: &'a HashMap<SeriesKey, NormalVerdicts>,
) -> EvaluationResults<'a> {
    static NO_BANDS: LazyLock<HashMap<SeriesKey, BTreeMap<String, OpeningBand>>> = LazyLock::new(HashMap::new);
    static NONE: BTreeSet<String> = BTreeSet::new();
    EvaluationResults {
        moment: on(11, None),
        anomalies: &[],
        normal,
        bands: &NO_BANDS,
        unverifiable: &NONE,
        evaluated_rules: rules,
        rules_with_verdict,
        failed_rules,
        configured_rules: rules,
        recency: Recency::Live,
        accept_after_days: 5,
        growth_factor: 2.0,
    }
}

/// Returns the due notifications of one receiver and records the acceptance.
fn notify(incident: &mut Incident) -> Vec<NotificationKind> {
    let due = incident.due_notifications("syslog", 2.0);
    due.iter().for_each(|notification| incident.record_delivery("syslog", *notification, None));
    due
}

#[test]
fn several_rules_and_hours_are_one_incident() {
    let incidents = incidents_after(&[
        (on(10, Some(9)), &[("a", 5.0)]),
        (on(10, Some(10)), &[("a", 9.0), ("b", 7.0)]),
        (on(10, None), &[("a", 20.0)]),
        (on(11, Some(3)), &[("b", 4.0)]),
    ]);
    assert_eq!(incidents.len(), 1);
    let incident = &incidents[0];
    assert_eq!(incident.impact(), 24.0);
    assert_eq!(incident.rules.len(), 2);
    assert_eq!((incident.opened_at, incident.last_seen), (on(10, Some(9)), on(11, Some(3))));
    assert_eq!(incident.state, IncidentState::Open);
}

#[test]
fn an_anomaly_shortly_before_the_opening_joins_the_incident() {
    let incidents = incidents_after(&[(on(10, None), &[("a", 5.0)]), (on(8, None), &[("a", 3.0)])]);
    assert_eq!(incidents.len(), 1);
    assert_eq!((incidents[0].first_seen, incidents[0].last_seen), (on(8, None), on(10, None)));
    assert_eq!((incidents[0].opened_at, incidents[0].impact()), (on(10, None), 8.0));
    assert_eq!(incidents_after(&[(on(10, None), &[("a", 5.0)]), (on(6, None), &[("a", 3.0)])]).len(), 2);
}

#[test]
fn only_a_normal_finished_day_resolves_the_incident() {
    let closed = |moment| incidents_after(&[(on(10, None), &[("a", 5.0)]), (moment, &[])])[0].closed_at;
    assert_eq!(closed(on(11, None)), Some(on(11, None)));
    assert_eq!(closed(on(11, Some(6))), None);
    let same_day = incidents_after(&[(on(10, Some(9)), &[("a", 5.0)]), (on(10, None), &[])]);
    assert_eq!(
        (same_day[0].closed_at, same_day[0].resolved_by.map(|day| day.observed)),
        (Some(on(10, None)), Some(1.5))
    );
}

#[test]
fn a_normal_verdict_of_another_rule_does_not_close_the_incident() {
    let incidents = incidents_after(&[(on(10, None), &[("a", 5.0)])]);
    let normal = normal(["b"].into_iter());
    let changed = |rules: &[&str]| {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        update(incidents.clone(), &results(&rules, &rules, &HashMap::new(), &normal)).changed
    };
    assert_eq!(changed(&["a", "b"]), []);
    assert_eq!(changed(&["b"])[0].state, IncidentState::Closed(Resolution::Returned), "the rule a was removed");
}

#[test]
fn repeated_runs_change_nothing() {
    let runs: [(Moment, &[(&str, f64)]); 3] =
        [(on(10, Some(9)), &[("a", 5.0)]), (on(10, None), &[("a", 9.0)]), (on(11, None), &[])];
    let twice: Vec<_> = runs.iter().chain(&runs).copied().collect();
    assert_eq!(incidents_after(&runs), incidents_after(&twice));
    assert_eq!(incidents_after(&runs).len(), 1);
}

fn day_impact(impact: f64) -> DayImpact {
    let finished_day = FinishedDayImpact { impact, observed: impact, expected: 0.0 };
    DayImpact { finished_day: Some(finished_day), partial_day: None }
}

#[test]
fn opening_growth_and_end_are_notified_once_each() {
    let mut incident = incidents_after(&[(on(10, None), &[("a", 5.0)])]).remove(0);
    assert_eq!(notify(&mut incident), [NotificationKind::Opened]);
    assert_eq!(notify(&mut incident), []);
    incident.by_day.insert(on(11, None).date, day_impact(9.9));
    assert_eq!(notify(&mut incident), []);
    incident.by_day.insert(on(11, None).date, day_impact(10.0));
    assert_eq!(notify(&mut incident), [NotificationKind::Grown]);
    incident.by_day.insert(on(11, None).date, day_impact(90.0));
    assert_eq!(notify(&mut incident), [], "once a day");
    incident.state = IncidentState::Closed(Resolution::Returned);
    assert!(!incident.is_settled(["syslog"].into_iter(), 2.0));
    assert_eq!(notify(&mut incident), [NotificationKind::Closed]);
    assert_eq!(notify(&mut incident), []);
    assert!(incident.is_settled(["syslog"].into_iter(), 2.0));
    assert_eq!(
        incident.due_notifications("other", 2.0),
        [NotificationKind::Opened, NotificationKind::Closed],
        "a receiver without earlier notifications gets all"
    );
}

#[test]
fn a_restated_day_shrinks_enlarges_or_retracts_the_incident() {
    let mut known = BTreeMap::new();
    let only = |known: &BTreeMap<String, Incident>| {
        assert_eq!(known.len(), 1, "{known:#?}");
        known.values().next().unwrap().clone()
    };
    run(&mut known, on(10, None), &[("a", 8.0), ("b", 6.0)], Recency::Live);
    run(&mut known, on(11, None), &[("a", 5.0)], Recency::Live);
    run(&mut known, on(12, None), &[], Recency::Live);
    let mut notified = known.into_values().next().unwrap();
    assert_eq!(notify(&mut notified), [NotificationKind::Opened, NotificationKind::Closed]);
    let mut known = BTreeMap::from([(notified.id.clone(), notified.clone())]);

    run(&mut known, on(10, None), &[("b", 6.0)], Recency::Late);
    assert_eq!((only(&known).impact(), notify(&mut only(&known))), (11.0, vec![]), "it shrank");
    run(&mut known, on(11, None), &[("a", 20.0)], Recency::Late);
    assert_eq!((only(&known).impact(), notify(&mut only(&known))), (26.0, vec![]), "nothing follows the end");
    run(&mut known, on(11, None), &[], Recency::Late);
    let smaller = only(&known);
    assert_eq!((smaller.impact(), smaller.last_seen), (6.0, on(10, None)));
    assert_eq!((smaller.state, smaller.closed_at), (IncidentState::Closed(Resolution::Returned), Some(on(12, None))));
    run(&mut known, on(10, None), &[], Recency::Late);
    let mut retracted = only(&known);
    assert_eq!(
        (retracted.state, retracted.closed_at, retracted.impact()),
        (IncidentState::Retracted, Some(on(10, None)), 0.0)
    );
    let mut restored = known.clone();
    run(&mut restored, on(10, None), &[("a", 8.0)], Recency::Late);
    assert_eq!(notify(&mut only(&restored)), [], "nothing follows the end");
    assert_eq!(notify(&mut retracted), [], "nothing follows the end");
    known.insert(retracted.id.clone(), retracted);
    run(&mut known, on(10, None), &[("a", 8.0)], Recency::Late);
    let mut restored = only(&known);
    assert_eq!((restored.state, restored.id.clone()), (IncidentState::Open, notified.id));
    assert_eq!(notify(&mut restored), [], "nothing follows the end");
}

#[test]
fn a_retraction_is_notified_only_to_receivers_of_the_opening() {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", 8.0)], Recency::Live);
    let id = known.keys().next().unwrap().clone();
    assert_eq!(notify(known.get_mut(&id).unwrap()), [NotificationKind::Opened]);
    run(&mut known, on(10, None), &[], Recency::Late);
    let incident = known.get_mut(&id).unwrap();
    assert_eq!(
        incident.due_notifications("other", 2.0),
        [],
        "a receiver without earlier notifications gets no retraction"
    );
    assert!(!incident.is_settled(["syslog"].into_iter(), 2.0));
    assert_eq!(notify(incident), [NotificationKind::Retracted]);
    assert_eq!(notify(incident), []);
    assert!(incident.is_settled(["syslog", "other"].into_iter(), 2.0));
}

#[test]
fn anomalies_of_hours_count_after_a_normal_day() {
    let incidents =
        incidents_after(&[(on(10, Some(9)), &[("a", 5.0)]), (on(10, None), &[("a", 7.0)]), (on(10, None), &[])]);
    assert_eq!(
        (incidents[0].state, incidents[0].impact(), incidents[0].last_seen),
        (IncidentState::Closed(Resolution::Returned), 5.0, on(10, Some(9)))
    );
}

#[test]
fn a_rule_without_a_verdict_retracts_nothing() {
    let incidents = incidents_after(&[(on(10, None), &[("a", 5.0)])]);
    let rules = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let no_rules = BTreeSet::new();
    let a = HashMap::from([(SeriesKey::new("d", "p", "s"), BTreeSet::from(["a".to_owned()]))]);
    let none = HashMap::new();
    let no_verdicts = HashMap::new();
    let state = |rules_with_verdict, failed_rules| {
        let without_anomalies = results(&rules, rules_with_verdict, failed_rules, &no_verdicts);
        let results = EvaluationResults { moment: on(10, None), ..without_anomalies };
        update(incidents.clone(), &results).changed.first().map_or(IncidentState::Open, |incident| incident.state)
    };
    assert_eq!(state(&no_rules, &none), IncidentState::Open);
    assert_eq!(state(&rules, &a), IncidentState::Open);
    assert_eq!(state(&rules, &none), IncidentState::Retracted);
}

#[test]
fn a_restated_last_day_reopens_the_incident() {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", 5.0)], Recency::Live);
    run(&mut known, on(11, None), &[], Recency::Live);
    let id = known.keys().next().unwrap().clone();
    notify(known.get_mut(&id).unwrap());
    run(&mut known, on(11, None), &[("a", 4.0)], Recency::Late);
    assert_eq!((known.len(), known[&id].state, notify(known.get_mut(&id).unwrap())), (1, IncidentState::Open, vec![]));
    run(&mut known, on(12, None), &[], Recency::Live);
    assert_eq!(known[&id].state, IncidentState::Closed(Resolution::Returned));
    assert_eq!(notify(known.get_mut(&id).unwrap()), [], "one end, one notification");
}

#[test]
fn later_evaluations_keep_an_operators_decision() {
    for resolution in [Resolution::NewLevel, Resolution::Expected, Resolution::Dismissed] {
        let mut known = BTreeMap::new();
        run(&mut known, on(10, None), &[("a", 5.0)], Recency::Live);
        let id = known.keys().next().unwrap().clone();
        notify(known.get_mut(&id).unwrap());
        known.get_mut(&id).unwrap().record(HistoryEntry {
            action: Action::Decision(resolution),
            author: "kim".to_owned(),
            note: None,
            at: jiff::Timestamp::UNIX_EPOCH,
            is_archived: false,
        });
        let expected = if resolution == Resolution::NewLevel { vec![NotificationKind::NewLevel] } else { vec![] };
        assert_eq!(notify(known.get_mut(&id).unwrap()), expected);
        let later: [(i8, &[(&str, f64)]); 5] =
            [(11, &[("a", 6.0)]), (10, &[]), (10, &[("a", 50.0)]), (11, &[]), (12, &[("b", 9.0)])];
        for (day, impacts) in later {
            run(&mut known, on(day, None), impacts, Recency::Live);
            assert_eq!((known.len(), known[&id].state), (1, IncidentState::Closed(resolution)), "{day} {impacts:?}");
            assert_eq!(notify(known.get_mut(&id).unwrap()), [], "{day} {impacts:?}");
        }
        assert_eq!(
            known[&id].due_notifications("other", 2.0),
            [],
            "a receiver without earlier notifications gets none"
        );
    }
}

#[test]
fn loaded_history_is_notified_only_if_the_incident_continues() {
    let due = |runs: &[(i8, Recency)]| {
        let mut known = BTreeMap::new();
        runs.iter().for_each(|(day, recency)| run(&mut known, on(*day, None), &[("a", 5.0)], *recency));
        known.into_values().next().unwrap().due_notifications("syslog", 2.0)
    };
    assert_eq!(due(&[(10, Recency::Past)]), []);
    assert_eq!(due(&[(10, Recency::Past), (10, Recency::Late), (11, Recency::Late)]), []);
    assert_eq!(due(&[(10, Recency::Past), (11, Recency::Live)]), [NotificationKind::Opened]);
    assert_eq!(due(&[(10, Recency::Late)]), [NotificationKind::Opened]);
}

#[test]
fn an_anomaly_shortly_after_the_end_continues_the_incident_in_silence() {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", 5.0)], Recency::Live);
    run(&mut known, on(11, None), &[], Recency::Live);
    let id = known.keys().next().unwrap().clone();
    assert_eq!(notify(known.get_mut(&id).unwrap()), [NotificationKind::Opened, NotificationKind::Closed]);
    run(&mut known, on(14, None), &[("a", 9.0)], Recency::Live);
    assert_eq!((known.len(), known[&id].state, known[&id].closed_at), (1, IncidentState::Open, None));
    assert_eq!(notify(known.get_mut(&id).unwrap()), []);
    run(&mut known, on(15, None), &[], Recency::Live);
    run(&mut known, on(19, None), &[("a", 5.0)], Recency::Live);
    assert_eq!(known.len(), 2, "four days after the end, another incident begins");
}

#[test]
fn a_retracted_incident_that_returns_is_notified_again() {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", 8.0)], Recency::Live);
    let id = known.keys().next().unwrap().clone();
    notify(known.get_mut(&id).unwrap());
    run(&mut known, on(10, None), &[], Recency::Late);
    assert_eq!(notify(known.get_mut(&id).unwrap()), [NotificationKind::Retracted]);
    run(&mut known, on(10, None), &[("a", 8.0)], Recency::Late);
    assert_eq!(notify(known.get_mut(&id).unwrap()), [NotificationKind::Opened]);
}

#[test]
fn an_open_incident_states_the_impact_until_a_later_day() {
    let incident = &incidents_after(&[(on(1, None), &[("a", 9.0)]), (on(2, None), &[("a", 5.0)])])[0];
    assert_eq!(incident.impact_until(on(2, None).date), 14.0);
    // The median of the two days is 7.
    assert_eq!(incident.impact_until(on(5, None).date), 14.0 + 3.0 * 7.0);
    let partial = &incidents_after(&[(on(1, Some(9)), &[("a", 4.0)])])[0];
    assert_eq!(partial.impact_until(on(3, None).date), 12.0);
}
