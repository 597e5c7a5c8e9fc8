//! One process and several, side by side.

use std::collections::BTreeMap;

use mongodb::bson::Document;

use crate::bills;
use crate::labs::{Order, Shared};
use crate::mongo::{Dump, assert_same};
use crate::support::service;

/// Without the records of runs, of which each process has its own.
fn left(shared: &Shared) -> Dump {
    let mut dump = shared.mongo.dump();
    for of_runs in ["job_runs", "billing_notices"] {
        dump.remove(of_runs);
    }
    dump
}

fn archived(shared: &Shared) -> BTreeMap<String, Vec<String>> {
    let mut folders = vec![shared.lab.path().join("archive")];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let key = path.strip_prefix(shared.lab.path()).expect("below").display().to_string();
            let text = std::fs::read_to_string(&path).expect("a document");
            files.insert(key, crate::support::replay::rows_of(&text));
        }
    }
    files
}

fn several_do_what_one_does(of: u32, order: Order) {
    let (Some(mut one), Some(mut several)) = (Shared::new(1, Order::OneByOne), Shared::new(of, order)) else { return };
    one.live();
    several.live();
    let expected = left(&one);
    let rules = |found: &Document| found.get_str("ruleId").expect("a rule").to_owned();
    let found: Vec<String> = expected["billing_anomalies"].iter().map(rules).collect();
    for rule in ["tutorial", "by-hour", "domain", "all", "newcomer"] {
        assert!(found.iter().any(|of| of == rule), "{rule} found nothing");
    }
    assert!(expected["billing_episodes"].len() > 5 && expected["billing_baseline"].len() > 8);
    assert_same(&expected, &left(&several), &format!("{of} {order:?}"));
    assert_eq!(archived(&one), archived(&several), "each document once, and no predecessor that is none");

    one.told.sort();
    several.told.sort();
    assert_eq!(one.told, several.told);
    let totals = several.told.iter().filter(|line| line.contains("BILLING_DAILY_TOTAL")).count();
    assert_eq!(totals as i64, bills::DAYS - bills::HISTORY + 1, "of each day once");
    let told = several.told.iter().filter(|line| line.contains("BILLING_ANOMALY")).count();
    assert!(told > 5, "{:#?}", several.told);
}

/// What one process leaves and tells, several do too, though one of them dies and comes again. Gives back what is left,
/// and how often each kind of line was told.
fn several_redo_what_one_does(
    of: u32,
    order: Order,
    dies_at: Option<&'static str>,
    script: fn(&mut Shared),
) -> Option<(Dump, BTreeMap<String, usize>)> {
    let (mut one, mut several) = (Shared::new(1, Order::OneByOne)?, Shared::new(of, order)?);
    script(&mut one);
    several.dies_at = dies_at;
    script(&mut several);
    let expected = left(&one);
    assert_same(&expected, &left(&several), &format!("{of} {order:?} {dies_at:?}"));
    assert_eq!(archived(&one), archived(&several));
    assert_eq!(several.deaths > 0, dies_at.is_some(), "{} deaths", several.deaths);

    one.told.sort();
    several.told.sort();
    if dies_at.is_none() {
        assert_eq!(one.told, several.told);
    }
    let kinds = |told: &[String]| {
        let kind = |line: &String| line.split(']').next().unwrap_or_default().to_owned();
        told.iter().map(kind).fold(BTreeMap::<String, usize>::new(), |mut kinds, kind| {
            *kinds.entry(kind).or_default() += 1;
            kinds
        })
    };
    Some((expected, kinds(&one.told)))
}

/// Days that a run chooses itself.
fn several_choose_what_one_does(of: u32, order: Order, dies_at: Option<&'static str>) {
    let Some((left, told)) = several_redo_what_one_does(of, order, dies_at, Shared::planned) else { return };
    assert_eq!(left["billing_daily"].iter().filter(|one| one.get_str("date") == Ok("20261024")).count(), 7);
    assert!(left["billing_restated"].len() >= 4 && left["billing_episodes"].len() > 5, "{left:?}");
    for kind in ["[BILLING_ANOMALY", "[BILLING_DAILY_TOTAL", "[COSTWARDEN_STALE_FEED", "[COSTWARDEN_RECOVERED"] {
        assert!(told.get(kind).is_some_and(|times| *times > 0), "{kind}: {told:?}");
    }
}

/// Old days that somebody named, and what follows from them.
fn several_follow_what_one_follows(of: u32, order: Order, dies_at: Option<&'static str>) {
    let Some((left, told)) = several_redo_what_one_does(of, order, dies_at, Shared::named) else { return };
    let restated: Vec<&str> = left["billing_restated"].iter().filter_map(|one| one.get_str("date").ok()).collect();
    assert!(restated.contains(&"20260924") && restated.contains(&"20260926"), "{restated:?}");
    for kind in ["[BILLING_ANOMALY", "[BILLING_RETRACTED"] {
        assert!(told.get(kind).is_some_and(|times| *times > 0), "{kind}: {told:?}");
    }
}

#[test]
fn what_follows_from_old_days_is_followed_by_two_at_once() {
    several_follow_what_one_follows(2, Order::AtOnce, None);
}

#[test]
fn what_follows_from_old_days_is_followed_by_seven_at_once() {
    several_follow_what_one_follows(7, Order::AtOnce, None);
}

#[test]
fn what_follows_from_old_days_is_followed_by_seven_one_after_the_other() {
    several_follow_what_one_follows(7, Order::OneByOne, None);
}

/// At the same time: each waits for the lease of the dead to run out.
fn wherever(steps: [&'static str; 3], case: impl Fn(&'static str) + Sync) {
    std::thread::scope(|scope| {
        for step in steps {
            let case = &case;
            scope.spawn(move || case(step));
        }
    });
}

#[test]
fn one_that_died_follows_what_the_others_follow() {
    wherever(["written", "remembered:4", "learning"], |step| {
        several_follow_what_one_follows(2, Order::AtOnce, Some(step));
    });
}

#[test]
fn days_are_chosen_by_two_at_once() {
    several_choose_what_one_does(2, Order::AtOnce, None);
}

#[test]
fn days_are_chosen_by_seven_at_once() {
    several_choose_what_one_does(7, Order::AtOnce, None);
}

#[test]
fn days_are_chosen_by_seven_one_after_the_other() {
    several_choose_what_one_does(7, Order::OneByOne, None);
}

#[test]
fn one_that_died_chooses_the_days_of_the_others() {
    wherever(["writing", "remembered", "learning"], |step| {
        several_choose_what_one_does(2, Order::AtOnce, Some(step));
    });
}

#[test]
fn two_at_once() {
    several_do_what_one_does(2, Order::AtOnce);
}

/// More processes than most days have series for each.
#[test]
fn seven_at_once() {
    several_do_what_one_does(7, Order::AtOnce);
}

#[test]
fn seven_one_after_the_other() {
    several_do_what_one_does(7, Order::OneByOne);
}

fn several_compare_what_one_compares(of: u32, order: Order, dies_at: Option<&'static str>) {
    let Some((left, _)) = several_redo_what_one_does(of, order, dies_at, Shared::peers) else { return };
    let found = left["billing_anomalies"].iter().filter(|found| found.get_str("ruleId") == Ok("peers"));
    let days: std::collections::BTreeSet<&str> = found.map(|found| found.get_str("date").expect("a date")).collect();
    assert!(days.iter().any(|day| *day < "20261019") && days.iter().any(|day| *day > "20261019"), "{days:?}");
}

#[test]
fn peers_of_two_at_once_are_compared() {
    several_compare_what_one_compares(2, Order::AtOnce, None);
}

#[test]
fn peers_of_seven_one_after_the_other_are_compared() {
    several_compare_what_one_compares(7, Order::OneByOne, None);
}

#[test]
fn peers_are_compared_though_one_process_died_in_the_middle() {
    several_compare_what_one_compares(2, Order::AtOnce, Some("remembered:14"));
}

/// The series of a rule are of two processes, and the one whose series is gone has nothing to judge by it any more.
#[test]
fn what_was_found_of_a_series_that_is_gone_goes_with_it() {
    let scripts: [fn(&mut Shared); 2] = [Shared::appears_and_goes, Shared::appears_and_goes_by_the_hour];
    for (script, expected) in scripts.into_iter().zip(["retracted", "open"]) {
        let Some((left, _)) = several_redo_what_one_does(7, Order::OneByOne, None, script) else { return };
        assert!(left["billing_anomalies"].iter().all(|found| found.get_str("ruleId") != Ok("lab")));
        // What hours saw stands.
        let states = left["billing_episodes"].iter().filter(|episode| episode.get_str("serviceId") == Ok("x"));
        let states: Vec<&str> = states.map(|episode| episode.get_str("state").expect("a state")).collect();
        assert_eq!(states, [expected], "{:?}", left["billing_episodes"]);
    }
}

/// It is ahead of the others, or behind them.
#[test]
fn a_part_of_a_backfill_goes_on_where_it_was_interrupted() {
    let (Some(mut one), Some(ahead), Some(behind)) =
        (Shared::new(1, Order::OneByOne), Shared::new(2, Order::OneByOne), Shared::new(2, Order::OneByOne))
    else {
        return;
    };
    let history = bills::texts(&bills::runs()[0]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let args: Vec<&str> = history.iter().map(String::as_str).collect();
    one.run(&args);
    let args = [&args[..], &["--json"]].concat();
    let expected = left(&one);
    for (shared, others_first) in [(&ahead, false), (&behind, true)] {
        let part = |shard: &str, env: &[(&str, &str)]| shared.lab.run_with(&[&args[..], &[shard]].concat(), env);
        let died = part("--shard=1/2", &[("COSTWARDEN_REHEARSE", "kill:written:19")]);
        assert_eq!(died.code, -1, "{died:?}");
        if others_first {
            part("--shard=0/2", &[]).expect(0);
        }
        let report = part("--shard=1/2", &[]).report();
        assert_eq!(report["counts"]["resumed_after_days"], 16, "{report}");
        assert_eq!(report["counts"]["days"], bills::HISTORY - 16, "{report}");
        if !others_first {
            part("--shard=0/2", &[]).expect(0);
        }
        assert_same(&expected, &left(shared), &format!("{others_first}"));
    }
}

/// Nobody said where it ends, and one begins after midnight.
#[test]
fn parts_of_a_backfill_end_together() {
    let Some(faketime) = service("COSTWARDEN_TEST_FAKETIME") else { return };
    let (Some(mut one), Some(several)) = (Shared::new(1, Order::OneByOne), Shared::new(2, Order::OneByOne)) else {
        return;
    };
    let from = format!("--from={}", bills::FIRST);
    let part = |shard: &str, index: i64| {
        let moment = format!("@{} 01:00:00", bills::day(index));
        let clock = [("LD_PRELOAD", faketime.as_str()), ("FAKETIME", &moment), ("TZ", "UTC")];
        let env = [&clock[..], &[("FAKETIME_DONT_FAKE_MONOTONIC", "1")]].concat();
        several.lab.run_with(&["backfill", &from, "--json", shard], &env).expect(0).report()["period"].clone()
    };
    assert_eq!([part("--shard=0/2", 28), part("--shard=1/2", 29)], ["20260921-20261018"; 2]);
    one.run(&["backfill", &from, "--to=2026-10-18"]);
    assert_same(&left(&one), &left(&several), "through the same day");
    assert_eq!([part("--shard=0/2", 29), part("--shard=1/2", 29)], ["20260921-20261019"; 2], "the next one");
}

#[test]
fn one_of_one_is_all() {
    let (Some(mut one), Some(several)) = (Shared::new(1, Order::OneByOne), Shared::new(1, Order::OneByOne)) else {
        return;
    };
    let history = bills::texts(&bills::runs()[0]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let args: Vec<&str> = history.iter().map(String::as_str).collect();
    one.run(&args);
    several.lab.run(&[args.as_slice(), &["--shard=0/1"]].concat()).expect(0);
    assert_same(&one.mongo.dump(), &several.mongo.dump(), "0/1");
}
