//! Tests of the whole detector, with the same packing as in the sandbox.

use costwarden_sdk::native::{self, Walk, fit_then_judge};
use costwarden_sdk::{Refusal, Series, Verdict};

use crate::SeasonalMad;

/// 2026-01-05 is a Monday.
const MONDAY: &str = "2026-01-05";

/// A deterministic wobble of at most `size` to either side.
fn wobble(i: usize, size: f64) -> f64 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    (mixed as f64 / f64::from(1 << 23) - 1.0) * size
}

fn days(count: usize, value: impl Fn(usize) -> f64) -> Series {
    Series::daily(MONDAY, (0..count).map(value).collect::<Vec<_>>())
}

fn judged(history: &Series, new: &[f64]) -> Vec<Verdict> {
    fit_then_judge::<SeasonalMad>("{}", history, new).expect("enough history")
}

fn alerts(history: &Series, new: &[f64]) -> Vec<bool> {
    judged(history, new).iter().map(|verdict| verdict.score >= 1.0).collect()
}

/// Indices of the points that alert in a walk over the series.
fn walked(series: &Series, refit_every: usize, history: usize) -> Vec<usize> {
    let how = Walk { history, refit_every, exclude_alerts: true };
    let verdicts = native::walk::<SeasonalMad>(&native::context("{}"), series, how);
    verdicts.iter().enumerate().filter(|(_, v)| v.as_ref().is_some_and(|v| v.score >= 1.0)).map(|(i, _)| i).collect()
}

fn workdays(i: usize) -> f64 {
    if i % 7 < 5 { 1_000.0 } else { 400.0 }
}

#[test]
fn two_weeks_of_days_are_needed() {
    let history = days(13, |_| 5.0).excluding([3]);
    assert_eq!(fit_then_judge::<SeasonalMad>("{}", &history, &[5.0]), Err(Refusal::Learning(2)));
    let hours = Series::hourly(MONDAY, vec![5.0; 40]);
    assert_eq!(fit_then_judge::<SeasonalMad>("{}", &hours, &[5.0]), Err(Refusal::Learning(8)));
}

#[test]
fn a_flat_fee_may_wobble_by_its_floor_and_no_more() {
    let history = days(60, |_| 123_456_789.0);
    assert_eq!(
        alerts(&history, &[124_691_357.0, 123_456_789.0, 140_000_000.0, 100_000_000.0]),
        [false, false, true, true]
    );
    assert_eq!(judged(&history, &[1.0])[0].expected, 123_456_789.0);
}

#[test]
fn each_weekday_is_judged_by_its_own() {
    let history = days(56, |i| workdays(i) * (1.0 + wobble(i, 0.02)));
    assert_eq!(alerts(&history, &[1_000.0, 1_000.0, 1_000.0, 1_000.0, 1_000.0, 400.0, 400.0]), [false; 7]);
    assert!(
        alerts(&history, &[1_000.0, 1_000.0, 1_000.0, 1_000.0, 1_000.0, 1_000.0])[5],
        "a workday's cost on a Saturday"
    );
    assert!(alerts(&history, &[400.0])[0], "a Saturday's cost on a Monday");
}

#[test]
fn weekends_of_a_young_series_are_no_incidents() {
    for known in 14..21 {
        let usual = |i: usize| workdays(i) + wobble(i, 2.0);
        assert_eq!(alerts(&days(known, usual), &[usual(known)]), [false], "after {known} days");
        assert_eq!(alerts(&days(known, usual), &[10.0 * workdays(0)]), [true], "after {known} days");
    }
}

#[test]
fn a_weekend_without_cost_is_no_incident() {
    let series = days(84, |i| if i % 7 < 5 { 1_000.0 * (1.0 + wobble(i, 0.03)) } else { 0.0 });
    assert_eq!(walked(&series, 1, 90).into_iter().filter(|i| *i >= 28).collect::<Vec<_>>(), [] as [usize; 0]);
}

#[test]
fn growth_is_expected() {
    let growing = |i: usize| 100.0 * 1.02_f64.powi(i as i32) * (1.0 + wobble(i, 0.005));
    assert_eq!(walked(&days(120, growing), 1, 90), [] as [usize; 0]);
}

#[test]
fn a_lasting_level_is_accepted_within_a_week_and_the_return_is_no_incident() {
    let series = days(90, |i| (if (60..75).contains(&i) { 200.0 } else { 100.0 }) * (1.0 + wobble(i, 0.02)));
    let found = walked(&series, 1, 90);
    assert_eq!(found.first(), Some(&60));
    assert!(found.iter().all(|i| (60..67).contains(i)), "{found:?}");
}

#[test]
fn past_incidents_change_little() {
    let clean = days(60, |i| 100.0 + wobble(i, 2.0));
    let mut hit = clean.clone();
    for i in [20, 21, 40, 50] {
        hit.values[i] = 5_000.0;
    }
    let (clean, hit) = (judged(&clean, &[130.0]), judged(&hit, &[130.0]));
    assert!(clean[0].score >= 1.0 && hit[0].score >= 1.0);
    assert!((clean[0].upper - hit[0].upper).abs() < 2.0, "{} {}", clean[0].upper, hit[0].upper);
}

#[test]
fn excluded_days_do_not_move_the_level() {
    let history = days(40, |i| if i < 38 { 100.0 } else { 300.0 }).excluding([38, 39]);
    assert_eq!(judged(&history, &[100.0])[0].expected, 100.0);
}

#[test]
fn unknown_days_are_passed_over() {
    let history = days(60, |i| if i % 4 == 0 { f64::NAN } else { workdays(i) });
    let verdicts = judged(&history, &[f64::NAN, 400.0, f64::INFINITY, 400.0]);
    assert_eq!(verdicts.iter().map(|verdict| verdict.index).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn usual_bursts_are_silent_and_unusual_ones_are_not() {
    let history = days(90, |i| if i % 9 == 4 { 500.0 + wobble(i, 50.0) } else { 0.0 });
    assert_eq!(alerts(&history, &[0.0, 520.0, 0.0, 5_000.0]), [false, false, false, true]);
}

#[test]
fn bursts_on_a_noisy_level_are_silent_once_they_are_many() {
    let history = days(90, |i| if i % 6 == 4 { 500.0 + wobble(i, 50.0) } else { 100.0 + wobble(i, 5.0) });
    assert_eq!(alerts(&history, &[100.0, 540.0, 5_000.0, 0.0]), [false, false, true, true]);
    let few = days(90, |i| if i % 20 == 4 { 500.0 + wobble(i, 50.0) } else { 100.0 + wobble(i, 5.0) });
    assert_eq!(alerts(&few, &[100.0, 540.0, 5_000.0, 0.0]), [false, true, true, true]);
}

#[test]
fn slow_changes_alert_and_steady_growth_does_not() {
    let slow =
        |by: f64| days(120, move |i| (100.0 + wobble(i, 1.0)) * (1.0 + by * i.saturating_sub(60).min(20) as f64));
    for by in [0.025, -0.025] {
        let found = walked(&slow(by), 1, 90);
        assert!(found.first().is_some_and(|first| (64..74).contains(first)), "{by}: {found:?}");
        assert!(found.iter().all(|i| (64..88).contains(i)), "{by}: {found:?}");
    }
    let history = days(60, |i| 100.0 + wobble(i, 1.0));
    let rise: Vec<f64> = (1..=16).map(|day| 100.0 + 2.5 * f64::from(day)).collect();
    let verdicts = judged(&history, &rise);
    let told: Vec<_> = verdicts.iter().filter(|verdict| verdict.score >= 1.0).map(|verdict| &*verdict.reason).collect();
    assert!(told.iter().any(|reason| reason.ends_with("(a rise over several days)")), "{verdicts:?}");
}

#[test]
fn what_was_always_zero_has_a_finite_score() {
    let verdicts = judged(&days(30, |_| 0.0), &[0.0, 10.0]);
    assert_eq!((verdicts[0].score, verdicts[1].score, verdicts[1].expected), (0.0, 100.0, 0.0));
}

#[test]
fn hours_have_their_own_usual() {
    let shape = |i: usize| (if (9..18).contains(&(i % 24)) { 90.0 } else { 30.0 }) * (1.0 + wobble(i, 0.03));
    let series = Series::hourly(MONDAY, (0..24 * 21).map(shape).collect::<Vec<_>>());
    assert_eq!(walked(&series, 24, 672).into_iter().filter(|i| *i >= 96).collect::<Vec<_>>(), [] as [usize; 0]);
    let mut day: Vec<f64> = (0..24).map(shape).collect();
    day[3] = 90.0;
    let verdicts = judged(&series, &day);
    assert_eq!(verdicts.iter().filter(|v| v.score >= 1.0).map(|v| v.index).collect::<Vec<_>>(), [3]);
    assert!(verdicts[3].reason.contains("at 03:00"), "{}", verdicts[3].reason);
}

#[test]
fn hours_that_mostly_rise_may_be_off_by_more_above() {
    let value = |i: usize| 100.0 + wobble(i, 10.0) * if wobble(i, 1.0) > 0.0 { 4.0 } else { 1.0 };
    let history = Series::hourly(MONDAY, (0..24 * 21).map(value).collect::<Vec<_>>());
    let verdict = judged(&history, &[100.0]).remove(0);
    assert!(verdict.upper - verdict.expected > 1.4 * (verdict.expected - verdict.lower), "{verdict:?}");
    assert_eq!(alerts(&history, &[35.0, 20.0, 165.0, 290.0]), [false, true, false, true], "{verdict:?}");
}

/// Daily bursts in five-minute points do not alert, although the median error does not show them.
#[test]
fn what_each_day_has_seen_is_usual_within_hours() {
    let value = |i: usize| 100.0 + wobble(i, 2.0) + if i % 288 == (i / 288 * 37) % 288 { 400.0 } else { 0.0 };
    let history = |values: Vec<f64>| Series { step: 300, ..Series::hourly(MONDAY, values) };
    let burst = history((0..14 * 288).map(value).collect());
    assert_eq!(alerts(&burst, &[500.0, 100.0, 600.0]), [false, false, true]);
    let mut once = history((0..14 * 288).map(|i| 100.0 + wobble(i, 2.0)).collect());
    once.values[1_000] = 5_000.0;
    assert_eq!(alerts(&once, &[500.0]), [true], "a lone incident hides no other");
}

#[test]
fn a_point_is_judged_from_earlier_ones_alone() {
    let history = days(60, |i| workdays(i) * (1.0 + wobble(i, 0.02)));
    let new = [1_000.0, 1_300.0, 990.0, 5_000.0, 1_010.0];
    let all = judged(&history, &new);
    for (i, verdict) in all.iter().enumerate() {
        assert_eq!(judged(&history, &new[..=i]).last(), Some(verdict));
    }
    let context = native::context("{}");
    let fitted = native::fit::<SeasonalMad>(&context, &history).expect("enough history");
    let window = Series::daily("2026-03-06", new);
    assert_eq!(native::judge::<SeasonalMad>(&context, &fitted, window, 3).expect("judged"), all[3..]);
}

#[test]
fn bounds_and_score_agree() {
    let history = days(60, |i| workdays(i) * (1.0 + wobble(i, 0.05)));
    let verdict = judged(&history, &[1_000.0]).remove(0);
    for (observed, anomalous) in [(verdict.upper * 1.001, true), (verdict.upper * 0.999, false)] {
        assert_eq!(judged(&history, &[observed])[0].score >= 1.0, anomalous);
    }
    for (observed, anomalous) in [(verdict.lower * 0.999, true), (verdict.lower * 1.001, false)] {
        assert_eq!(judged(&history, &[observed])[0].score >= 1.0, anomalous);
    }
}

#[test]
fn settings_set_strictness_and_season() {
    let history = days(56, |i| workdays(i) * (1.0 + wobble(i, 0.05)));
    let upper = |settings| fit_then_judge::<SeasonalMad>(settings, &history, &[1_000.0]).expect("judged")[0].upper;
    assert!(upper(r#"{ "k": 9 }"#) > upper("{}"));
    assert!(upper(r#"{ "floor": 3 }"#) > 3_900.0);
    let week = [1_000.0, 1_000.0, 1_000.0, 1_000.0, 1_000.0, 400.0];
    let saturday = |settings| fit_then_judge::<SeasonalMad>(settings, &history, &week).expect("judged")[5].expected;
    assert!(saturday(r#"{ "season": "none" }"#) > saturday(r#"{ "season": "weekly" }"#) * 1.5);
    for (settings, pointer) in
        [(r#"{ "k": 0 }"#, "/k"), (r#"{ "floor": -1 }"#, "/floor"), (r#"{ "season": "x" }"#, "/season")]
    {
        assert_eq!(native::check::<SeasonalMad>(settings)[0].pointer, pointer);
    }
}

#[test]
fn the_state_of_days_is_small() {
    let history = days(90, |i| workdays(i) * (1.0 + wobble(i, 0.05)));
    let fitted = native::fit::<SeasonalMad>(&native::context("{}"), &history).expect("enough history");
    assert!(fitted.state.len() <= 256, "{} bytes", fitted.state.len());
}

#[test]
fn reasons_are_one_sentence_in_the_operators_language() {
    let history = days(56, |i| workdays(i) * (1.0 + wobble(i, 0.02)));
    let mut context = native::context(r#"{ "season": "weekly" }"#);
    let fitted = native::fit::<SeasonalMad>(&context, &history).expect("enough history");
    let mut reason = |locale: &str| {
        locale.clone_into(&mut context.locale);
        let monday = Series::daily("2026-03-02", [2_500.0]);
        native::judge::<SeasonalMad>(&context, &fitted, monday, 0).expect("judged")[0].reason.clone()
    };
    let (english, korean) = (reason("en"), reason("ko"));
    assert!(english.starts_with("2,500 KRW is ") && english.ends_with(" KRW on Mondays"), "{english}");
    assert!(korean.starts_with("2,500원: 월요일 평소 ") && korean.ends_with("배만큼 높습니다"), "{korean}");
}
