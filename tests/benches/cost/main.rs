//! The cost of this program beside the program of another commit, in turns: the start of an hourly run with ten plugins, and
//! `rules run` over many series. `make compare-cost BEFORE=FILE` runs this benchmark, and writes the table to
//! `BENCHMARKS.md`. The other program must read the present format of the embedded store.
//!
//! `COSTWARDEN_BENCH_ROUNDS=5` measures 5 rounds and leaves the file unchanged.

#[expect(dead_code, reason = "the benchmark of many series also writes a bill")]
#[path = "../volume/filled.rs"]
mod filled;
mod table;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::civil::{Date, date};

use costwarden_tests::ten_plugins::{self, first_request};
use costwarden_tests::{Workdir, binary, process, replay};

use filled::Volume;

/// The newest day of every store, a Sunday.
const LAST: Date = date(2026, 11, 22);
const DAYS: u16 = 28;
const HOUR: u8 = 10;
const SERIES: [u32; 2] = [10_000, 100_000];
/// The default number of rounds.
const ROUNDS: usize = 9;
/// Starts of an hourly run in a round.
const STARTS: usize = 5;

/// Measurements of one kind, in rounds.
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) before: Vec<Duration>,
    pub(crate) now: Vec<Duration>,
}

fn main() -> anyhow::Result<()> {
    let before = std::env::var_os("COSTWARDEN_BEFORE").map(PathBuf::from);
    let before = before.filter(|file| file.is_file()).context("BEFORE is not a file: expected the other binary")?;
    let chosen = std::env::var("COSTWARDEN_BENCH_ROUNDS").ok();
    let rounds = chosen.as_deref().map_or(Ok(ROUNDS), str::parse)?;
    let programs = [before.as_path(), Path::new(binary())];
    let mut comparisons = Vec::from(starts(programs, rounds)?);
    for series in SERIES {
        comparisons.extend(rules(programs, series, rounds)?);
    }
    let table = table::table(&comparisons);
    eprintln!("{table}");
    match chosen {
        None => table::write(&costwarden_tests::repository().join("BENCHMARKS.md"), &table),
        Some(_) => Ok(()),
    }
}

/// Measures the first start, which compiles ten plugins, and further starts.
fn starts(programs: [&Path; 2], rounds: usize) -> anyhow::Result<[Comparison; 2]> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let workdirs = [ten_plugins::workdir(&listener)?, ten_plugins::workdir(&listener)?];
    let start = |place: usize| first_request(programs[place], &workdirs[place], &listener);
    let cold = |place: usize| -> anyhow::Result<Duration> {
        let _ = std::fs::remove_dir_all(workdirs[place].path().join("state/compiled"));
        start(place)
    };
    let cold = compare("hourly run, ten plugins, without a cache", rounds.min(3), cold)?;
    let warm = compare("hourly run, ten plugins, with a cache", rounds * STARTS, start)?;
    Ok([cold, warm])
}

/// Measures `rules run` over a store: the wall-clock time, and the processor time of the process and its workers.
fn rules(programs: [&Path; 2], series: u32, rounds: usize) -> anyhow::Result<[Comparison; 2]> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("store.redb");
    let volume = Volume { series, days: DAYS + 1, snapshot_days: DAYS + 1, hours: (HOUR, HOUR), last: LAST };
    filled::fill(&store, volume).map_err(anyhow::Error::msg)?;
    // Each program has a cache of its own.
    let config = format!(
        "{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\npath = {store:?}\n",
        replay::source()
    );
    let workdirs = [Workdir::new(&config), Workdir::new(&config)];
    let run = |place: usize| -> anyhow::Result<process::Process> {
        let workdir = workdirs[place].path();
        let args = ["rules", "run", "--hour", &HOUR.to_string(), "--json"];
        let (_, process) = process::measured_program(programs[place], &args, |command| {
            command.current_dir(workdir).env("COSTWARDEN_CONFIG", workdir.join("costwarden.toml"));
        })?;
        Ok(process)
    };
    let first = [run(0)?, run(1)?];
    eprintln!("{series} series, with compilation: {:.2?}, {:.2?}", first[0].wall, first[1].wall);
    let name = |time: &str| format!("rules run, {series} series, {time}");
    let mut wall = Comparison { name: name("by the clock"), before: Vec::new(), now: Vec::new() };
    let mut cpu = Comparison { name: name("processor time"), before: Vec::new(), now: Vec::new() };
    for _ in 0..rounds {
        let [before, now] = [run(0)?, run(1)?];
        wall.before.push(before.wall);
        wall.now.push(now.wall);
        cpu.before.push(before.cpu);
        cpu.now.push(now.cpu);
    }
    Ok([wall, cpu])
}

fn compare(
    name: &str,
    rounds: usize,
    measure: impl Fn(usize) -> anyhow::Result<Duration>,
) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison { name: name.to_owned(), before: Vec::new(), now: Vec::new() };
    for _ in 0..rounds {
        comparison.before.push(measure(0)?);
        comparison.now.push(measure(1)?);
    }
    Ok(comparison)
}
