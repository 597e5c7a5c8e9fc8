//! Time and memory of the default rules over an embedded store with many series: the binary over stores filled by the
//! store's own writers. `make bench-volume` runs this benchmark and writes the tables to `BENCHMARKS.md`.
//!
//! - `COSTWARDEN_BENCH_CASES=rules:10000,daily:10000` measures the given cases and leaves the file unchanged;
//!
//! - `COSTWARDEN_BENCH_FOLDER=DIR` creates the stores in a folder (about 4 GB) and keeps them for the next run.

mod filled;
mod table;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use costwarden_tests::process::{self, Process};
use costwarden_tests::{Workdir, replay};

use filled::{HOUR, LAST, Volume};

/// Runs of a case; the median counts.
const RUNS: usize = 3;

const CASES: [Case; 5] = [
    Case { what: What::Rules, series: 10_000 },
    Case { what: What::Rules, series: 100_000 },
    Case { what: What::Rules, series: 1_000_000 },
    Case { what: What::Daily, series: 10_000 },
    Case { what: What::Daily, series: 100_000 },
];

/// A command and a number of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Case {
    what: What,
    series: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// `rules run` of the newest day, over snapshots of one hour.
    Rules,
    /// `daily` of the following day, with training over snapshots of every hour.
    Daily,
}

/// The results of a case.
struct Outcome {
    case: Case,
    /// The median by wall clock.
    process: Process,
    store_bytes: u64,
    counts: BTreeMap<String, u64>,
    steps: BTreeMap<String, f64>,
}

fn main() -> anyhow::Result<()> {
    // Absent ones are told now, not once the first store is filled.
    costwarden_tests::plugins();
    let chosen = std::env::var("COSTWARDEN_BENCH_CASES").ok();
    let cases = match &chosen {
        Some(chosen) => chosen.split(',').map(Case::parse).collect::<anyhow::Result<Vec<_>>>()?,
        None => CASES.to_vec(),
    };
    let kept = std::env::var_os("COSTWARDEN_BENCH_FOLDER").map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let folder = kept.as_deref().unwrap_or(folder.path());
    let mut outcomes = Vec::new();
    for case in cases {
        let outcome = run(case, folder).with_context(|| format!("{case:?}"))?;
        if kept.is_none() {
            std::fs::remove_file(case.store(folder))?;
        }
        outcomes.push(outcome);
    }
    let tables = table::tables(&outcomes)?;
    eprintln!("{tables}");
    match chosen {
        None => table::write(&costwarden_tests::repository().join("BENCHMARKS.md"), &tables),
        Some(_) => Ok(()),
    }
}

fn run(case: Case, folder: &Path) -> anyhow::Result<Outcome> {
    let store = case.store(folder);
    if !store.exists() {
        eprintln!("filling {}", store.display());
        let hours = if case.what == What::Rules { (HOUR, HOUR) } else { (0, 23) };
        let volume = Volume::of_default_rules(case.series, hours);
        let unfinished = store.with_extension("unfinished");
        let _ = std::fs::remove_file(&unfinished);
        filled::fill(&unfinished, volume).map_err(anyhow::Error::msg)?;
        std::fs::rename(unfinished, &store)?;
    }
    let store_bytes = std::fs::metadata(&store)?.len();
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let (report, process) = match case.what {
            What::Rules => rules(&store)?,
            What::Daily => daily(case.series, &store, folder)?,
        };
        eprintln!("{case:?}: {:.2?}, cpu {:.2?}, {} MB", process.wall, process.cpu, process.peak_bytes / 1_000_000);
        runs.push((report, process));
    }
    runs.sort_by_key(|(_, process)| process.wall);
    let (report, process) = runs.swap_remove(RUNS / 2);
    let read = |field: &str| report.get(field).cloned().with_context(|| format!("the report has no {field}"));
    let counts: BTreeMap<String, u64> = serde_json::from_value(read("counts")?)?;
    check(case, &counts)?;
    Ok(Outcome { case, process, store_bytes, counts, steps: serde_json::from_value(read("durationsMs")?)? })
}

/// Asserts that every series was evaluated and every hidden anomaly found.
fn check(case: Case, counts: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    let rules = if case.what == What::Rules { 3 } else { 2 };
    let (series, odd) = (u64::from(case.series), u64::from(case.series.div_ceil(filled::ODD_ONE_IN)));
    anyhow::ensure!(
        count("verdicts") == series * rules,
        "{} were judged of {} questions",
        count("verdicts"),
        series * rules
    );
    anyhow::ensure!(count("anomalies") >= odd, "{} anomalies, but {odd} series are odd", count("anomalies"));
    Ok(())
}

fn rules(store: &Path) -> anyhow::Result<(Value, Process)> {
    let workdir = filled::workdir(store);
    process::measured(&["rules", "run", "--hour", &HOUR.to_string(), "--json"], prepared(&workdir))
}

/// Measures a run over a copy of the store, so every run has the same input.
fn daily(series: u32, store: &Path, folder: &Path) -> anyhow::Result<(Value, Process)> {
    let copy = folder.join("daily.redb");
    std::fs::copy(store, &copy)?;
    let workdir = filled::workdir(&copy);
    let date = LAST.tomorrow()?;
    let path = workdir.path().join("bills").join(replay::key(date, None));
    std::fs::create_dir_all(path.parent().context("the workdir is above")?)?;
    let mut document = std::io::BufWriter::new(std::fs::File::create(path)?);
    document.write_all(b"{\"result\":{\"content\":[")?;
    for place in 0..series {
        let comma = if place == 0 { "" } else { "," };
        write!(document, "{comma}{}", filled::row(place, date))?;
    }
    document.write_all(b"]}}")?;
    document.into_inner()?.sync_all()?;
    let measured = process::measured(&["daily", "--date", &date.to_string(), "--json"], prepared(&workdir));
    std::fs::remove_file(copy)?;
    measured
}

fn prepared(workdir: &Workdir) -> impl FnOnce(&mut std::process::Command) + '_ {
    |command| {
        command.current_dir(workdir.path()).env("COSTWARDEN_CONFIG", workdir.path().join("costwarden.toml"));
    }
}

impl Case {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (what, series) = text.split_once(':').context("a case is WHAT:SERIES, like rules:10000")?;
        let what = match what.trim() {
            "rules" => What::Rules,
            "daily" => What::Daily,
            other => anyhow::bail!("a case is of rules or daily, not of {other:?}"),
        };
        Ok(Self { what, series: series.trim().parse()? })
    }

    fn store(self, folder: &Path) -> PathBuf {
        filled::file(folder, self.what.as_str(), self.series)
    }
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Daily => "daily",
        }
    }
}
