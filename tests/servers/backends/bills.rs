//! Four quiet weeks of two services, and later days written by each test.

use jiff::civil::{Date, date};

use costwarden_tests::replay::{self, Bills, Row, SeriesKey, after};
use costwarden_tests::{Run, Workdir, repository};

/// The first day after the history.
pub(crate) const NEXT: Date = date(2026, 10, 19);

pub(crate) const MACHINE: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "vm"], names: ["우리회사", "쇼핑몰", "Virtual Machine"] };
pub(crate) const DISK: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "disk"], names: ["우리회사", "쇼핑몰", "Block Storage"] };

/// The day `index` days after [`NEXT`].
pub(crate) fn day(index: i64) -> Date {
    after(NEXT, index)
}

/// The rows of a day. The machine has the given cost.
pub(crate) fn rows(machine: &str) -> Vec<Row> {
    vec![Row::of(MACHINE, machine), Row::of(DISK, "234.5")]
}

/// A working directory without bills. `tables` follow source and store. Without `[archive]` or `[rules]` the archive is
/// a folder and the rule is the replaced pipeline's.
pub(crate) fn workdir(tables: &str) -> Workdir {
    let mut config = format!("{}[store]\nkind = \"embedded\"\n{tables}", replay::source());
    if !tables.contains("[archive]") {
        config.push_str("[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n");
    }
    if !tables.contains("[rules]") {
        config.push_str(&format!("[rules]\ndirectory = {:?}\n", repository().join("rules/tutorial")));
    }
    Workdir::new(&config)
}

/// Inserts settings before the tables and appends tables. A language in the settings replaces the language of the config.
pub(crate) fn configure(workdir: &Workdir, settings: &str, tables: &str) {
    let mut config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("the workdir's config");
    if settings.contains("language = ") {
        config = config.replacen("language = \"en\"\n", "", 1);
    }
    workdir.write("costwarden.toml", &format!("{settings}\n{config}\n{tables}"));
}

/// Loads four quiet weeks with a mean cost of 1000 for the machine.
pub(crate) fn load(workdir: &Workdir) -> Run {
    let quiet = |index: i64| if index % 2 == 0 { "990" } else { "1010" };
    let bills: Bills = (1..=28).map(|back| (day(-back), rows(quiet(back)))).collect();
    replay::write_all(workdir, &bills);
    workdir.run(&["backfill", &format!("--from={}", day(-28)), &format!("--to={}", day(-1)), "--json"])
}

/// Writes the bill of a day and runs the daily job.
pub(crate) fn daily(workdir: &Workdir, index: i64, machine: &str) -> Run {
    replay::write(workdir, "bills", day(index), None, &rows(machine));
    workdir.run(&["daily", &format!("--date={}", day(index)), "--json"])
}

/// Writes the bill of a day until an hour and runs the hourly job.
pub(crate) fn hourly(workdir: &Workdir, index: i64, hour: u8, machine: &str) -> Run {
    replay::write(workdir, "bills", day(index), Some(hour), &rows(machine));
    workdir.run(&["hourly", &format!("--at={}T{hour:02}:10", day(index)), "--json"])
}
