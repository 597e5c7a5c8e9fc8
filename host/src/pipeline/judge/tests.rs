use super::*;
use model::rule::{self, RuleSet};

fn rule(more: &str) -> Rule {
    let text = format!("[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = \"daily\"\n{more}\n");
    let mut set = RuleSet::default();
    rule::parse(std::path::Path::new("a.toml"), &text, &mut set);
    assert_eq!(set.errors, []);
    set.rules.remove(0)
}

fn passes(more: &str, score: f64, observed: f64, extent: Extent) -> Option<Direction> {
    let (expected, lower, upper) = (100.0, 80.0, 120.0);
    let verdict = Verdict { index: 0, score, expected, lower, upper, reason: String::new() };
    let at = At::new((jiff::civil::date(2026, 11, 23), None), Grain::Daily, extent, &zone("Asia/Seoul"));
    worth_telling(&rule(more), verdict, observed, at).map(|(direction, _)| direction)
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("bundled")
}

#[test]
fn a_score_of_one_is_anomalous() {
    assert_eq!(passes("", 1.0, 130.0, Extent::Whole), Some(Direction::Up));
    assert_eq!(passes("", 0.999, 130.0, Extent::Whole), None);
}

#[test]
fn only_the_watched_direction_is_told() {
    assert_eq!(passes("direction = \"up\"", 2.0, 50.0, Extent::Whole), None);
    assert_eq!(passes("direction = \"down\"", 2.0, 50.0, Extent::Whole), Some(Direction::Down));
    assert_eq!(passes("direction = \"both\"", 2.0, 50.0, Extent::Whole), Some(Direction::Down));
}

#[test]
fn money_and_change_must_both_be_big_enough() {
    let gates = "min_impact = 30\nmin_change = 0.4";
    assert_eq!(passes(gates, 9.0, 140.0, Extent::Whole), Some(Direction::Up));
    assert_eq!(passes(gates, 9.0, 139.0, Extent::Whole), None, "too small a change");
    assert_eq!(passes("min_impact = 41\nmin_change = 0.4", 9.0, 140.0, Extent::Whole), None, "too little money");
}

#[test]
fn a_part_of_a_day_proves_only_what_reaches_the_bound_of_a_whole_one() {
    assert_eq!(passes("", 1.0, 120.0, Extent::Part), Some(Direction::Up));
    assert_eq!(passes("", 2.0, 119.0, Extent::Part), None);
    assert_eq!(passes("", 9.0, 1.0, Extent::Part), None);
}

/// With an infinite bound, a clock change explains nothing.
#[test]
fn what_a_longer_or_shorter_day_explains_is_no_finding() {
    let told = |date: (i16, i8, i8), grain, hour, observed: f64, upper: f64| {
        let date = jiff::civil::date(date.0, date.1, date.2);
        let at = At::new((date, hour), grain, Extent::Whole, &zone("Europe/Berlin"));
        let verdict = Verdict { index: 0, score: 1.5, expected: 100.0, lower: 98.0, upper, reason: String::new() };
        worth_telling(&rule(""), verdict, observed, at).map(|(direction, _)| direction)
    };
    let (autumn, spring, other) = ((2026, 10, 25), (2026, 3, 29), (2026, 10, 26));
    assert_eq!(told(autumn, Grain::Daily, None, 104.1, 102.0), None);
    assert_eq!(told(autumn, Grain::Daily, None, 107.0, 102.0), Some(Direction::Up));
    assert_eq!(told(autumn, Grain::Daily, None, 97.0, 102.0), Some(Direction::Down));
    assert_eq!(told(autumn, Grain::Daily, None, 104.1, f64::INFINITY), Some(Direction::Up));
    assert_eq!(told(other, Grain::Daily, None, 104.1, 102.0), Some(Direction::Up));
    assert_eq!(told(autumn, Grain::DayToDate, Some(2), 133.0, 102.0), None);
    assert_eq!(told(autumn, Grain::DayToDate, Some(1), 133.0, 102.0), Some(Direction::Up));
    assert_eq!(told(autumn, Grain::Hourly, Some(3), 133.0, 102.0), Some(Direction::Up));
    assert_eq!(told(spring, Grain::Daily, None, 96.0, 102.0), None);
    assert_eq!(told(spring, Grain::DayToDate, Some(3), 75.0, 102.0), None);
    assert_eq!(told(spring, Grain::DayToDate, Some(3), 70.0, 102.0), Some(Direction::Down));
}
