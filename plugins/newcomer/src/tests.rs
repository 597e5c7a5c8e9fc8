//! Tests of the whole detector, with the same packing as in the sandbox.

use costwarden_sdk::native::{self, Walk, fit_then_judge};
use costwarden_sdk::{Refusal, Series};

use super::Newcomer;

fn days(values: impl Into<Vec<f64>>) -> Series {
    Series::daily("2026-01-01", values)
}

fn alerts(settings: &str, history: &Series, new: &[f64]) -> Vec<bool> {
    let verdicts = fit_then_judge::<Newcomer>(settings, history, new).expect("enough history");
    verdicts.iter().map(|verdict| verdict.score >= 1.0).collect()
}

/// Indices of the points that alert in a daily walk over the series, with each alert marked as an incident.
fn walked(series: &Series) -> Vec<usize> {
    let how = Walk { history: 90, refit_every: 1, exclude_alerts: true };
    let verdicts = native::walk::<Newcomer>(&native::context("{}"), series, how);
    verdicts.iter().enumerate().filter(|(_, v)| v.as_ref().is_some_and(|v| v.score >= 1.0)).map(|(i, _)| i).collect()
}

#[test]
fn spend_after_quiet_days_is_new_for_three_days() {
    assert_eq!(alerts("{}", &days([0.0; 20]), &[0.0, 5.0, 5.0, 5.0, 5.0]), [false, true, true, true, false]);
    let verdicts = fit_then_judge::<Newcomer>("{}", &days([0.0; 28]), &[0.0, 5.0]).expect("judged");
    assert_eq!((verdicts[1].expected, verdicts[1].upper), (0.0, 0.0));
    assert_eq!(verdicts[1].score, 29.0 / 14.0);
    assert_eq!(verdicts[0].upper, 0.0, "today's part of a day is judged by the whole day's bound");
}

#[test]
fn a_walk_finds_each_change_once_and_for_a_bounded_time() {
    let mut values = vec![0.0; 30];
    values.extend([100.0; 40]);
    values.extend([0.0; 30]);
    assert_eq!(walked(&days(values)), [30, 31, 32, 70, 71, 72]);
}

#[test]
fn a_short_pause_is_nothing_new() {
    let mut history = vec![5.0; 20];
    history.extend([0.0; 13]);
    assert_eq!(alerts("{}", &days(history.clone()), &[5.0]), [false]);
    history.push(0.0);
    assert_eq!(alerts("{}", &days(history), &[5.0]), [true]);
}

#[test]
fn a_monthly_fee_is_new_once_unless_it_grows() {
    let monthly: Vec<f64> = (0..89).map(|i| if i % 30 == 29 { 500.0 } else { 0.0 }).collect();
    assert_eq!(alerts("{}", &days(monthly.clone()), &[500.0]), [false]);
    assert_eq!(alerts("{}", &days(monthly), &[50_000.0]), [true]);
}

#[test]
fn steady_spend_that_stops_alerts_for_three_days() {
    let history = days([40.0; 30]);
    let verdicts = fit_then_judge::<Newcomer>("{}", &history, &[40.0, 0.0, 0.0, 0.0, 0.0]).expect("judged");
    let scores: Vec<f64> = verdicts.iter().map(|verdict| verdict.score).collect();
    assert_eq!(scores, [0.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!((verdicts[1].expected, verdicts[1].lower), (40.0, 0.0));
}

#[test]
fn weekends_without_spend_are_no_stop() {
    let history: Vec<f64> = (0..60).map(|i| if i % 7 < 5 { 40.0 } else { 0.0 }).collect();
    assert_eq!(alerts("{}", &days(history), &[0.0, 0.0, 0.0]), [false, false, false]);
}

#[test]
fn amounts_up_to_the_least_count_as_nothing() {
    assert_eq!(alerts(r#"{ "minAmount": 10 }"#, &days([2.0; 20]), &[10.0, 11.0]), [false, true]);
}

#[test]
fn unknown_days_are_passed_over() {
    let mut history = vec![f64::NAN; 10];
    history.extend([0.0; 10]);
    assert_eq!(fit_then_judge::<Newcomer>("{}", &days(history.clone()), &[1.0]), Err(Refusal::Learning(4)));
    history.extend([f64::NAN, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(alerts("{}", &days(history), &[f64::NAN, 1.0]), [true]);
}

#[test]
fn hours_count_as_parts_of_days() {
    let history = Series::hourly("2026-01-01", vec![0.0; 14 * 24]);
    assert_eq!(alerts("{}", &history, &[1.0; 73]).iter().filter(|alert| **alert).count(), 72);
}

#[test]
fn reasons_speak_the_operators_language() {
    let mut context = native::context("{}");
    let fitted = native::fit::<Newcomer>(&context, &days([0.0; 20])).expect("fitted");
    let mut reason = |locale: &str| {
        locale.clone_into(&mut context.locale);
        let new = Series::daily("2026-01-21", [1_500.0]);
        native::judge::<Newcomer>(&context, &fitted, new, 0).expect("judged")[0].reason.clone()
    };
    assert_eq!(reason("en"), "1,500 KRW after 20 days without spend");
    assert_eq!(reason("ko"), "20일 동안 비용이 없던 곳에서 1,500원이 발생했습니다");
}

#[test]
fn settings_have_bounds() {
    let issues = native::check::<Newcomer>(r#"{ "quietDays": 1, "minAmount": -1, "alertDays": 0 }"#);
    let pointers: Vec<_> = issues.iter().map(|issue| issue.pointer.as_str()).collect();
    assert_eq!(pointers, ["/quietDays", "/minAmount", "/alertDays"]);
}
