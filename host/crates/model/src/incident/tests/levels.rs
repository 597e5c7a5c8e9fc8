//! New levels.

use super::*;

#[test]
fn a_lasting_change_is_the_new_level_and_is_not_notified_again() {
    let mut known = BTreeMap::new();
    for day in 1..=4 {
        run(&mut known, on(day, None), &[("a", 5.0)], Recency::Live);
    }
    let id = known.keys().next().unwrap().clone();
    assert_eq!(
        (known[&id].state, notify(known.get_mut(&id).unwrap())),
        (IncidentState::Open, vec![NotificationKind::Opened])
    );
    for _ in 0..2 {
        run(&mut known, on(5, None), &[("a", 5.0)], Recency::Live);
        assert_eq!(known[&id].state, IncidentState::Closed(Resolution::NewLevel));
    }
    assert_eq!(notify(known.get_mut(&id).unwrap()), [NotificationKind::NewLevel]);
    for day in [6, 8, 11] {
        run(&mut known, on(day, Some(10)), &[("a", 4.0)], Recency::Live);
        run(&mut known, on(day, None), &[("a", 9.0)], Recency::Live);
        assert_eq!((known.len(), notify(known.get_mut(&id).unwrap())), (1, vec![]), "{day}");
    }
    run(&mut known, on(12, None), &[("a", 10.5)], Recency::Live);
    assert_eq!(known.len(), 2, "more than twice the accepted impact is another incident");
}

#[test]
fn a_second_step_is_compared_with_the_level_before_the_first() {
    let incidents = |second: f64| {
        let mut known = BTreeMap::new();
        for day in 1..=5 {
            run(&mut known, on(day, None), &[("a", 5.0)], Recency::Live);
        }
        let rules = BTreeSet::from(["a".to_owned()]);
        let failed = HashMap::new();
        let normal = HashMap::new();
        // The detector has learned the new level of 5.
        let step = Anomaly { observed: second, expected: 5.0, ..anomaly("a", on(7, None), second - 5.0) };
        let later = EvaluationResults { moment: on(7, None), ..results(&rules, &rules, &failed, &normal) };
        let results = EvaluationResults { anomalies: &[step], ..later };
        update(known.into_values().collect(), &results).changed[0].opened_at
    };
    assert_eq!((incidents(9.0), incidents(10.5)), (on(1, None), on(7, None)));
}

#[test]
fn a_change_on_most_days_of_a_week_is_a_new_level() {
    let closed = |days: &[i8]| {
        let runs: Vec<(Moment, &[(&str, f64)])> = days.iter().map(|day| (on(*day, None), &[("a", 1.0)][..])).collect();
        incidents_after(&runs)[0].state
    };
    assert_eq!(closed(&[1, 3, 4, 5]), IncidentState::Closed(Resolution::NewLevel));
    assert_eq!(closed(&[1, 2, 5, 6, 9, 10]), IncidentState::Open, "bursts are no level");
}

#[test]
fn the_levels_are_medians_of_finished_days() {
    let mut known = BTreeMap::new();
    for (day, impact) in [(1, 90.0), (2, 10.0), (3, 12.0), (4, 11.0), (5, 10.0), (6, 14.0)] {
        run(&mut known, on(day, None), &[("a", impact)], Recency::Live);
    }
    let levels = known.values().next().unwrap().levels();
    assert_eq!((levels.before, levels.after, levels.difference_per_month()), (0.0, 11.0, 330.0));
}

#[test]
fn the_new_level_of_an_incident_that_continued_after_its_end_is_notified() {
    let mut known = BTreeMap::new();
    let mut kinds = Vec::new();
    for (day, impact) in [(1, 8.0), (2, 0.0), (3, 8.0), (4, 8.0), (5, 8.0), (6, 8.0), (7, 8.0), (8, 8.0)] {
        let anomalies: &[(&str, f64)] = if impact > 0.0 { &[("a", 8.0)] } else { &[] };
        run(&mut known, on(day, None), anomalies, Recency::Live);
        kinds.extend(notify(known.values_mut().next().unwrap()));
    }
    assert_eq!(known.len(), 1);
    assert_eq!(kinds, [NotificationKind::Opened, NotificationKind::Closed, NotificationKind::NewLevel]);
}

#[test]
fn a_moving_cost_has_no_new_level() {
    let closed = |ratio: f64| {
        let mut known = BTreeMap::new();
        for day in 1..=8 {
            run(&mut known, on(day, None), &[("a", 100.0 * ratio.powi(day.into()))], Recency::Live);
        }
        known.into_values().next().unwrap().closed_at
    };
    assert_eq!(closed(1.2), None);
    assert_eq!(closed(1.06), None);
    assert_eq!(closed(0.9), None, "a change that fades has no level yet");
    assert_eq!(closed(1.01), Some(on(5, None)));
    assert_eq!(closed(1.0), Some(on(5, None)));
}

#[test]
fn a_new_level_that_still_rises_is_known() {
    let rises = |impacts: &[f64]| {
        let runs = (1..).zip(impacts).map(|(day, impact)| (on(day, None), [("a", *impact)])).collect::<Vec<_>>();
        let runs: Vec<(Moment, &[(&str, f64)])> =
            runs.iter().map(|(moment, impacts)| (*moment, &impacts[..])).collect();
        incidents_after(&runs)[0].rising_days()
    };
    assert_eq!(rises(&[10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0]), Some(6));
    assert_eq!(rises(&[10.0, 9.0, 12.0, 13.0, 14.0, 15.0, 16.0]), Some(5));
    assert_eq!(rises(&[10.0, 11.0, 10.0, 13.0, 14.0, 15.0, 16.0]), None);
}

#[test]
fn the_levels_of_a_service_with_quiet_weekends_are_means_of_a_week() {
    let mut known = BTreeMap::new();
    for day in 2..=10 {
        let expected = if matches!(day, 7 | 8) { 40.0 } else { 100.0 };
        let finished = FinishedDayImpact { impact: expected, observed: 2.0 * expected, expected };
        run(&mut known, on(day, None), &[("a", expected)], Recency::Live);
        let incident = known.values_mut().next().unwrap();
        incident.by_day.insert(on(day, None).date, DayImpact { finished_day: Some(finished), partial_day: None });
    }
    let levels = known.values().next().unwrap().levels();
    let mean = (5.0 * 100.0 + 2.0 * 40.0) / 7.0;
    assert_eq!(levels, Levels { before: mean, after: 2.0 * mean, interval_days: 1 });
}
