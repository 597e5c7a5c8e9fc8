//! Time and memory of the daily and the hourly job: the binary with a real mongod and the simulated API. `make
//! bench-jobs` runs this benchmark and writes the tables to `BENCHMARKS.md`.
//!
//! - `COSTWARDEN_BENCH_CASES=1000x60,10000x60` measures the given cases (services x days) and leaves the file
//!   unchanged;
//!
//! - `COSTWARDEN_BENCH_KEEP=1` leaves the ledgers in the database for the next run.

mod bill;
mod ledger;
mod measure;
mod table;

use anyhow::Context as _;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use mongodb::Client;
use tokio::runtime::Runtime;

use bill::Bill;
use costwarden_tests::{Simulator, Workdir};
use ledger::Ledger;
use measure::{Bench, Measured};

/// Services and days of history: from a medium bill to a large bill, and from two months to more than a year.
const CASES: [Case; 4] = [
    Case { services: 1_000, days: 60 },
    Case { services: 1_000, days: 400 },
    Case { services: 10_000, days: 60 },
    Case { services: 10_000, days: 400 },
];

/// The first day after the history, a Monday. Its job trains for the first time and is not measured.
const FIRST: Date = date(2026, 11, 16);
/// Measured nights after the first. The hours of the last day are measured as well.
const NIGHTS: i64 = 3;
/// Measured hours of the day after the last night. The hour before them creates the documents of the day.
const HOURS: std::ops::RangeInclusive<u8> = 10..=12;

/// The size of a bill and the length of its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Case {
    services: usize,
    days: u16,
}

/// The results of a case: a run for each night and each hour.
struct Outcome {
    case: Case,
    daily: Vec<Measured>,
    hourly: Vec<Measured>,
}

fn main() -> anyhow::Result<()> {
    let Some(uri) = costwarden_tests::service("COSTWARDEN_TEST_MONGODB") else {
        eprintln!("skipped: there is no mongod to measure with, run make bench-jobs");
        return Ok(());
    };
    let chosen = std::env::var("COSTWARDEN_BENCH_CASES").ok();
    let cases = match &chosen {
        Some(chosen) => chosen.split(',').map(Case::parse).collect::<anyhow::Result<Vec<_>>>()?,
        None => CASES.to_vec(),
    };
    let runtime = Runtime::new()?;
    let client = runtime.block_on(Client::with_uri_str(&uri))?;
    let mut outcomes = Vec::new();
    for case in cases {
        eprintln!("asking the simulated API for a week of {} services", case.services);
        let bill = Bill::of_week_before(FIRST, case.services)?;
        outcomes.push(run(case, &bill, &client, &uri, &runtime)?);
    }
    let tables = table::tables(&outcomes, &runtime.block_on(table::machine(&client))?);
    eprintln!("{tables}");
    match chosen {
        None => table::write(&costwarden_tests::repository().join("BENCHMARKS.md"), &tables),
        Some(_) => Ok(()),
    }
}

fn run(case: Case, bill: &Bill, client: &Client, uri: &str, runtime: &Runtime) -> anyhow::Result<Outcome> {
    let Case { services, days } = case;
    let database = client.database(&format!("costwarden_bench_{services}x{days}"));
    let last = FIRST.checked_add(NIGHTS.days())?;
    let ledger = Ledger { database: &database, bill, services };
    runtime.block_on(ledger.load(FIRST, days, last)).context("loading the ledger")?;

    let simulator = Simulator::start(&[
        "--services",
        &services.to_string(),
        "--days",
        "450",
        "--incidents",
        "off",
        "--now",
        &format!("{FIRST}T10:00:00+09:00"),
    ]);
    // Something to find each night, and in the hours after.
    for day in FIRST.series(1.day()).take(NIGHTS as usize + 1) {
        simulator.send("POST", "/simulate/incidents", &bill.spike(day));
    }
    simulator.send("POST", "/simulate/incidents", &bill.runaway(last.tomorrow()?));
    let config = format!(
        "{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"mongodb\"\nuri = {uri:?}\n\
         database = {:?}\n",
        simulator.source(),
        database.name()
    );
    let bench = Bench { workdir: Workdir::new(&config), simulator };
    let (mut daily, mut hourly) = (Vec::new(), Vec::new());
    for day in FIRST.series(1.day()).take(NIGHTS as usize + 1) {
        let measured = bench.daily(day)?;
        eprintln!("{services} services, {days} days, daily {day}: {measured}");
        daily.push(measured);
    }
    runtime.block_on(ledger.check(FIRST))?;
    let today = last.tomorrow()?;
    for hour in HOURS.start() - 1..=*HOURS.end() {
        let measured = bench.hourly(today, hour)?;
        eprintln!("{services} services, {days} days, hourly {today} {hour:02}: {measured}");
        hourly.push(measured);
    }
    // The first of each makes what the others find: plugins compiled, indexes, baselines, the day's snapshots.
    daily.remove(0);
    hourly.remove(0);
    if std::env::var_os("COSTWARDEN_BENCH_KEEP").is_none() {
        runtime.block_on(async { database.drop().await })?;
    }
    Ok(Outcome { case, daily, hourly })
}

impl Case {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (services, days) = text.split_once('x').context("a case is SERVICESxDAYS, like 1000x60")?;
        Ok(Self { services: services.trim().parse()?, days: days.trim().parse()? })
    }
}
