use jiff::civil::date;

use super::*;

fn forecast(first: Date, costs: &[f64]) -> MonthForecast {
    month_end(&DailyCosts { first, costs }).expect("enough days")
}

/// Returns the costs of the days from `first` to `last`.
fn costs(first: Date, last: Date, cost: impl Fn(Date) -> f64) -> Vec<f64> {
    first.series(1.day()).take_while(|day| *day <= last).map(cost).collect()
}

#[test]
fn a_constant_cost_goes_on() {
    let first = date(2026, 9, 1);
    let found = forecast(first, &costs(first, date(2026, 11, 10), |_| 5.0));
    assert_eq!((found.so_far, found.month_end, found.open_days), (50.0, 150.0, 20));
    assert_eq!(found.range, Some(ForecastRange { lower: 150.0, upper: 150.0 }));
}

#[test]
fn weekends_have_their_own_cost() {
    let cost = |day: Date| if day.weekday().to_monday_zero_offset() < 5 { 10.0 } else { 2.0 };
    let first = date(2026, 9, 1);
    let whole: f64 = costs(date(2026, 11, 1), date(2026, 11, 30), cost).iter().sum();
    let found = forecast(first, &costs(first, date(2026, 11, 10), cost));
    assert!((found.month_end - whole).abs() < 1e-9, "{found:?} for {whole}");
}

#[test]
fn a_fee_on_the_first_and_on_the_last_day_recurs_once_a_month() {
    for fee_day in [1, 15, 31] {
        let cost = |day: Date| if day.day() == fee_day.min(day.days_in_month()) { 310.0 } else { 10.0 };
        let first = date(2026, 6, 1);
        let found = forecast(first, &costs(first, date(2026, 11, 10), cost));
        assert_eq!(found.month_end, 600.0, "fee on day {fee_day}: {found:?}");
    }
}

#[test]
fn a_weekly_charge_is_no_charge_of_the_month() {
    let cost = |day: Date| if day.weekday().to_monday_zero_offset() == 0 { 80.0 } else { 10.0 };
    // February has four whole weeks: a weekday has the same day of the month in February and March.
    let first = date(2026, 1, 1);
    let whole: f64 = costs(date(2026, 3, 1), date(2026, 3, 31), cost).iter().sum();
    let found = forecast(first, &costs(first, date(2026, 3, 10), cost));
    assert!((found.month_end - whole).abs() < 1e-9, "{found:?} for {whole}");
}

#[test]
fn one_spike_does_not_recur() {
    let cost = |day: Date| if day == date(2026, 10, 20) { 1_000.0 } else { 10.0 };
    let first = date(2026, 8, 1);
    assert_eq!(forecast(first, &costs(first, date(2026, 11, 10), cost)).month_end, 300.0);
}

#[test]
fn days_without_a_bill_have_the_expected_cost() {
    let cost = |day: Date| if day == date(2026, 11, 5) { f64::NAN } else { 10.0 };
    let first = date(2026, 9, 1);
    let found = forecast(first, &costs(first, date(2026, 11, 10), cost));
    assert_eq!((found.so_far, found.month_end, found.open_days), (90.0, 300.0, 21));
}

#[test]
fn a_finished_month_is_no_forecast() {
    let first = date(2026, 11, 1);
    let found = forecast(first, &costs(first, date(2026, 11, 30), |day| f64::from(day.day())));
    assert_eq!((found.so_far, found.month_end, found.open_days), (465.0, 465.0, 0));
}

#[test]
fn a_short_history_has_no_forecast_or_no_range() {
    let first = date(2026, 10, 29);
    assert_eq!(month_end(&DailyCosts { first, costs: &[] }), None);
    assert_eq!(month_end(&DailyCosts { first, costs: &[1.0; 13] }), None);
    let found = forecast(first, &[1.0; 14]);
    assert_eq!((found.month_end, found.range), (30.0, None));
}

#[test]
fn a_credit_may_lead_below_zero_and_a_falling_cost_may_not() {
    let first = date(2026, 9, 1);
    let stopped =
        forecast(first, &costs(first, date(2026, 11, 20), |day| if day < date(2026, 11, 1) { 9.0 } else { 0.0 }));
    assert_eq!(stopped.month_end, 0.0);
    let credit = forecast(first, &costs(first, date(2026, 11, 20), |_| -2.0));
    assert_eq!(credit.month_end, -60.0);
}

#[test]
fn the_range_holds_the_forecast_and_grows_with_the_noise() {
    let first = date(2026, 1, 1);
    let mut random = fastrand::Rng::with_seed(1);
    let noisy: Vec<f64> = (0..300).map(|_| 10.0 + random.f64() * 8.0).collect();
    let found = forecast(first, &noisy);
    let range = found.range.expect("a range");
    assert!(range.lower < found.month_end && found.month_end < range.upper, "{found:?}");
    assert!(range.upper - range.lower < 0.3 * found.month_end, "{found:?}");
}
