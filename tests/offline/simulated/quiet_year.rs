//! A year of forty services with weekends, public holidays, monthly fees and restated bills, and without an incident. The
//! default rules give at most one message a month.

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::simulated_bill::{JobOutput, MYSQL, Setup, SimulatedBill, TODAY, ago, moment};

/// Days before the year, for the first fits.
const HISTORY: i32 = 95;
/// Days at the end of the year with a daily job each, so that restated bills are seen before and after.
const LIVE: i32 = 30;

/// The number of opened incidents that people are notified of.
fn messages(told: &JobOutput) -> usize {
    told.lines.iter().filter(|line| line.starts_with("[BILLING_ANOMALY]")).count()
}

/// Runs the daily job ten minutes after the end of a day, over this day and the two restated days before.
fn live(simulated: &SimulatedBill, day: Date) -> JobOutput {
    simulated.bill.set_now(&moment(day.saturating_add(1.day()), 0));
    simulated.told(&["daily", "--from", &day.saturating_sub(2.days()).to_string(), "--to", &day.to_string()])
}

#[test]
fn a_quiet_year_gives_at_most_one_message_a_month() {
    let bill = ["--services", "40", "--days", "470", "--catalogue", "calendar"];
    let simulated = SimulatedBill::new(&Setup { bill: &bill, ..Setup::default() });
    simulated.load(ago(365 + HISTORY), ago(366)).expect(0);
    let [from, to] = [365, LIVE + 1].map(|days| ago(days).to_string());
    let mut told = vec![simulated.told(&["backfill", "--from", &from, "--to", &to, "--alert"]).expect(0)];
    told.extend((1..=LIVE).rev().map(|days| live(&simulated, ago(days))));
    let restated: u64 = told.iter().map(|job| job.count("restated_days")).sum();
    assert!(restated > 0, "no bill was restated: {:#?}", told.last());
    let total: usize = told.iter().map(messages).sum();
    assert!(
        total <= 12,
        "{total} messages in a year: {:#?}",
        told.iter().flat_map(|job| &job.lines).collect::<Vec<_>>()
    );

    simulated.hide(MYSQL, "spike", "2026-11-23T00:00:00", r#","factor":3"#);
    assert_eq!(messages(&simulated.day(TODAY)), 1, "an incident gives a message");
}
