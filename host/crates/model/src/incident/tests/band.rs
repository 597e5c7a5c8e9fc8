//! The opening band.

use super::*;

#[test]
fn the_fits_of_the_first_day_are_the_opening_band() {
    let band = |through: i8, state: u8| OpeningBand {
        detector: "d".to_owned(),
        settings: "s".to_owned(),
        through: on(through, None).date,
        state: vec![state],
        figures: BTreeMap::new(),
    };
    let rules = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    let failed = HashMap::new();
    let normal = HashMap::new();
    let evaluate = |known: Vec<Incident>, day: i8, rule: &str, band: OpeningBand, unverifiable: &BTreeSet<String>| {
        let anomalies = if rule.is_empty() { vec![] } else { vec![anomaly(rule, on(day, None), 5.0)] };
        let bands = if rule.is_empty() { BTreeMap::new() } else { BTreeMap::from([(rule.to_owned(), band)]) };
        let bands = HashMap::from([(SeriesKey::new("d", "p", "s"), bands)]);
        let without_anomalies = results(&rules, &rules, &failed, &normal);
        let results = EvaluationResults {
            moment: on(day, None),
            anomalies: &anomalies,
            bands: &bands,
            unverifiable,
            ..without_anomalies
        };
        update(known, &results).changed
    };
    let none = BTreeSet::new();
    let opened = evaluate(vec![], 10, "a", band(9, 1), &none);
    let second = evaluate(opened.clone(), 11, "a", band(10, 2), &none);
    assert_eq!(second[0].bands, BTreeMap::from([("a".to_owned(), band(9, 1))]), "the band does not move");
    let other = evaluate(second, 12, "b", band(11, 3), &none);
    assert_eq!(other[0].bands["b"], band(11, 3), "the band of another rule is added");
    let repeated = evaluate(opened.clone(), 10, "a", band(9, 4), &none);
    assert_eq!(repeated[0].bands["a"], band(9, 4), "the first day was evaluated again");

    let lost = BTreeSet::from([opened[0].id.clone()]);
    let failed_detector = evaluate(opened.clone(), 11, "", band(10, 5), &lost);
    assert_eq!(failed_detector, [], "without a verdict, the incident stays open");
    let ended = evaluate(opened, 11, "a", band(10, 5), &lost);
    assert_eq!(ended[0].state, IncidentState::Closed(Resolution::NotVerifiable));
    assert_eq!(ended[0].due_notifications("syslog", 2.0), [NotificationKind::Opened, NotificationKind::NotVerifiable]);
}
