//! Days that a person runs again, older than the wait for restatements: dependent results are updated.

use serde_json::Value;

use super::corrected::timeless;
use super::replayed_bill::{
    HISTORY, ReplayedBill, anomaly, count, day, empty_on_both, on_both, quiet, retracted, tells, total,
};
use costwarden_tests::{Run, repository};

/// Rules and statistics over four weeks.
const FOUR_WEEKS: &str =
    "restate_days = 2\ncatch_up_days = 2\nbaseline_days = 28\n[lease]\nseconds = 5\n[rules]\ndirectory = \"rules\"\n";

/// Runs a case on both stores with rules over four weeks and an empty database.
fn looking_back_four_weeks(case: impl Fn(&ReplayedBill) + Sync) {
    let both = empty_on_both(FOUR_WEEKS);
    std::thread::scope(|scope| {
        for replayed in &both {
            scope.spawn(|| {
                four_weeks(replayed);
                case(replayed);
            });
        }
    });
}

fn four_weeks(replayed: &ReplayedBill) {
    let rules = std::fs::read_to_string(repository().join("rules/tutorial/tutorial.toml")).expect("rules");
    let short = rules.replace("history_days = 90", "history_days = 28");
    assert_ne!(rules, short);
    replayed.workdir.write("rules/tutorial.toml", &short);
}

fn named(replayed: &ReplayedBill, index: i64) -> Run {
    replayed.workdir.run(&["daily", &format!("--date={}", day(index)), "--json"])
}

fn four_weeks_by_name(replayed: &ReplayedBill) -> Run {
    let (from, to) = (format!("--from={}", day(-HISTORY)), format!("--to={}", day(-1)));
    replayed.workdir.run(&["daily", &from, &to, "--json"])
}

/// Seven weeks: the history and three more weeks. The first and the last day are anomalous. The four weeks before the
/// last day begin after the corrected day; the last day stays anomalous while the first is not trained on.
fn seven_weeks(replayed: &ReplayedBill) {
    replayed.load();
    tells(replayed.next(0, "1080"), 0, &[anomaly("8.0", "1080"), total(0, 1080)]);
    for index in 1..20 {
        replayed.bill(index, quiet(index));
    }
    replayed.backfill(1, 19).expect(0);
    let run = replayed.next(20, "1050").expect(0);
    assert!(run.stderr.contains("[BILLING_ANOMALY] Virtual Machine"), "{run:?}");
    assert_eq!(found(replayed), [day(0), day(20)].map(|day| day.strftime("%Y%m%d").to_string()));
}

fn found(replayed: &ReplayedBill) -> Vec<String> {
    replayed.anomalies().iter().map(|found| found["date"].as_str().expect("a date").to_owned()).collect()
}

fn again(report: &Value) -> (u64, Value) {
    (count(report, "reevaluated_days"), report["reevaluated"].clone())
}

fn span(from: i64, to: i64) -> Value {
    let text = |index: i64| day(index).strftime("%Y%m%d").to_string();
    serde_json::json!({ "from": text(from), "to": text(to) })
}

/// All stored documents about bills. Baselines, fitted in every run, are compared without their times.
fn remembered(replayed: &ReplayedBill) -> Vec<Value> {
    let mut all =
        vec![replayed.machine(-HISTORY, &[]).into(), replayed.incidents().into(), replayed.anomalies().into()];
    if let Some(mongo) = &replayed.mongo {
        let baselines = mongo.dump().remove("billing_baseline").expect("baselines");
        let collections = ["billing_daily", "billing_anomalies", "billing_incidents"];
        for documents in collections.map(|name| mongo.documents(name)).into_iter().chain([baselines]) {
            all.push(documents.into_iter().map(|one| mongodb::bson::Bson::from(one).into_relaxed_extjson()).collect());
        }
    }
    all
}

#[test]
fn days_that_look_back_to_a_correction_are_judged_anew_and_those_that_look_back_to_these() {
    looking_back_four_weeks(|replayed| {
        seven_weeks(replayed);
        replayed.bill(-27, "1400");
        let report = tells(named(replayed, -27), 0, &[retracted(20), total(-27, 1400)]);
        assert_eq!([count(&report, "restated_days"), count(&report, "retracted")], [1, 2], "{report}");
        assert_eq!(again(&report), (47, span(-26, 20)), "{report}");
        assert_eq!(found(replayed), Vec::<String>::new());

        let before = remembered(replayed);
        // By itself the day is too early to be judged.
        let report = tells(named(replayed, -27), 1, &[]);
        assert_eq!(again(&report), (0, Value::Null), "{report}");
        assert_eq!(remembered(replayed), before, "nothing was written");

        let Some(other) = replayed.another() else { return };
        four_weeks(&other);
        for index in -HISTORY..=20 {
            other.bill(
                index,
                match index {
                    -27 => "1400",
                    0 => "1080",
                    20 => "1050",
                    _ => quiet(index),
                },
            );
        }
        other.backfill(-HISTORY, 20).expect(0);
        let days = |replayed: &ReplayedBill| timeless(replayed.machine(-HISTORY, &[]));
        assert_eq!(days(replayed), days(&other), "as a load of the final bills would have it");
        if let (Some(one), Some(other)) = (&replayed.mongo, &other.mongo) {
            for collection in ["billing_daily", "billing_baseline"] {
                assert_eq!(one.dump()[collection], other.dump()[collection], "{collection}");
            }
        }
    });
}

#[test]
fn days_that_look_back_to_nothing_that_has_changed_are_left_alone() {
    looking_back_four_weeks(|replayed| {
        seven_weeks(replayed);
        replayed.bill(-27, "1011");
        let report = tells(named(replayed, -27), 0, &[total(-27, 1011)]);
        assert_eq!(again(&report), (28, span(-26, 1)), "{report}");
        assert_eq!(found(replayed).len(), 2);
        let text =
            |args: &[&str]| replayed.workdir.run(&[&["daily", &format!("--date={}", day(-27))], args].concat()).stdout;
        replayed.bill(-27, "1010");
        let said = format!(", 28 days evaluated again from {} to {}, total ", day(-26), day(1));
        let dry = text(&["--dry-run"]);
        assert!(dry.contains(&said), "{dry}");
        let real = text(&[]);
        assert!(real.contains(&said), "nothing was written by the dry run: {real}");
        assert!(!text(&[]).contains("evaluated again"));
    });
}

#[test]
fn a_day_that_was_missing_is_a_change_too() {
    looking_back_four_weeks(|replayed| {
        for index in (-HISTORY..0).filter(|index| *index != -27) {
            replayed.bill(index, quiet(index));
        }
        replayed.backfill(-HISTORY, -1).expect(1);
        let run = replayed.next(0, "1080").expect(0);
        assert!(run.stderr.contains("[BILLING_ANOMALY] Virtual Machine"), "{run:?}");
        replayed.next(1, quiet(1)).expect(0);
        replayed.bill(-27, "1400");
        let report = tells(named(replayed, -27), 0, &[total(-27, 1400)]);
        assert_eq!(again(&report), (28, span(-26, 1)), "{report}");
        assert_eq!([count(&report, "restated_days"), count(&report, "retracted")], [0, 1], "{report}");
    });
}

#[test]
fn a_run_that_died_on_the_way_is_made_good_by_the_same_again() {
    looking_back_four_weeks(|replayed| {
        seven_weeks(replayed);
        let date = format!("--date={}", day(-27));
        let steps = ["written", "anomalies:20", "delivered", "stored:48", "training"];
        for (number, step) in steps.iter().enumerate() {
            let (machine, left) = if number % 2 == 0 { ("1400", 0) } else { ("1010", 2) };
            replayed.bill(-27, machine);
            let rehearsal = format!("kill:{step}");
            let died = replayed.workdir.run_with(&["daily", &date], &[("COSTWARDEN_FAILPOINT", &rehearsal)]);
            assert_eq!(died.code, -1, "{step}: {died:?}");
            let report = named(replayed, -27).expect(0).report();
            assert_eq!(again(&report), (47, span(-26, 20)), "{step}: {report}");
            assert_eq!(found(replayed).len(), left, "{step}");
            let report = tells(named(replayed, -27), 1, &[]);
            assert_eq!(again(&report), (0, Value::Null), "{step}: {report}");
        }
    });
}

/// The notifications, without totals.
fn news(run: &Run) -> Vec<&str> {
    let lines = super::replayed_bill::told(run);
    lines.into_iter().filter(|line| !line.starts_with("[BILLING_DAILY_TOTAL]")).collect()
}

fn half(index: i64) -> &'static str {
    if index % 2 == 0 { "495" } else { "505" }
}

#[test]
fn a_doubled_excess_is_notified_once() {
    on_both("renotify_factor = 2\n", |replayed| {
        tells(replayed.next(0, "1500"), 0, &[anomaly("50.0", "1500"), total(0, 1500)]);
        for index in -HISTORY..0 {
            replayed.bill(index, half(index));
        }
        let run = four_weeks_by_name(replayed).expect(0);
        let grown = "[BILLING_ANOMALY] Virtual Machine of project acme/shop is 200.0% above its usual cost. Now 1500.00 KRW, baseline 500.00 KRW.";
        assert_eq!(news(&run), [grown], "{run:?}");
        let report = run.report();
        assert_eq!((count(&report, "restated_days"), again(&report)), (28, (1, span(0, 0))), "{report}");
        assert_eq!(replayed.incident()["impact"], 1000.0);
        assert_eq!(news(&four_weeks_by_name(replayed).expect(0)), Vec::<&str>::new());
    });
}

#[test]
fn an_incident_opened_by_a_named_day_is_notified_by_the_next_run_if_it_continues() {
    on_both("", |replayed| {
        tells(replayed.next(0, "1000"), 0, &[total(0, 1000)]);
        for index in -HISTORY..0 {
            replayed.bill(index, half(index));
        }
        let run = four_weeks_by_name(replayed).expect(0);
        assert_eq!(news(&run), Vec::<&str>::new(), "{run:?}");
        let incident = replayed.incident();
        assert_eq!((&incident["muted"], &incident["impact"]), (&true.into(), &500.0.into()), "{incident}");
        let run = replayed.next(1, "1000").expect(0);
        assert!(matches!(news(&run)[..], [line] if line.starts_with("[BILLING_ANOMALY]")), "{run:?}");
        assert_eq!(replayed.incident()["muted"], false);
    });
}
