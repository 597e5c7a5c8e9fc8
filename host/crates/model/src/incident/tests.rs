mod corrected;

use std::collections::HashMap;

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
        threshold: BTreeMap::new(),
        incident: None,
    }
}

/// Evaluates runs over one series: an evaluation time and the anomalies per rule. Without an anomaly, the rules `a` and
/// `b` give a normal verdict.
fn play(runs: &[(Moment, &[(&str, f64)])]) -> Vec<Incident> {
    let mut known = BTreeMap::new();
    runs.iter().for_each(|(moment, seen)| run(&mut known, *moment, seen, News::Live));
    known.into_values().collect()
}

/// Evaluates one run. After 5 days, a change is the new level.
fn run(known: &mut BTreeMap<String, Incident>, moment: Moment, seen: &[(&str, f64)], news: News) {
    let rules: BTreeSet<String> = ["a".to_owned(), "b".to_owned()].into();
    let anomalies: Vec<Anomaly> = seen.iter().map(|(rule, impact)| anomaly(rule, moment, *impact)).collect();
    let quiet = rules.iter().filter(|rule| !seen.iter().any(|(seen, _)| seen == rule)).cloned().collect();
    let quiet = HashMap::from([(SeriesKey::new("d", "p", "s"), quiet)]);
    let failed = HashMap::new();
    let judged = Judged { moment, anomalies: &anomalies, news, ..nothing(&rules, &rules, &failed, &quiet) };
    for incident in advance(known.values().cloned().collect(), &judged).changed {
        known.insert(incident.id.clone(), incident);
    }
}

fn nothing<'a>(
    rules: &'a BTreeSet<String>,
    ran: &'a BTreeSet<String>,
    failed: &'a HashMap<SeriesKey, BTreeSet<String>>,
    quiet: &'a HashMap<SeriesKey, BTreeSet<String>>,
) -> Judged<'a> {
    Judged {
        moment: on(11, None),
        anomalies: &[],
        quiet,
        asked: rules,
        ran,
        failed,
        rules,
        news: News::Live,
        accept_after_days: 5,
        factor: 2.0,
    }
}

/// Returns the due notifications of one receiver and records the acceptance.
fn tell(incident: &mut Incident) -> Vec<NotificationKind> {
    let due = incident.due("syslog", 2.0);
    due.iter().for_each(|notification| incident.told("syslog", *notification));
    due
}

#[test]
fn several_rules_and_hours_are_one_incident() {
    let incidents = play(&[
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
    assert_eq!(incident.state, State::Open);
}

#[test]
fn an_earlier_day_that_is_judged_again_joins_the_incident() {
    let incidents = play(&[(on(10, None), &[("a", 5.0)]), (on(8, None), &[("a", 3.0)])]);
    assert_eq!(incidents.len(), 1);
    assert_eq!((incidents[0].first_seen, incidents[0].last_seen), (on(8, None), on(10, None)));
    assert_eq!((incidents[0].opened_at, incidents[0].impact()), (on(10, None), 8.0));
    assert_eq!(play(&[(on(10, None), &[("a", 5.0)]), (on(6, None), &[("a", 3.0)])]).len(), 2);
}

#[test]
fn a_quiet_finished_day_or_a_quiet_morning_closes_it() {
    let closed = |moment| play(&[(on(10, None), &[("a", 5.0)]), (moment, &[])])[0].closed_at;
    assert_eq!(closed(on(11, None)), Some(on(11, None)));
    assert_eq!(closed(on(11, Some(6))), Some(on(11, Some(6))));
    assert_eq!(closed(on(11, Some(5))), None);
    let same_day = play(&[(on(10, Some(9)), &[("a", 5.0)]), (on(10, None), &[])]);
    assert_eq!(same_day[0].closed_at, None);
}

#[test]
fn silence_of_a_rule_that_saw_nothing_before_does_not_close_it() {
    let mut judged_by_b = play(&[(on(10, None), &[("a", 5.0)])]);
    let quiet = HashMap::from([(SeriesKey::new("d", "p", "s"), BTreeSet::from(["b".to_owned()]))]);
    let advance_with = |known: Vec<Incident>, rules: &[&str]| {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        advance(known, &nothing(&rules, &rules, &HashMap::new(), &quiet)).changed
    };
    assert_eq!(advance_with(judged_by_b.clone(), &["a", "b"]), []);
    let closed = advance_with(std::mem::take(&mut judged_by_b), &["b"]);
    assert_eq!(closed[0].state, State::Closed(Resolution::Over), "the rule that saw it is gone");
}

#[test]
fn the_same_runs_again_change_nothing() {
    let runs: [(Moment, &[(&str, f64)]); 3] =
        [(on(10, Some(9)), &[("a", 5.0)]), (on(10, None), &[("a", 9.0)]), (on(11, None), &[])];
    let twice: Vec<_> = runs.iter().chain(&runs).copied().collect();
    assert_eq!(play(&runs), play(&twice));
    assert_eq!(play(&runs).len(), 1);
}

#[test]
fn people_are_told_of_opening_doubling_and_closing_once_each() {
    let mut incident = play(&[(on(10, None), &[("a", 5.0)])]).remove(0);
    assert_eq!(tell(&mut incident), [NotificationKind::Opened]);
    assert_eq!(tell(&mut incident), []);
    incident.by_day.insert(on(11, None).date, Seen { whole: Some(4.9), part: None });
    assert_eq!(tell(&mut incident), []);
    incident.by_day.insert(on(11, None).date, Seen { whole: Some(5.0), part: None });
    assert_eq!(tell(&mut incident), [NotificationKind::Grown]);
    incident.state = State::Closed(Resolution::Over);
    assert!(!incident.settled(["syslog"].into_iter(), 2.0));
    assert_eq!(tell(&mut incident), [NotificationKind::Closed]);
    assert_eq!(tell(&mut incident), []);
    assert!(incident.settled(["syslog"].into_iter(), 2.0));
    assert_eq!(
        incident.due("other", 2.0),
        [NotificationKind::Opened, NotificationKind::Closed],
        "a receiver that was down is told all"
    );
}

#[test]
fn a_corrected_day_shrinks_grows_or_takes_back_what_was_seen() {
    let mut known = BTreeMap::new();
    let only = |known: &BTreeMap<String, Incident>| {
        assert_eq!(known.len(), 1, "{known:#?}");
        known.values().next().unwrap().clone()
    };
    run(&mut known, on(10, None), &[("a", 8.0), ("b", 6.0)], News::Live);
    run(&mut known, on(11, None), &[("a", 5.0)], News::Live);
    run(&mut known, on(12, None), &[], News::Live);
    let mut heard = known.into_values().next().unwrap();
    assert_eq!(tell(&mut heard), [NotificationKind::Opened, NotificationKind::Closed]);
    let mut known = BTreeMap::from([(heard.id.clone(), heard.clone())]);

    run(&mut known, on(10, None), &[("b", 6.0)], News::Late);
    assert_eq!((only(&known).impact(), tell(&mut only(&known))), (11.0, vec![]), "it shrank");
    run(&mut known, on(11, None), &[("a", 20.0)], News::Late);
    assert_eq!(
        (only(&known).impact(), tell(&mut only(&known))),
        (26.0, vec![NotificationKind::Grown]),
        "it is twice as large"
    );
    run(&mut known, on(11, None), &[], News::Late);
    let smaller = only(&known);
    assert_eq!((smaller.impact(), smaller.last_seen), (6.0, on(10, None)));
    assert_eq!((smaller.state, smaller.closed_at), (State::Closed(Resolution::Over), Some(on(12, None))));
    run(&mut known, on(10, None), &[], News::Late);
    let mut gone = only(&known);
    assert_eq!((gone.state, gone.closed_at, gone.impact()), (State::Retracted, Some(on(10, None)), 0.0));
    let mut back = known.clone();
    run(&mut back, on(10, None), &[("a", 8.0)], News::Late);
    assert_eq!(tell(&mut only(&back)), [], "nobody has heard yet that it was taken back");
    assert_eq!(tell(&mut gone), [NotificationKind::Retracted], "who heard of its end heard of it");
    assert_eq!(tell(&mut gone), []);
    known.insert(gone.id.clone(), gone);
    run(&mut known, on(10, None), &[("a", 8.0)], News::Late);
    let mut back = only(&known);
    assert_eq!((back.state, back.id.clone()), (State::Open, heard.id));
    assert_eq!(tell(&mut back), [NotificationKind::Opened], "what was taken back is true after all");
}

#[test]
fn what_is_taken_back_is_told_to_those_who_heard_of_it() {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", 8.0)], News::Live);
    let id = known.keys().next().unwrap().clone();
    assert_eq!(tell(known.get_mut(&id).unwrap()), [NotificationKind::Opened]);
    run(&mut known, on(10, None), &[], News::Late);
    let incident = known.get_mut(&id).unwrap();
    assert_eq!(incident.due("other", 2.0), [], "a receiver that was down need not hear of it");
    assert!(!incident.settled(["syslog"].into_iter(), 2.0));
    assert_eq!(tell(incident), [NotificationKind::Retracted]);
    assert_eq!(tell(incident), []);
    assert!(incident.settled(["syslog", "other"].into_iter(), 2.0));
}

#[test]
fn what_hours_saw_is_not_taken_back_by_a_quiet_day() {
    let seen = play(&[(on(10, Some(9)), &[("a", 5.0)]), (on(10, None), &[("a", 7.0)]), (on(10, None), &[])]);
    assert_eq!((seen[0].state, seen[0].impact(), seen[0].last_seen), (State::Open, 5.0, on(10, Some(9))));
}

#[test]
fn a_rule_that_did_not_judge_takes_nothing_back() {
    let seen = play(&[(on(10, None), &[("a", 5.0)])]);
    let (rules, nobody) = (BTreeSet::from(["a".to_owned(), "b".to_owned()]), BTreeSet::new());
    let a = HashMap::from([(SeriesKey::new("d", "p", "s"), BTreeSet::from(["a".to_owned()]))]);
    let none = HashMap::new();
    let state = |ran, failed| {
        let judged = Judged { moment: on(10, None), ..nothing(&rules, ran, failed, &none) };
        advance(seen.clone(), &judged).changed.first().map_or(State::Open, |incident| incident.state)
    };
    assert_eq!(state(&nobody, &none), State::Open);
    assert_eq!(state(&rules, &a), State::Open);
    assert_eq!(state(&rules, &none), State::Retracted);
}

#[test]
fn a_day_that_ends_an_incident_is_asked_anew() {
    let mut known = BTreeMap::new();
    run(&mut known, on(10, None), &[("a", 5.0)], News::Live);
    run(&mut known, on(11, None), &[], News::Live);
    let id = known.keys().next().unwrap().clone();
    tell(known.get_mut(&id).unwrap());
    run(&mut known, on(11, None), &[("a", 4.0)], News::Late);
    assert_eq!((known.len(), known[&id].state, tell(known.get_mut(&id).unwrap())), (1, State::Open, vec![]));
    run(&mut known, on(12, None), &[], News::Live);
    assert_eq!(tell(known.get_mut(&id).unwrap()), [NotificationKind::Closed], "it ends once more");
}

#[test]
fn what_lasts_is_the_new_level_and_no_news_from_then_on() {
    let mut known = BTreeMap::new();
    for day in 1..=4 {
        run(&mut known, on(day, None), &[("a", 5.0)], News::Live);
    }
    let id = known.keys().next().unwrap().clone();
    assert_eq!((known[&id].state, tell(known.get_mut(&id).unwrap())), (State::Open, vec![NotificationKind::Opened]));
    for _ in 0..2 {
        run(&mut known, on(5, None), &[("a", 5.0)], News::Live);
        assert_eq!(known[&id].state, State::Closed(Resolution::NewLevel));
    }
    assert_eq!(tell(known.get_mut(&id).unwrap()), [NotificationKind::NewLevel]);
    for day in [6, 8, 11] {
        run(&mut known, on(day, Some(10)), &[("a", 4.0)], News::Live);
        run(&mut known, on(day, None), &[("a", 9.0)], News::Live);
        assert_eq!((known.len(), tell(known.get_mut(&id).unwrap())), (1, vec![]), "{day}");
    }
    run(&mut known, on(12, None), &[("a", 10.5)], News::Live);
    assert_eq!(known.len(), 2, "more than twice of what was accepted is another incident");
    let bridged = play(&[(on(1, None), &[("a", 1.0)]), (on(4, None), &[("a", 1.0)]), (on(5, None), &[("a", 1.0)])]);
    assert_eq!(bridged[0].state, State::Closed(Resolution::NewLevel));
}

#[test]
fn what_an_operator_said_stands() {
    for closing in [Resolution::NewLevel, Resolution::Expected] {
        let mut known = BTreeMap::new();
        run(&mut known, on(10, None), &[("a", 5.0)], News::Live);
        let id = known.keys().next().unwrap().clone();
        tell(known.get_mut(&id).unwrap());
        known.get_mut(&id).unwrap().decide(Decision { closing, note: None, at: Timestamp::UNIX_EPOCH });
        let told = if closing == Resolution::NewLevel { vec![NotificationKind::NewLevel] } else { vec![] };
        assert_eq!(tell(known.get_mut(&id).unwrap()), told);
        let later: [(i8, &[(&str, f64)]); 5] =
            [(11, &[("a", 6.0)]), (10, &[]), (10, &[("a", 50.0)]), (11, &[]), (12, &[("b", 9.0)])];
        for (day, seen) in later {
            run(&mut known, on(day, None), seen, News::Live);
            assert_eq!((known.len(), known[&id].state), (1, State::Closed(closing)), "{day} {seen:?}");
            assert_eq!(tell(known.get_mut(&id).unwrap()), [], "{day} {seen:?}");
        }
        assert_eq!(known[&id].due("other", 2.0), [], "who never heard of it need not hear");
    }
}

#[test]
fn history_is_news_only_where_it_goes_on_now() {
    let told = |news: &[(i8, News)]| {
        let mut known = BTreeMap::new();
        news.iter().for_each(|(day, news)| run(&mut known, on(*day, None), &[("a", 5.0)], *news));
        known.into_values().next().unwrap().due("syslog", 2.0)
    };
    assert_eq!(told(&[(10, News::Past)]), []);
    assert_eq!(told(&[(10, News::Past), (10, News::Late), (11, News::Late)]), []);
    assert_eq!(told(&[(10, News::Past), (11, News::Live)]), [NotificationKind::Opened]);
    assert_eq!(told(&[(10, News::Late)]), [NotificationKind::Opened]);
}
