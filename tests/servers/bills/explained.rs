//! The cause of an incident: the drivers from the archived bills, in notifications and in `incidents explain`.

use serde_json::Value;

use super::replayed_bill::{MACHINE, ReplayedBill, day, on_both, others, quiet};
use costwarden_tests::Run;
use costwarden_tests::replay::{Row, key};

const FULL: &str = "[[receiver]]\nkind = \"stdout\"\ntext = \"full\"\n";

/// The rows of a day: the machine with a cost and a usage time, and the rest of the services.
fn rows(cost: &str, hours: &str) -> Vec<Row> {
    let fields = [
        ("expectAmount", cost),
        ("usageTime", hours),
        ("usageSize", "1"),
        ("region", "\"kr-1\""),
        ("pricingType", "\"ON_DEMAND\""),
        ("resourceId", "\"vm-1\""),
    ];
    [&[Row::new(MACHINE, &fields)], others().as_slice()].concat()
}

/// Runs the daily job of a day with twice the usage of the machine at nearly the same price, and a new address.
fn runaway(replayed: &ReplayedBill) -> Run {
    for index in -28..0 {
        replayed.bill_of(index, &rows(quiet(index), "24"));
    }
    replayed.backfill(-28, -1).expect(0);
    replayed.bill_of(0, &rows("2000.123456789", "48"));
    replayed.daily(0)
}

/// The sentence about the cause in the notification of the anomaly.
fn sentence(run: &Run) -> String {
    let line = run.stderr.lines().find(|line| line.starts_with("[BILLING_ANOMALY]")).expect("a notification");
    let start = line.find("Cause").expect("a cause");
    let end = line.find(" Details:").expect("details");
    line[start..end].to_owned()
}

fn decimal(text: &Value) -> f64 {
    text.as_str().expect("a decimal").parse().expect("a number")
}

#[test]
fn the_drivers_equal_the_excess_and_the_verdict_is_reproduced() {
    on_both(FULL, |replayed| {
        let run = runaway(replayed);
        assert_eq!(
            sentence(&run),
            "Cause, compared with 12 Oct (Mon): Virtual Machine (vm-1, kr-1, ON_DEMAND), usage time 24 → 48, unit price 42.08 → 41.67 KRW, +990 KRW (100% of the difference)."
        );
        let id = replayed.incident()["incident"].as_str().expect("an id").to_owned();
        let explained = replayed.workdir.run(&["incidents", "explain", &id, "--json"]).expect(0).report();
        let cause = &explained["cause"];
        assert_eq!(cause["difference"], "990.123456789");
        let driver = &cause["drivers"][0];
        let effects = [&driver["effects"]["price"], &driver["effects"]["quantity"]];
        assert_eq!(effects, ["-19.876543211", "1010"]);
        let excess = decimal(&cause["after"]) - decimal(&cause["expected"]);
        assert!((decimal(&cause["difference"]) + decimal(&cause["usualVariation"]) - excess).abs() < 1e-9, "{cause}");
        assert_eq!(cause["moments"][0]["earlier"]["date"], day(-7).to_string());
        assert_eq!(cause["restOfProject"]["drivers"], Value::Array(Vec::new()));
        let band = &explained["bands"][0];
        assert_eq!((&band["isReproduced"], &band["stored"]), (&Value::Bool(true), &band["again"]));

        let text = replayed.workdir.run(&["incidents", "explain", &id]).expect(0).stdout;
        let text = text.replace(band["detector"].as_str().expect("a digest"), "[digest]");
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @r#"
            incident 20261019-b4d012c7c0c9: acme / shop / Virtual Machine (d-1/p-1/vm)

            days                2026-10-19
            compared with       2026-10-12
            bill                2,000.123456789 KRW
            compared bill       1,010 KRW
            difference          +990.123456789 KRW
            usual variation     +10 KRW (the compared bill minus the expected cost)
            excess              +1,000 KRW (the difference and the usual variation)
              by price          -19.876543211 KRW
              by quantity       +1,010 KRW
              new resources     +0 KRW
              removed resources +0 KRW

             charge                                              difference  share
            ───────────────────────────────────────────────────────────────────────
             shop / Virtual Machine (vm-1, kr-1, ON_DEMAND)  +990.123456789   100%
               change 1,010 → 2,000.123456789; usage time 24 → 48: +1,010; price:
                 -19.876543211

            no other charge of the project changed at the same time

            rule                tutorial
            plugin              sha256 [digest]
            settings            sha256 0e15853dfbdfc6c5aa07835fd166dcdf5112b32748adfcc076bec9cec593db90 ({"deviationRatio":2.0,"minSamples":20,"zScore":3.0})
            trained through     2026-10-18
            figures             mean 1,000.00, sampleCount 28.00, std 10.18
            on 2026-10-19       observed 2,000, expected 1,000, bounds none to 1,031 KRW, score 32.74
            evaluated again     the archived bill and the fit give the same verdict
            "#);
        }
    });
}

#[test]
fn a_verdict_of_another_plugin_or_bill_is_not_called_reproduced() {
    on_both(FULL, |replayed| {
        runaway(replayed);
        let id = replayed.incident()["incident"].as_str().expect("an id").to_owned();
        let band = |replayed: &ReplayedBill| {
            let run = replayed.workdir.run(&["incidents", "explain", &id, "--json"]);
            run.report()["bands"][0].clone()
        };
        let archived = replayed.workdir.path().join("archive").join(key(day(0), None));
        let bill = std::fs::read_to_string(&archived).expect("the archived bill");
        std::fs::write(&archived, bill.replace("2000.123456789", "3000")).expect("written");
        assert_eq!(band(replayed)["isReproduced"], false);
        std::fs::remove_file(&archived).expect("removed");
        let problem = format!("the bill of {} could not be read from the archive", day(0));
        assert_eq!((&band(replayed)["isReproduced"], &band(replayed)["problem"]), (&Value::Null, &problem.into()));
    });
}

#[test]
fn a_missing_bill_gives_an_earlier_week_and_a_broken_archive_gives_a_reason() {
    on_both(FULL, |replayed| {
        let archived = |index| replayed.workdir.path().join("archive").join(key(day(index), None));
        for index in [-7, -14, -21] {
            std::fs::remove_file(archived(index)).expect("removed");
        }
        assert!(sentence(&replayed.next(0, "1500").expect(0)).contains("compared with 21 Sep (Mon)"));
        for index in [-28, -6, -13] {
            std::fs::write(archived(index), "no document").expect("written");
        }
        let run = replayed.next(1, "4000").expect(0);
        assert_eq!(sentence(&run), "Cause: not known, because the archive could not be read.");
        let notes = run.report()["notes"].to_string();
        assert!(notes.contains("notifications of this run name no cause") && notes.contains("raw document"), "{notes}");
    });
}
