//! Tests of the whole detector, with the same packing as in the sandbox.

use costwarden_sdk::native::{self, Walk, fit_then_judge};
use costwarden_sdk::{Refusal, Series};
use level::checks;

use crate::HourlyLevel;

/// 2026-01-05 is a Monday.
const MONDAY: &str = "2026-01-05";
const DAY: usize = 24;
const WALK: Walk = Walk { history: 28 * DAY, refit_every: DAY, exclude_alerts: false };

/// A day with working hours, and a deterministic variation of at most 3 %.
fn usual(i: usize) -> f64 {
    let level = if (9..18).contains(&(i % DAY)) { 160.0 } else { 100.0 };
    level * checks::variation(i, 0.03)
}

fn hours(count: usize, value: impl Fn(usize) -> f64) -> Series {
    Series::hourly(MONDAY, (0..count).map(value).collect::<Vec<_>>())
}

/// Indices of the anomalous hours of a walk like production.
fn walked(series: &Series) -> Vec<usize> {
    checks::anomalous::<HourlyLevel>(series, WALK)
}

fn check(count: usize, value: impl Fn(usize) -> f64, expect: &[usize]) {
    assert_eq!(walked(&hours(count, value)), expect);
}

#[test]
fn a_week_of_hours_is_needed() {
    let refused = Err(Refusal::Learning(2));
    assert_eq!(fit_then_judge::<HourlyLevel>("{}", &hours(166, usual), &[5.0]), refused);
}

#[test]
fn usual_hours_are_silent() {
    check(30 * DAY, usual, &[]);
    check(30 * DAY, |i| -usual(i), &[]);
    check(30 * DAY, |i| if i / DAY % 7 < 5 { usual(i) } else { 0.7 * usual(i) }, &[]);
    check(30 * DAY, |i| if i % DAY == 3 { 500.0 } else { 0.0 }, &[]);
    check(30 * DAY, |i| if (500..520).contains(&i) { f64::NAN } else { usual(i) }, &[]);
}

#[test]
fn a_spike_and_a_fall_alert() {
    check(25 * DAY, |i| if i == 500 { 2.0 * usual(i) } else { usual(i) }, &[500]);
    check(25 * DAY, |i| if i == 500 { 0.2 * usual(i) } else { usual(i) }, &[500]);
    let start = walked(&hours(25 * DAY, |i| if i >= 500 { 1.6 * usual(i) } else { usual(i) }));
    assert_eq!(start.first(), Some(&500));
}

#[test]
fn a_small_rise_alerts_by_its_third_hour() {
    let found = walked(&hours(25 * DAY, |i| if i >= 500 { 1.35 * usual(i) } else { usual(i) }));
    assert!(found.first().is_some_and(|first| (500..503).contains(first)), "{found:?}");
}

#[test]
fn usual_peaks_are_silent_and_larger_peaks_alert() {
    let peaks = |i: usize| if i % 37 == 5 { 300.0 + usual(i) } else { usual(i) };
    let found = walked(&hours(40 * DAY, peaks));
    assert!(found.iter().all(|i| *i < 9 * DAY), "{found:?}");
    let found = walked(&hours(40 * DAY, |i| if i == 900 { 9.0 * usual(i) } else { peaks(i) }));
    assert_eq!(found.last(), Some(&900));
}

#[test]
fn a_history_without_cost_alerts_at_any_amount() {
    let verdicts = fit_then_judge::<HourlyLevel>("{}", &hours(200, |_| 0.0), &[0.0, 3.0]).expect("judged");
    assert_eq!([verdicts[0].score, verdicts[1].score], [0.0, 100.0]);
    assert_eq!((verdicts[1].lower, verdicts[1].expected, verdicts[1].upper), (0.0, 0.0, 0.0));
}

#[test]
fn a_state_is_small() {
    let fitted = native::fit::<HourlyLevel>(&native::context("{}"), &hours(28 * DAY, usual)).expect("fitted");
    assert!(fitted.state.len() < 400, "{} bytes", fitted.state.len());
}

#[test]
fn reasons_state_the_amounts_in_both_languages() {
    let mut context = native::context("{}");
    let fitted = native::fit::<HourlyLevel>(&context, &hours(14 * DAY, |_| 1_000.0)).expect("fitted");
    let mut reason = |locale: &str, observed: f64| {
        locale.clone_into(&mut context.locale);
        let series = Series::hourly("2026-01-19", [observed]);
        native::judge::<HourlyLevel>(&context, &fitted, series, 0).expect("judged")[0].reason.clone()
    };
    assert_eq!(reason("en", 1_500.0), "1,500 KRW is 50 % above the usual 1,000 KRW at 00:00");
    assert_eq!(reason("ko", 200.0), "200원: 0시 평소 1,000원보다 80% 낮습니다");
}

#[test]
fn verdicts_of_extreme_series_are_numbers() {
    checks::extreme_series::<HourlyLevel>(|value| hours(400, value), WALK);
}

#[test]
fn settings_have_bounds() {
    checks::settings::<HourlyLevel>();
}
