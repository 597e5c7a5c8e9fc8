//! The results as a Markdown table.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::{BATCH, BATCHES, Comparison, POINTS, Sides};

const BEGIN: &str = "<!-- made by make bench-sandbox, the boundary: begin -->\n";
const END: &str = "<!-- made by make bench-sandbox, the boundary: end -->\n";
const STRING: &str = "a string takes all that is written";

/// The table. The first comparison is the detector `bare`; its difference is the cost of the boundary for all
/// detectors.
pub(crate) fn table(comparisons: &[Comparison], rounds: usize) -> anyhow::Result<String> {
    let (bare, _) = comparisons.split_first().context("nothing was measured")?;
    let mut text = format!(
        "Measured on {} with costwarden {}: of {rounds} rounds the one that a tenth of them fall short of, in µs a series, on one core; a round calls each \
         detector over {BATCHES} batches of {BATCH} series of {POINTS} points, native and sandboxed in turns.\n\n",
        jiff::Zoned::now().date(),
        env!("CARGO_PKG_VERSION"),
    );
    text.push_str("| detector | half | native | sandboxed | boundary | guest | guest / native |\n");
    text.push_str("|---|---|---:|---:|---:|---:|---:|\n");
    for (half, sides) in HALVES {
        let boundary = micros(&sides(bare).sandboxed)? - micros(&sides(bare).native)?;
        for comparison in comparisons {
            let (native, sandboxed) = (micros(&sides(comparison).native)?, micros(&sides(comparison).sandboxed)?);
            let guest = sandboxed - boundary;
            write!(text, "| {} | {half} | {native:.2} | {sandboxed:.2} | {boundary:.2} |", comparison.name)
                .expect(STRING);
            if comparison.name == bare.name {
                text.push_str(" | |\n");
            } else {
                writeln!(text, " {guest:.2} | **{:.2}** |", guest / native).expect(STRING);
            }
        }
    }
    Ok(text)
}

/// Replaces the table in the file.
pub(crate) fn write(path: &Path, table: &str) -> anyhow::Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let marks = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = marks.with_context(|| format!("{} has no place for the table", path.display()))?;
    Ok(std::fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}"))?)
}

type Half = fn(&Comparison) -> &Sides;

const HALVES: [(&str, Half); 2] =
    [("fit", |comparison| &comparison.took.fit), ("judge", |comparison| &comparison.took.judge)];

/// The duration for one series: a low percentile of the rounds instead of the minimum, because a virtual clock can be
/// wrong once.
fn micros(rounds: &[Duration]) -> anyhow::Result<f64> {
    let mut rounds = rounds.to_vec();
    rounds.sort_unstable();
    let quick = rounds.get(rounds.len() / 10).context("nothing was measured")?;
    Ok(quick.as_secs_f64() * 1e6 / (BATCH * BATCHES) as f64)
}
