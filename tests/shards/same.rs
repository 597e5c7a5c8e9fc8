//! One process and several, side by side.

use std::collections::BTreeMap;

use mongodb::bson::Document;

use crate::bills;
use crate::labs::{Order, Shared};
use crate::mongo::{Dump, assert_same};

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
