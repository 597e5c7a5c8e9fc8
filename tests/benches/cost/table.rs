//! The results as a Markdown table.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::Comparison;

const BEGIN: &str = "<!-- made by make compare-cost: begin -->\n";
const END: &str = "<!-- made by make compare-cost: end -->\n";

/// The best and the median round of each program, and the differences.
pub(crate) fn table(comparisons: &[Comparison]) -> String {
    let date = jiff::Zoned::now().date();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let mut text = format!(
        "Measured on {date} with costwarden {}, in turns; the load of the machine at the end was {load}. Best and median.\n\n\
         | | rounds | before, ms | now, ms | ratio | difference, ms |\n|---|---:|---:|---:|---:|---:|\n",
        env!("CARGO_PKG_VERSION"),
    );
    for Comparison { name, before, now } in comparisons {
        let (before, now) = (Summary::of(before), Summary::of(now));
        writeln!(
            text,
            "| {name} | {} | {:.1}, {:.1} | {:.1}, {:.1} | {:.2}, {:.2} | {:.1}, {:.1} |",
            before.rounds,
            before.best,
            before.median,
            now.best,
            now.median,
            now.best / before.best,
            now.median / before.median,
            now.best - before.best,
            now.median - before.median,
        )
        .expect("a string takes all that is written");
    }
    text
}

/// Milliseconds of some rounds.
struct Summary {
    rounds: usize,
    best: f64,
    median: f64,
}

impl Summary {
    fn of(rounds: &[Duration]) -> Self {
        let mut sorted: Vec<f64> = rounds.iter().map(|round| round.as_secs_f64() * 1e3).collect();
        sorted.sort_by(f64::total_cmp);
        Self { rounds: sorted.len(), best: sorted[0], median: sorted[sorted.len() / 2] }
    }
}

/// Replaces the table in the file.
pub(crate) fn write(path: &Path, table: &str) -> anyhow::Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let marks = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = marks.with_context(|| format!("{} has no place for the table", path.display()))?;
    Ok(std::fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}"))?)
}
