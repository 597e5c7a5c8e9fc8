//! The command `plugin test`: runs the golden cases of a project and prints a diff for each difference.

use std::fs;
use std::io::{ErrorKind, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;
use similar::TextDiff;
use tracing::Level;

use super::{Ground, TestArgs};
use crate::cli::present::{self, Form};
use crate::pipeline::Grade;
use model::count::counted;
use plugin::golden::{self, Case};
use sandbox::Detector;

/// The result of a case.
enum Outcome {
    Same,
    /// The expected file was updated.
    Written(PathBuf),
    /// The expected file is missing.
    Unexpected(PathBuf),
    /// The verdicts differ from the expected file: the path and a unified diff.
    Different(PathBuf, String),
    Failed(String),
}

pub(super) fn test(args: &TestArgs, ground: &Ground, form: Form) -> anyhow::Result<Grade> {
    let cases = golden::cases(&args.directory)?;
    let plugin = args.plugin.clone().map_or_else(|| golden::built(&args.directory), Ok)?;
    let detector = ground.load(&plugin, &args.load)?;
    let mut wrong = 0;
    for (name, case) in &cases {
        let outcome = match case {
            Ok(case) => try_out(case, &detector, args)?,
            Err(error) => Outcome::Failed(error.to_string()),
        };
        wrong += usize::from(!matches!(outcome, Outcome::Same | Outcome::Written(_)));
        match form {
            Form::Text => text(name, &outcome),
            Form::Json => as_json(name, &outcome),
        }
    }
    if form == Form::Text {
        let (cases, passed) = (counted(cases.len(), "case"), cases.len() - wrong);
        present::out(&format!("{}: {cases}, {passed} passed, {wrong} failed", plugin.display()));
    }
    Ok(if wrong == 0 { Grade::Done } else { Grade::Failed })
}

fn try_out(case: &Case, detector: &Detector, args: &TestArgs) -> anyhow::Result<Outcome> {
    match case.run(detector) {
        Ok(given) if args.update => update(case, &given),
        Ok(given) => compare(case, &given),
        Err(error) => Ok(Outcome::Failed(error.to_string())),
    }
}

fn compare(case: &Case, given: &str) -> anyhow::Result<Outcome> {
    let expected = match fs::read_to_string(&case.expected) {
        // Line ends are no difference: a checkout may have converted the file to CRLF.
        Ok(expected) => expected.replace("\r\n", "\n"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Outcome::Unexpected(case.expected.clone()));
        }
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", case.expected.display())),
    };
    if expected == given {
        return Ok(Outcome::Same);
    }
    let path = case.expected.display().to_string();
    let diff = TextDiff::from_lines(expected.as_str(), given).unified_diff().header(&path, "given now").to_string();
    Ok(Outcome::Different(case.expected.clone(), diff))
}

fn update(case: &Case, given: &str) -> anyhow::Result<Outcome> {
    if matches!(compare(case, given)?, Outcome::Same) {
        return Ok(Outcome::Same);
    }
    fs::write(&case.expected, given).with_context(|| format!("{} cannot be written", case.expected.display()))?;
    Ok(Outcome::Written(case.expected.clone()))
}

fn text(name: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Same => present::out(&format!("{name}: as expected")),
        Outcome::Written(file) => {
            present::out(&format!("{name}: wrote {}: read it before you keep it", file.display()));
        }
        Outcome::Unexpected(file) => {
            let file = file.display();
            let hint = "write it with --update, and read it before you keep it";
            present::complaint(Level::ERROR, &format!("{name}: {file} is absent: {hint}"));
        }
        Outcome::Different(file, diff) => {
            present::complaint(Level::ERROR, &format!("{name}: differs from {}", file.display()));
            present::out(&coloured(diff));
        }
        Outcome::Failed(why) => present::complaint(Level::ERROR, why),
    }
}

/// Colours a diff if standard output is a terminal.
fn coloured(diff: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return diff.trim_end().to_owned();
    }
    let colour = |line: &str| match line.as_bytes().first() {
        Some(b'-') => format!("\u{1b}[31m{line}\u{1b}[0m"),
        Some(b'+') => format!("\u{1b}[32m{line}\u{1b}[0m"),
        Some(b'@') => format!("\u{1b}[36m{line}\u{1b}[0m"),
        _ => line.to_owned(),
    };
    diff.lines().map(colour).collect::<Vec<_>>().join("\n")
}

fn as_json(name: &str, outcome: &Outcome) {
    let (word, more) = match outcome {
        Outcome::Same => ("same", None),
        Outcome::Written(_) => ("written", None),
        Outcome::Unexpected(_) => ("unexpected", None),
        Outcome::Different(_, diff) => ("different", Some(diff)),
        Outcome::Failed(why) => ("failed", Some(why)),
    };
    present::out(&json!({"case": name, "outcome": word, "message": more}).to_string());
}
