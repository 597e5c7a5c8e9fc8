//! A resource left running at 09:00: a notification before noon, and none on a day without a runaway.

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY, ago, later};

const ENGLISH: Setup<'_> = Setup { keys: "language = \"en\"", bill: &[], source: "", rules: "" };

/// Without hourly history, the day until now is compared with whole days.
#[test]
fn a_big_runaway_is_told_by_eleven_without_any_hourly_history() {
    let without_runaway = SimulatedBill::with_history(&ENGLISH, 60);
    for hour in 9..=11 {
        without_runaway.hour(TODAY, hour).expect_silence();
    }
    let simulated = SimulatedBill::with_history(&ENGLISH, 60);
    simulated.hide(MYSQL, "runaway", "2026-11-23T09:00:00", r#","amount":120000"#);
    simulated.hour(TODAY, 9).expect_silence();
    let told = [simulated.hour(TODAY, 10).expect(0), simulated.hour(TODAY, 11).expect(0)];
    assert_eq!(told[1].rules(MYSQL), ["service-daily"]);
    let lines: Vec<&str> = told.iter().flat_map(|told| told.incidents()).collect();
    assert_eq!(lines.len(), 1, "{told:#?}");
    assert!(lines[0].starts_with("[BILLING_ANOMALY] MySQL of project example-corp/결제 is "), "{lines:?}");
}

/// The cost of earlier days at the same hour reveals the runaway long before the bound of a whole day. The finished day
/// is inside the opening band and resolves the incident.
#[test]
fn a_moderate_runaway_is_told_by_eleven_once_the_hours_are_known() {
    let simulated = SimulatedBill::new(&ENGLISH);
    for days in (1..=15).rev() {
        for hour in [5, 6, 11] {
            simulated.hour(ago(days), hour);
        }
    }
    simulated.bill.set_now("2026-11-23T00:10:00+09:00");
    simulated.load(ago(60), ago(2)).expect(0);
    simulated.day(ago(1)).expect(0);
    for hour in [5, 6, 11] {
        // The six services by two rules; the project, the account and the total by one rule.
        assert_eq!(simulated.hour(TODAY, hour).expect_silence().count("verdicts"), 15);
    }

    simulated.hide(MYSQL, "runaway", "2026-11-23T09:00:00", r#","amount":30000,"until":"2026-11-23T12:00:00""#);
    let told = simulated.hour(TODAY, 11).expect(0);
    assert_eq!(told.rules(MYSQL), ["service-today"]);
    let so_far = told.anomalies()[0]["observedAmount"].as_f64().expect("an amount");
    let least = simulated.documents(&["series", "show", "--series", MYSQL]);
    let least = least.iter().map(|day| day["expectAmount"].as_f64().expect("an amount")).fold(f64::MAX, f64::min);
    assert!(so_far < least, "{so_far}: less than any whole day before, {least}");
    let lines = told.incidents();
    assert_eq!(lines.len(), 1, "{told:#?}");
    assert!(lines[0].starts_with("[BILLING_ANOMALY] MySQL of project example-corp/결제 is "), "{lines:?}");

    assert_eq!(simulated.day(TODAY).expect(0).incidents(), [] as [&str; 0], "it was told already");
    assert_eq!(simulated.hour(later(1), 11).expect(0).incidents(), [] as [&str; 0], "only a finished day is a proof");
    let told = simulated.day(later(1)).expect(0);
    assert_eq!(told.count("closed"), 1, "{told:#?}");
    let lines = told.incidents();
    assert_eq!(lines.len(), 1, "{told:#?}");
    assert!(lines[0].starts_with("[BILLING_RESOLVED] MySQL of project example-corp/결제 is back"), "{lines:?}");
}
