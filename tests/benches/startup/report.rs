//! The results as a Markdown table.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use costwarden_tests::ten_plugins::PLUGINS;

const BEGIN: &str = "<!-- made by make bench-sandbox, the start: begin -->\n";
const END: &str = "<!-- made by make bench-sandbox, the start: end -->\n";

/// The first run, with compilation, and the statistics of the warm runs.
pub(crate) fn table(first: Duration, warm: &[Duration]) -> String {
    let mut text = format!(
        "Measured on {} with costwarden {}: {} runs with {PLUGINS} plugins, after one that compiled them.\n\n",
        jiff::Zoned::now().date(),
        env!("CARGO_PKG_VERSION"),
        warm.len(),
    );
    text.push_str("| run | milliseconds to the first request |\n|---|---:|\n");
    let at = |part: f64| warm[(part * (warm.len() - 1) as f64) as usize];
    let rows = [("compiling", first), ("least", at(0.0)), ("median", at(0.5)), ("of ten, the ninth", at(0.9))];
    for (run, took) in rows {
        writeln!(text, "| {run} | {:.1} |", took.as_secs_f64() * 1e3).expect("a string takes all that is written");
    }
    text
}

/// Replaces the table in the file.
pub(crate) fn write(path: &Path, table: &str) -> anyhow::Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let marks = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = marks.with_context(|| format!("{} has no place for the table", path.display()))?;
    Ok(std::fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}"))?)
}
