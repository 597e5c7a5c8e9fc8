//! The cost of the sandbox: the bundled detectors, native and sandboxed side by side. `make bench-sandbox` runs this
//! benchmark and writes the table to `BENCHMARKS.md`.
//!
//! `COSTWARDEN_BENCH_ROUNDS=20` measures 20 rounds and leaves the file unchanged.

mod native;
mod report;
mod sandboxed;
mod series;

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use bare::Bare;
use costwarden_sdk::Detector;
use daily_level::DailyLevel;
use tutorial::Tutorial;

use native::Native;
use sandboxed::Sandboxed;

/// Series in a batch.
const BATCH: usize = 512;
/// Batches in a call.
const BATCHES: usize = 4;
/// Values of each series.
const POINTS: usize = 90;
/// The default number of rounds.
const ROUNDS: usize = 60;

/// A detector on both sides.
struct Comparison {
    name: &'static str,
    native: Box<dyn Side>,
    sandboxed: Sandboxed,
    took: Halves,
}

/// A side, independent of the type of its detector.
trait Side {
    fn fit(&mut self) -> anyhow::Result<Duration>;
    fn judge(&mut self) -> anyhow::Result<Duration>;
    fn agrees(&self, sandboxed: &Sandboxed) -> bool;
}

/// The durations of `fit` and `judge` on each side, in each round.
#[derive(Debug, Default)]
struct Halves {
    fit: Sides,
    judge: Sides,
}

#[derive(Debug, Default)]
struct Sides {
    native: Vec<Duration>,
    sandboxed: Vec<Duration>,
}

fn main() -> anyhow::Result<()> {
    let chosen = std::env::var("COSTWARDEN_BENCH_ROUNDS").ok();
    let rounds = chosen.as_deref().map_or(Ok(ROUNDS), str::parse)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut comparisons = vec![
        Comparison::new::<Bare>(&root.join("target/test-plugins/bare.wasm"))?,
        Comparison::new::<Tutorial>(&root.join("plugins/dist/tutorial.wasm"))?,
        Comparison::new::<DailyLevel>(&root.join("plugins/dist/daily-level.wasm"))?,
    ];
    for _ in 0..rounds {
        for comparison in &mut comparisons {
            comparison.measure()?;
        }
    }
    let table = report::table(&comparisons, rounds)?;
    eprintln!("{table}");
    match chosen {
        None => report::write(&root.join("BENCHMARKS.md"), &table),
        Some(_) => Ok(()),
    }
}

impl Comparison {
    fn new<D: Detector + 'static>(plugin: &Path) -> anyhow::Result<Self> {
        ensure!(plugin.exists(), "{} is not there: run make build first", plugin.display());
        let series = series::all(BATCH * BATCHES, POINTS);
        let sandboxed = Sandboxed::load(plugin, BATCH, series.clone()).map_err(anyhow::Error::msg)?;
        let mut comparison =
            Self { name: D::NAME, native: Box::new(Native::<D>::new(series)), sandboxed, took: Halves::default() };
        comparison.measure()?;
        ensure!(
            comparison.native.agrees(&comparison.sandboxed),
            "{} says something else in the sandbox",
            comparison.name
        );
        comparison.took = Halves::default();
        Ok(comparison)
    }

    /// Measures a round, with native and sandboxed calls in turns, so a disturbance of the machine affects both.
    fn measure(&mut self) -> anyhow::Result<()> {
        let Self { native, sandboxed, took: Halves { fit, judge }, .. } = self;
        fit.native.push(native.fit()?);
        fit.sandboxed.push(sandboxed.fit().map_err(anyhow::Error::msg)?);
        judge.native.push(native.judge()?);
        judge.sandboxed.push(sandboxed.judge().map_err(anyhow::Error::msg)?);
        Ok(())
    }
}
