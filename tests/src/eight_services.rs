//! Five weeks of bills of eight services. Each service is a case of the replaced pipeline's rule.

use jiff::civil::{Date, date};

use crate::replay::{self, Bills, Row, SeriesKey, after};
use crate::{Workdir, repository};

/// The first day. `HISTORY` days are loaded at once, and the daily job evaluates the rest of `DAYS` one by one.
pub const FIRST: Date = date(2026, 9, 21);
/// Days of history.
pub const HISTORY: i64 = 28;
/// Days of bills in total.
pub const DAYS: i64 = 35;

/// The day with this index; [`FIRST`] has index 0.
pub fn day(index: i64) -> Date {
    after(FIRST, index)
}

/// A cost above three deviations but below twice the mean. The rows have different floating-point sums in different
/// orders.
pub const MACHINE: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "vm"], names: ["우리회사", "쇼핑몰", "Virtual Machine"] };
/// A cost without deviation: the ratio alone decides.
pub const DISK: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "disk"], names: ["우리회사", "쇼핑몰", "Block Storage"] };
/// A service with too few days on the first day of the week and enough on the second.
pub const DATABASE: SeriesKey = SeriesKey { ids: ["d-1", "p-2", "mysql"], names: ["우리회사", "물류", "MySQL"] };
/// A service with a cost of 0 until day 31.
pub const FREE: SeriesKey = SeriesKey { ids: ["d-1", "p-2", "trial"], names: ["우리회사", "물류", "Trial"] };
/// A negative mean, and no names.
pub const CREDIT: SeriesKey = SeriesKey { ids: ["d-2", "p-9", "credit"], names: ["", "", ""] };
/// A fall, ignored by the rule.
pub const NETWORK: SeriesKey = SeriesKey { ids: ["d-2", "p-9", "network"], names: ["Other", "Research", "Network"] };
/// A cost of exactly three deviations.
pub const EDGE: SeriesKey = SeriesKey { ids: ["d-2", "p-9", "edge"], names: ["Other", "Research", "Edge"] };
/// An anomaly in the history, and a second one later.
pub const EARLY: SeriesKey = SeriesKey { ids: ["d-2", "p-9", "early"], names: ["Other", "Research", "Early"] };

/// The rows of every day.
pub fn bills() -> Bills {
    (0..DAYS).map(|index| (day(index), rows(index))).collect()
}

fn rows(i: i64) -> Vec<Row> {
    let mut rows = machine(match i {
        30 => 13_000,
        32 => 11_800,
        _ => 10_000 + (i * 37 % 11) * 150,
    });
    let disk = match i {
        29 => "75.05",
        31 => "75.04",
        _ => "25.05",
    };
    rows.push(Row::new(DISK, &[("expectAmount", disk), ("pricingType", "null"), ("region", "\"kr-central-2\"")]));
    rows.push(Row::new(DISK, &[("expectAmount", "24.95"), ("pricingType", "\"\"")]));
    if i >= 9 && i != 33 {
        rows.push(Row::of(
            DATABASE,
            &match i {
                28 => "500".to_owned(),
                30 => "400".to_owned(),
                _ => format!("{}.5", 98 + i % 4),
            },
        ));
    }
    rows.push(match i {
        31 | 32 => Row::of(FREE, "1000"),
        i if i % 2 == 0 => Row::of(FREE, "null"),
        _ => Row::new(FREE, &[("generalAmount", "0.0"), ("usageTime", "24")]),
    });
    rows.push(match i {
        31 => Row::of(CREDIT, "5.00"),
        _ => Row::of(CREDIT, &format!("-10.{}", i % 3)),
    });
    rows.push(Row::of(NETWORK, &if i == 29 { "10".to_owned() } else { format!("{}", 200 + i % 5) }));
    if i >= 7 {
        rows.push(Row::of(
            EDGE,
            match i {
                28 => "130",
                29 => "129.99",
                8..28 if i % 2 == 0 => "110",
                8..28 => "90",
                _ => "100",
            },
        ));
    }
    rows.push(Row::of(
        EARLY,
        &match i {
            24 | 25 => "900".to_owned(),
            34 => "650".to_owned(),
            _ => format!("{}", 300 + i % 4 * 2),
        },
    ));
    rows
}

/// Three rows with a given sum in hundredths.
fn machine(amount: i64) -> Vec<Row> {
    let rest = format!("{}.{:02}", (amount + 20) / 100, (amount + 20) % 100);
    let usage = [("usageSize", "0.1"), ("usageTime", "0.2")];
    let row = |amount: &str, general: &str, pricing: &str, region: &str| {
        let fields = [("expectAmount", amount), ("generalAmount", general), ("discountAmount", "-0.3")];
        let labels =
            [("pricingType", pricing), ("region", region), ("resourceId", "\"r-1\""), ("added", "{\"a\":[1]}")];
        Row::new(MACHINE, &[fields.as_slice(), &usage, &labels].concat())
    };
    vec![
        row("33333333333.1", "0.1", "\"RESERVED\"", "\"kr-central-2\""),
        row("-33333333333.3", "0.2", "\"ONDEMAND\"", "\"kr-central-1\""),
        row(&rest, "0.3", "\"ONDEMAND\"", "\"kr-central-2\""),
    ]
}

/// The partial bill of the day after the last, until an hour: the usual cost until 09:00, then a runaway of the
/// machine.
pub fn today(hour: u8) -> Vec<Row> {
    let runaway = if hour >= 10 { 40_000 + i64::from(hour) * 1_000 } else { 4_000 };
    let mut rows = machine(runaway);
    rows.push(Row::of(DISK, "20.5"));
    rows.push(Row::of(NETWORK, "80"));
    rows
}

/// A working directory with these bills, a store, the replaced pipeline's rule and an archive directory.
pub fn workdir(store: &str) -> Workdir {
    let workdir = workdir_of(store, "language = \"ko\"");
    replay::write_all(&workdir, &bills());
    for hour in 9..12 {
        replay::write(&workdir, "bills", day(DAYS), Some(hour), &today(hour));
    }
    workdir
}

/// A working directory without bills. `settings` precede the tables.
pub fn workdir_of(store: &str, settings: &str) -> Workdir {
    let rules = repository().join("rules/tutorial");
    let source = replay::source();
    Workdir::new(&format!(
        "{settings}\n{source}{store}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[rules]\ndirectory = {rules:?}\n"
    ))
}

/// The `[store]` table of the embedded store.
pub const EMBEDDED: &str = "[store]\nkind = \"embedded\"\n";

/// The commands that process all bills: the history at once, the week day by day, and two hours of the next day.
pub fn runs() -> Vec<Vec<String>> {
    let mut runs = vec![vec!["backfill".to_owned(), format!("--from={FIRST}"), format!("--to={}", day(HISTORY - 1))]];
    runs.extend((HISTORY..DAYS).map(|index| vec!["daily".to_owned(), format!("--date={}", day(index))]));
    runs.extend((9..11).map(|hour| vec!["hourly".to_owned(), format!("--at={}T{hour:02}:10", day(DAYS))]));
    runs
}

/// Converts arguments for [`Workdir::run`].
pub fn texts(run: &[String]) -> Vec<&str> {
    run.iter().map(String::as_str).collect()
}
