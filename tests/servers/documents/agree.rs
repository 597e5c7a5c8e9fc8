//! Both stores: the same bills give the same documents.

use super::{timeless, told};
use costwarden_tests::eight_services::{self, EMBEDDED};
use costwarden_tests::mongo::Mongo;

#[test]
fn both_stores_hold_the_same_and_report_the_same() {
    let Some(mongo) = Mongo::new() else { return };
    let workdirs = [eight_services::workdir(&mongo.store()), eight_services::workdir(EMBEDDED)];
    for run in eight_services::runs() {
        let args = [eight_services::texts(&run).as_slice(), &["--json"]].concat();
        let [one, other] = workdirs.each_ref().map(|workdir| workdir.run(&args));
        assert_eq!(one.code, other.code, "{run:?}: {one:?} {other:?}");
        assert_eq!(told(&one), told(&other), "{run:?}");
        let [one, other] = [one, other].map(|run| timeless(vec![run.report()]));
        assert_eq!(one, other, "{run:?}");
    }
    let looks: [&[&str]; 4] = [
        &["anomalies", "list", "--json"],
        &["anomalies", "list", "--from=2026-10-20", "--to=20261021", "--json"],
        &["series", "show", "--series=*/*/*", "--json"],
        &["series", "show", "--series=d-1/p-2/mysql", "--from=2026-10-20", "--json"],
    ];
    for look in looks {
        let [one, other] = workdirs.each_ref().map(|workdir| timeless(workdir.json(look)));
        assert!(!one.is_empty(), "{look:?}");
        assert_eq!(one, other, "{look:?}");
        // The same fields in the same order, as a script that cuts lines would have it.
        let [one, other] = workdirs.each_ref().map(|workdir| fields(&workdir.run(look).stdout));
        assert_eq!(one, other, "{look:?}");
    }
}

/// The field names of each line, in order.
fn fields(lines: &str) -> Vec<Vec<String>> {
    let names = |line: &str| {
        let text = line.trim_start_matches('{');
        text.split(",\"").filter_map(|part| Some(part.trim_matches('"').split_once("\":")?.0.to_owned())).collect()
    };
    lines.lines().map(names).collect()
}
