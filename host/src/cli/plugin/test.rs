//! `plugin test`: the golden cases of a project, each with what differs as a diff.

use std::fs;
use std::io::{ErrorKind, IsTerminal as _};

use anyhow::Context as _;
use serde_json::json;
use similar::TextDiff;
use tracing::Level;

use super::{Ground, TestArgs};
use crate::cli::present::{self, Form};
use crate::count::counted;
use crate::job::Grade;
use crate::plugin::golden::{self, Case};

/// What came of one case.
enum Outcome {
    Same,
    Written,
    /// No `expected.csv`.
    Unexpected,
    /// The verdicts differ: a unified diff.
    Different(String),
    Failed(String),
}

pub(super) fn test(args: &TestArgs, ground: &Ground, form: Form) -> anyhow::Result<Grade> {
    let cases = golden::cases(&args.directory)?;
    let plugin = args.plugin.clone().map_or_else(|| golden::built(&args.directory), Ok)?;
    let detector = ground.load(&plugin, &args.load)?;
    let mut wrong = 0;
    for case in &cases {
        let outcome = match case.run(&detector) {
            Ok(given) if args.update => update(case, &given)?,
            Ok(given) => compare(case, &given)?,
            Err(error) => Outcome::Failed(error.to_string()),
        };
        wrong += usize::from(!matches!(outcome, Outcome::Same | Outcome::Written));
        match form {
            Form::Text => text(case, &outcome),
            Form::Json => as_json(case, &outcome),
        }
    }
    if form == Form::Text {
        let (cases, passed) = (counted(cases.len(), "case"), cases.len() - wrong);
        present::out(&format!("{}: {cases}, {passed} passed, {wrong} failed", plugin.display()));
    }
    Ok(if wrong == 0 { Grade::Done } else { Grade::Failed })
}

fn compare(case: &Case, given: &str) -> anyhow::Result<Outcome> {
    let expected = match fs::read_to_string(&case.expected) {
        Ok(expected) => expected.replace("\r\n", "\n"),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Outcome::Unexpected),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", case.expected.display())),
    };
    if expected == given {
        return Ok(Outcome::Same);
    }
    let path = case.expected.display().to_string();
    let diff = TextDiff::from_lines(expected.as_str(), given).unified_diff().header(&path, "given now").to_string();
    Ok(Outcome::Different(diff))
}

fn update(case: &Case, given: &str) -> anyhow::Result<Outcome> {
    if matches!(compare(case, given)?, Outcome::Same) {
        return Ok(Outcome::Same);
    }
    fs::write(&case.expected, given).with_context(|| format!("{} cannot be written", case.expected.display()))?;
    Ok(Outcome::Written)
}

fn text(case: &Case, outcome: &Outcome) {
    let (name, file) = (&case.name, case.expected.display());
    match outcome {
        Outcome::Same => present::out(&format!("{name}: as expected")),
        Outcome::Written => present::out(&format!("{name}: wrote {file}: read it before you keep it")),
        Outcome::Unexpected => {
            let hint = "write it with --update, and read it before you keep it";
            present::complaint(Level::ERROR, &format!("{name}: {file} is absent: {hint}"));
        }
        Outcome::Different(diff) => {
            present::complaint(Level::ERROR, &format!("{name}: differs from {file}"));
            present::out(&coloured(diff));
        }
        Outcome::Failed(why) => present::complaint(Level::ERROR, why),
    }
}

/// As it is, where nobody sees colours.
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

fn as_json(case: &Case, outcome: &Outcome) {
    let (word, more) = match outcome {
        Outcome::Same => ("same", None),
        Outcome::Written => ("written", None),
        Outcome::Unexpected => ("unexpected", None),
        Outcome::Different(diff) => ("different", Some(diff)),
        Outcome::Failed(why) => ("failed", Some(why)),
    };
    present::out(&json!({"case": case.name, "outcome": word, "message": more}).to_string());
}
