//! Days inside a wide opening band that keep the change.

use super::*;

/// Evaluates a fall of a cost: finished days with the observed and the expected value, and whether the day lies outside the band.
fn after_days(days: &[(f64, f64, bool)]) -> Incident {
    let mut known = evaluate(Vec::new(), days);
    assert_eq!(known.len(), 1, "{known:#?}");
    known.remove(0)
}

/// Evaluates the days from the first of the month on.
fn evaluate(mut known: Vec<Incident>, days: &[(f64, f64, bool)]) -> Vec<Incident> {
    let rules = BTreeSet::from(["a".to_owned()]);
    let failed = HashMap::new();
    for (day, (observed, expected, is_outside)) in (1..).zip(days) {
        let moment = on(day, None);
        let impact = expected - observed;
        let fall = Anomaly {
            direction: Direction::Down,
            observed: *observed,
            expected: *expected,
            ..anomaly("a", moment, impact)
        };
        let anomalies = if *is_outside { vec![fall] } else { Vec::new() };
        let verdicts = NormalVerdicts { rules: rules.clone(), observed: *observed, expected: Some(*expected) };
        let normal = HashMap::from([(SeriesKey::new("d", "p", "s"), verdicts)]);
        let without_anomalies = results(&rules, &rules, &failed, &normal);
        let results = EvaluationResults { moment, anomalies: &anomalies, ..without_anomalies };
        for incident in update(known.clone(), &results).changed {
            known.retain(|old| old.id != incident.id);
            known.push(incident);
        }
    }
    known
}

#[test]
fn the_same_days_once_more_change_nothing() {
    let days = [(55.0, 100.0, true), (80.0, 100.0, false), (95.0, 100.0, false)];
    let first = evaluate(Vec::new(), &days);
    assert_eq!(first[0].state, IncidentState::Closed(Resolution::Returned));
    assert_eq!(first[0].by_day.len(), 2, "a kept day");
    assert_eq!(evaluate(first.clone(), &days), first);
}

#[test]
fn a_weekend_with_the_same_fall_does_not_resolve_the_incident() {
    let working = (55.0, 100.0, true);
    let weekend = (33.0, 60.0, false);
    let open = after_days(&[working, working, weekend]);
    assert_eq!((open.state, open.impact()), (IncidentState::Open, 90.0), "a day inside the band has no excess");
    let level = after_days(&[working, working, working, weekend, weekend]);
    assert_eq!((level.state, level.levels().after), (IncidentState::Closed(Resolution::NewLevel), 55.0));
}

#[test]
fn a_day_with_a_quarter_of_the_change_or_less_resolves_the_incident() {
    let working = (55.0, 100.0, true);
    for (observed, expected, is_resolved) in
        [(100.0, 100.0, true), (130.0, 100.0, true), (89.0, 100.0, true), (88.0, 100.0, false), (50.0, 60.0, true)]
    {
        let incident = after_days(&[working, working, (observed, expected, false)]);
        assert_eq!(incident.state == IncidentState::Closed(Resolution::Returned), is_resolved, "{observed}");
    }
}

#[test]
fn a_much_larger_change_after_the_end_is_a_new_incident() {
    let incidents = |impact: f64| {
        incidents_after(&[(on(1, None), &[("a", 5.0)]), (on(2, None), &[]), (on(3, None), &[("a", impact)])]).len()
    };
    assert_eq!((incidents(10.0), incidents(10.5)), (1, 2));
}
