//! Partial days: a stalled total is reported, and no rule is evaluated.

use super::replayed_bill::{MACHINE, ReplayedBill, count, day, on_both, others, tells, total};
use costwarden_tests::Run;
use costwarden_tests::replay::{self, Row};

fn hourly(replayed: &ReplayedBill, index: i64, hour: u8, machine: &str) -> Run {
    let rows = [&[Row::of(MACHINE, machine)], others().as_slice()].concat();
    replay::write(&replayed.workdir, "bills", day(index), Some(hour), &rows);
    replayed.workdir.run(&["hourly", &format!("--at={}T{hour:02}:10", day(index)), "--json"])
}

#[test]
fn a_total_that_stands_still_is_told_once_and_not_judged() {
    on_both("[completeness]\nstalled_hours = 6\n", |replayed| {
        for index in 0..3 {
            tells(hourly(replayed, index, 3, "200"), 0, &[]);
            tells(hourly(replayed, index, 9, "500"), 0, &[]);
            tells(hourly(replayed, index, 10, "550"), 0, &[]);
            tells(replayed.next(index, "1000"), 0, &[total(index, 1000)]);
        }
        tells(hourly(replayed, 3, 3, "200"), 0, &[]);
        tells(hourly(replayed, 3, 8, "200"), 0, &[]);
        let what = format!("the total of {} has not changed since 03:00; the hour is not evaluated", day(3));
        let report = tells(hourly(replayed, 3, 9, "200"), 1, &[format!("[COSTWARDEN_STALE_FEED] {what}")]);
        assert_eq!([count(&report, "withheld_hours"), count(&report, "verdicts")], [1, 0], "{report}");
        let report = tells(hourly(replayed, 3, 10, "200"), 1, &[]);
        assert_eq!(count(&report, "withheld_hours"), 1, "{report}");
        let report = tells(
            hourly(replayed, 3, 11, "300"),
            0,
            &[format!("[COSTWARDEN_RECOVERED] the bill is evaluated again; the problem was: {what}")],
        );
        assert_eq!([count(&report, "withheld_hours"), count(&report, "anomalies")], [0, 0], "{report}");
        assert_ne!(count(&report, "verdicts"), 0, "{report}");
        tells(replayed.next(3, "1000"), 0, &[total(3, 1000)]);
    });
}
