//! Missing days: fetched by the next run, reported while unavailable, and given up without a bill.

use super::replayed_bill::{MACHINE, anomaly, count, day, on_both, others, quiet, resolved, tells, told, total};
use costwarden_tests::replay::Row;

#[test]
fn a_gap_is_closed_oldest_first_and_its_days_are_told() {
    on_both("", |replayed| {
        for (index, machine) in ["1000", "1500", "1000", "1000"].iter().enumerate() {
            replayed.bill(index as i64, machine);
        }
        let news = [anomaly("50.0", "1500"), resolved(1, 1, "500")];
        let totals = [total(0, 1000), total(1, 1500), total(2, 1000), total(3, 1000)];
        let report = tells(replayed.daily(3), 0, &[news.as_slice(), &totals].concat());
        assert_eq!(count(&report, "closed_gap_days"), 3, "{report}");
        assert_eq!(replayed.machine(0, &[]).len(), 4);
        let report = tells(replayed.daily(3), 0, &[]);
        assert_eq!(count(&report, "closed_gap_days"), 0, "{report}");
    });
}

#[test]
fn a_gap_that_is_too_long_is_told_with_the_command_that_closes_it() {
    on_both("catch_up_days = 3\nrestate_days = 3", |replayed| {
        for index in 7..=10 {
            replayed.bill(index, quiet(index));
        }
        let command = format!("costwarden backfill --from {} --to {}", day(0), day(6));
        let gap = format!("the ledger has no bill from {} to {}: load the days with {command}", day(0), day(6));
        let mut expected = vec![format!("[COSTWARDEN_GAP] {gap}")];
        expected.extend((7..=10).map(|index| total(index, if index % 2 == 0 { 990 } else { 1010 })));
        let report = tells(replayed.daily(10), 1, &expected);
        assert_eq!([count(&report, "gap_days"), count(&report, "closed_gap_days")], [7, 3], "{report}");
        assert!(report["problems"][0].as_str().is_some_and(|problem| problem.ends_with(&command)), "{report}");

        let report = tells(replayed.next(11, "1010"), 1, &[total(11, 1010)]);
        assert_eq!(count(&report, "gap_days"), 7, "it is not forgotten: {report}");

        for index in 0..=6 {
            replayed.bill(index, quiet(index));
        }
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        replayed.workdir.run(&words).expect(0);
        tells(
            replayed.next(12, "990"),
            0,
            &[format!("[COSTWARDEN_RECOVERED] no longer the case: {gap}"), total(12, 990)],
        );
        assert_eq!(replayed.machine(0, &[]).len(), 13);
    });
}

#[test]
fn a_day_without_a_bill_is_not_asked_for_for_ever() {
    on_both("restate_days = 2", |replayed| {
        for index in 1..=2 {
            let report = tells(replayed.next(index, "1000"), 1, &[total(index, 1000)]);
            assert_eq!(count(&report, "missing_days"), 1, "{report}");
        }
        let report = tells(replayed.next(3, "1000"), 0, &[total(3, 1000)]);
        assert_eq!([count(&report, "missing_days"), count(&report, "days_without_bill")], [1, 1], "{report}");

        // Were it asked for, it would be there now.
        replayed.bill(0, "1000");
        let report = tells(replayed.next(4, "1000"), 0, &[total(4, 1000)]);
        assert_eq!([count(&report, "missing_days"), count(&report, "closed_gap_days")], [0, 0], "{report}");
        assert_eq!(replayed.machine(0, &[]).len(), 4);
        let only = format!("--date={}", day(0));
        replayed.workdir.run(&["daily", &only, "--json"]).expect(0);
        assert_eq!(replayed.machine(0, &[]).len(), 5, "who asks for it gets it");
    });
}

#[test]
fn half_a_day_is_held_back_and_made_good_by_the_next_run() {
    on_both("", |replayed| {
        let half = [Row::of(MACHINE, "1500"), others()[0].clone()];
        replayed.bill_of(0, &half);
        let what =
            format!("the bill of {} has only 2 series, the usual number is 6; the day is not evaluated yet", day(0));
        // A cost above the upper bound is a proof, whatever the rest of the bill adds.
        let news = [format!("[COSTWARDEN_STALE_FEED] {what}"), anomaly("50.0", "1500")];
        let report = tells(replayed.daily(0), 1, &news);
        assert_eq!([count(&report, "withheld_days"), count(&report, "anomalies")], [1, 1], "{report}");
        assert!(replayed.machine(0, &[]).is_empty());
        let report = tells(replayed.daily(0), 1, &[]);
        assert_eq!(count(&report, "withheld_days"), 1, "{report}");

        replayed.bill(0, "1500");
        let over = format!("[COSTWARDEN_RECOVERED] the bill is evaluated again; the problem was: {what}");
        let news = [over, resolved(0, 0, "500"), total(0, 1500), total(1, 1000)];
        tells(replayed.next(1, "1000"), 0, &news);
        assert_eq!(replayed.machine(0, &[]).len(), 2);
    });
}

#[test]
fn half_a_day_that_stays_so_is_taken_as_it_is() {
    on_both("restate_days = 2", |replayed| {
        replayed.bill_of(0, &[Row::of(MACHINE, "1000"), others()[0].clone()]);
        let run = replayed.daily(0).expect(1);
        assert_eq!(told(&run).len(), 1, "{run:?}");
        let report = tells(replayed.next(1, "1000"), 1, &[total(1, 1000)]);
        assert_eq!(count(&report, "withheld_days"), 1, "{report}");
        assert_eq!(replayed.machine(0, &[]).len(), 1);

        let run = replayed.next(2, "1000").expect(0);
        let lines = told(&run);
        assert!(
            lines[0].starts_with("[COSTWARDEN_RECOVERED] the bill is evaluated again; the problem was: the bill of "),
            "{lines:?}"
        );
        let short = format!("[BILLING_DAILY_TOTAL] The total cost of [{}] is 1,100.00 KRW.", day(0));
        assert_eq!(lines[1..], [short, total(2, 1000)]);
        assert_eq!(replayed.machine(0, &[]).len(), 3);
    });
}
