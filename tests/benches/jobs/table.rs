//! The results as Markdown tables.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use mongodb::Client;
use mongodb::bson::doc;

use crate::measure::Measured;
use crate::{Case, Outcome};

const BEGIN: &str = "<!-- made by make bench-jobs: begin -->\n";
const END: &str = "<!-- made by make bench-jobs: end -->\n";

/// The machine and the versions, in one line.
pub(crate) async fn machine(client: &Client) -> anyhow::Result<String> {
    let build = client.database("admin").run_command(doc! { "buildInfo": 1 }).await?;
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(format!(
        "Measured on {} with {} cores and {:.0} GB of memory, shared by costwarden {}, mongod {} and the simulated API.",
        jiff::Zoned::now().date(),
        std::thread::available_parallelism()?,
        kib.unwrap_or(0.0) / 1e6,
        env!("CARGO_PKG_VERSION"),
        build.get_str("version")?,
    ))
}

/// All results.
pub(crate) fn tables(outcomes: &[Outcome], machine: &str) -> String {
    let mut text = format!("{machine}\n\n");
    text.push_str("| job | services | days | seconds | of these on CPU | peak memory | the API took |\n");
    text.push_str("|---|---:|---:|---:|---:|---:|---:|\n");
    for (job, runs) in JOBS {
        for outcome in outcomes {
            let Case { services, days } = outcome.case;
            let run = median(runs(outcome));
            let (own, cpu, api) = (seconds(run.own), seconds(run.cpu), seconds(run.api));
            let memory = run.peak_bytes / 1_000_000;
            writeln!(text, "| {job} | {services} | {days} | **{own}** | {cpu} | {memory} MB | {api} |").expect(STRING);
        }
    }
    ratios(&mut text, outcomes);
    for (job, runs) in JOBS {
        steps(&mut text, job, outcomes, runs);
    }
    text
}

/// Replaces the tables in the file.
pub(crate) fn write(path: &Path, tables: &str) -> anyhow::Result<()> {
    let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let marks = old.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = marks.with_context(|| format!("{} has no place for the tables", path.display()))?;
    Ok(std::fs::write(path, format!("{head}{BEGIN}{tables}{END}{tail}"))?)
}

type Runs = fn(&Outcome) -> &[Measured];

const JOBS: [(&str, Runs); 2] = [("daily", |outcome| &outcome.daily), ("hourly", |outcome| &outcome.hourly)];
const STRING: &str = "a string takes all that is written";

/// The increase in time with more services, or with more days.
fn ratios(text: &mut String, outcomes: &[Outcome]) {
    text.push_str("\n| job | more of | times more | times longer |\n|---|---|---:|---:|\n");
    for (job, runs) in JOBS {
        for more in outcomes {
            for less in outcomes {
                let (many, few) = (more.case, less.case);
                let (what, times) = if many.days == few.days && many.services > few.services {
                    (format!("services, {} days", many.days), many.services as f64 / few.services as f64)
                } else if many.services == few.services && many.days > few.days {
                    (format!("days, {} services", many.services), f64::from(many.days) / f64::from(few.days))
                } else {
                    continue;
                };
                let longer = median(runs(more)).own.as_secs_f64() / median(runs(less)).own.as_secs_f64();
                writeln!(text, "| {job} | {what} | {times:.1} | {longer:.2} |").expect(STRING);
            }
        }
    }
}

/// Milliseconds of each step, longest first.
fn steps(text: &mut String, job: &str, outcomes: &[Outcome], runs: Runs) {
    let columns: Vec<&Measured> = outcomes.iter().map(|outcome| median(runs(outcome))).collect();
    let Some(last) = columns.last() else { return };
    write!(text, "\n| {job}: milliseconds of |").expect(STRING);
    for Outcome { case: Case { services, days }, .. } in outcomes {
        write!(text, " {services} x {days} |").expect(STRING);
    }
    write!(text, "\n|---|{}\n", "---:|".repeat(columns.len())).expect(STRING);
    let mut names: Vec<&String> = last.steps.keys().collect();
    names.sort_by(|one, other| last.steps[*other].total_cmp(&last.steps[*one]));
    for name in names {
        write!(text, "| {name} |").expect(STRING);
        for run in &columns {
            write!(text, " {:.0} |", run.steps.get(name).unwrap_or(&0.0)).expect(STRING);
        }
        text.push('\n');
    }
}

/// The median run.
fn median(runs: &[Measured]) -> &Measured {
    let mut sorted: Vec<&Measured> = runs.iter().collect();
    sorted.sort_by_key(|run| run.own);
    sorted[sorted.len() / 2]
}

fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}
