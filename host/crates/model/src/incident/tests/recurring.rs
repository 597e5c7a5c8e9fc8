use super::*;

/// Evaluates a finished day of a weekly charge: the expected value, and the observed value.
fn add_day(known: &mut BTreeMap<String, Incident>, day: i8, expected: f64, observed: f64) {
    let rules: BTreeSet<String> = ["a".to_owned()].into();
    let moment = on(day, None);
    let deviation = observed - expected;
    let outside = Anomaly {
        observed,
        expected,
        direction: if deviation < 0.0 { Direction::Down } else { Direction::Up },
        ..anomaly("a", moment, deviation.abs())
    };
    let is_outside = deviation.abs() > 10.0;
    let anomalies = if is_outside { vec![outside] } else { Vec::new() };
    let mut normal = normal(rules.iter().filter(|_| !is_outside).map(String::as_str));
    normal.values_mut().for_each(|verdicts| (verdicts.observed, verdicts.expected) = (observed, Some(expected)));
    normal.retain(|_, verdicts| !verdicts.rules.is_empty());
    let failed_rules = HashMap::new();
    let results =
        EvaluationResults { moment, anomalies: &anomalies, ..results(&rules, &rules, &failed_rules, &normal) };
    for incident in update(known.values().cloned().collect(), &results).changed {
        known.insert(incident.id.clone(), incident);
    }
}

/// The incidents of a charge of 100 on the 2nd, 9th and 16th, and from the 9th on of another amount.
fn incidents_of_changed_charge(charge: f64, through: i8) -> Vec<Incident> {
    let mut known = BTreeMap::new();
    for day in 1..=through {
        let is_charged = day % 7 == 2;
        let expected = if is_charged { 100.0 } else { 0.0 };
        let observed = if is_charged && day >= 9 { charge } else { expected };
        add_day(&mut known, day, expected, observed);
    }
    known.into_values().collect()
}

#[test]
fn a_day_without_a_usual_charge_proves_no_end() {
    let incidents = incidents_of_changed_charge(200.0, 15);
    assert_eq!(incidents.len(), 1);
    assert_eq!((incidents[0].state, incidents[0].last_seen), (IncidentState::Open, on(9, None)));
    assert_eq!(incidents[0].impact(), 100.0);
}

#[test]
fn the_next_changed_charge_is_the_new_level() {
    let incident = &incidents_of_changed_charge(200.0, 17)[0];
    let new_level = IncidentState::Closed(Resolution::NewLevel);
    assert_eq!((incident.state, incident.closed_at), (new_level, Some(on(16, None))));
    let levels = incident.levels();
    assert_eq!(levels, Levels { before: 100.0, after: 200.0, interval_days: 7 });
    assert_eq!(levels.difference_per_month(), 3000.0 / 7.0);
    let again = incidents_of_changed_charge(200.0, 23);
    assert_eq!((again.len(), again[0].last_seen), (1, on(23, None)), "the accepted charge is no new incident");
}

#[test]
fn a_charge_that_is_missing_twice_has_stopped() {
    let incident = &incidents_of_changed_charge(0.0, 16)[0];
    assert_eq!(incident.state, IncidentState::Closed(Resolution::NewLevel));
    assert_eq!((incident.levels().before, incident.levels().after), (100.0, 0.0));
}

#[test]
fn a_charge_on_another_weekday_has_not_stopped() {
    let mut known = BTreeMap::new();
    for day in 9..=16 {
        let expected = if day % 7 == 2 { 100.0 } else { 0.0 };
        let observed = if day == 11 { 95.0 } else { 0.0 };
        add_day(&mut known, day, expected, observed);
    }
    let missing = known.into_values().find(|incident| incident.direction == Direction::Down).unwrap();
    assert_eq!(missing.state, IncidentState::Closed(Resolution::NewLevel));
    assert_eq!(missing.levels(), Levels { before: 100.0, after: 95.0, interval_days: 7 });
}

#[test]
fn the_next_usual_charge_resolves_the_incident() {
    let mut known = BTreeMap::new();
    for (day, expected, observed) in [(9, 100.0, 200.0), (10, 0.0, 0.0), (15, 0.0, 0.0), (16, 100.0, 100.0)] {
        add_day(&mut known, day, expected, observed);
    }
    let incident = known.into_values().next().unwrap();
    assert_eq!(incident.state, IncidentState::Closed(Resolution::Returned));
    assert_eq!((incident.closed_at, incident.resolved_by.map(|day| day.observed)), (Some(on(16, None)), Some(100.0)));
}

#[test]
fn a_corrected_charge_retracts_the_incident() {
    let mut known: BTreeMap<String, Incident> =
        incidents_of_changed_charge(200.0, 15).into_iter().map(|incident| (incident.id.clone(), incident)).collect();
    add_day(&mut known, 9, 100.0, 100.0);
    assert_eq!(known.into_values().next().unwrap().state, IncidentState::Retracted);
}

#[test]
fn a_recurring_charge_explains_only_the_days_of_the_charge() {
    let parts = incidents_of_changed_charge(200.0, 17);
    let sum = |day| Incident { series: SeriesKey::new("d", "p", crate::series::ALL), ..with_day(&parts[0], day) };
    assert!(sum(16).is_explained_by(&parts));
    assert!(!sum(18).is_explained_by(&parts));
}

/// The incident with one more day outside the band.
fn with_day(incident: &Incident, day: i8) -> Incident {
    let outside = FinishedDayImpact { impact: 100.0, observed: 200.0, expected: 100.0 };
    let mut incident = incident.clone();
    incident.by_day = [(on(day, None).date, DayImpact { finished_day: Some(outside), partial_day: None })].into();
    incident
}
