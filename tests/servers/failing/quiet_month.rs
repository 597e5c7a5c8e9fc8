//! Four quiet weeks, and a day with an anomaly.

use std::fs;

use jiff::civil::{Date, date};

use costwarden_tests::replay::{self, Bills, Row, SeriesKey, after};
use costwarden_tests::{Run, Workdir, repository};

/// The first day after the history.
pub(crate) const NEXT: Date = date(2026, 10, 19);

pub(crate) const DAILY: [&str; 3] = ["daily", "--date=2026-10-19", "--json"];
pub(crate) const HISTORY: [&str; 3] = ["backfill", "--from=2026-09-21", "--to=2026-10-18"];

const MACHINE: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "vm"], names: ["우리회사", "쇼핑몰", "Virtual Machine"] };

/// A working directory with the bills.
pub(crate) fn workdir(store: &str, tables: &str) -> Workdir {
    let rules = repository().join("rules/tutorial");
    let workdir = Workdir::new(&format!(
        "state_dir = \"state\"\n{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{store}\
         [rules]\ndirectory = {rules:?}\n{tables}",
        replay::source()
    ));
    let mut bills: Bills = (1..=28).map(|back| (after(NEXT, -back), rows("1000"))).collect();
    bills.insert(NEXT, rows("2500"));
    replay::write_all(&workdir, &bills);
    workdir
}

fn rows(amount: &str) -> Vec<Row> {
    // Enough that a day takes more than a page or two of a file.
    let other = |index: usize| {
        let id: &'static str = format!("s-{index:04}").leak();
        Row::of(SeriesKey { ids: ["d-1", "p-9", id], names: ["우리회사", "많은", id] }, "12.5")
    };
    (0..400).map(other).chain([Row::of(MACHINE, amount)]).collect()
}

/// Blocks the archive with a file in its place, until [`mend_archive`].
pub(crate) fn break_archive(workdir: &Workdir) {
    fs::rename(workdir.path().join("archive"), workdir.path().join("archive-away")).expect("moved away");
    fs::write(workdir.path().join("archive"), "in the way").expect("written");
}

pub(crate) fn mend_archive(workdir: &Workdir) {
    fs::remove_file(workdir.path().join("archive")).expect("removed");
    fs::rename(workdir.path().join("archive-away"), workdir.path().join("archive")).expect("moved back");
}

/// The stored data about the day, through the command line, without fields that differ from run to run.
pub(crate) fn remembered(run: impl Fn(&[&str]) -> Run) -> Vec<String> {
    let of = |args: &[&str]| -> Vec<String> {
        let without = |mut value: serde_json::Value| {
            for field in ["_id", "runId", "createdAt", "updatedAt", "lastUpdated", "fetchedAt"] {
                value.as_object_mut().expect("an object").remove(field);
            }
            value.to_string()
        };
        run(args).expect(0).json().into_iter().map(without).collect()
    };
    let mut all = of(&["anomalies", "list", "--from=2026-09-21", "--json"]);
    all.extend(of(&["series", "show", "--series=d-1/p-1/vm", "--from=2026-09-21", "--json"]));
    all.extend(of(&["series", "show", "--series=d-1/p-9/s-0399", "--from=2026-09-21", "--json"]));
    all.extend(of(&["incidents", "list", "--json"]));
    all
}
