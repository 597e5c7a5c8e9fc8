//! The cost of this program beside the program of another commit, in turns: the start of an hourly run with ten plugins, and
//! `rules run` over many series. `make compare-cost BEFORE=FILE` runs this benchmark, and writes the table to
//! `BENCHMARKS.md`.
//!
//! - `COSTWARDEN_BEFORE_STORES=DIR` names the stores of the other program, if its format of the embedded store is another one.
//!   `make bench-volume` of the other commit with `COSTWARDEN_BENCH_FOLDER=DIR` fills these stores with the same series.
//!
//! - `COSTWARDEN_BENCH_ROUNDS=5` measures 5 rounds and leaves the file unchanged.

#[expect(dead_code, reason = "the benchmark of many series also writes a bill")]
#[path = "../volume/filled.rs"]
mod filled;
mod table;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use costwarden_tests::ten_plugins::{self, first_request};
use costwarden_tests::{binary, process};

use filled::{HOUR, Volume};

/// Numbers of series, with the largest number of rounds.
const VOLUMES: [(u32, usize); 3] = [(10_000, 9), (100_000, 9), (1_000_000, 3)];
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
    let stores = std::env::var_os("COSTWARDEN_BEFORE_STORES").map(PathBuf::from);
    for (series, most) in VOLUMES {
        comparisons.extend(rules(programs, stores.as_deref(), series, rounds.min(most))?);
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

/// Measures `rules run` over a store: the wall-clock time, and the processor time of the process and its workers. The other
/// program reads a store in the folder `stores`, or the same store.
fn rules(programs: [&Path; 2], stores: Option<&Path>, series: u32, rounds: usize) -> anyhow::Result<[Comparison; 2]> {
    let folder = tempfile::tempdir()?;
    let store = filled::file(folder.path(), "rules", series);
    filled::fill(&store, Volume::of_default_rules(series, (HOUR, HOUR))).map_err(anyhow::Error::msg)?;
    let before = stores.map_or(store.clone(), |stores| filled::file(stores, "rules", series));
    anyhow::ensure!(before.is_file(), "there is no store {}: expected a store of the other program", before.display());
    // Each program has a cache of its own.
    let workdirs = [before, store].map(|store| filled::workdir(&store));
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
