//! The results as Markdown tables.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::{Outcome, What};

const BEGIN: &str = "<!-- made by make bench-volume: begin -->\n";
const END: &str = "<!-- made by make bench-volume: end -->\n";

/// All results.
pub(crate) fn tables(outcomes: &[Outcome]) -> anyhow::Result<String> {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    let mut text = format!(
        "Measured on {} with {} cores and {:.0} GB of memory, costwarden {}.\n\n",
        jiff::Zoned::now().date(),
        std::thread::available_parallelism()?,
        kib.unwrap_or(0.0) / 1e6,
        env!("CARGO_PKG_VERSION"),
    );
    text.push_str("| command | series | seconds | of these on CPU | peak memory | store | judged | anomalies |\n");
    text.push_str("|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for Outcome { case, process, store_bytes, counts, .. } in outcomes {
        let count = |name: &str| counts.get(name).copied().unwrap_or(0);
        writeln!(
            text,
            "| {} | {} | **{:.2}** | {:.2} | {} MB | {} MB | {} | {} |",
            command(case.what),
            case.series,
            process.wall.as_secs_f64(),
            process.cpu.as_secs_f64(),
            process.peak_bytes / 1_000_000,
            store_bytes / 1_000_000,
            count("verdicts"),
            count("anomalies"),
        )?;
    }
    ratios(&mut text, outcomes)?;
    for what in [What::Rules, What::Daily] {
        steps(&mut text, what, outcomes)?;
    }
    Ok(text)
}

/// Replaces the tables in the file.
pub(crate) fn write(path: &Path, tables: &str) -> anyhow::Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let marks = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = marks.with_context(|| format!("{} has no place for the tables", path.display()))?;
    Ok(std::fs::write(path, format!("{head}{BEGIN}{tables}{END}{tail}"))?)
}

fn command(what: What) -> &'static str {
    match what {
        What::Rules => "rules run",
        What::Daily => "daily",
    }
}

/// The increase with the number of series.
fn ratios(text: &mut String, outcomes: &[Outcome]) -> anyhow::Result<()> {
    text.push_str("\n| command | times more series | times longer | times more CPU | times more memory |\n");
    text.push_str("|---|---:|---:|---:|---:|\n");
    for more in outcomes {
        for less in outcomes.iter().filter(|less| less.case.what == more.case.what) {
            if more.case.series > less.case.series {
                let ratio = |of: fn(&Outcome) -> f64| of(more) / of(less);
                writeln!(
                    text,
                    "| {} | {} from {} | {:.2} | {:.2} | {:.2} |",
                    command(more.case.what),
                    ratio(|outcome| f64::from(outcome.case.series)),
                    less.case.series,
                    ratio(|outcome| outcome.process.wall.as_secs_f64()),
                    ratio(|outcome| outcome.process.cpu.as_secs_f64()),
                    ratio(|outcome| outcome.process.peak_bytes as f64),
                )?;
            }
        }
    }
    Ok(())
}

/// Milliseconds of each step, longest first.
fn steps(text: &mut String, what: What, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let columns: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.case.what == what).collect();
    let Some(last) = columns.last() else { return Ok(()) };
    write!(text, "\n| {}: milliseconds of |", command(what))?;
    for outcome in &columns {
        write!(text, " {} |", outcome.case.series)?;
    }
    write!(text, "\n|---|{}\n", "---:|".repeat(columns.len()))?;
    let mut names: Vec<&String> = last.steps.keys().collect();
    names.sort_by(|one, other| last.steps[*other].total_cmp(&last.steps[*one]));
    for name in names {
        write!(text, "| {name} |")?;
        for outcome in &columns {
            write!(text, " {:.0} |", outcome.steps.get(name).unwrap_or(&0.0))?;
        }
        text.push('\n');
    }
    Ok(())
}
