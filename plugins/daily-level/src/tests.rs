//! Tests of the whole detector, with the same packing as in the sandbox.

use costwarden_sdk::native::{self, Walk, fit_then_judge};
use costwarden_sdk::{Refusal, Series};
use level::checks;

use crate::DailyLevel;

/// 2026-01-05 is a Monday.
const MONDAY: &str = "2026-01-05";
const WALK: Walk = Walk { history: 90, refit_every: 1, exclude_alerts: false };
/// Days from [`MONDAY`] to the first of each following month.
const FIRSTS: [usize; 8] = [27, 55, 86, 116, 147, 177, 208, 239];

/// A deterministic variation of at most 3 %.
fn usual(i: usize) -> f64 {
    1_000.0 * checks::variation(i, 0.03)
}

fn days(count: usize, value: impl Fn(usize) -> f64) -> Series {
    Series::daily(MONDAY, (0..count).map(value).collect::<Vec<_>>())
}

/// Indices of the anomalous days of a walk like production.
fn walked(series: &Series) -> Vec<usize> {
    checks::anomalous::<DailyLevel>(series, WALK)
}

fn check(count: usize, value: impl Fn(usize) -> f64, expect: &[usize]) {
    assert_eq!(walked(&days(count, value)), expect);
}

#[test]
fn two_weeks_of_days_are_needed() {
    let history = days(14, usual).excluding([3]);
    assert_eq!(fit_then_judge::<DailyLevel>("{}", &history, &[5.0]), Err(Refusal::Learning(1)));
    let hours = Series::hourly(MONDAY, vec![5.0; 40]);
    let refused = Refusal::Failed("the series has more than one point per day".to_owned());
    assert_eq!(fit_then_judge::<DailyLevel>("{}", &hours, &[5.0]), Err(refused));
}

#[test]
fn usual_costs_are_silent() {
    check(200, usual, &[]);
    check(200, |i| if i % 7 < 5 { usual(i) } else { 0.3 * usual(i) }, &[]);
    check(200, |i| -usual(i), &[]);
    check(200, |i| if i % 7 == 6 { usual(i) } else { 0.0 }, &[]);
    check(200, |i| if i == 100 || (120..130).contains(&i) { f64::NAN } else { usual(i) }, &[]);
}

#[test]
fn a_spike_and_a_fall_alert_once() {
    check(150, |i| if i == 100 { 1.5 * usual(i) } else { usual(i) }, &[100]);
    check(150, |i| if i == 100 { 20.0 * usual(i) } else { usual(i) }, &[100]);
    check(150, |i| if i == 100 { 0.3 * usual(i) } else { usual(i) }, &[100]);
}

#[test]
fn a_lasting_level_is_accepted_within_two_weeks() {
    let found = walked(&days(200, |i| if i >= 150 { 1.5 * usual(i) } else { usual(i) }));
    assert_eq!(found.first(), Some(&150));
    assert!(found.last() < Some(&164), "{found:?}");
    let stopped = walked(&days(200, |i| if i >= 150 { 0.0 } else { usual(i) }));
    assert_eq!(stopped.first(), Some(&150));
    assert!(stopped.last() < Some(&164), "{stopped:?}");
}

#[test]
fn slow_growth_alerts_within_two_weeks_against_the_amount_before() {
    for (percent, within) in [(2, 18), (3, 14), (5, 10)] {
        let rate = 1.0 + f64::from(percent) / 100.0;
        let growth = |i: usize| if i < 120 { usual(i) } else { usual(i) * rate.powi(i as i32 - 119) };
        let found = walked(&days(150, growth));
        let first = found.first().copied().unwrap_or(usize::MAX);
        assert!((120..120 + within).contains(&first), "{percent} %: {found:?}");
    }
    let history = days(130, |i| if i < 120 { usual(i) } else { usual(i) * 1.03_f64.powi(i as i32 - 119) });
    let verdict = &fit_then_judge::<DailyLevel>("{}", &history, &[1_390.0]).expect("judged")[0];
    assert!(verdict.score >= 1.0 && verdict.expected < 1_100.0, "{verdict:?}");
    assert!(verdict.reason.ends_with("(a rise over several days)"), "{verdict:?}");
}

#[test]
fn steady_growth_from_the_start_is_silent() {
    check(150, |i| usual(i) * 1.02_f64.powi(i as i32), &[]);
    check(150, |i| usual(i) * 0.985_f64.powi(i as i32), &[]);
    check(150, |i| usual(i) + 0.3 * usual(i) * 1.02_f64.powi(i as i32), &[]);
}

#[test]
fn a_new_service_is_compared_with_its_own_days() {
    let history = days(100, |i| if i < 87 { 0.0 } else { usual(i) });
    let verdict = &fit_then_judge::<DailyLevel>("{}", &history, &[1_000.0]).expect("judged")[0];
    assert!(verdict.score < 1.0 && (900.0..1_100.0).contains(&verdict.expected), "{verdict:?}");
}

#[test]
fn a_monthly_charge_is_expected_from_the_third_time() {
    let fee = |i: usize| if FIRSTS.contains(&i) { 5_000.0 } else { 0.0 };
    check(240, |i| usual(i) + fee(i), &[27, 55]);
    check(208, |i| usual(i) + if i == 177 { 0.0 } else { fee(i) }, &[27, 55, 177]);
    check(208, |i| usual(i) + if i == 177 { 2.0 * fee(i) } else { fee(i) }, &[27, 55, 177]);
    let month_end = |i: usize| fee(i + 1);
    check(208, |i| usual(i) + month_end(i), &[26, 54]);
}

#[test]
fn several_monthly_charges_are_expected_from_their_third_time() {
    let fee = |i: usize| match FIRSTS.iter().rfind(|first| **first <= i).map(|first| i - first) {
        Some(0 | 14 | 24) => 5_000.0,
        _ => 0.0,
    };
    let found = walked(&days(240, |i| usual(i) + fee(i)));
    assert!(found.iter().all(|i| *i < FIRSTS[2]), "{found:?}");
}

#[test]
fn a_holiday_as_cheap_as_the_weekend_is_silent() {
    let week = |i: usize| if i % 7 < 5 { usual(i) } else { 0.4 * usual(i) };
    check(200, |i| if i == 143 { 0.4 * usual(i) } else { week(i) }, &[]);
    check(200, |i| if i == 143 { 0.1 * usual(i) } else { week(i) }, &[143]);
    let found = walked(&days(200, |i| if i >= 143 { 0.4 * usual(i) } else { week(i) }));
    assert!(found.first().is_some_and(|first| (143..150).contains(first)), "{found:?}");
}

#[test]
fn a_charge_every_second_week_is_expected_from_the_third_time() {
    check(200, |i| if i % 14 == 2 { 6_000.0 } else { usual(i) }, &[16]);
    check(200, |i| if i % 14 == 2 { 6_000.0 } else { 0.0 }, &[16]);
}

#[test]
fn a_missed_weekly_charge_alerts_once() {
    check(220, |i| if i % 7 == 6 && i < 160 { usual(i) } else { 0.0 }, &[160]);
    check(220, |i| usual(i) + if i % 7 == 6 && i < 160 { 5_000.0 } else { 0.0 }, &[160]);
}

#[test]
fn frequent_bursts_are_usual() {
    let bursts = [31, 40, 52, 57, 65, 76, 82, 95, 101, 109, 118, 130, 143, 149];
    let found = walked(&days(160, |i| if bursts.contains(&i) { 20.0 * usual(i) } else { usual(i) }));
    assert!(found.iter().all(|i| *i <= 76), "{found:?}");
    let larger = |i: usize| if bursts.contains(&i) { 20.0 * usual(i) } else { usual(i) };
    let found = walked(&days(125, |i| if i == 120 { 60.0 * usual(i) } else { larger(i) }));
    assert_eq!(found.last(), Some(&120));
}

#[test]
fn a_history_without_cost_alerts_at_any_amount() {
    let verdicts = fit_then_judge::<DailyLevel>("{}", &days(30, |_| 0.0), &[0.0, 3.0]).expect("judged");
    assert_eq!([verdicts[0].score, verdicts[1].score], [0.0, 100.0]);
    assert_eq!((verdicts[1].lower, verdicts[1].expected, verdicts[1].upper), (0.0, 0.0, 0.0));
}

#[test]
fn the_band_of_a_fit_stays_over_unknown_days() {
    let context = native::context("{}");
    let fitted = native::fit::<DailyLevel>(&context, &days(90, usual)).expect("fitted");
    let band = |gap: usize| {
        let mut values = vec![f64::NAN; gap];
        values.push(2_000.0);
        let window = Series::daily("2026-04-05", values);
        let verdict = native::judge::<DailyLevel>(&context, &fitted, window, gap as u32).expect("judged")[0].clone();
        (verdict.lower, verdict.upper)
    };
    assert_eq!(band(0), band(7));
}

/// An opening band does not know the charges since the opening.
#[test]
fn a_monthly_charge_is_expected_after_an_unknown_month() {
    let context = native::context("{}");
    let fee = |i: usize| if FIRSTS.contains(&i) { 5_000.0 } else { 0.0 };
    let fitted = native::fit::<DailyLevel>(&context, &days(FIRSTS[3], fee)).expect("fitted");
    let expected = |day: usize| {
        let values = (FIRSTS[3]..=day).map(|i| if i == day { 0.0 } else { f64::NAN }).collect::<Vec<_>>();
        let judge_from = values.len() as u32 - 1;
        let window = Series::daily("2026-05-01", values);
        native::judge::<DailyLevel>(&context, &fitted, window, judge_from).expect("judged")[0].expected
    };
    let expected = [FIRSTS[3], FIRSTS[4] - 1, FIRSTS[4], FIRSTS[5]].map(expected);
    let thousands = expected.map(|amount| (amount / 1_000.0).round());
    assert_eq!(thousands, [5.0, 0.0, 5.0, 5.0], "{expected:?}");
}

#[test]
fn excluded_days_do_not_widen_the_band() {
    let history = days(60, |i| if i >= 40 && i % 2 == 0 { 3.0 * usual(i) } else { usual(i) });
    let deviation = |history: &Series| {
        let fitted = native::fit::<DailyLevel>(&native::context("{}"), history).expect("fitted");
        fitted.figures[1].1
    };
    assert!(deviation(&history) > 500.0);
    assert!(deviation(&history.clone().excluding((40..60).step_by(2))) < 500.0);
}

#[test]
fn a_second_step_is_compared_with_the_first_step() {
    let history = days(130, |i| if i < 120 { usual(i) } else { 1.6 * usual(i) });
    let verdict = &fit_then_judge::<DailyLevel>("{}", &history, &[3_000.0]).expect("judged")[0];
    assert!(verdict.score >= 1.0 && (1_500.0..1_700.0).contains(&verdict.expected), "{verdict:?}");
}

#[test]
fn a_service_without_cost_on_most_days_has_no_expected_cost_on_these_days() {
    let history = days(63, |i| if i % 7 == 6 { usual(i) } else { 0.0 });
    let verdict = &fit_then_judge::<DailyLevel>("{}", &history, &[500.0]).expect("judged")[0];
    assert!(verdict.score >= 1.0 && verdict.expected == 0.0, "{verdict:?}");
    let verdicts =
        fit_then_judge::<DailyLevel>("{}", &history, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1_000.0]).expect("judged");
    assert!(verdicts[6].score < 1.0 && verdicts[6].expected > 900.0, "{verdicts:?}");
}

#[test]
fn reasons_state_the_amounts_in_both_languages() {
    let mut context = native::context("{}");
    let fitted = native::fit::<DailyLevel>(&context, &days(56, |_| 1_000.0)).expect("fitted");
    let mut reason = |locale: &str, observed: f64| {
        locale.clone_into(&mut context.locale);
        let series = Series::daily("2026-03-02", [observed]);
        native::judge::<DailyLevel>(&context, &fitted, series, 0).expect("judged")[0].reason.clone()
    };
    assert_eq!(
        reason("en", 1_500.0),
        "1,500 KRW is 50 % above the usual 1,000 KRW on Mondays (the largest rise in 56 days)"
    );
    assert_eq!(reason("en", -500.0), "-500 KRW is below the usual 1,000 KRW on Mondays (the largest fall in 56 days)");
    assert_eq!(reason("ko", 1_500.0), "1,500원: 월요일 평소 1,000원보다 50% 높습니다 (최근 56일 중 가장 큰 상승)");
    assert_eq!(reason("ko", 200.0), "200원: 월요일 평소 1,000원보다 80% 낮습니다 (최근 56일 중 가장 큰 하락)");
}

#[test]
fn verdicts_of_extreme_series_are_numbers() {
    checks::extreme_series::<DailyLevel>(|value| days(220, value), WALK);
}

#[test]
fn settings_have_bounds() {
    checks::settings::<DailyLevel>();
}
