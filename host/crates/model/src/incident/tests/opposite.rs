//! A fall right after a rise: a day beyond the opposite bound proves no end.

use super::*;
use crate::series::ALL;

/// Returns the incidents after a rise on the 10th and a fall on the 11th, the rise first.
fn rise_and_fall(rise: f64, fall: f64) -> Vec<Incident> {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", rise)], Recency::Live);
    let down = Anomaly { direction: Direction::Down, ..anomaly("a", on(11, None), fall) };
    let rules = BTreeSet::from(["a".to_owned()]);
    let failed = HashMap::new();
    let normal = HashMap::new();
    let without_anomalies = results(&rules, &rules, &failed, &normal);
    let results = EvaluationResults { anomalies: &[down], ..without_anomalies };
    let mut changed = update(known.into_values().collect(), &results).changed;
    changed.sort_by_key(|incident| incident.first_seen);
    changed
}

#[test]
fn a_day_beyond_the_opposite_bound_does_not_resolve_the_incident() {
    let [rise, fall] = &rise_and_fall(5.0, 3.0)[..] else { panic!("the fall is an incident of its own") };
    assert_eq!((rise.state, rise.impact(), fall.impact()), (IncidentState::Open, 5.0, 3.0));
    assert_eq!(
        (rise.last_seen, rise.newest_impact()),
        (on(10, None), 5.0),
        "the newest anomaly describes the incident"
    );
}

#[test]
fn a_part_explains_the_sum_after_a_day_beyond_the_opposite_bound() {
    let parts = rise_and_fall(50.0, 30.0);
    let sums = rise_and_fall(52.0, 31.0).into_iter();
    let sums: Vec<Incident> = sums.map(|sum| Incident { series: SeriesKey::new("d", "p", ALL), ..sum }).collect();
    assert!(sums.iter().all(|sum| sum.is_explained_by(&parts)), "{sums:#?}");
    assert!(sums.iter().all(|sum| !sum.is_explained_by::<Incident>(&[])));
}

#[test]
fn a_level_beyond_the_opposite_bound_takes_as_long_as_each_new_level() {
    let day = |observed: f64, impact: f64| FinishedDayImpact { impact, observed, expected: 100.0 };
    let incident = |zeros: i8| {
        let mut known = BTreeMap::new();
        run(&mut known, on(1, None), &[("a", 200.0)], Recency::Live);
        let mut incident = known.into_values().next().unwrap();
        let rise = (1..=3).map(|date| (date, day(300.0, 200.0)));
        let days = rise.chain((4..4 + zeros).map(|date| (date, day(0.0, 0.0))));
        let impact = |finished_day| DayImpact { finished_day: Some(finished_day), partial_day: None };
        incident.by_day = days.map(|(date, finished_day)| (on(date, None).date, impact(finished_day))).collect();
        incident
    };
    let is_new_level = |zeros: i8| {
        let rules = BTreeSet::from(["a".to_owned()]);
        let failed = HashMap::new();
        let normal = HashMap::new();
        let newest = EvaluationResults { moment: on(3 + zeros, None), ..results(&rules, &rules, &failed, &normal) };
        incident(zeros).is_new_level(&newest)
    };
    assert_eq!((is_new_level(3), is_new_level(4)), (false, true));
    assert_eq!((incident(5).levels().before, incident(5).levels().after), (100.0, 0.0));
}
