//! Native tests of the detector.

use costwarden_sdk::native::{self, Walk};
use costwarden_sdk::{Refusal, Series};

use super::HoltWintersDetector;

/// Weeks from Monday 2026-03-02 that rise by 1 a day and cost 60 less at weekends.
fn weeks(count: usize) -> Vec<f64> {
    let weekend = |i: usize| if i % 7 < 5 { 0.0 } else { 60.0 };
    (0..7 * count).map(|i| 200.0 + i as f64 - weekend(i)).collect()
}

fn anomalous(values: Vec<f64>) -> Vec<usize> {
    let walk = Walk { refit_every: 7, history: 90, exclude_alerts: true };
    let verdicts =
        native::walk::<HoltWintersDetector>(&native::context("{}"), &Series::daily("2026-03-02", values), walk);
    let judged =
        verdicts.iter().enumerate().filter(|(_, verdict)| verdict.as_ref().is_some_and(|verdict| verdict.score >= 1.0));
    judged.map(|(i, _)| i).collect()
}

#[test]
fn a_rise_off_trend_and_season_alerts() {
    native::grant("holidays.csv", "");
    let mut values = weeks(12);
    values[70] += 150.0;
    assert_eq!(anomalous(values), [70]);
}

#[test]
fn a_holiday_costs_as_much_as_a_sunday() {
    // 2026-05-05 is a Tuesday.
    let mut values = weeks(12);
    values[64] -= 60.0;
    native::grant("holidays.csv", "2026-05-05\n");
    assert_eq!(anomalous(values.clone()), [0; 0]);
    native::grant("holidays.csv", "");
    assert_eq!(anomalous(values), [64]);
}

#[test]
fn four_weeks_and_the_holidays_are_needed() {
    let series = Series::daily("2026-03-02", weeks(2));
    let fit = || native::fit::<HoltWintersDetector>(&native::context("{}"), &series).map(|_| ());
    let absent = "reference data holidays.csv: `holidays.csv` is not granted";
    assert_eq!(fit(), Err(Refusal::Failed(absent.to_owned())));
    native::grant("holidays.csv", "");
    assert_eq!(fit(), Err(Refusal::Learning(14)));
    assert_eq!(native::check::<HoltWintersDetector>(r#"{ "k": 0 }"#)[0].pointer, "/k");
}
