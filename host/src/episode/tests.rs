use super::*;
use crate::series::Grain;

fn on(day: i8, hour: Option<u8>) -> Moment {
    Moment { date: jiff::civil::date(2026, 11, day), hour }
}

fn finding(rule: &str, moment: Moment, impact: f64) -> Finding {
    Finding {
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
        episode: None,
    }
}

/// Plays runs over one series: a moment, and what each rule saw; rules `a` and `b` are quiet where they saw nothing.
fn play(runs: &[(Moment, &[(&str, f64)])]) -> Vec<Episode> {
    let rules: BTreeSet<String> = ["a".to_owned(), "b".to_owned()].into();
    let mut known: BTreeMap<String, Episode> = BTreeMap::new();
    for (moment, seen) in runs {
        let findings: Vec<Finding> = seen.iter().map(|(rule, impact)| finding(rule, *moment, *impact)).collect();
        let quiet = rules.iter().filter(|rule| !seen.iter().any(|(seen, _)| seen == rule)).cloned().collect();
        let quiet = HashMap::from([(SeriesKey::new("d", "p", "s"), quiet)]);
        let judged = Judged { moment: *moment, findings: &findings, quiet: &quiet, rules: &rules, muted: false };
        for episode in advance(known.values().cloned().collect(), &judged).changed {
            known.insert(episode.id.clone(), episode);
        }
    }
    known.into_values().collect()
}

#[test]
fn several_rules_and_hours_are_one_incident() {
    let episodes = play(&[
        (on(10, Some(9)), &[("a", 5.0)]),
        (on(10, Some(10)), &[("a", 9.0), ("b", 7.0)]),
        (on(10, None), &[("a", 20.0)]),
        (on(11, Some(3)), &[("b", 4.0)]),
    ]);
    assert_eq!(episodes.len(), 1);
    let episode = &episodes[0];
    assert_eq!(episode.impact(), 24.0);
    assert_eq!(episode.rules.len(), 2);
    assert_eq!((episode.opened_at, episode.last_seen), (on(10, Some(9)), on(11, Some(3))));
    assert_eq!(episode.state, State::Open);
}

#[test]
fn an_earlier_day_that_is_judged_again_joins_the_incident() {
    let episodes = play(&[(on(10, None), &[("a", 5.0)]), (on(8, None), &[("a", 3.0)])]);
    assert_eq!(episodes.len(), 1);
    assert_eq!((episodes[0].first_seen, episodes[0].last_seen), (on(8, None), on(10, None)));
    assert_eq!((episodes[0].opened_at, episodes[0].impact()), (on(10, None), 8.0));
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
    let advance_with = |known: Vec<Episode>, rules: &[&str]| {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let judged = Judged { moment: on(11, None), findings: &[], quiet: &quiet, rules: &rules, muted: false };
        advance(known, &judged).changed
    };
    assert_eq!(advance_with(judged_by_b.clone(), &["a", "b"]), []);
    let closed = advance_with(std::mem::take(&mut judged_by_b), &["b"]);
    assert_eq!(closed[0].state, State::Closed, "the rule that saw it is gone");
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
    let mut episode = play(&[(on(10, None), &[("a", 5.0)])]).remove(0);
    let tell = |episode: &mut Episode| {
        let due = episode.due("syslog", 2.0);
        for notice in &due {
            episode.told("syslog", *notice);
        }
        due
    };
    assert_eq!(tell(&mut episode), [Notice::Opened]);
    assert_eq!(tell(&mut episode), []);
    episode.impact_by_day.insert(on(11, None).date, 4.9);
    assert_eq!(tell(&mut episode), []);
    episode.impact_by_day.insert(on(11, None).date, 5.0);
    assert_eq!(tell(&mut episode), [Notice::Grown]);
    episode.state = State::Closed;
    assert!(!episode.settled(["syslog"].into_iter()));
    assert_eq!(tell(&mut episode), [Notice::Closed]);
    assert_eq!(tell(&mut episode), []);
    assert!(episode.settled(["syslog"].into_iter()));
    assert_eq!(episode.due("other", 2.0), [Notice::Opened, Notice::Closed], "a sink that was down is told all");
}
