use std::path::Path;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use model::moment::Moment;
use model::rule::{self, RuleSet};
use model::series::Grain;

use super::*;

const FINISHED: Option<u8> = None;

fn rule(options: &str) -> Rule {
    let text = format!("[[rule]]\nid = \"a\"\nwhy = \"b\"\ndetector = \"c\"\nseries = \"daily\"\n{options}\n");
    let mut set = RuleSet::default();
    rule::parse(Path::new("a.toml"), &text, &mut set);
    assert_eq!(set.errors, []);
    set.rules.remove(0)
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("bundled")
}

/// The result for a daily series, on a finished day or up to an hour.
fn pass(options: &str, score: f64, observed: f64, hour: Option<u8>) -> Option<Direction> {
    let verdict = Verdict { index: 0, score, expected: 100.0, lower: 80.0, upper: 120.0, reason: String::new() };
    let moment = Moment { date: date(2026, 11, 23), hour };
    let time = EvaluationTime::new(moment, Grain::Daily, &zone("Asia/Seoul"));
    direction(pass_gates(&rule(options), &verdict, point(observed, time)))
}

fn point(observed: f64, time: EvaluationTime) -> PointInTime {
    PointInTime { observed, time, gate: Gate::Opening, trailing_bill: 10_000.0, growth: None }
}

fn direction(result: GateResult) -> Option<Direction> {
    match result {
        GateResult::Anomalous(direction) => Some(direction),
        GateResult::Held { .. } | GateResult::Normal => None,
    }
}

#[test]
fn a_score_of_one_is_anomalous() {
    assert_eq!(pass("", 1.0, 130.0, FINISHED), Some(Direction::Up));
    assert_eq!(pass("", 0.999, 130.0, FINISHED), None);
}

#[test]
fn only_the_direction_of_the_rule_passes() {
    assert_eq!(pass("direction = \"up\"", 2.0, 50.0, FINISHED), None);
    assert_eq!(pass("direction = \"down\"", 2.0, 50.0, FINISHED), Some(Direction::Down));
    assert_eq!(pass("direction = \"both\"", 2.0, 50.0, FINISHED), Some(Direction::Down));
}

#[test]
fn impact_and_change_must_both_be_large_enough() {
    let gates = "min_impact = \"30 KRW\"\nmin_change = 0.4";
    assert_eq!(pass(gates, 9.0, 140.0, FINISHED), Some(Direction::Up));
    assert_eq!(pass(gates, 9.0, 139.0, FINISHED), None, "the change is too small");
    assert_eq!(
        pass("min_impact = \"41 KRW\"\nmin_change = 0.4", 9.0, 140.0, FINISHED),
        None,
        "the impact is too small"
    );
}

#[test]
fn a_partial_day_passes_only_at_the_upper_bound_of_a_whole_day() {
    assert_eq!(pass("", 1.0, 120.0, Some(9)), Some(Direction::Up));
    assert_eq!(pass("", 2.0, 119.0, Some(9)), None);
    assert_eq!(pass("", 9.0, 1.0, Some(9)), None);
}

/// The series of a credit has no cost until the credit arrives.
#[test]
fn a_credit_that_is_not_on_the_bill_yet_does_not_pass() {
    let verdict =
        Verdict { index: 0, score: 9.0, expected: -100.0, lower: -120.0, upper: -80.0, reason: String::new() };
    let pass = |hour, observed| {
        let time = EvaluationTime::new(Moment { date: date(2026, 11, 23), hour }, Grain::Daily, &zone("Asia/Seoul"));
        direction(pass_gates(&rule(""), &verdict, point(observed, time)))
    };
    assert_eq!(pass(Some(9), 0.0), None);
    assert_eq!(pass(Some(9), -20.0), None);
    assert_eq!(pass(Some(9), 50.0), Some(Direction::Up), "a cost in place of the credit");
    assert_eq!(pass(FINISHED, 0.0), Some(Direction::Up));
}

/// With an infinite bound, a clock change explains nothing.
#[test]
fn a_deviation_explained_by_a_clock_change_does_not_pass() {
    let finished = Moment::finished_day;
    let pass = |moment: Moment, grain: Grain, observed: f64, upper: f64| {
        let time = EvaluationTime::new(moment, grain, &zone("Europe/Berlin"));
        let verdict = Verdict { index: 0, score: 1.5, expected: 100.0, lower: 98.0, upper, reason: String::new() };
        direction(pass_gates(&rule(""), &verdict, point(observed, time)))
    };
    let at = |date: Date, hour: u8| Moment { date, hour: Some(hour) };
    let autumn = date(2026, 10, 25);
    let spring = date(2026, 3, 29);
    let usual = date(2026, 10, 26);
    assert_eq!(pass(finished(autumn), Grain::Daily, 104.1, 102.0), None);
    assert_eq!(pass(finished(autumn), Grain::Daily, 107.0, 102.0), Some(Direction::Up));
    assert_eq!(pass(finished(autumn), Grain::Daily, 97.0, 102.0), Some(Direction::Down));
    assert_eq!(pass(finished(autumn), Grain::Daily, 104.1, f64::INFINITY), Some(Direction::Up));
    assert_eq!(pass(finished(usual), Grain::Daily, 104.1, 102.0), Some(Direction::Up));
    assert_eq!(pass(at(autumn, 2), Grain::DayToDate, 133.0, 102.0), None);
    assert_eq!(pass(at(autumn, 1), Grain::DayToDate, 133.0, 102.0), Some(Direction::Up));
    assert_eq!(pass(at(autumn, 3), Grain::Hourly, 133.0, 102.0), Some(Direction::Up));
    assert_eq!(pass(finished(spring), Grain::Daily, 96.0, 102.0), None);
    assert_eq!(pass(at(spring, 3), Grain::DayToDate, 75.0, 102.0), None);
    assert_eq!(pass(at(spring, 3), Grain::DayToDate, 70.0, 102.0), Some(Direction::Down));
}

/// A detector that follows the growth expects nearly the observed cost.
#[test]
fn a_slow_growth_passes_by_the_level_of_four_weeks_ago() {
    let verdict = Verdict { index: 0, score: 1.1, expected: 124.0, lower: 120.0, upper: 126.0, reason: String::new() };
    let time = EvaluationTime::new(Moment::finished_day(date(2026, 11, 23)), Grain::Daily, &zone("Asia/Seoul"));
    let pass = |growth| {
        let point = PointInTime { growth, ..point(127.0, time) };
        pass_gates(&rule("min_change = 0.2"), &verdict, point)
    };
    let grows = |factor: f64| (0..40).map(|day| 100.0 * factor.powi(day)).collect::<Vec<f64>>();
    assert_eq!(pass(None), GateResult::Held { impact: 3.0 });
    assert_eq!(pass(Growth::of(&grows(1.0))), GateResult::Held { impact: 3.0 });
    assert_eq!(pass(Growth::of(&grows(1.02))), GateResult::Anomalous(Direction::Up));
    assert_eq!(pass(Growth::of(&grows(1.02)[5..])), GateResult::Anomalous(Direction::Up), "35 days suffice");
    assert_eq!(Growth::of(&grows(1.02)[6..]), None);
    assert_eq!(pass(Growth::of(&grows(0.98))), GateResult::Held { impact: 3.0 }, "the level has fallen");
    let step: Vec<f64> = (0..40).map(|day| if day < 26 { 100.0 } else { 160.0 }).collect();
    assert_eq!(pass(Growth::of(&step)), GateResult::Held { impact: 3.0 }, "a step is no growth");
    let new_service: Vec<f64> = (0..40).map(|day| if day < 26 { 0.0 } else { 160.0 }).collect();
    assert_eq!(pass(Growth::of(&new_service)), GateResult::Held { impact: 3.0 });
    let weekly_charge: Vec<f64> = (0..35).map(|day| if day % 7 == 0 { 124.0 } else { 10.0 }).collect();
    assert_eq!(pass(Growth::of(&weekly_charge)), GateResult::Held { impact: 3.0 });
}

#[test]
fn an_incident_continues_beyond_the_band_without_a_minimum_impact() {
    let verdict = Verdict { index: 0, score: 1.2, expected: 100.0, lower: 80.0, upper: 120.0, reason: String::new() };
    let moment = Moment { date: date(2026, 11, 23), hour: None };
    let time = EvaluationTime::new(moment, Grain::Daily, &zone("Asia/Seoul"));
    let pass = |options: &str, gate| pass_gates(&rule(options), &verdict, PointInTime { gate, ..point(130.0, time) });
    for options in ["min_impact = \"1000 KRW\"", "min_impact_share = 0.1"] {
        assert_eq!(pass(options, Gate::Opening), GateResult::Held { impact: 30.0 });
        assert_eq!(pass(options, Gate::Continuing), GateResult::Anomalous(Direction::Up));
    }
    assert_eq!(pass("min_impact_share = 0.003", Gate::Opening), GateResult::Anomalous(Direction::Up));
}

#[test]
fn a_rule_above_the_bill_of_a_mean_day_is_unreachable() {
    let rules = [rule("min_impact = \"400 USD\""), rule("min_impact = \"300 USD\""), rule("min_impact_share = 0.5")];
    let of_bill = |trailing_bill| -> Vec<String> {
        let remarks = unreachable_rules(rules.iter(), trailing_bill, "USD");
        remarks.iter().map(|remark| remark.english().to_owned()).collect()
    };
    let message = "rule a: min_impact 400.00 USD is larger than the bill of a mean day, 350.00 USD: lower min_impact, or use min_impact_share";
    assert_eq!(of_bill(28.0 * 350.0), [message]);
    assert_eq!(of_bill(0.0), Vec::<String>::new(), "nothing is known without a bill");
}
