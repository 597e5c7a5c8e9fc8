//! The time from the start of an hourly run with ten plugins to its first request to the billing API. `make
//! bench-sandbox` runs this benchmark and writes the table to `BENCHMARKS.md`.
//!
//! `COSTWARDEN_BENCH_ROUNDS=20` measures 20 runs and leaves the file unchanged.

mod report;

use std::net::TcpListener;
use std::path::Path;

use anyhow::ensure;

use costwarden_tests::ten_plugins::{PLUGINS, first_request, workdir};
use costwarden_tests::{binary, is_compiled_code};

/// The default number of runs.
const ROUNDS: usize = 100;

fn main() -> anyhow::Result<()> {
    let chosen = std::env::var("COSTWARDEN_BENCH_ROUNDS").ok();
    let rounds = chosen.as_deref().map_or(Ok(ROUNDS), str::parse)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let workdir = workdir(&listener)?;
    let program = Path::new(binary());
    let first = first_request(program, &workdir, &listener)?;
    let entries = std::fs::read_dir(workdir.path().join("state/compiled"))?;
    let compiled = entries.flatten().filter(|entry| is_compiled_code(&entry.path())).count();
    ensure!(compiled == PLUGINS, "{compiled} plugins were compiled and kept, not {PLUGINS}");
    let mut warm =
        (0..rounds).map(|_| first_request(program, &workdir, &listener)).collect::<anyhow::Result<Vec<_>>>()?;
    warm.sort_unstable();
    let table = report::table(first, &warm);
    eprintln!("{table}");
    match chosen {
        None => report::write(&costwarden_tests::repository().join("BENCHMARKS.md"), &table),
        Some(_) => Ok(()),
    }
}
