//! Native tests of the detector, with the same packing of settings and state as in the sandbox.

use costwarden_sdk::native::{self, fit_then_judge};
use costwarden_sdk::{Refusal, Series};

use super::WeekdayRatio;

/// Four weeks from Monday 2026-01-05: 100 on weekdays, 40 on Saturdays and Sundays.
fn four_weeks() -> Series {
    Series::daily("2026-01-05", [100.0, 100.0, 100.0, 100.0, 100.0, 40.0, 40.0].repeat(4))
}

fn scores(settings: &str, new: &[f64]) -> Vec<f64> {
    let verdicts = fit_then_judge::<WeekdayRatio>(settings, &four_weeks(), new).expect("enough history");
    verdicts.iter().map(|verdict| verdict.score).collect()
}

#[test]
fn a_weekday_is_compared_with_its_like() {
    // Monday to Saturday: a usual amount for Friday is too much for Saturday.
    assert_eq!(scores("{}", &[100.0, 199.0, 200.0, 0.0, 100.0, 100.0]), [0.5, 0.995, 1.0, 0.0, 0.5, 1.25]);
    assert_eq!(scores(r#"{ "ratio": 4, "minAmount": 800 }"#, &[400.0, 800.0]), [0.5, 1.0]);
}

#[test]
fn unknown_points_get_no_verdict_and_excluded_ones_are_not_learned_from() {
    let mut values = four_weeks().values;
    values[7] = 9_000.0;
    values[14] = f64::NAN;
    let history = Series::daily("2026-01-05", values).excluding([7]);
    let settings = r#"{ "weeks": 2 }"#;
    let verdicts = fit_then_judge::<WeekdayRatio>(settings, &history, &[f64::NAN, 100.0]).expect("enough history");
    assert_eq!((verdicts.len(), verdicts[0].index, verdicts[0].expected), (1, 1, 100.0));
}

#[test]
fn three_weeks_are_needed_unless_the_settings_say_otherwise() {
    let history = Series::daily("2026-01-05", vec![1.0; 20]);
    assert_eq!(fit_then_judge::<WeekdayRatio>("{}", &history, &[1.0]), Err(Refusal::Learning(1)));
    assert!(fit_then_judge::<WeekdayRatio>(r#"{ "weeks": 2 }"#, &history, &[1.0]).is_ok());
}

#[test]
fn where_nothing_is_usual_nothing_alerts() {
    let zeros = Series::daily("2026-01-05", vec![0.0; 28]);
    let verdicts = fit_then_judge::<WeekdayRatio>("{}", &zeros, &[5.0]).expect("enough history");
    assert_eq!((verdicts[0].score, verdicts[0].upper), (0.0, f64::INFINITY));
}

#[test]
fn reasons_speak_the_operators_language() {
    let reason = |locale: &str| {
        let mut context = native::context("{}");
        locale.clone_into(&mut context.locale);
        let fitted = native::fit::<WeekdayRatio>(&context, &four_weeks()).expect("enough history");
        let monday = Series::daily("2026-02-02", [1_234.0]);
        native::judge::<WeekdayRatio>(&context, &fitted, monday, 0).expect("judged")[0].reason.clone()
    };
    assert_eq!(reason("en"), "1,234 KRW is 12.3 times the usual 100 KRW of a Monday");
    assert_eq!(reason("ko"), "1,234원: 월요일 평소 금액 100원의 12.3배입니다");
}

#[test]
fn settings_have_bounds() {
    let pointers = |settings: &str| -> Vec<_> {
        native::check::<WeekdayRatio>(settings).into_iter().map(|issue| issue.pointer).collect()
    };
    assert_eq!(pointers("{}"), [""; 0]);
    assert_eq!(pointers(r#"{ "ratio": 1, "weeks": 0, "minAmount": -1 }"#), ["/ratio", "/weeks", "/minAmount"]);
    assert_eq!(pointers(r#"{ "times": 3 }"#), ["/times"]);
}
